// A search plays again. Everything is drawn on two canvases from the JSON beside it; nothing is asked of anybody.
(function () {
  "use strict";
  const SIDE = 160; // cells of the heat
  const SECONDS = 15; // of the whole search at speed 1, without the pauses between its stages
  const PAUSE = 1.1;
  const BEST = "#D55E00", PLATEAU = "#CC79A7", STEERED = BEST; // as in the live view, whose blue is that of added levels
  const SMALL = "11px ", WORDS = "12px ";
  const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', Arial, sans-serif";

  function make(tag, attributes, ...inside) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
    node.append(...inside);
    return node;
  }

  const LETTERS = 40; // of a name where a title stands
  const cut = (text) => (text.length > LETTERS ? text.slice(0, LETTERS - 1) + "\u2026" : text);

  // ---- numbers ----
  const minus = (text) => text.replace("-", "\u2212");

  function ticks(low, high, count) {
    if (!(high > low)) return [low];
    const raw = (high - low) / Math.max(count, 1), power = Math.pow(10, Math.floor(Math.log10(raw)));
    const step = [1, 2, 2.5, 5, 10].map((s) => s * power).find((s) => s >= raw * (1 - 1e-9));
    const found = [];
    for (let i = Math.ceil(low / step - 1e-9); i <= high / step + 1e-9; i++) found.push(+(i * step).toPrecision(12));
    return found;
  }

  function logTicks(low, high, count) {
    for (const digits of [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 5], [1, 3], [1]]) {
      const found = [];
      for (let p = Math.floor(Math.log10(low)); p <= Math.ceil(Math.log10(high)); p++) {
        for (const d of digits) {
          const value = +(d * Math.pow(10, p)).toPrecision(12);
          if (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9)) found.push(value);
        }
      }
      if (found.length <= count) return found.length > 1 ? found : ticks(low, high, Math.min(count, 3));
    }
    const powers = [];
    for (let p = Math.ceil(Math.log10(low) - 1e-9); p <= Math.log10(high) + 1e-9; p++) powers.push(+Math.pow(10, p).toPrecision(12));
    return powers.filter((_, i) => i % Math.ceil(powers.length / count) === 0);
  }

  const powersOf = (values) => new Set(values.filter(Boolean).map((v) => Math.round(Math.log10(Math.abs(v))))).size;

  function tickLabels(values) {
    const most = Math.max(0, ...values.map(Math.abs));
    if (most >= 1e4 && most < 1e9 && powersOf(values) <= 2) {
      const [unit, size] = most < 1e6 ? ["k", 1e3] : ["M", 1e6];
      return values.map((v) => (v === 0 ? "0" : minus(+(v / size).toPrecision(12) + unit)));
    }
    if (values.some((v) => v && (Math.abs(v) < 1e-4 || Math.abs(v) >= 1e9))) return values.map((v) => minus(String(+v.toPrecision(3))));
    const places = Math.max(0, ...values.map((v) => (String(v).split(".")[1] || "").length));
    const spread = powersOf(values) > 2;
    const format = spread ? { maximumSignificantDigits: 6 } : { minimumFractionDigits: places, maximumFractionDigits: places };
    return values.map((v) => (v === 0 ? "0" : minus(v.toLocaleString("en-US", format))));
  }

  // ---- one player ----
  function Player(root) {
    const data = JSON.parse(root.querySelector("script").textContent);
    const still = window.matchMedia("(prefers-reduced-motion: reduce)");
    const dark = window.matchMedia("(prefers-color-scheme: dark)");
    const valueText = (v) => {
      if (data.isPercent) return minus((100 * v).toFixed(1)) + "\u00a0%";
      const places = Math.abs(v) < 1e3 ? 4 : 1, shown = Math.abs(v) < 0.5e-4 ? 0 : v;
      return minus(shown.toLocaleString("en-US", { minimumFractionDigits: places, maximumFractionDigits: places }));
    };
    const axes = data.axes.map((a) => {
      const map = a.log ? Math.log : (v) => v, low = map(a.low), high = map(a.high);
      return Object.assign(a, { share: (v) => (map(v) - low) / (high - low), at: (s) => (a.log ? Math.exp(low + s * (high - low)) : low + s * (high - low)) });
    });
    const xs = data.x.map((v) => (v === null ? NaN : axes[0].share(v))), ys = data.y.map((v) => (v === null ? NaN : axes[1].share(v)));
    const scale = data.scale || [0, 1], colours = data.palette.map((c) => [1, 3, 5].map((i) => parseInt(c.slice(i, i + 2), 16)));
    const levelBest = data.levels.map(() => null), levelSeen = data.levels.map(() => 0);
    const state = { at: data.count, playing: false, speed: 1, pause: 0, view: [0, 1, 0, 1], zoom: true, shown: 0 };
    const whole = [0, 1, 0, 1];
    let frame = 0, before = 0, ink = {}, grids = {};

    // ---- what is on the page ----
    const words = make("p", { "aria-live": "polite", class: "words" });
    const trial = make("b"), named = make("span"), value = make("b"), where = make("span");
    const now = make("div", { class: "now" },
      make("div", {}, make("span", {}, "Trial"), trial, make("span", {}, "of " + data.count.toLocaleString("en-US"))),
      make("div", {}, named, value, where),
      make("div", { class: "caption" }, words));
    const play = make("button", { type: "button", class: "play" }, "Play");
    const steps = [["First", "Home", "to the start"], ["\u2039 Level", "-level", "one level back"], ["\u2039 Trial", "-trial", "one trial back"],
      ["Trial \u203a", "+trial", "one trial on"], ["Level \u203a", "+level", "one level on"], ["End", "End", "to the end"]];
    const buttons = steps.map(([text, key, label]) => {
      const button = make("button", { type: "button", "aria-label": label }, text);
      button.addEventListener("click", () => go(key));
      return button;
    });
    const slider = make("input", { type: "range", min: "0", max: String(data.count), step: "1", "aria-label": "Trial" });
    const speed = make("select", { "aria-label": "Speed" });
    for (const s of [0.25, 0.5, 1, 2, 4, 8]) speed.append(make("option", s === 1 ? { value: s, selected: "" } : { value: s }, s + "\u00d7"));
    const zoom = make("input", { type: "checkbox", checked: "" });
    const drive = make("div", { class: "drive" }, play, ...buttons, slider, make("label", {}, "Speed", speed));
    if (data.isMap && data.stages.some((s) => s.view.join() !== whole.join())) drive.append(make("label", {}, zoom, "Zoom in"));
    const figures = ["Each trial and the best so far", cut(data.objective) + " over " + axes.slice(0, data.isMap ? 2 : 1).map((a) => cut(a.name)).join(" and ")]
      .map((title) => {
        const canvas = make("canvas", { role: "img" }), tip = make("div", { class: "tip", hidden: "" });
        return { canvas, tip, pen: canvas.getContext("2d"), node: make("figure", {}, make("figcaption", {}, title), canvas, tip) };
      });
    const [course, map] = figures;
    const body = make("tbody"), rows = data.levels.map((level) => levelRow(level));
    body.append(...rows.map((r) => r.node));
    const heads = ["Level", "Trials", "Points reused", "Features computed", "Features reused", "Best " + cut(data.objective)]; // as in the live view
    const table = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Levels" }, make("table", {},
      make("caption", {}, "Levels of the search"), make("thead", {}, make("tr", {}, ...heads.map((h, i) => make("th", { scope: "col", class: i ? "number" : "word" }, h)))), body));
    root.append(now, drive, keys(), make("div", { class: "plots" }, course.node, map.node));
    if (data.note) root.append(make("p", { class: "note" }, data.note));
    root.append(table);

    function levelRow(level) {
      const swatch = make("span", { class: "swatch", style: "background:" + level.colour });
      const fill = make("span", { style: "background:" + level.colour }), count = make("span"), best = make("td", { class: "number" });
      const cell = (v) => make("td", { class: "number" }, v === null ? "\u2013" : v.toLocaleString("en-US"));
      const node = make("tr", {}, make("th", { scope: "row", class: "word" }, swatch, cut(level.name)),
        make("td", { class: "number done" }, count, make("span", { class: "fill" }, fill)), cell(level.reused), cell(level.computed), cell(level.known), best);
      return { node, fill, count, best };
    }

    function keys() {
      const node = make("div", { class: "keys" });
      for (const [name, colour] of data.keys) node.append(make("span", {}, make("i", { style: "color:" + colour }), name));
      const mark = (sign, colour, text) => node.append(make("span", {}, make("em", { style: "color:" + colour, "aria-hidden": "true" }, sign), text));
      if (data.best) mark("\u2605", BEST, data.plateau ? "best" : "best and plateau");
      if (data.plateau) mark("\u25c6", PLATEAU, "plateau");
      if (data.counts.includes(0)) mark("\u00d7", "inherit", "no value, or " + data.notCounted);
      if (data.boxes.some((b) => b[7])) mark("\u2b1a", STEERED, "asked for by hand");
      return node;
    }

    // ---- where the story is ----
    const lastShown = (at) => { // how many of the trials on the page were run by then
      let low = 0, high = data.number.length;
      while (low < high) { const middle = (low + high) >> 1; if (data.number[middle] <= at) low = middle + 1; else high = middle; }
      return low;
    };
    const currentStage = () => {
      if (state.at >= data.count) return data.stages.length;
      const found = data.stages.findIndex((s) => state.at < s.last);
      return found < 0 ? data.stages.length : found;
    };

    function seek(at) {
      state.at = Math.min(Math.max(at, 0), data.count);
      state.pause = 0;
      ask();
    }

    function go(key) {
      const place = Math.floor(state.at), stage = currentStage(), starts = data.stages.map((s) => s.first - 1);
      if (key === "+trial") seek(place + 1);
      else if (key === "-trial") seek(Math.ceil(state.at) - 1);
      else if (key === "+level") seek(stage < data.stages.length ? data.stages[stage].last : data.count);
      else if (key === "-level") seek(Math.max(0, ...starts.filter((s) => s < place)));
      else seek(key === "Home" ? 0 : data.count);
      if (key !== "End") setPlaying(false);
    }

    function setPlaying(on) {
      if (on && state.at >= data.count) { state.at = 0; state.view = whole.slice(); }
      state.playing = on;
      play.textContent = on ? "Pause" : "Play";
      play.setAttribute("aria-label", on ? "Pause" : "Play the search");
      before = 0;
      ask();
    }

    // A stage takes time as the root of its trials, so that eight of a fine level are seen beside 80,000 of a coarse one.
    const weights = data.stages.map((s) => Math.sqrt(s.last - s.first + 1)), sum = weights.reduce((a, b) => a + b, 0);
    const rates = data.stages.map((s, i) => (s.last - s.first + 1) / Math.max((SECONDS * weights[i]) / sum, 1.2));

    function advance(seconds) {
      if (state.pause > 0) { state.pause -= seconds * state.speed; return; }
      const stage = currentStage();
      if (stage >= data.stages.length) { setPlaying(false); return; }
      const end = data.stages[stage].last;
      state.at = Math.min(state.at + rates[stage] * seconds * state.speed, end);
      if (state.at >= end && stage + 1 < data.stages.length) state.pause = PAUSE;
      if (state.at >= data.count) setPlaying(false);
    }

    function ask() { if (!frame) frame = requestAnimationFrame(tick); }

    function tick(time) {
      frame = 0;
      const seconds = before ? Math.min((time - before) / 1000, 0.1) : 0;
      before = time;
      if (state.playing) advance(seconds);
      const goal = target(), share = still.matches ? 1 : 1 - Math.exp(-5 * Math.max(seconds, 0.016) * Math.max(state.speed, 1));
      let moving = false;
      state.view = state.view.map((v, i) => {
        if (Math.abs(goal[i] - v) < 0.0005) return goal[i];
        moving = true;
        return v + (goal[i] - v) * share;
      });
      draw();
      if (state.playing || moving) ask(); else before = 0;
    }

    function target() {
      const stage = currentStage();
      return !state.zoom || stage >= data.stages.length ? whole : data.stages[stage].view;
    }

    // ---- heat: each cell has the nearest trial, and less of its colour the farther that is ----
    function Grid(view) {
      const near = new Int32Array(SIDE * SIDE), distance = new Float32Array(SIDE * SIDE), canvas = make("canvas", { width: SIDE, height: SIDE });
      const pen = canvas.getContext("2d"), image = pen.createImageData(SIDE, SIDE), wide = view[1] - view[0], high = view[3] - view[2];
      const reaches = axes.map((a) => (a.categories.length ? 0.5 / a.categories.length : data.reach)); // a category ends where the next begins
      const apart = (axis, share, span) => (axis.categories.length ? (Math.abs(share * span) * axis.categories.length <= 0.5 ? 0 : Infinity) : share * span);
      let seen = 0, isStale = true;
      const score = (i) => (data.counts[i] ? data.sign * data.value[i] : -Infinity);
      function clear() { near.fill(-1); distance.fill(Infinity); seen = 0; isStale = true; }
      function add(i) {
        const x = (xs[i] - view[0]) / wide, y = (ys[i] - view[2]) / high, [farX, farY] = reaches;
        const left = Math.max(Math.floor((x - farX / wide) * SIDE), 0), right = Math.min(Math.ceil((x + farX / wide) * SIDE), SIDE - 1);
        const low = Math.max(Math.floor((y - farY / high) * SIDE), 0), top = Math.min(Math.ceil((y + farY / high) * SIDE), SIDE - 1);
        for (let r = low; r <= top; r++) {
          const dy = apart(axes[1], (r + 0.5) / SIDE - y, high);
          for (let c = left; c <= right; c++) {
            const dx = apart(axes[0], (c + 0.5) / SIDE - x, wide), d = dx * dx + dy * dy, cell = r * SIDE + c;
            if (d === Infinity) continue;
            if (d < distance[cell] * (1 - 1e-6) || (d <= distance[cell] * (1 + 1e-6) && score(i) > score(near[cell]))) { distance[cell] = d; near[cell] = i; }
          }
        }
      }
      function to(count) {
        if (count < seen) clear();
        if (count > seen) isStale = true;
        for (; seen < count; seen++) add(seen);
        return isStale ? paint() : canvas;
      }
      function paint() {
        for (let cell = 0; cell < near.length; cell++) {
          const place = 4 * ((SIDE - 1 - Math.floor(cell / SIDE)) * SIDE + (cell % SIDE)), i = near[cell];
          if (i < 0) { image.data[place + 3] = 0; continue; }
          const colour = data.counts[i] ? colourOf(data.value[i]) : ink.none;
          image.data[place] = colour[0]; image.data[place + 1] = colour[1]; image.data[place + 2] = colour[2];
          const left = Math.min(Math.max((data.reach - Math.sqrt(distance[cell])) / (0.35 * data.reach), 0), 1);
          image.data[place + 3] = 255 * left * left * (3 - 2 * left);
        }
        pen.putImageData(image, 0, 0);
        isStale = false;
        return canvas;
      }
      clear();
      return { view, to, stale: () => { isStale = true; } };
    }

    function colourOf(v) {
      const share = scale[1] > scale[0] ? (v - scale[0]) / (scale[1] - scale[0]) : 0.5;
      return colours[Math.round(Math.min(Math.max(share, 0), 1) * (colours.length - 1))];
    }

    const gridOf = (view) => (grids[view.join()] = grids[view.join()] || Grid(view));

    // ---- drawing ----
    function readInk() {
      const style = getComputedStyle(root), pick = (name) => style.getPropertyValue(name).trim();
      ink = { paper: pick("--paper"), ink: pick("--ink"), soft: pick("--soft"), line: pick("--line"), band: pick("--panel"), none: dark.matches ? [93, 100, 109] : [180, 185, 192] };
      for (const grid of Object.values(grids)) grid.stale();
    }

    function sized(figure, shape) {
      const ratio = window.devicePixelRatio || 1, width = Math.max(figure.canvas.clientWidth, 200), height = Math.round(Math.min(Math.max(width * shape, 210), 470));
      if (figure.canvas.width !== Math.round(width * ratio) || figure.canvas.height !== Math.round(height * ratio)) {
        figure.canvas.width = Math.round(width * ratio);
        figure.canvas.height = Math.round(height * ratio);
        figure.canvas.style.height = height + "px";
      }
      const pen = figure.pen;
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      pen.clearRect(0, 0, width, height);
      pen.font = SMALL + FONT;
      return { pen, width, height };
    }

    function draw() {
      const count = lastShown(state.at), at = Math.floor(state.at + 1e-9);
      state.shown = count;
      drawCourse(count, at);
      drawMap(count, at);
      tell(at);
    }

    function drawFrame(pen, box, xTicks, xLabels, xAt, yTicks, yLabels, yAt, names) {
      pen.fillStyle = ink.soft;
      pen.strokeStyle = ink.soft;
      pen.lineWidth = 1;
      pen.textAlign = "center";
      pen.textBaseline = "top";
      let end = -1e9;
      xTicks.forEach((v, i) => {
        const x = xAt(v), half = pen.measureText(xLabels[i]).width / 2;
        if (x < box.left - 0.5 || x > box.left + box.width + 0.5) return;
        const middle = Math.min(x, pen.canvas.clientWidth - half - 1);
        line(pen, x, box.top + box.height, x, box.top + box.height + 4);
        if (middle - half < end + 6) return;
        pen.fillText(xLabels[i], middle, box.top + box.height + 7);
        end = middle + half;
      });
      pen.textAlign = "right";
      pen.textBaseline = "middle";
      yTicks.forEach((v, i) => {
        const y = yAt(v);
        if (y < box.top - 0.5 || y > box.top + box.height + 0.5) return;
        pen.fillText(clipped(pen, yLabels[i], box.left - 26), box.left - 7, y);
      });
      pen.font = WORDS + FONT;
      pen.textAlign = "center";
      pen.textBaseline = "alphabetic";
      pen.fillText(clipped(pen, names[0], box.width), box.left + box.width / 2, box.top + box.height + 36);
      pen.save();
      pen.translate(12, box.top + box.height / 2);
      pen.rotate(-Math.PI / 2);
      pen.fillText(clipped(pen, names[1], box.height), 0, 0);
      pen.restore();
      pen.font = SMALL + FONT;
    }

    // pixels that labels take beside a plot: never fewer than before, so that it keeps its place while the map zooms
    function room(figure, side, labels, beside, least) {
      const width = figure.canvas.clientWidth, most = Math.max(0.3 * width, least), held = figure.rooms || {};
      const kept = held.width === width ? held : (figure.rooms = { width, left: 0, right: 0 });
      const needed = beside + Math.ceil(Math.max(0, ...labels.map((text) => figure.pen.measureText(text).width)));
      return (kept[side] = Math.max(kept[side], Math.min(Math.max(needed, least), most)));
    }

    function clipped(pen, text, width) {
      while (text.length > 2 && pen.measureText(text).width > width) text = text.slice(0, -2) + "\u2026";
      return text;
    }

    function line(pen, a, b, c, d) { pen.beginPath(); pen.moveTo(a, b); pen.lineTo(c, d); pen.stroke(); }

    function drawCourse(count, at) {
      const { pen, width, height } = sized(course, 0.66), [low, high] = data.values;
      const yTicks = ticks(low, high, Math.max((height - 56) / 38, 3)), yLabels = tickLabels(yTicks), left = room(course, "left", yLabels, 26, 66);
      const box = { left, top: 12, width: width - left - 10, height: height - 56 };
      const clamp = (v) => Math.min(Math.max(v, low), high);
      const xAt = (n) => box.left + ((n - 0.5) / data.count) * box.width, yAt = (v) => box.top + box.height * (1 - (clamp(v) - low) / (high - low));
      course.hit = { box, xAt, yAt };
      data.stages.forEach((s, i) => { if (i % 2 === 0) { pen.fillStyle = ink.band; pen.fillRect(xAt(s.first - 0.5), box.top, xAt(s.last + 0.5) - xAt(s.first - 0.5), box.height); } });
      pen.strokeStyle = ink.line;
      pen.lineWidth = 1;
      for (const v of yTicks) line(pen, box.left, yAt(v), box.left + box.width, yAt(v));
      const small = count > 1500, radius = count > 500 ? 2 : 2.7;
      pen.save();
      pen.beginPath();
      pen.rect(box.left - 4, box.top - 4, box.width + 8, box.height + 8);
      pen.clip();
      for (let i = 0; i < count; i++) {
        const v = data.value[i], x = xAt(data.number[i]);
        pen.globalAlpha = 0.75;
        if (v === null) { pen.strokeStyle = ink.soft; line(pen, x, box.top + box.height - 6, x, box.top + box.height); continue; }
        if (!data.counts[i]) { pen.strokeStyle = ink.soft; cross(pen, x, yAt(v), 2.6); continue; }
        pen.fillStyle = data.levels[data.level[i]].colour;
        if (small) pen.fillRect(x - 1, yAt(v) - 1, 2.4, 2.4); else dot(pen, x, yAt(v), radius);
      }
      pen.globalAlpha = 1;
      drawSteps(pen, at, xAt, yAt);
      pen.restore();
      if (at < data.count) { pen.strokeStyle = ink.soft; pen.setLineDash([3, 3]); line(pen, xAt(state.at + 0.5), box.top, xAt(state.at + 0.5), box.top + box.height); pen.setLineDash([]); }
      const xTicks = [1, ...ticks(0, data.count, Math.max(box.width / 85, 2)).filter((v) => v >= 1.5 && Number.isInteger(v))];
      drawFrame(pen, box, xTicks, xTicks.map((v) => v.toLocaleString("en-US")), xAt, yTicks, yLabels, yAt, ["trial", data.objective]);
    }

    function drawSteps(pen, at, xAt, yAt) {
      const done = data.steps.filter((s) => s[0] <= at);
      if (!done.length) return;
      pen.lineJoin = "round";
      for (const [colour, wide] of [[ink.paper, 5], [BEST, 2.4]]) {
        pen.strokeStyle = colour;
        pen.lineWidth = wide;
        pen.beginPath();
        done.forEach((s, i) => { if (i) { pen.lineTo(xAt(s[0]), yAt(done[i - 1][1])); pen.lineTo(xAt(s[0]), yAt(s[1])); } else pen.moveTo(xAt(s[0]), yAt(s[1])); });
        pen.lineTo(xAt(Math.min(state.at, data.count) + 0.5), yAt(done[done.length - 1][1]));
        pen.stroke();
      }
      const last = done[done.length - 1];
      star(pen, xAt(last[0]), yAt(last[1]), 9, BEST);
    }

    function drawMap(count, at) {
      const { pen, width, height } = sized(map, 0.66), view = data.isMap ? state.view : whole;
      const ends = [[axes[0].at(view[0]), axes[0].at(view[1])], [axes[1].at(view[2]), axes[1].at(view[3])]];
      const [yTicks, yLabels] = axisTicks(axes[1], ends[1], (height - 56) / 38), left = room(map, "left", yLabels, 26, 66);
      const [low, high] = data.isMap && data.scale ? data.scale : [0, 0];
      const values = high > low ? ticks(low, high, Math.max((height - 56) / 44, 2)) : [low], texts = tickLabels(values);
      const right = data.isMap ? room(map, "right", texts, 32, 68) : 10;
      const box = { left, top: 12, width: width - left - right, height: height - 56 };
      const sx = (s) => box.left + ((s - view[0]) / (view[1] - view[0])) * box.width, sy = (s) => box.top + box.height * (1 - (s - view[2]) / (view[3] - view[2]));
      map.hit = { box, sx, sy };
      pen.save();
      pen.beginPath();
      pen.rect(box.left, box.top, box.width, box.height);
      pen.clip();
      if (data.isMap) { drawHeat(pen, count, sx, sy); drawPoints(pen, count, sx, sy); drawBoxes(pen, at, sx, sy); } else drawCurve(pen, count, sx, sy);
      drawMarks(pen, at, count, sx, sy);
      if (data.apart) writeInside(pen, box, data.apart);
      pen.restore();
      pen.strokeStyle = ink.line;
      pen.lineWidth = 1;
      pen.strokeRect(box.left + 0.5, box.top + 0.5, box.width - 1, box.height - 1);
      const [xTicks, xLabels] = axisTicks(axes[0], ends[0], box.width / 64, pen, box.width);
      const named = axes.map((a) => a.name + (a.log ? " (log scale)" : ""));
      drawFrame(pen, box, xTicks, xLabels, (v) => sx(axes[0].share(v)), yTicks, yLabels, (v) => sy(axes[1].share(v)), named);
      if (data.isMap && data.scale) drawScale(pen, box, values, texts);
    }

    function writeInside(pen, box, words) {
      const lines = [""];
      pen.font = WORDS + FONT;
      for (const word of words.split(" ")) {
        const longer = (lines[lines.length - 1] + " " + word).trim();
        if (pen.measureText(longer).width > box.width - 24) lines.push(word); else lines[lines.length - 1] = longer;
      }
      pen.fillStyle = ink.ink;
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      lines.forEach((text, i) => pen.fillText(text, box.left + box.width / 2, box.top + box.height / 2 + 18 * (i - (lines.length - 1) / 2)));
      pen.font = SMALL + FONT;
    }

    function axisTicks(axis, [low, high], count, pen, width) {
      if (axis.categories.length) {
        const names = width ? axis.categories.map((name) => clipped(pen, name, Math.max(width / (high - low) - 6, 24))) : axis.categories;
        return [names.map((_, i) => i), names];
      }
      const found = axis.log ? logTicks(low, high, Math.max(count, 2)) : ticks(low, high, Math.max(count, 2));
      return [found, tickLabels(found)];
    }

    function drawHeat(pen, count, sx, sy) {
      const goal = target();
      pen.imageSmoothingEnabled = true;
      for (const view of goal.join() === whole.join() ? [whole] : [whole, goal]) {
        const image = gridOf(view).to(count), left = sx(view[0]), top = sy(view[3]), wide = sx(view[1]) - left, high = sy(view[2]) - top;
        if (view !== whole && view.join() !== whole.join()) { pen.fillStyle = ink.paper; pen.fillRect(left, top, wide, high); }
        pen.drawImage(image, left, top, wide, high);
      }
    }

    function drawPoints(pen, count, sx, sy) {
      if (count > 2500) return; // they would hide what they stand on
      const radius = count > 600 ? 1.3 : 2;
      pen.lineWidth = 0.6;
      for (let i = 0; i < count; i++) {
        pen.fillStyle = ink.paper;
        pen.strokeStyle = "#20242a";
        pen.globalAlpha = 0.8;
        pen.beginPath();
        pen.arc(sx(xs[i]), sy(ys[i]), radius, 0, 2 * Math.PI);
        pen.fill();
        pen.stroke();
      }
      pen.globalAlpha = 1;
    }

    function drawBoxes(pen, at, sx, sy) {
      const stage = Math.min(currentStage(), data.stages.length - 1), level = state.at >= data.count ? -1 : data.stages[stage].level;
      const begun = data.boxes.filter((b) => b[5] <= at + 1 || (b[0] === level && b[5] <= data.stages[stage].first));
      const newest = {};
      for (const b of begun) if (!b[7]) newest[b[0]] = Math.max(newest[b[0]] || 0, b[6]);
      for (const strong of [false, true]) {
        for (const [l, left, right, bottom, top, , place, steered] of begun) {
          const here = level < 0 || l === level, isLast = steered === 1 || place > newest[l] - data.levels[l].atOnce;
          if ((here && isLast) !== strong || (!here && !isLast)) continue; // of a level that is over its last round is enough
          const x = sx(axes[0].share(left)), y = sy(axes[1].share(top)), wide = sx(axes[0].share(right)) - x, high = sy(axes[1].share(bottom)) - y;
          if (strong) { pen.globalAlpha = 0.8; pen.strokeStyle = ink.paper; pen.lineWidth = 5; pen.strokeRect(x, y, wide, high); }
          pen.globalAlpha = strong ? 1 : isLast ? 0.8 : 0.3;
          pen.strokeStyle = steered ? STEERED : data.levels[l].colour;
          pen.lineWidth = strong ? 2.4 : isLast ? 1.4 : 0.8;
          if (steered) pen.setLineDash([3, 3]);
          pen.strokeRect(x, y, wide, high);
          pen.setLineDash([]);
        }
      }
      pen.globalAlpha = 1;
    }

    function drawCurve(pen, count, sx, sy) {
      const order = [...Array(count).keys()].filter((i) => data.counts[i]).sort((a, b) => xs[a] - xs[b]);
      if (!axes[0].categories.length) {
        pen.strokeStyle = "#56B4E9";
        pen.lineWidth = 1.4;
        pen.beginPath();
        order.forEach((i, n) => (n ? pen.lineTo(sx(xs[i]), sy(ys[i])) : pen.moveTo(sx(xs[i]), sy(ys[i]))));
        pen.stroke();
      }
      for (const i of order) { pen.fillStyle = data.levels[data.level[i]].colour; dot(pen, sx(xs[i]), sy(ys[i]), 2.8); }
    }

    function drawMarks(pen, at, count, sx, sy) {
      if (at < data.count && count && !Number.isNaN(xs[count - 1] + ys[count - 1])) { // where it is just now
        pen.strokeStyle = ink.ink;
        pen.lineWidth = 2;
        pen.beginPath();
        pen.arc(sx(xs[count - 1]), sy(ys[count - 1]), 6, 0, 2 * Math.PI);
        pen.stroke();
      }
      if (at >= data.count && data.plateau && data.plateau.x !== null && data.plateau.y !== null) diamond(pen, sx(axes[0].share(data.plateau.x)), sy(axes[1].share(data.plateau.y)), 10, PLATEAU);
      if (at >= data.count && data.best) { // of equal ones it is that of the lowest labels, and not the first
        if (data.best.x !== null && data.best.y !== null) star(pen, sx(axes[0].share(data.best.x)), sy(axes[1].share(data.best.y)), 11, BEST);
        return;
      }
      const done = data.steps.filter((s) => s[0] <= at), last = done[done.length - 1], i = last ? lastShown(last[0]) - 1 : -1;
      if (i >= 0) star(pen, sx(xs[i]), sy(ys[i]), 11, BEST);
    }

    function drawScale(pen, box, found, labels) {
      const left = box.left + box.width + 12, [low, high] = data.scale;
      for (let i = 0; i < colours.length; i++) {
        pen.fillStyle = "rgb(" + colours[i].join() + ")";
        pen.fillRect(left, box.top + box.height * (1 - (i + 1) / colours.length), 10, box.height / colours.length + 1);
      }
      pen.fillStyle = ink.soft;
      pen.textAlign = "left";
      pen.textBaseline = "middle";
      found.forEach((v, i) => pen.fillText(labels[i], left + 15, high > low ? box.top + box.height * (1 - (v - low) / (high - low)) : box.top + box.height / 2));
    }

    function dot(pen, x, y, r) { pen.beginPath(); pen.arc(x, y, r, 0, 2 * Math.PI); pen.fill(); }
    function cross(pen, x, y, r) { pen.lineWidth = 1.1; line(pen, x - r, y - r, x + r, y + r); line(pen, x - r, y + r, x + r, y - r); }
    function corners(pen, x, y, points, colour) {
      pen.beginPath();
      points.forEach(([a, b], i) => (i ? pen.lineTo(x + a, y + b) : pen.moveTo(x + a, y + b)));
      pen.closePath();
      pen.lineJoin = "round";
      pen.strokeStyle = "#20242a";
      pen.lineWidth = 2;
      pen.stroke();
      pen.fillStyle = colour;
      pen.fill();
    }
    function star(pen, x, y, r, colour) {
      corners(pen, x, y, [...Array(10).keys()].map((i) => { const q = i % 2 ? 0.45 * r : r; return [q * Math.sin((i * Math.PI) / 5), -q * Math.cos((i * Math.PI) / 5)]; }), colour);
    }
    function diamond(pen, x, y, r, colour) { corners(pen, x, y, [[0, -r], [0.78 * r, 0], [0, r], [-0.78 * r, 0]], colour); }

    // ---- words ----
    function tell(at) {
      trial.textContent = at.toLocaleString("en-US");
      const done = data.steps.filter((s) => s[0] <= at), last = done[done.length - 1], isOver = state.at >= data.count;
      const found = isOver && data.best ? data.best : last ? { value: last[2], words: last[3] } : { value: "\u2013", words: "none yet" };
      named.textContent = isOver ? cut(data.bestName) : "Best " + cut(data.objective) + " so far"; // of several objectives a knee
      value.textContent = found.value;
      where.textContent = found.words;
      if (document.activeElement !== slider || state.playing) slider.value = String(at);
      slider.setAttribute("aria-valuetext", "trial " + at + " of " + data.count);
      const stage = currentStage(), told = state.pause > 0 && stage > 0 && !isOver;
      const steered = data.steering.filter((s) => !isOver && s.after <= at && s.after > at - Math.max(20, data.count / 20)).map((s) => " Asked for by hand: " + s.words + ".").join("");
      const text = isOver ? data.ending : data.stages[stage].words + (told ? " " + data.stages[stage - 1].outcome : "") + steered;
      if (words.textContent !== text) {
        words.textContent = text;
        course.canvas.setAttribute("aria-label", "The value of each of " + at + " trials, and the best so far" + (last ? ": " + last[2] + " at " + last[3] : "") + ".");
        map.canvas.setAttribute("aria-label", (isOver ? "All that was searched. " : "") + text);
      }
      const here = isOver ? data.levels.length - 1 : data.stages[stage].level;
      now.style.setProperty("--level", isOver ? BEST : data.levels[here].colour);
      tellLevels(at, here, isOver);
    }

    function tellLevels(at, here, isOver) {
      levelSeen.fill(0);
      levelBest.fill(null);
      for (let i = 0; i < state.shown; i++) {
        const l = data.level[i], v = data.value[i];
        if (data.counts[i] && (levelBest[l] === null || data.sign * v > data.sign * levelBest[l])) levelBest[l] = v;
      }
      for (const s of data.stages) levelSeen[s.level] += Math.min(Math.max(at - s.first + 1, 0), s.last - s.first + 1);
      rows.forEach((row, i) => {
        const total = data.levels[i].trials, done = at >= data.count ? total : Math.min(levelSeen[i], total);
        row.count.textContent = done.toLocaleString("en-US") + (done < total ? " of " + total.toLocaleString("en-US") : "");
        row.fill.style.width = (total ? (100 * done) / total : 0) + "%";
        row.best.textContent = at >= data.count ? data.levels[i].best : levelBest[i] === null ? "\u2013" : valueText(levelBest[i]);
        row.node.className = !isOver && i === here ? "here" : done ? "" : "later";
        if (!isOver && i === here) row.node.setAttribute("aria-current", "step"); else row.node.removeAttribute("aria-current");
      });
    }

    // ---- hands ----
    function nearest(event, figure, place) {
      const box = figure.canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
      let found = -1, closest = 14 * 14;
      for (let i = 0; i < state.shown; i++) {
        const [px, py] = place(i), d = (px - x) * (px - x) + (py - y) * (py - y);
        if (d <= closest) { closest = d; found = i; }
      }
      figure.tip.hidden = found < 0;
      if (found < 0) return;
      const [px, py] = place(found), named = (a, v) => cut(a.name) + " " + (a.categories.length ? a.categories[Math.round(v)] : minus(String(+v.toPrecision(6))));
      const value = data.value[found] === null ? "no value" : data.objective + " " + valueText(data.value[found]) + (data.counts[found] ? "" : " (" + data.notCounted + ")");
      const at = data.isMap ? named(axes[0], data.x[found]) + ", " + named(axes[1], data.y[found]) : named(axes[0], data.x[found]);
      figure.tip.textContent = "Trial " + data.number[found].toLocaleString("en-US") + ", " + data.levels[data.level[found]].name + "\n" + value + "\n" + at;
      figure.tip.style.left = Math.max(0, Math.min(px + 12, box.width - figure.tip.offsetWidth)) + "px";
      figure.tip.style.top = figure.canvas.offsetTop + py + 12 + "px";
    }

    course.canvas.addEventListener("pointermove", (e) => nearest(e, course, (i) => [course.hit.xAt(data.number[i]), course.hit.yAt(data.value[i] === null ? NaN : data.value[i])]));
    map.canvas.addEventListener("pointermove", (e) => nearest(e, map, (i) => [map.hit.sx(xs[i]), map.hit.sy(ys[i])]));
    for (const f of figures) f.canvas.addEventListener("pointerleave", () => { f.tip.hidden = true; });
    course.canvas.addEventListener("click", (e) => {
      const { box } = course.hit, x = e.clientX - course.canvas.getBoundingClientRect().left;
      setPlaying(false);
      seek(Math.round(((x - box.left) / box.width) * data.count));
    });
    play.addEventListener("click", () => setPlaying(!state.playing));
    slider.addEventListener("input", () => { setPlaying(false); seek(Number(slider.value)); });
    speed.addEventListener("change", () => { state.speed = Number(speed.value); });
    zoom.addEventListener("change", () => { state.zoom = zoom.checked; ask(); });
    const listener = root.dataset.starts === "yes" ? document : root;
    listener.addEventListener("keydown", (e) => {
      const name = e.target.tagName, isOwn = name === "SELECT" || (name === "INPUT" && e.key !== " ");
      if (isOwn || e.ctrlKey || e.metaKey || e.altKey || (e.key === " " && (name === "BUTTON" || e.target === zoom || name === "SUMMARY"))) return;
      const known = { ArrowRight: e.shiftKey ? "+level" : "+trial", ArrowLeft: e.shiftKey ? "-level" : "-trial", PageDown: "+level", PageUp: "-level", Home: "Home", End: "End" };
      if (e.key === " ") setPlaying(!state.playing); else if (known[e.key]) go(known[e.key]); else return;
      e.preventDefault();
    });
    dark.addEventListener("change", () => { readInk(); ask(); });
    let broad = 0; // the words have room for the longest of them, so that nothing moves below them while it plays
    new ResizeObserver(() => {
      if (root.clientWidth !== broad) {
        broad = root.clientWidth;
        const told = words.textContent, texts = [data.ending, ...data.stages.map((s, i) => s.words + (i ? " " + data.stages[i - 1].outcome : ""))];
        words.style.minHeight = "0";
        const tallest = Math.max(...texts.map((text) => { words.textContent = text; return words.offsetHeight; }));
        words.style.minHeight = tallest + "px";
        words.textContent = told;
      }
      ask();
    }).observe(root);
    root.replay = { state, data, seek, play: () => setPlaying(true), pause: () => setPlaying(false) };
    readInk();
    if (root.dataset.starts === "yes" && !still.matches) { state.at = 0; setPlaying(true); } else { setPlaying(false); draw(); }
  }

  function start() { document.querySelectorAll(".replay").forEach((root) => Player(root)); }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start); else start();
})();
