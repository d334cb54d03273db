// What a moderator decides: drafts as they are typed, and decisions as `review apply` reads them.

const DECISIONS = {
  approve: ["Approve", "publish this very file"],
  mask_more: ["Mask more", "mask the source again, with what is named below"],
  reject: ["Reject", "never publish it"],
};

// Drafts by row. One about another result than this page shows is not taken up again.
const drafts = (() => {
  const all = new Map();
  const before = store.read("drafts");
  for (const [row, draft] of Array.isArray(before) ? before : []) all.set(row, draft);
  const listeners = [];
  return {
    of(detail) {
      return this.get(detail.row) || {
        sha: detail.output_sha256, decision: "", whole: false, places: [], classes: "",
        confidence: "", margin: "", note: "",
      };
    },
    keep(row, draft) {
      if (draft) all.set(row, draft);
      else all.delete(row);
      store.write("drafts", all.size ? [...all] : null);
      listeners.forEach((listener) => listener());
    },
    onChange(listener) { listeners.push(listener); },
    rows() { return [...all.keys()].filter((row) => this.get(row)).sort((a, b) => a - b); },
    // The draft of a row about the result that this page shows, if there is one.
    get(row) {
      const detail = positions.has(row) ? detailOf(row) : null;
      const draft = all.get(row);
      return draft && detail && draft.sha === detail.output_sha256 ? draft : undefined;
    },
  };
})();

// A typed number within bounds; null where nothing is typed, and a problem where it does not fit.
const typed = (text, name, [low, high], above) => {
  if (String(text).trim() === "") return null;
  const value = Number(String(text).trim().replace(",", "."));
  const fits = Number.isFinite(value) && value <= high && (above ? value > low : value >= low);
  if (!fits) {
    const bounds = high === Infinity ? `of at least ${low}` : `from ${low} to ${high}`;
    throw new RangeError(`${name}: expected a number ${above ? "above 0, at most 1" : bounds}, ` +
      `got "${text}"`);
  }
  return value;
};

const EDGES = ["left", "top", "right", "bottom"];

const alwaysOf = (place, name) => {
  const start = typed(place.start, `${name}, from`, [0, Infinity]);
  const end = typed(place.end, `${name}, to`, [0, Infinity]);
  if (end !== null && end <= (start || 0)) throw new RangeError(`${name}: it ends before it begins`);
  const made = {};
  if (place.box) {
    const box = place.box.map((edge, at) => typed(edge, `${name}, ${EDGES[at]}`, [0, 1]));
    if (box.includes(null)) throw new RangeError(`${name}: all four edges are needed`);
    if (box[0] >= box[2] || box[1] >= box[3]) {
      throw new RangeError(`${name}: expected left < right and top < bottom`);
    }
    made.box = box;
  }
  if (start) made.start_s = start;
  if (end !== null) made.end_s = end;
  return made;
};

const moreOf = (draft) => {
  const always = draft.places.map((place, at) => alwaysOf(place, `Place ${at + 1}`));
  if (draft.whole) always.unshift({});
  const classes = draft.classes.split(",").map((name) => name.trim()).filter(Boolean);
  const confidence = typed(draft.confidence, "Confidence", [0, 1], true);
  const margin = typed(draft.margin, "Margin", [0, 1]);
  const more = {};
  if (always.length) more.always = always;
  if (classes.length) more.classes = [...new Set(classes)];
  if (confidence !== null) more.confidence = confidence;
  if (margin !== null) more.margin = margin;
  return more;
};

// A draft as a decision, or the problem that it still has.
const decisionOf = (row, draft) => {
  if (!draft || !draft.decision) return { problem: "nothing decided yet" };
  const decision = {
    row, id: table.id[positions.get(row)], output_sha256: draft.sha, decision: draft.decision,
  };
  if (draft.decision === "mask_more") {
    try {
      decision.more = moreOf(draft);
    } catch (mistake) {
      return { problem: mistake.message };
    }
    if (!Object.keys(decision.more).length) return { problem: "name what is to be masked as well" };
  }
  if (draft.note.trim()) decision.note = draft.note.trim().slice(0, 500);
  return { decision };
};

const decidedRows = () =>
  drafts.rows().filter((row) => decisionOf(row, drafts.get(row)).decision);

const decisionsJson = (by) => JSON.stringify({
  run_id: run.run_id,
  by: by.trim(),
  at: new Date().toISOString(),
  decisions: decidedRows().map((row) => decisionOf(row, drafts.get(row)).decision),
}, null, 1);
