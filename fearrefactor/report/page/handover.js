// All decisions as one file: the bar at the bottom, and the dialog that it opens.

const shellWord = (text) =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

const download = (text, name) => {
  const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = el("a", { href: address, download: name });
  byId("handover").append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
};

const paintHandover = () => {
  const dialog = byId("handover");
  const rows = decidedRows();
  const open = drafts.rows().filter((row) => !rows.includes(row));
  const text = el("textarea", { id: "decisions-text", readonly: true, rows: 12, spellcheck: "false" });
  const name = el("input", { type: "text", id: "by", maxlength: 200, autocomplete: "name" });
  const get = button("Download decisions.json", () =>
    download(decisionsJson(name.value) + "\n", "decisions.json"), { class: "primary", id: "download" });
  const copy = button("Copy", async () => {
    copy.textContent = (await copied(text.value)) ? "Copied" : "Not copied";
  }, { id: "copy-decisions" });
  const command = `fearrefactor review apply decisions.json --run ${shellWord(run.uri)}`;
  const ready = () => {
    const is = Boolean(name.value.trim());
    [get.disabled, copy.disabled] = [!is, !is];
    text.value = is ? decisionsJson(name.value) : "";
    text.placeholder = "Your name is needed: the log says who decided.";
    store.write("by", name.value);
  };
  name.value = store.read("by") || "";
  name.addEventListener("input", ready);
  dialog.replaceChildren(
    el("div", { class: "dialog-head" }, el("h2", { id: "handover-title" },
      plural(rows.length, "decision")), button("Close", () => dialog.close(), { class: "small close" })),
    el("div", { class: "dialog-body" },
      open.length ? el("p", { class: "notice" }, `${plural(open.length, "decision")} not complete, ` +
        `and not in the file: row ${open.map(number).join(", ")}.`) : null,
      el("ul", { class: "decided" }, rows.map((row) => el("li", {},
        el("b", {}, DECISIONS[drafts.get(row).decision][0]), " ",
        foreign(table.id[positions.get(row)])))),
      el("p", { class: "field" }, el("label", { for: "by" }, "Your name"), name),
      el("p", { class: "form-foot" }, get, copy),
      el("p", { class: "field tall" }, el("label", { for: "decisions-text" },
        "Or copy the text into a file"), text),
      el("p", {}, "Then, where the run can be reached:"),
      el("p", { class: "command" }, el("code", {}, shown(command)),
        copyButton(command, "the command"))));
  ready();
};

const startHandover = () => {
  const bar = byId("review-bar");
  const dialog = byId("handover");
  const n = run.outcomes.review || 0;
  const count = el("p", { role: "status" });
  const finish = button("Hand over decisions", () => {
    paintHandover();
    dialog.showModal();
    (byId("by").value ? byId("download") : byId("by")).focus();
  }, { class: "primary", id: "finish" });
  dialog.addEventListener("close", () => finish.focus());
  const paint = () => {
    const decided = decidedRows().length;
    bar.hidden = !n;
    finish.disabled = !decided;
    count.textContent = `For review: ${number(decided)} of ${number(n)} decided`;
    document.body.classList.toggle("has-bar", Boolean(n));
  };
  bar.replaceChildren(count, button("Show them", () => filterBy({ outcome: "review" })), finish);
  drafts.onChange(paint);
  document.addEventListener("DOMContentLoaded", paint); // then details are known
  paint();
};
