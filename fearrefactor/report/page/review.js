// The form in which a moderator decides about one video.

const textField = (id, label, value, onChange, given) => {
  const input = el(given.rows ? "textarea" : "input", { id, ...given });
  input.value = value;
  input.addEventListener("input", () => onChange(input.value));
  return el("p", { class: "field" }, el("label", { for: id }, label), input);
};

const moreFields = (draft, detail, changed) => {
  const keep = (name) => (value) => { draft[name] = value; changed(); };
  const whole = el("input", { type: "checkbox", id: "whole" });
  whole.checked = draft.whole;
  whole.addEventListener("change", () => keep("whole")(whole.checked));
  const seen = [...new Set(run.classes.map((one) => one.name))].filter(Boolean);
  return el("div", { class: "more-fields" },
    el("p", { class: "field check" }, whole, el("label", { for: "whole" },
      "The whole video, every frame")),
    placesEditor(draft, detail, changed),
    el("div", { class: "field-row" },
      textField("confidence", "Mask from a confidence of", draft.confidence, keep("confidence"),
        { type: "text", inputmode: "decimal", size: 6, placeholder: "as it is" }),
      textField("margin", "Margin, a share of the object", draft.margin, keep("margin"),
        { type: "text", inputmode: "decimal", size: 6, placeholder: "as it is" }),
      textField("classes", "Classes as well, by comma", draft.classes, keep("classes"),
        { type: "text", placeholder: seen.slice(0, 3).map(shown).join(", ") || "person, dog" })));
};

const reviewForm = (detail, onNext) => {
  if (!detail.output_sha256) {
    return el("section", { class: "review" }, el("h3", {}, "Decide"), el("p", { class: "notice" },
      "The log of this run has no checksum of the result: it cannot be decided here."));
  }
  const draft = JSON.parse(JSON.stringify(drafts.of(detail)));
  const state = el("p", { class: "state", role: "status" });
  const more = el("div", {});
  const tell = () => {
    const { decision, problem } = decisionOf(detail.row, draft);
    state.className = `state ${decision ? "good" : draft.decision ? "bad" : ""}`;
    state.textContent = decision ? `Noted: ${DECISIONS[draft.decision][0].toLowerCase()}.` +
      (store.works ? "" : " This browser keeps nothing: download before you close the page.")
      : draft.decision ? `Not complete: ${problem}.` : "Nothing decided yet.";
  };
  const changed = () => {
    drafts.keep(detail.row, draft.decision ? draft : null);
    tell();
  };
  const paintMore = () => more.replaceChildren(
    ...(draft.decision === "mask_more" ? [moreFields(draft, detail, changed)] : []));
  const radios = Object.entries(DECISIONS).map(([name, [label, meaning]]) => {
    const radio = el("input", { type: "radio", name: "decision", value: name, id: `d-${name}` });
    radio.checked = draft.decision === name;
    radio.addEventListener("change", () => { draft.decision = name; paintMore(); changed(); });
    return el("label", { class: "decision", for: `d-${name}` }, radio,
      el("span", {}, el("b", {}, label), el("span", { class: "quiet" }, meaning)));
  });
  const undo = button("Take back", () => {
    Object.assign(draft, { decision: "", whole: false, places: [] });
    radios.forEach((label) => { label.firstChild.checked = false; });
    paintMore();
    changed();
  }, { class: "small" });
  paintMore();
  tell();
  return el("section", { class: "review", "aria-label": "Decide" },
    el("h3", {}, "Decide"),
    el("fieldset", { class: "decisions" }, el("legend", { class: "off-screen" }, "Decision"), radios),
    more,
    textField("note", "Note for the log", draft.note, (value) => { draft.note = value; changed(); },
      { rows: 2, maxlength: 500 }),
    el("div", { class: "form-foot" }, state, undo,
      onNext ? button("Next for review", onNext, { class: "primary" }) : null));
};
