// All about one video, in a dialog beside the table.

const fileList = (detail) => el("div", { class: "scroll-x" }, el("table", { class: "plain files" },
  headsOf("File", "Where", "Size#", "sha256"),
  el("tbody", {}, detail.files.map((file) => el("tr", {},
    el("th", { scope: "row" }, file.kind),
    el("td", { class: "place-cell" }, file.href && safeLink(file.href)
      ? el("a", { href: file.href, rel: "noopener noreferrer" }, foreign(file.place))
      : foreign(file.place), " ", copyButton(file.place, `where the ${file.kind} is`)),
    el("td", { class: "number" }, file.size_bytes === null ? "" : bytes(file.size_bytes)),
    el("td", {}, file.sha256 ? [el("code", { title: file.sha256 }, `${file.sha256.slice(0, 12)}\u2026 `),
      copyButton(file.sha256, `the checksum of the ${file.kind}`)] : ""))))));

const why = (at) => {
  const code = table.code[at];
  const known = codes.get(code);
  if (!code && !table.reason[at]) return null;
  return el("section", { class: `why why-${table.outcome[at]}`, "aria-label": "Why" },
    el("p", {}, code ? el("code", {}, shown(code)) : null, " ", foreign(table.reason[at])),
    known ? el("p", { class: "quiet" }, foreign(known.meaning)) : null,
    known && known.what_to_do ? el("p", {}, el("b", {}, "What to do: "), foreign(known.what_to_do))
      : null);
};

const videoFacts = (at, detail) => facts([
  ["Row", number(table.row[at])],
  ["Address", foreign(table.uri[at])],
  ["Policy", foreign(policyName(at))],
  ["Length", duration(table.duration_s[at])],
  ["Frames", number(table.n_frames[at])],
  ["Masked frames", table.n_masked_frames[at] === null ? null
    : `${number(table.n_masked_frames[at])} (${percent(maskedShare(at))})`],
  ["Rendered frames", detail && detail.n_rendered_frames !== null
    ? number(detail.n_rendered_frames) : null],
  ["Detections", detail && detail.n_detections !== null ? number(detail.n_detections) : null],
  ["Audit", detail ? { none: "none", sampled: "of samples", all: "of every masked frame" }[detail.audit]
    || shown(detail.audit) : null],
  ["Frames audited", detail && detail.n_audited_frames ? number(detail.n_audited_frames) : null],
  ["Leaks closed", detail && detail.audit !== "none" ? number(detail.n_leaks) : null],
  ["Reused", detail && detail.reused ? "yes, from an earlier run" : null],
  ["Work", detail && detail.work_id ? el("code", {}, detail.work_id.slice(0, 16)) : null],
]);

const videoStages = (detail) => {
  const stages = Object.entries(detail.seconds).sort((a, b) => b[1] - a[1]);
  const most = Math.max(1e-9, ...stages.map(([, seconds]) => seconds));
  return stages.length ? el("section", {}, el("h3", {}, "Worker time"),
    barTable("Worker time by stage", ["Stage", "Share", "Time"], stages.map(([name, seconds]) =>
      [foreign(name), seconds / most, "", duration(seconds)]))) : null;
};

const detailParts = (at, detail, onNext) => [
  detail.lanes.length || detail.pictures.length || detail.pictures_left_out
    || table.outcome[at] !== "failed" ? timeline(detail) : null,
  table.outcome[at] === "review" ? reviewForm(detail, onNext) : null,
  el("div", { class: "columns" },
    el("section", {}, el("h3", {}, "Facts"), videoFacts(at, detail)),
    el("div", {}, videoStages(detail),
      detail.notes.length ? el("section", {}, el("h3", {}, "Notes"),
        el("ul", { class: "notes" }, detail.notes.map((note) => el("li", {}, foreign(note))))) : null,
      Object.keys(detail.extra).length ? el("section", {}, el("h3", {}, "From the manifest"),
        facts(Object.entries(detail.extra).map(([name, value]) => [foreign(name), foreign(value)])))
        : null)),
  detail.files.length ? el("section", {}, el("h3", {}, "Files"), fileList(detail)) : null,
];

const withoutDetails = (at) => {
  const command = `fearrefactor report ${shellWord(run.uri)} --only ${shellWord(table.id[at])}`;
  return [el("div", { class: "notice" },
    el("p", {}, "This page has no details of this video. This makes a page that has:"),
    el("p", { class: "command" }, el("code", {}, shown(command)), copyButton(command, "the command"))),
  el("section", {}, el("h3", {}, "Facts"), videoFacts(at, null))];
};

// `step(by)` opens a neighbour in the table, `nextForReview(at)` is a position or null.
const videoPanel = (step, nextForReview, open, onClose) => {
  const dialog = byId("video");
  dialog.addEventListener("close", onClose);
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  let current = null;
  const show = (at) => {
    current = at;
    const detail = detailOf(table.row[at]);
    const next = nextForReview(at);
    const body = detail === undefined ? [el("p", { class: "notice" }, "Still being read\u2026")]
      : detail ? detailParts(at, detail, next === null ? null : () => open(next))
        : withoutDetails(at);
    dialog.replaceChildren(
      el("div", { class: "dialog-head" },
        el("h2", { id: "video-title", tabindex: -1 }, foreign(table.id[at] || `row ${table.row[at]}`)),
        badge(table.outcome[at]),
        el("span", { class: "head-buttons" },
          button("Previous", () => step(-1), { class: "small" }),
          button("Next", () => step(1), { class: "small" }),
          button("Close", () => dialog.close(), { class: "small close" }))),
      el("div", { class: "dialog-body" }, why(at), ...body));
    if (!dialog.open) dialog.showModal();
    dialog.querySelector(".dialog-body").scrollTop = 0;
    byId("video-title").focus();
    if (detail === undefined) {
      document.addEventListener("DOMContentLoaded", () => {
        if (dialog.open && current === at) open(at);
      }, { once: true });
    }
  };
  return { show, close: () => { if (dialog.open) dialog.close(); } };
};
