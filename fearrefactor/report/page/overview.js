// What was asked, and what happened: the part above the table.

const card = (title, given, ...children) =>
  el("section", { class: "card", ...given }, el("h2", {}, title), ...children);

// A bar whose length is a share of 1; the number beside it says the same.
const bar = (share, kind) =>
  svg("svg", { class: `bar ${kind || ""}`, "aria-hidden": "true", focusable: "false" },
    svg("rect", { class: "bar-track", width: "100%", height: "100%", rx: 2 }),
    svg("rect", {
      class: "bar-value", height: "100%", rx: 2,
      width: `${share > 0 ? Math.max(100 * share, 0.8) : 0}%`,
    }));

const barTable = (caption, heads, rows) =>
  el("table", { class: "bars" },
    el("caption", { class: "off-screen" }, caption),
    el("thead", { class: "off-screen" }, el("tr", {}, heads.map((head) =>
      el("th", { scope: "col" }, head)))),
    el("tbody", {}, rows.map(([name, share, kind, ...values]) => el("tr", {},
      el("th", { scope: "row" }, name),
      el("td", { class: "bar-cell" }, bar(share, kind)),
      values.map((value) => el("td", { class: "number" }, value))))));

const tiles = () => {
  const rate = (count, seconds) => (run.wall_s ? count / run.wall_s * seconds : null);
  const perHour = rate(run.n_rows, 3600);
  const frames = rate(run.n_frames, 1);
  const tile = (name, value, more) => el("div", { class: "tile" },
    el("dt", {}, name), el("dd", {}, value), el("dd", { class: "more" }, more));
  return el("dl", { class: "tiles" },
    tile("Videos", number(run.n_rows), `${duration(run.duration_s)} of film`),
    tile("Frames", number(run.n_frames), `${number(run.n_rendered_frames)} rendered anew`),
    tile("Masked frames", run.n_frames ? percent(run.n_masked_frames / run.n_frames) : "\u2013",
      `${number(run.n_masked_frames)} frames`),
    tile("Throughput", perHour === null ? "\u2013" : `${whole.format(Math.round(perHour))} /h`,
      frames === null ? "no times" : `${decimals(frames, frames < 10 ? 1 : 0)} frames/s`),
    tile("Leaks closed", number(run.n_leaks), `${number(run.n_audited_frames)} frames audited`),
    tile("Files", bytes(run.output_bytes), `from ${bytes(run.input_bytes)}`));
};

const outcomesCard = () => {
  const most = Math.max(1, ...Object.values(run.outcomes));
  return card("Videos by outcome", {},
    barTable("Videos by outcome", ["Outcome", "Share", "Videos", "Percent"],
      Object.keys(OUTCOMES).map((outcome) => {
        const n = run.outcomes[outcome] || 0;
        return [badge(outcome), n / most, `bar-${outcome}`, number(n),
          run.n_rows ? percent(n / run.n_rows) : "\u2013"];
      })));
};

const stagesCard = () => {
  const stages = Object.entries(run.seconds).sort((a, b) => b[1] - a[1]);
  const all = stages.reduce((sum, [, seconds]) => sum + seconds, 0);
  const most = Math.max(1e-9, ...stages.map(([, seconds]) => seconds));
  const price = el("input", {
    type: "number", id: "price", min: 0, step: "any", inputmode: "decimal", placeholder: "as 0.60",
  });
  const place = el("div", {});
  const paint = () => {
    const perHour = price.value === "" ? null : Number(price.value);
    const cost = (seconds) => (perHour === null ? [] : [decimals(seconds / 3600 * perHour, 2)]);
    const heads = ["Stage", "Share", "Worker time", ...(perHour === null ? [] : ["Cost"])];
    const rows = stages.map(([name, seconds]) =>
      [foreign(name), seconds / most, "", duration(seconds), ...cost(seconds)]);
    place.replaceChildren(barTable("Worker time by stage", heads, rows),
      el("p", { class: "sum" }, `In all ${duration(all)} of workers`,
        perHour === null ? "" : `, ${cost(all)[0]} at this price`));
  };
  price.value = store.read("price") || "";
  price.addEventListener("input", () => { store.write("price", price.value); paint(); });
  paint();
  return card("Time and cost by stage", { class: "card stages" },
    el("p", { class: "field" }, el("label", { for: "price" }, "Price of a worker-hour"), price),
    place);
};

const codesCard = () =>
  run.codes.length ? card("Failed or held back, by code", { class: "card wide" },
    el("div", { class: "scroll-x" }, el("table", { class: "plain" },
      headsOf("Code", "Videos#", "Meaning", "What to do"),
      el("tbody", {}, run.codes.map((code) => el("tr", {},
        el("th", { scope: "row" }, button(shown(code.code), () => filterBy({ code: code.code }),
          { class: "link", title: "Show these videos" })),
        el("td", { class: "number" }, number(code.n_videos)),
        el("td", {}, foreign(code.meaning)), el("td", {}, foreign(code.what_to_do)))))))) : null;

const classesCard = () => {
  const most = Math.max(1e-9, ...run.classes.map((one) => one.masked_s));
  return run.classes.length ? card("Masked, by class", {},
    barTable("Masked time by class", ["Class", "Share", "Masked time", "Videos", "Tracks"],
      run.classes.map((one) => [foreign(one.name || "no class"), one.masked_s / most, "",
        duration(one.masked_s), plural(one.n_videos, "video"), plural(one.n_tracks, "track")])),
    run.n_detailed < run.n_rows ? el("p", { class: "sum" },
      `Of the ${plural(run.n_detailed, "video")} with details in this page`) : null) : null;
};

const askedCard = () => card("What was asked", { class: "card wide" },
  el("div", { class: "asked" },
    el("div", {}, run.policies.map((policy) => el("div", { class: "policy" },
      el("h3", {}, "Policy ", foreign(policy.name), " ",
        el("span", { class: "quiet" }, `${plural(policy.n_videos, "video")}, `,
          el("code", {}, policy.digest.slice(0, 8)))),
      el("ul", {}, policy.words.map((line) =>
        el("li", { class: /^\s/.test(line) ? "sub" : null }, foreign(line.trim()))))))),
    facts([
      ["Model", run.model ? [foreign(run.model), " ",
        el("code", { title: run.model_sha256 }, run.model_sha256.slice(0, 8))] : null],
      ...Object.entries(run.settings).map(([name, value]) => [shown(name), foreign(value)]),
      ["Shard", run.shard === "1/1" ? null : foreign(run.shard)],
      ["Reused from earlier runs", run.n_reused ? plural(run.n_reused, "video") : null],
      ["Processes lost", run.lost_processes ? number(run.lost_processes) : null],
      ["Where", el("code", {}, foreign(run.uri))],
      ["Versions", Object.entries(run.versions).map(([name, version]) =>
        `${shown(name)} ${shown(version)}`).join(", ")],
    ])));

const paintOverview = () => {
  const began = when(run.began_at);
  byId("when").textContent = [
    began ? `Began ${began}` : null,
    run.ended_at ? `ended ${when(run.ended_at)}` : null,
    run.wall_s === null ? null : `took ${duration(run.wall_s)}`,
  ].filter(Boolean).join(", ");
  byId("unmasked-banner").hidden = !run.has_source;
  byId("overview").replaceChildren(tiles(),
    el("div", { class: "cards" }, el("div", { class: "stack" }, outcomesCard(), classesCard()),
      stagesCard(), codesCard(), askedCard()));
};
