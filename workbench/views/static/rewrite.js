// Sends every request that Panel or BokehJS would make to a content network to our own server instead.
// It must run before any other script of the page.
(() => {
  "use strict";
  const roots = JSON.parse(document.currentScript.dataset.roots);
  const rules = [
    [/^https?:\/\/cdn\.holoviz\.org\/panel\/[^/]+\/dist\//, roots.panel + "/"],
    [/^https?:\/\/(?:cdn\.jsdelivr\.net\/npm|unpkg\.com)\//, roots.panel + "/bundled/"],
    [/^https?:\/\/cdn\.bokeh\.org\/bokeh\/(?:release|dev)\/(bokeh(?:-[a-z]+)?)-[\d.]+(?:[a-z]+[\d.]+)?(\.min)?\.js/,
      roots.bokeh + "/js/$1$2.js"],
    [/^https?:\/\/fonts\.googleapis\.com\/.*/, "data:text/css,"],
  ];
  const here = (address) => {
    for (const [pattern, root] of rules) {
      if (pattern.test(address)) return address.replace(pattern, root);
    }
    return address;
  };
  const everywhere = (text) => text.replace(/https?:\/\/[^\s"')]+/g, here);

  const wrap = (prototype, name, change) => {
    const own = Object.getOwnPropertyDescriptor(prototype, name);
    Object.defineProperty(prototype, name, {...own, set(value) { own.set.call(this, change(String(value))); }});
  };
  wrap(HTMLLinkElement.prototype, "href", here);
  wrap(HTMLScriptElement.prototype, "src", here);
  const setAttribute = Element.prototype.setAttribute;
  Element.prototype.setAttribute = function (name, value) {
    const loads = (name === "href" && this instanceof HTMLLinkElement) ||
      (name === "src" && this instanceof HTMLScriptElement);
    return setAttribute.call(this, name, loads ? here(String(value)) : value);
  };
  const text = Object.getOwnPropertyDescriptor(Node.prototype, "textContent");
  Object.defineProperty(HTMLStyleElement.prototype, "textContent", {
    configurable: true,
    get() { return text.get.call(this); },
    set(value) { text.set.call(this, everywhere(String(value ?? ""))); },
  });
})();
