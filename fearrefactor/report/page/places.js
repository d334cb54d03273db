// Places and times that are masked as well: typed as numbers, or drawn on a picture.

// Thousandths, away from what is to be masked: rounding uncovers nothing.
const outward = (value, way) => String(Math[way](value * 1000) / 1000);

const placeName = (at) => `Place ${at + 1}`;

const numberField = (name, value, onChange, given) => {
  const input = el("input", { type: "text", inputmode: "decimal", size: 6, ...given });
  input.value = value;
  input.addEventListener("input", () => onChange(input.value));
  return el("label", { class: "short" }, el("span", {}, name), input);
};

const placeFields = (place, at, changed, remove) => el("fieldset", { class: "place" },
  el("legend", {}, placeName(at)),
  numberField("From, s", place.start, (value) => { place.start = value; changed(); },
    { placeholder: "0" }),
  numberField("To, s", place.end, (value) => { place.end = value; changed(); },
    { placeholder: "end" }),
  place.box ? place.box.map((edge, side) => numberField(EDGES[side], edge, (value) => {
    place.box[side] = value;
    changed();
  })) : el("span", { class: "quiet whole-frame" }, "the whole frame"),
  button("Remove", remove, { class: "small", "aria-label": `Remove ${placeName(at)}` }));

// Pointer positions on `surface` as shares of it.
const shareAt = (surface, event) => {
  const box = surface.getBoundingClientRect();
  const share = (value) => Math.max(0, Math.min(1, value));
  return [share((event.clientX - box.left) / box.width),
    share((event.clientY - box.top) / box.height)];
};

const drawingSurface = (detail, places, added) => {
  const choose = el("select", { id: "drawn-on" }, detail.pictures.map((picture, at) =>
    el("option", { value: at }, `${moment(picture.time_s)}, ${WHYS[picture.why]}`)));
  const boxes = svg("svg", { class: "boxes", viewBox: "0 0 1 1", preserveAspectRatio: "none" });
  const image = el("img", { alt: "", draggable: "false" });
  const surface = el("div", { class: "surface" }, image, boxes);
  let from = null;
  let drawn = null;
  const rect = ([x1, y1, x2, y2], kind) => svg("rect", { class: kind, "vector-effect":
    "non-scaling-stroke", x: x1, y: y1, width: Math.max(0, x2 - x1), height: Math.max(0, y2 - y1) });
  const paint = () => {
    const said = places().filter((place) => place.box).map((place) => place.box.map(Number));
    boxes.replaceChildren(...said.filter((box) => box.every(Number.isFinite)).map((box) =>
      rect(box, "said")), ...(drawn ? [rect(drawn, "drawn")] : []));
  };
  const turn = () => {
    const picture = detail.pictures[choose.value];
    put(image, { src: jpeg(picture.jpeg), width: picture.width_px, height: picture.height_px,
      alt: `Masked frame at ${moment(picture.time_s)}, to draw boxes on` }, []);
    paint();
  };
  surface.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    surface.setPointerCapture(event.pointerId);
    from = shareAt(surface, event);
  });
  surface.addEventListener("pointermove", (event) => {
    if (!from) return;
    const to = shareAt(surface, event);
    drawn = [Math.min(from[0], to[0]), Math.min(from[1], to[1]),
      Math.max(from[0], to[0]), Math.max(from[1], to[1])];
    paint();
  });
  const end = (keep) => () => {
    if (keep && drawn && drawn[2] - drawn[0] > 0.005 && drawn[3] - drawn[1] > 0.005) {
      added(drawn.map((edge, side) => outward(edge, side < 2 ? "floor" : "ceil")));
    }
    [from, drawn] = [null, null];
    paint();
  };
  surface.addEventListener("pointerup", end(true));
  surface.addEventListener("pointercancel", end(false));
  choose.addEventListener("change", turn);
  turn();
  return { paint, element: el("div", { class: "drawing" },
    el("p", { class: "field" }, el("label", { for: "drawn-on" }, "Draw a box on the picture at"),
      choose), surface) };
};

const placesEditor = (draft, detail, changed) => {
  const list = el("div", { class: "places" });
  const told = () => { if (drawing) drawing.paint(); changed(); };
  const add = (place) => { draft.places.push(place); paint(); told(); };
  const drawing = detail.pictures.length ? drawingSurface(detail, () => draft.places, (box) =>
    add({ start: "", end: "", box })) : null;
  const paint = () => list.replaceChildren(...draft.places.map((place, at) =>
    placeFields(place, at, told, () => {
      draft.places.splice(at, 1);
      paint();
      told();
      adding.firstChild.focus();
    })));
  const stretches = detail.unsure.slice(0, 6).map(([start, end]) =>
    button(`${moment(start)} \u2013 ${moment(end)}`, () =>
      add({ start: outward(start, "floor"), end: outward(end, "ceil"), box: null }),
    { class: "small" }));
  const adding = el("p", { class: "adding" },
    button("Add a time range", () => add({ start: "", end: "", box: null }), { class: "small" }),
    button("Add a box", () => add({ start: "", end: "", box: ["0.25", "0.25", "0.75", "0.75"] }),
      { class: "small" }));
  paint();
  return el("div", { class: "places-editor" }, drawing ? drawing.element : null,
    el("div", { class: "places-side" }, adding,
      stretches.length ? el("p", { class: "adding" }, "Unsure stretches: ", stretches) : null, list,
      el("p", { class: "quiet" }, "Edges are shares of the picture, from 0 at the left and top to 1. ",
        "Without times a place is masked in the whole video.")));
};
