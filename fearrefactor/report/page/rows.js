// Which rows are shown, in which order: positions in the table's columns, and nothing of the page.

const COLUMNS = [
  { key: "row", head: "Row", kind: "number", value: (at) => table.row[at] },
  { key: "id", head: "Video", kind: "text", value: (at) => table.id[at] },
  { key: "outcome", head: "Outcome", kind: "text", value: (at) => table.outcome[at] },
  { key: "code", head: "Code", kind: "text", value: (at) => table.code[at] },
  { key: "reason", head: "Reason", kind: "text", value: (at) => table.reason[at] },
  { key: "policy", head: "Policy", kind: "text", value: policyName },
  { key: "length", head: "Length", kind: "number", value: (at) => table.duration_s[at] },
  { key: "frames", head: "Frames", kind: "number", value: (at) => table.n_frames[at] },
  { key: "masked", head: "Masked", kind: "number", value: maskedShare },
  { key: "leaks", head: "Leaks", kind: "number", value: (at) => table.n_leaks[at] },
  { key: "seconds", head: "Work", kind: "number", value: (at) => table.seconds[at] },
];

const rows = (() => {
  const n = table.row.length;
  const collator = new Intl.Collator("en", { numeric: true });
  const ranks = new Map();
  let texts = null;

  // Of each row, its rank by a column; rows that have no value come last either way.
  const ranked = (column) => {
    if (ranks.has(column.key)) return ranks.get(column.key);
    const rank = new Float64Array(n);
    if (column.kind === "number") {
      for (let at = 0; at < n; at += 1) {
        const value = column.value(at);
        rank[at] = value === null ? NaN : value;
      }
    } else {
      const values = Array.from({ length: n }, (_, at) => column.value(at));
      const order = [...new Set(values)].sort(collator.compare);
      const places = new Map(order.map((value, place) => [value, value === "" ? NaN : place]));
      for (let at = 0; at < n; at += 1) rank[at] = places.get(values[at]);
    }
    ranks.set(column.key, rank);
    return rank;
  };

  const searched = () => {
    if (!texts) {
      texts = Array.from({ length: n }, (_, at) =>
        `${table.id[at]}\n${table.uri[at]}\n${table.reason[at]}`.toLowerCase());
    }
    return texts;
  };

  return {
    prepare() { searched(); },
    // `wanted`: outcomes (a Set, empty for all), code, policy ("" for all; policy by number),
    // query (all its words have to be there), sort (a column's key), down.
    matching(wanted) {
      const words = wanted.query.toLowerCase().split(/\s+/).filter(Boolean);
      const within = words.length ? searched() : null;
      const policy = wanted.policy === "" ? null : Number(wanted.policy);
      const found = [];
      for (let at = 0; at < n; at += 1) {
        if (wanted.outcomes.size && !wanted.outcomes.has(table.outcome[at])) continue;
        if (wanted.code && table.code[at] !== wanted.code) continue;
        if (policy !== null && table.policy[at] !== policy) continue;
        if (within && !words.every((word) => within[at].includes(word))) continue;
        found.push(at);
      }
      const column = COLUMNS.find((one) => one.key === wanted.sort);
      if (!column || (column.key === "row" && !wanted.down)) return found;
      const rank = ranked(column);
      const sign = wanted.down ? -1 : 1;
      return found.sort((a, b) => {
        const [one, other] = [rank[a], rank[b]];
        if (Number.isNaN(one) || Number.isNaN(other)) {
          return Number.isNaN(one) - Number.isNaN(other) || a - b;
        }
        return sign * (one - other) || a - b;
      });
    },
  };
})();
