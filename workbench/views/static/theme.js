// Light and dark: the reader's preference, or the choice kept from last time. Figures follow in the browser.
(() => {
  "use strict";
  const KEY = "workbench-theme", TAG = "workbench";
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");

  const kept = () => { try { return localStorage.getItem(KEY); } catch { return null; } };
  const isDark = () => (root.dataset.wbTheme ?? (system.matches ? "dark" : "light")) === "dark";
  if (kept() === "light" || kept() === "dark") root.dataset.wbTheme = kept();

  // The token has opened the page and is kept as a cookie; it need not stay in the history.
  const address = new URL(location.href);
  if (address.searchParams.has("token")) {
    address.searchParams.delete("token");
    history.replaceState(history.state, "", address);
  }

  const colour = (token) => getComputedStyle(root).getPropertyValue(`--wb-${token}`).trim();
  const roles = (model) => model.tags?.find((tag) => tag && typeof tag === "object" &&
    (tag instanceof Map ? tag.has(TAG) : TAG in tag));
  const entries = (thing) => thing instanceof Map ? [...thing.entries()] : Object.entries(thing);

  const dress = (model) => {
    const tag = roles(model);
    if (!tag) return;
    const changed = {};
    for (const [name, token] of entries(tag instanceof Map ? tag.get(TAG) : tag[TAG])) {
      changed[name] = token.startsWith("field:") ?
        {field: `${token.slice(6)}_${isDark() ? "dark" : "light"}`} : colour(token);
    }
    model.setv(changed, {sync: false});
  };
  const dressAll = () => {
    for (const doc of window.Bokeh?.documents ?? []) {
      for (const model of doc._all_models?.values() ?? []) dress(model);
    }
    for (const button of document.querySelectorAll("[data-wb-choose]")) press(button);
  };
  const press = (button) =>
    button.setAttribute("aria-pressed", String(button.dataset.wbChoose === (isDark() ? "dark" : "light")));

  // A page that is being built dresses its figures before they are seen.
  let due = false;
  const soon = () => { if (!due) { due = true; queueMicrotask(() => { due = false; dressAll(); }); } };
  window.workbench = {
    watch() {
      const documents = window.Bokeh?.documents;
      if (!documents || documents.watched) return;
      const push = documents.push;
      documents.watched = true;
      const listen = (doc) => { doc.on_change((event) => { if (event.kind === "RootAdded") soon(); }); soon(); };
      documents.push = function (...added) {
        // A document joins the list before it is whole.
        queueMicrotask(() => added.forEach(listen));
        return push.apply(this, added);
      };
      documents.forEach(listen);
    },
    setTheme(name) {
      root.dataset.wbTheme = name;
      try { localStorage.setItem(KEY, name); } catch { /* a private window keeps nothing */ }
      dressAll();
      document.dispatchEvent(new CustomEvent("workbench-theme"));
    },
    isDark,
  };
  system.addEventListener("change", dressAll);
})();
