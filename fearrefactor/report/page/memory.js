// What the browser keeps for this run. Some keep nothing for files, or for anybody: then it is
// gone when the page is closed, and the page says so where it matters.

const memory = (() => {
  const place = (name) => `fearrefactor ${run.run_id} ${run.began_at || ""} ${name}`;
  let works = true;
  return {
    get works() { return works; },
    read(name) {
      try {
        return JSON.parse(localStorage.getItem(place(name)));
      } catch (refused) {
        works = refused instanceof SyntaxError && works;
        return null;
      }
    },
    write(name, value) {
      try {
        if (value === null) localStorage.removeItem(place(name));
        else localStorage.setItem(place(name), JSON.stringify(value));
        works = true;
      } catch (refused) {
        works = false;
      }
    },
  };
});

const startTheme = () => {
  const toggle = byId("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const label = () => { toggle.textContent = isDark() ? "Light colours" : "Dark colours"; };
  const kept = store.read("theme");
  if (kept === "dark" || kept === "light") root.dataset.theme = kept;
  toggle.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    store.write("theme", root.dataset.theme);
    label();
  });
  dark.addEventListener("change", label);
  toggle.hidden = false;
  label();
};
