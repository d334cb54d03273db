// The content: the run and the table are read at once, a video's details when it is opened.

const parsed = (id) => JSON.parse(byId(id).textContent);
const run = parsed("run");
const table = parsed("table");
const store = memory();

const positions = new Map(table.row.map((row, position) => [row, position]));
const kept = new Map();

// Details by row; null where the page has none, undefined while the browser still reads it.
const detailOf = (row) => {
  if (kept.has(row)) return kept.get(row);
  const block = byId(`detail-${row}`);
  // a block is whole once something follows it
  if (document.readyState === "loading" && !(block && block.nextElementSibling)) return undefined;
  const detail = block ? JSON.parse(block.textContent) : null;
  kept.set(row, detail);
  return detail;
};

const codes = new Map(run.codes.map((code) => [code.code, code]));
const maskedShare = (position) => {
  const n = table.n_frames[position];
  return n ? (table.n_masked_frames[position] || 0) / n : null;
};
const policyName = (position) => {
  const policy = run.policies[table.policy[position]];
  return policy ? policy.name : "";
};
