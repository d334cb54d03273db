// Elements of the page. Content becomes text nodes and attributes here, and nowhere HTML.

const SVG = "http://www.w3.org/2000/svg";

// `given`: attributes by name; "on" holds listeners; true sets an empty one, null and false none.
const put = (made, given, children) => {
  for (const [name, value] of Object.entries(given || {})) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    } else if (value === true) made.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) {
      made.setAttribute(name, String(value));
    }
  }
  made.append(...children.flat(2).filter((child) => child !== null && child !== undefined));
  return made;
};
const el = (tag, given, ...children) => put(document.createElement(tag), given, children);
const svg = (tag, given, ...children) => put(document.createElementNS(SVG, tag), given, children);
const byId = (id) => document.getElementById(id);

// What reorders, hides or breaks text, as visible escapes: an id may not look like another one.
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
const shown = (text) =>
  String(text).replace(HIDDEN, (char) => "\\u" + char.charCodeAt(0).toString(16).padStart(4, "0"));

// Foreign text keeps its own direction and does not turn what stands beside it.
const foreign = (text, given) => el("bdi", given, shown(text));

const button = (label, listener, given) =>
  el("button", { type: "button", ...given, on: { click: listener } }, label);

const badge = (outcome) =>
  el("span", { class: `badge badge-${outcome}` }, icon(outcome), OUTCOMES[outcome] || outcome);

// A shape for each outcome: none is told by colour alone.
const SHAPES = {
  masked: "M2 2h10v10h-10z",
  clean: "M7 1.5a5.5 5.5 0 1 0 .01 0z",
  review: "M7 1l6 6-6 6-6-6z",
  failed: "M3 1l4 4 4-4 2 2-4 4 4 4-2 2-4-4-4 4-2-2 4-4-4-4z",
};
const icon = (outcome) =>
  svg("svg", { class: "icon", viewBox: "0 0 14 14", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: SHAPES[outcome] || SHAPES.clean }));

// The heads of a table; a head that ends in "#" stands over numbers.
const headsOf = (...names) => el("thead", {}, el("tr", {}, names.map((name) =>
  el("th", { scope: "col", class: name.endsWith("#") ? "number" : null }, name.replace("#", "")))));

const facts = (pairs) =>
  el("dl", { class: "facts" }, pairs
    .filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));

// One line for a screen reader, said when the one before it is.
const say = (text) => { byId("said").textContent = text; };

// A link only where it stays beside the page or goes to a web address.
const safeLink = (href) =>
  /^https?:\/\//i.test(href) || !/^[\s\u0000-\u001f]*[a-z][a-z0-9+.-]*:/i.test(href);

const copyButton = (text, what) => {
  const made = button("Copy", async () => {
    made.textContent = (await copied(text)) ? "Copied" : "Not copied";
    setTimeout(() => { made.textContent = "Copy"; }, 1600);
  }, { class: "small", "aria-label": `Copy ${what}` });
  return made;
};

const copied = async (text) => {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch (refused) { // no permission, or a page that a browser does not trust with it
    const field = el("textarea", { class: "off-screen", "aria-hidden": "true" });
    const before = document.activeElement;
    field.value = text;
    (document.querySelector("dialog[open]") || document.body).append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    if (before) before.focus();
    return done;
  }
};
