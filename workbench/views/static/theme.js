// Light and dark: the reader's preference, or the choice kept from last time. Figures follow in the browser.
(() => {
  "use strict";
  const KEY = "workbench-theme", TAG = "workbench", NARROW = "workbench-narrow";
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
      changed[name] = token === "none" ? null : token.startsWith("field:") ?
        {field: `${token.slice(6)}_${isDark() ? "dark" : "light"}`} : colour(token);
    }
    model.setv(changed, {sync: false});
  };
  // Some properties have a second value for pages as narrow as a telephone.
  const narrow = matchMedia("(max-width: 640px)");
  const fit = (model) => {
    const tag = model.tags?.find((tag) => tag && (tag instanceof Map ? tag.has(NARROW) : Object.hasOwn(tag, NARROW)));
    if (!tag) return;
    const less = Object.fromEntries(entries(tag instanceof Map ? tag.get(NARROW) : tag[NARROW]));
    model.wide ??= Object.fromEntries(Object.keys(less).map((name) => [name, model[name]]));
    model.setv(narrow.matches ? less : model.wide, {sync: false});
  };
  const dressAll = () => {
    for (const doc of window.Bokeh?.documents ?? []) {
      for (const model of doc._all_models?.values() ?? []) { dress(model); fit(model); }
    }
  };

  // A page that is being built dresses its figures before they are seen.
  let due = false;
  const soon = () => { if (!due) { due = true; queueMicrotask(() => { due = false; dressAll(); }); } };
  // What the reader lets go is marked as being worked on at once; the answer takes the mark away.
  const noticed = (event) => {
    if (event.kind === "RootAdded") begun();
    if (event.kind !== "ModelChanged") return;
    if (event.attr === "children" || event.attr === "elements") { soon(); delete root.dataset.wbBusy; }
    if (event.attr === "value_throttled") root.dataset.wbBusy = "";
    if (event.attr === "value" && event.model.tags?.includes("workbench-asks") && event.sync !== false) root.dataset.wbBusy = "";
    if (event.attr === "value" && event.model.tags?.includes("workbench-answered")) delete root.dataset.wbBusy;
    if (event.attr === "value" && event.model.tags?.includes("workbench-live")) {
      document.dispatchEvent(new CustomEvent("workbench-live", {detail: event.model.value}));
    }
    if (event.attr === "text") { delete root.dataset.wbBusy; queueMicrotask(() => { reveal(); refocus(); }); }
  };
  // The parts of a page may be there before anyone listens, or come afterwards.
  const begun = () => {
    soon();
    [300, 1500, 3000].forEach((wait) => setTimeout(() => { tellOpened(); reveal(); }, wait));
  };
  const tagged = (tag) => (window.Bokeh?.documents ?? []).flatMap((doc) =>
    [...doc._all_models.values()].filter((each) => each.tags?.includes(tag)));
  // A kernel kept ready made this page some time ago; it is told when the page is really opened.
  const tellOpened = () => {
    for (const model of tagged("workbench-opened")) {
      if (!model.told) { model.told = true; model.value = Date.now() / 1000; askedFor(); }
    }
  };
  // An address may name a symbol, as in options.ipynb?symbol=IBM.
  const askedFor = () => {
    const symbol = new URL(location.href).searchParams.get("symbol");
    if (symbol) say(`symbol ${symbol}`);
  };
  // A button within plain HTML says something to the page's view: its words, and a count that makes each
  // click a change. Shadow roots hide what was clicked from all but the event's own path.
  let clicks = 0, focused = "";
  const say = (words) => {
    const [model] = tagged("workbench-said");
    if (!model) return;
    root.dataset.wbBusy = "";
    model.value = `${words} ${++clicks}`;
  };
  document.addEventListener("click", (event) => {
    const button = event.composedPath().find((each) => each.dataset?.say);
    if (!button) return;
    // A click by keyboard has no place; the focus then returns to the button that takes its place.
    focused = event.detail === 0 ? button.dataset.say : "";
    say(button.dataset.say);
  });
  const find = (place, fits) => {
    for (const each of place.querySelectorAll("*")) {
      if (fits(each)) return each;
      const inside = each.shadowRoot && find(each.shadowRoot, fits);
      if (inside) return inside;
    }
    return null;
  };
  // What is chosen in a strip that is wider than the page is scrolled to.
  const reveal = () => {
    const strip = find(document, (each) => each.classList.contains("wb-strip"));
    const chosen = strip?.querySelector("[aria-pressed=true]");
    if (!chosen || strip.scrollWidth <= strip.clientWidth) return;
    strip.scrollLeft = chosen.offsetLeft - (strip.clientWidth - chosen.offsetWidth) / 2;
  };
  const refocus = () => {
    if (!focused) return;
    let active = document.activeElement;
    while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
    if (active === document.body || active === null || active.shadowRoot) {
      find(document, (each) => each.dataset?.say === focused)?.focus();
    }
  };
  window.workbench = {
    watch() {
      const documents = window.Bokeh?.documents;
      if (!documents || documents.watched) return;
      const push = documents.push;
      documents.watched = true;
      const listen = (doc) => { doc.on_change(noticed); begun(); };
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
    // Give properties of a figure's model other tokens.
    paint(model, more) {
      const tag = roles(model);
      if (!tag) return;
      const held = tag instanceof Map ? tag.get(TAG) : tag[TAG];
      for (const [name, token] of Object.entries(more)) held instanceof Map ? held.set(name, token) : held[name] = token;
      dress(model);
    },
    isDark, tagged, find, say,
  };
  system.addEventListener("change", dressAll);
  narrow.addEventListener("change", dressAll);
})();
