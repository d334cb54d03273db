// Puts the parts together, and keeps the page and its address the same.

const filters = filterBar(() => update(true));
const view = videoTable((at) => openVideo(at, true), (key) => {
  [wanted.down, wanted.sort] = [wanted.sort === key && !wanted.down, key];
  update(true);
});

const update = (write) => {
  const found = rows.matching(wanted);
  view.show(found, wanted.sort, wanted.down, !write);
  filters.tell(found.length);
  byId("printed").textContent = found.length > PRINTED
    ? `The first ${PRINTED} of ${plural(found.length, "video")} are printed.` : "";
  if (write) writeHash(false);
};

const filterBy = ({ code = "", outcome = "" }) => {
  Object.assign(wanted, {
    code, outcomes: new Set(outcome ? [outcome] : []), policy: "", query: "",
  });
  update(true);
  byId("videos").scrollIntoView({ block: "start" });
  view.element.focus({ preventScroll: true });
};

const openVideo = (at, write) => {
  opened = table.row[at];
  view.activateAt(at);
  if (write) writeHash(!byId("video").open);
  panel.show(at);
};

const panel = videoPanel(
  (by) => {
    const place = view.order.indexOf(positions.get(opened)) + by;
    if (place >= 0 && place < view.order.length) openVideo(view.order[place], true);
    else say("There is no other video in the table.");
  },
  (from) => {
    const n = table.row.length;
    for (let by = 1; by < n; by += 1) {
      const at = (from + by) % n;
      const undecided = !decisionOf(table.row[at], drafts.get(table.row[at])).decision;
      if (table.outcome[at] === "review" && undecided) return at;
    }
    return null;
  },
  (at) => openVideo(at, true),
  () => {
    opened = null;
    writeHash(false);
    view.element.focus({ preventScroll: true });
  },
);

const follow = () => {
  const row = readHash();
  update(false);
  if (row === null) panel.close();
  else if (row !== opened) openVideo(positions.get(row), false);
};

const start = () => {
  paintOverview();
  const hidden = run.n_rows - table.row.length;
  put(byId("videos"), {}, [
    el("h2", { id: "videos-title" }, "Videos"),
    hidden > 0 ? el("p", { class: "notice" }, `${number(table.row.length)} of ${number(run.n_rows)} ` +
      "videos are in this table, those for review and those that failed before others. The others " +
      "are in the run's videos.parquet.") : null,
    filters.element,
    el("p", { class: "off-screen", id: "rows-keys" }, "Arrow keys, Page Up and Down, Home and End " +
      "move; Enter opens a video."),
    view.element,
    el("p", { class: "printed", id: "printed" }),
  ]);
  document.body.append(patterns());
  byId("skip").addEventListener("click", (event) => {
    event.preventDefault(); // the address says what is shown
    view.element.focus();
  });
  startTheme();
  startHandover();
  follow();
  addEventListener("hashchange", follow);
  (window.requestIdleCallback || setTimeout)(rows.prepare);
};

start();
