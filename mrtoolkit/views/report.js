// Figures are drawn in a grey that reads on any background; this page knows its own, so it gives them its ink.
(function () {
  "use strict";
  const INK = ["axis_label_text_color", "major_label_text_color", "label_text_color", "title_text_color"];
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  function paint(isDark) {
    const ink = isDark ? "#c8cdd5" : "#3c424b";
    const paper = isDark ? "#14171b" : "#ffffff";
    for (const document of Bokeh.documents) {
      for (const root of document.roots()) {
        for (const model of root.references()) {
          const names = INK.filter((name) => name in model.properties);
          if (model.type === "Title") names.push("text_color");
          if (model.type === "Text") {
            model.setv({
              text_color: { value: ink },
              background_fill_color: { value: paper },
              background_fill_alpha: { value: 0.75 },
            });
          }
          if (names.length) model.setv(Object.fromEntries(names.map((name) => [name, ink])));
        }
      }
    }
  }

  function start(tries) {
    if (Bokeh.documents.length === 0) {
      if (tries > 0) window.setTimeout(start, 50, tries - 1);
      return;
    }
    paint(dark.matches);
    dark.addEventListener("change", (event) => paint(event.matches));
    window.addEventListener("beforeprint", () => paint(false));
    window.addEventListener("afterprint", () => paint(dark.matches));
  }

  window.addEventListener("load", () => start(100));
})();
