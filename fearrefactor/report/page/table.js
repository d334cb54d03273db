// The table: only rows in sight are in the document, however many there are.

const PRINTED = 200;

const emptyLine = () => el("div", { class: "line", role: "row" }, COLUMNS.map((column) =>
  el("div", { class: `cell c-${column.key} ${column.kind}`, role: "gridcell" })));

// What stands in each cell of the row at a position, by column.
const cellsOf = (at) => {
  const share = maskedShare(at);
  return {
    row: number(table.row[at]),
    id: foreign(table.id[at]),
    outcome: badge(table.outcome[at]),
    code: shown(table.code[at]),
    reason: foreign(table.reason[at]),
    policy: shown(policyName(at)),
    length: duration(table.duration_s[at]),
    frames: number(table.n_frames[at]),
    masked: share === null ? "\u2013" : [bar(share), el("span", {}, percent(share))],
    leaks: table.n_leaks[at] ? number(table.n_leaks[at]) : "",
    seconds: table.seconds[at] ? duration(table.seconds[at]) : "",
  };
};

const fillCells = (line, at) => {
  const cells = cellsOf(at);
  COLUMNS.forEach((column, place) => {
    const cell = line.children[place];
    cell.replaceChildren(...[cells[column.key]].flat());
    if (column.key === "id") cell.title = `${shown(table.id[at])}\n${shown(table.uri[at])}`;
    else if (column.kind === "text") cell.title = cell.textContent;
  });
};

// Keys pressed on the table itself; those pressed on its heads are theirs.
const onKeys = (scroller, keys) => scroller.addEventListener("keydown", (event) => {
  if (event.target !== scroller || event.ctrlKey || event.metaKey || event.altKey) return;
  if (keys[event.key]) {
    event.preventDefault();
    keys[event.key]();
  }
});

// A line that is pressed, unless that ended a selection of its text.
const onLines = (body, pressed) => body.addEventListener("click", (event) => {
  const line = event.target.closest(".line");
  const selection = getSelection();
  if (!line || (!selection.isCollapsed && line.contains(selection.anchorNode))) return;
  pressed(Number(line.dataset.index));
});

// Whenever another part of the table comes into sight, at most once a frame.
const onView = (scroller, paint) => {
  let asked = false;
  scroller.addEventListener("scroll", () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; paint(); });
  }, { passive: true });
  new ResizeObserver(paint).observe(scroller);
};

const videoTable = (onOpen, onSort) => {
  const scroller = el("div", {
    class: run.policies.length > 1 ? "rows" : "rows one-policy", id: "rows", role: "grid",
    tabindex: 0, "aria-labelledby": "videos-title",
    "aria-describedby": "rows-keys", "aria-colcount": COLUMNS.length,
  });
  const heads = COLUMNS.map((column) => el("div", {
    class: `cell head c-${column.key} ${column.kind}`, role: "columnheader",
  }, button(column.head, () => onSort(column.key), { class: "sort" })));
  const headRow = el("div", { class: "line headline", role: "row", "aria-rowindex": 1 }, heads);
  const body = el("div", { class: "body", role: "rowgroup" });
  const nothing = el("div", { class: "nothing", role: "row", hidden: true },
    el("div", { role: "gridcell" }, "No video is like this."));
  const pool = [];
  let order = [];
  let active = 0;
  let printing = false;
  scroller.append(el("div", { role: "rowgroup", class: "heads" }, headRow), body, nothing);

  const rowHeight = () => parseFloat(getComputedStyle(scroller).getPropertyValue("--row")) || 36;

  const fill = (line, index) => {
    line.id = `line-${index}`;
    line.dataset.index = index;
    line.setAttribute("aria-rowindex", index + 2);
    line.setAttribute("aria-selected", index === active);
    line.className = `line ${index === active ? "active" : ""}`;
    fillCells(line, order[index]);
  };

  const paint = () => {
    const height = rowHeight();
    body.style.height = printing ? "auto" : `${order.length * height}px`;
    const above = printing ? 0 : Math.floor(scroller.scrollTop / height) - 6;
    const first = Math.max(0, above);
    const inSight = Math.ceil(scroller.clientHeight / height) + 12;
    const last = Math.min(order.length, printing ? PRINTED : first + inSight);
    while (pool.length < last - first) pool.push(body.appendChild(emptyLine()));
    while (pool.length > last - first) pool.pop().remove();
    pool.forEach((line, place) => {
      fill(line, first + place);
      line.style.transform = printing ? "" : `translateY(${(first + place) * height}px)`;
    });
    if (order.length) scroller.setAttribute("aria-activedescendant", `line-${active}`);
    else scroller.removeAttribute("aria-activedescendant");
  };

  const activate = (index) => {
    if (!order.length) return;
    active = Math.max(0, Math.min(order.length - 1, index));
    const height = rowHeight();
    const room = scroller.clientHeight - headRow.offsetHeight;
    const top = active * height;
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top + height > scroller.scrollTop + room) scroller.scrollTop = top + height - room;
    paint();
  };

  const inSight = () =>
    Math.max(1, Math.floor((scroller.clientHeight - headRow.offsetHeight) / rowHeight()) - 1);
  onKeys(scroller, {
    ArrowDown: () => activate(active + 1),
    ArrowUp: () => activate(active - 1),
    PageDown: () => activate(active + inSight()),
    PageUp: () => activate(active - inSight()),
    Home: () => activate(0),
    End: () => activate(order.length - 1),
    Enter: () => { if (order.length) onOpen(order[active]); },
  });
  onLines(body, (index) => {
    activate(index);
    scroller.focus({ preventScroll: true });
    onOpen(order[active]);
  });
  onView(scroller, () => { if (!printing) paint(); });
  addEventListener("beforeprint", () => { printing = true; paint(); });
  addEventListener("afterprint", () => { printing = false; paint(); });

  return {
    element: scroller,
    // From the top; with `stay` where the active row is now.
    show(found, sort, down, stay) {
      const place = stay ? found.indexOf(order[active]) : 0;
      order = found;
      active = Math.max(0, place);
      scroller.setAttribute("aria-rowcount", found.length + 1);
      heads.forEach((head, place) => {
        const sorted = COLUMNS[place].key === sort;
        head.setAttribute("aria-sort", sorted ? (down ? "descending" : "ascending") : "none");
      });
      nothing.hidden = found.length > 0;
      if (place <= 0) scroller.scrollTop = 0;
      activate(active);
    },
    activateAt(at) {
      const index = order.indexOf(at);
      if (index >= 0) activate(index);
    },
    get order() { return order; },
  };
};
