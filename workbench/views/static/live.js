// Live quotes: the kernel sends text a few times a second; cells are written in place and ages counted here.
(() => {
  "use strict";
  const TICK = 250;
  let told = null, heardAt = 0, offset = 0, line = "", gone = false;

  const now = () => Date.now() / 1000 + offset;
  const age = (seconds) => {
    const s = Math.max(0, seconds);
    if (s < 10) return `${(Math.floor(s * 10) / 10).toFixed(1)} s`;
    if (s < 120) return `${Math.floor(s)} s`;
    if (s < 7200) return `${Math.floor(s / 60)} min`;
    return s < 172800 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86400)} d`;
  };
  const write = (cell, text) => { if (cell && cell.textContent !== text) cell.textContent = text; };

  // Shadow roots hide the parts of a page; what was found once is kept while it stands.
  const found = {};
  const part = (name) => {
    if (!found[name]?.isConnected) found[name] = window.workbench.find(document, (each) => name in each.dataset);
    return found[name];
  };

  const chip = (cell, state, reason) => {
    const shown = cell?.firstElementChild;
    if (!shown || (shown.dataset.state === state && shown.title === reason)) return;
    const sign = {
      live: '<svg viewBox="0 0 10 10" aria-hidden="true" fill="none" stroke="currentColor"><circle cx="5" cy="5" r="3" fill="currentColor" stroke="none"/></svg>',
      stale: '<svg viewBox="0 0 10 10" aria-hidden="true" fill="none" stroke="currentColor"><circle cx="5" cy="5" r="4"/><path d="M5 2.6V5l1.8 1"/></svg>',
    }[state] ?? "";
    shown.className = `wb-quote ${state}`;
    shown.dataset.state = state;
    shown.title = reason;
    shown.innerHTML = sign;
    shown.append(state);
  };
  const silent = () => {
    const waited = Date.now() / 1000 - heardAt;
    return waited > Math.max(3, 3 * told.every) ? `this page has not heard from its desk for ${age(waited)}` : "";
  };

  const showRows = (why) => {
    const table = part("liveTable");
    for (const row of table?.querySelectorAll("tr[data-symbol]") ?? []) {
      const quote = told.rows[row.dataset.symbol];
      if (!quote) continue;
      const cell = (name) => row.querySelector(`[data-cell=${name}]`);
      for (const name of ["bid", "ask", "last", "change"]) write(cell(name), quote[name]);
      const change = cell("change");
      if (change) change.className = quote.tone;
      write(cell("age"), age(now() - quote.time));
      const state = why ? "stale" : quote.state;
      chip(cell("state"), state, why || quote.reason);
      row.classList.toggle("quiet", state === "stale");
    }
  };
  const showFigures = (why) => {
    const head = part("liveHead");
    const quote = head && told.rows[head.dataset.liveHead];
    if (!quote) return;
    write(head.querySelector("[data-cell=last]"), quote.last);
    const change = head.querySelector("[data-cell=change]");
    if (change) { write(change, `${quote.change} %`); change.className = quote.tone; }
    const state = why ? "stale" : quote.state;
    write(head.querySelector("[data-cell=when]"), `${state}, ${age(now() - quote.time)} old`);
    head.classList.toggle("quiet", state === "stale");
  };
  const showFeeds = () => {
    const feeds = part("liveFeeds");
    if (feeds && told.feeds && feeds.innerHTML !== told.feeds) feeds.innerHTML = told.feeds;
  };

  // The chart's line and price tag: the latest quote of its symbol, and how old it is.
  const showLine = (why) => {
    const chart = part("liveChart");
    const quote = chart && told.rows[chart.dataset.liveChart];
    if (!quote || quote.price === null) return;
    const stale = why !== "" || quote.state === "stale";
    const words = `${quote.last} · ${quote.state === "closed" ? "closed" : age(now() - quote.time).replace(/\.\d/, "")}`;
    const key = [words, stale, chart.dataset.liveChart, window.workbench.isDark()].join();
    const [span] = window.workbench.tagged("workbench-live-line");
    const [tag] = window.workbench.tagged("workbench-live-words");
    if (!span || !tag || (key === line && span.location === quote.price)) return;
    line = key;
    const {x} = tag.data_source.data;
    tag.data_source.data = {x, y: [quote.price], text: [words]};
    window.workbench.paint(tag.glyph, {text_color: stale ? "ink3" : "ink"});
    window.workbench.paint(span, {line_color: stale ? "ink3" : "ink"});
    span.setv({location: quote.price, line_dash: stale ? [4, 3] : []}, {sync: false});
    const [range] = window.workbench.tagged("workbench-live-range");
    if (!range) return;
    const room = (range.end - range.start) * 0.04;
    // A price far outside is of another adjustment, or a mistake; the line then stays out of sight.
    if (quote.price > range.end - room && quote.price < range.end + 8 * room) range.setv({end: quote.price + room}, {sync: false});
    if (quote.price < range.start + room && quote.price > range.start - 8 * room) range.setv({start: quote.price - room}, {sync: false});
  };

  const show = () => {
    if (!told) return;
    const why = silent();
    if (Boolean(why) !== gone) { gone = Boolean(why); document.documentElement.toggleAttribute("data-wb-silent", gone); }
    showRows(why);
    showFigures(why);
    showFeeds();
    showLine(why);
  };

  document.addEventListener("workbench-live", (event) => {
    told = JSON.parse(event.detail);
    heardAt = Date.now() / 1000;
    offset = told.at - heardAt;
    show();
  });
  setInterval(show, TICK);
  // A page that nobody looks at is not sent quotes.
  const seen = () => {
    if (document.visibilityState !== "visible") return;
    for (const model of window.workbench.tagged("workbench-seen")) model.value = Date.now() / 1000;
  };
  setInterval(seen, 15_000);
  document.addEventListener("visibilitychange", seen);
})();
