// What is asked of the table, and the address that says so: a link shows the same rows to others.

const wanted = { outcomes: new Set(), code: "", policy: "", query: "", sort: "row", down: false };
let opened = null;

const readHash = () => {
  const said = new URLSearchParams(location.hash.slice(1));
  const outcomes = (said.get("outcome") || "").split(",").filter((one) => OUTCOMES[one]);
  const sort = (said.get("sort") || "row").replace(/^-/, "");
  wanted.outcomes = new Set(outcomes);
  wanted.code = said.get("code") || "";
  wanted.policy = run.policies[said.get("policy")] ? said.get("policy") : "";
  wanted.query = said.get("q") || "";
  wanted.sort = COLUMNS.some((column) => column.key === sort) ? sort : "row";
  wanted.down = (said.get("sort") || "").startsWith("-");
  const row = Number(said.get("video"));
  return positions.has(row) ? row : null;
};

const hash = () => {
  const said = new URLSearchParams();
  if (wanted.query) said.set("q", wanted.query);
  if (wanted.outcomes.size) said.set("outcome", [...wanted.outcomes].join(","));
  if (wanted.code) said.set("code", wanted.code);
  if (wanted.policy !== "") said.set("policy", wanted.policy);
  if (wanted.sort !== "row" || wanted.down) said.set("sort", (wanted.down ? "-" : "") + wanted.sort);
  if (opened !== null) said.set("video", opened);
  return `#${said}`;
};

// `step`: the browser's way back leads to what was there before.
const writeHash = (step) => {
  if (location.hash === hash() || (hash() === "#" && !location.hash)) return;
  try {
    history[step ? "pushState" : "replaceState"](null, "", hash());
  } catch (refused) { // some browsers refuse it to files
    location.hash = hash();
  }
};

const choice = (id, label, options, onChange) => {
  const select = el("select", { id }, options.map(([value, text]) =>
    el("option", { value }, shown(text))));
  select.addEventListener("change", () => onChange(select.value));
  return [el("p", { class: `field field-${id}` }, el("label", { for: id }, label), select), select];
};

const filterBar = (onChange) => {
  const change = (some) => { Object.assign(wanted, some); onChange(); };
  const chips = Object.keys(OUTCOMES).map((outcome) =>
    button([icon(outcome), `${OUTCOMES[outcome]} `, el("b", {}, number(
      table.outcome.reduce((sum, one) => sum + (one === outcome), 0)))], () => {
      if (!wanted.outcomes.delete(outcome)) wanted.outcomes.add(outcome);
      onChange();
    }, { class: `chip chip-${outcome}`, "data-outcome": outcome }));
  const search = el("input", {
    type: "search", id: "search", placeholder: "id, address or reason", autocomplete: "off",
    spellcheck: "false",
  });
  let waiting = 0;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => change({ query: search.value.trim() }), 40);
  });
  const present = [...new Set(table.code)].filter(Boolean).sort();
  const [codeField, code] = choice("code", "Code",
    [["", "all codes"], ...present.map((one) => [one, one])], (value) => change({ code: value }));
  const [policyField, policy] = choice("policy", "Policy",
    [["", "all policies"], ...run.policies.map((one, place) => [place, one.name])],
    (value) => change({ policy: value }));
  const [sortField, sort] = choice("sort", "Sort by",
    COLUMNS.flatMap(({ key, head }) => [[key, `${head}, up`], [`-${key}`, `${head}, down`]]),
    (value) => change({ sort: value.replace("-", ""), down: value.startsWith("-") }));
  const clear = button("Clear filters", () =>
    change({ outcomes: new Set(), code: "", policy: "", query: "" }), { class: "small" });
  const count = el("p", { class: "count", id: "shown-count", role: "status" });
  codeField.hidden = present.length === 0;
  policyField.hidden = run.policies.length < 2;
  return {
    element: el("div", { class: "filters" },
      el("p", { class: "field field-search" }, el("label", { for: "search" }, "Search"), search),
      el("div", { class: "chips", role: "group", "aria-label": "Outcomes" }, chips),
      codeField, policyField, sortField, count, clear),
    // Shows what is wanted, however it came about.
    tell(n) {
      chips.forEach((chip) =>
        chip.setAttribute("aria-pressed", wanted.outcomes.has(chip.dataset.outcome)));
      if (search.value.trim() !== wanted.query) search.value = wanted.query;
      [code.value, policy.value] = [wanted.code, wanted.policy];
      sort.value = (wanted.down ? "-" : "") + wanted.sort;
      const all = table.row.length;
      count.textContent = n === all ? plural(all, "video") : `${number(n)} of ${plural(all, "video")}`;
      clear.hidden = !(wanted.outcomes.size || wanted.code || wanted.policy !== "" || wanted.query);
    },
  };
};
