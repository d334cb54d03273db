// What is masked when: a lane for each track, on one axis with the pictures.

// Each kind of span has a shape of its own: where it lies in the lane, how high, in what pattern.
const SPAN_SHAPES = {
  detected: [2, 14, null],
  continued: [2, 14, "M-2 2l4-4M0 8l8-8M6 10l4-4"],
  bridged: [6, 6, "M1 1h3"],
  extended: [11, 5, "M2 0v8M6 0v8"],
  always: [2, 14, "M0 2h8M0 6h8"],
  background: [2, 14, "M2 0v8M6 0v8"],
  doubt: [0, 18, "M0 0l8 8M8 0l-8 8"],
  audit: [0, 18, "M4 1l3 3-3 3-3-3z"],
};

// In the document once: lanes and legends refer to it.
const patterns = () => svg("svg", { id: "patterns", class: "off-screen", "aria-hidden": "true", width: 0, height: 0 },
  svg("defs", {}, Object.entries(SPAN_SHAPES).map(([kind, [, , path]]) =>
    svg("pattern", { id: `pattern-${kind}`, width: 8, height: 8, patternUnits: "userSpaceOnUse" },
      svg("rect", { class: `ground ground-${kind}`, width: 8, height: 8 }),
      path ? svg("path", { class: `stroke stroke-${kind}`, d: path }) : null))));

const spanShape = (kind, x, width) => {
  const [y, height] = SPAN_SHAPES[kind];
  return svg("rect", { class: `span span-${kind}`, x, width, y, height,
    fill: `url(#pattern-${kind})` });
};

const lengthOf = (detail) => Math.max(detail.duration_s || 0, 1e-3,
  ...detail.lanes.map((lane) => (lane.spans.length ? lane.spans[lane.spans.length - 1].end_s : 0)));

const laneName = (lane) => (lane.track < 0 ? lane.class_name || "place and time"
  : `${lane.class_name || "object"} ${lane.track}`);

// Times of the axis: round ones, at most `most` and the beginning.
const ticks = (length, most) => {
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
  const step = steps.find((one) => length / one <= most) || 7200 * Math.ceil(length / 7200 / most);
  return Array.from({ length: Math.floor(length / step + 1e-9) + 1 }, (_, place) => place * step);
};

const axisTime = (seconds) => {
  if (seconds < 60) return `${+seconds.toFixed(1)} s`;
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.round(seconds % 60)];
  const two = (part) => String(part).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
};

const plot = (length, marks, label, shapes) =>
  svg("svg", { class: "plot", height: 18, ...label },
    marks.map((time) => svg("line", { class: "tick", x1: `${100 * time / length}%`,
      x2: `${100 * time / length}%`, y1: 0, y2: 18 })), shapes);

const laneInWords = (lane) => {
  const first = lane.spans.slice(0, 6).map((span) =>
    `${moment(span.start_s)} to ${moment(span.end_s)} ${span.provenance}`);
  const rest = lane.spans.length - first.length;
  return `${shown(laneName(lane))}: ${first.join("; ")}${rest > 0 ? `; ${rest} more` : ""}`;
};

const laneRow = (lane, length, marks) => el("div", { class: "lane" },
  el("div", { class: "lane-name" }, foreign(laneName(lane)),
    el("span", { class: "quiet" }, lane.score ? lane.score.toFixed(2) : lane.effect)),
  plot(length, marks, { role: "img", "aria-label": laneInWords(lane) }, lane.spans.map((span) => {
    // a single frame of a long video is still seen
    const width = Math.max(100 * (span.end_s - span.start_s) / length, 0.25);
    const shape = spanShape(span.provenance, `${100 * span.start_s / length}%`, `${width}%`);
    shape.append(svg("title", {}, `${moment(span.start_s)} \u2013 ${moment(span.end_s)}: ` +
      `${span.provenance}, ${PROVENANCES[span.provenance]}`));
    return shape;
  })));

const legend = (kinds) => el("ul", { class: "legend", "aria-label": "Legend" },
  kinds.map((kind) => el("li", {},
    svg("svg", { width: 26, height: 18, "aria-hidden": "true" }, spanShape(kind, 0, 26)),
    el("b", {}, kind), ` ${PROVENANCES[kind]}`)));

const spansAsTable = (detail) => {
  const made = el("details", { class: "spans" }, el("summary", {}, "The timeline as a table"));
  made.addEventListener("toggle", () => {
    if (made.children.length > 1) return;
    made.append(el("div", { class: "scroll-x" }, el("table", { class: "plain" },
      headsOf("Lane", "Best score#", "Effect", "From#", "To#", "Why"),
      el("tbody", {}, detail.lanes.flatMap((lane) => lane.spans.map((span) => el("tr", {},
        el("th", { scope: "row" }, foreign(laneName(lane))),
        el("td", { class: "number" }, lane.score ? lane.score.toFixed(2) : "\u2013"),
        el("td", {}, foreign(lane.effect)),
        el("td", { class: "number" }, moment(span.start_s)),
        el("td", { class: "number" }, moment(span.end_s)),
        el("td", {}, span.provenance))))))));
  });
  return made;
};

const unsureRow = (detail, length, marks) => detail.unsure.length ? el("div", { class: "lane" },
  el("div", { class: "lane-name" }, "unsure"),
  plot(length, marks, { role: "img", "aria-label": "Masked, not seen with confidence: " +
    detail.unsure.slice(0, 6).map(([a, b]) => `${moment(a)} to ${moment(b)}`).join("; ") },
  detail.unsure.map(([start, end]) => {
    const shape = svg("rect", { class: "unsure", x: `${100 * start / length}%`, y: 5, height: 8,
      width: `${Math.max(100 * (end - start) / length, 0.25)}%`, rx: 2 });
    shape.append(svg("title", {}, `${moment(start)} \u2013 ${moment(end)}`));
    return shape;
  }))) : null;

const timeline = (detail) => {
  const length = lengthOf(detail);
  const marks = ticks(length, innerWidth < 700 ? 3 : 8);
  const used = new Set(detail.lanes.flatMap((lane) => lane.spans.map((span) => span.provenance)));
  const axis = el("div", { class: "axis" }, marks.map((time) => {
    const label = el("span", {}, axisTime(time));
    label.style.left = `${100 * time / length}%`;
    return label;
  }));
  const more = detail.n_lanes - detail.lanes.length;
  return el("section", { class: "timeline", "aria-label": "Timeline" },
    el("h3", {}, "Timeline"),
    detail.pictures.length ? el("div", { class: "lane pictures-lane" },
      el("div", { class: "lane-name" }, "pictures"), pictureStrip(detail, length)) : null,
    detail.pictures_left_out ? el("p", { class: "notice" }, foreign(detail.pictures_left_out)) : null,
    detail.lanes.length ? [
      el("div", { class: "lane axis-lane" }, el("div", { class: "lane-name" }), axis),
      unsureRow(detail, length, marks),
      detail.lanes.map((lane) => laneRow(lane, length, marks)),
      more > 0 ? el("p", { class: "quiet" }, `${plural(more, "shorter lane")} not shown.`) : null,
      legend(Object.keys(PROVENANCES).filter((kind) => used.has(kind))),
      spansAsTable(detail),
    ] : el("p", { class: "quiet" }, "Nothing is masked in this video."));
};
