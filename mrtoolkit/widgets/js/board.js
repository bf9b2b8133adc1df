// A view of a Board (board.py): figures and texts from the widget's state, then one numbered message for all that changed.

const REPORT_EVERY = 120; // ms between two messages about what the user did to a figure
const ANNOUNCE_EVERY = 1000; // ms between two readings of the status
const ASK_AGAIN = 5000; // ms after which a question without an answer is asked again
const KEPT = 120; // messages that a view which opens late may still need; after more it asks for the whole
const SIZES = new Set(["inner_width", "inner_height", "outer_width", "outer_height"]); // the layout's, not the user's

// BokehJS of the version that Python has. Each is kept under its version, and the page's own `Bokeh` stays what it was.
async function load_bokeh(model) {
  const reference = model.get("runtime");
  const runtime =
    typeof reference === "string"
      ? await model.widget_manager.get_model(reference.replace(/^(IPY_MODEL_|anywidget:)/, ""))
      : reference;
  const version = runtime.get("version");
  const loaded = (globalThis.__mrt_bokeh ??= {});
  if (loaded[version]) return loaded[version];
  const before = globalThis.Bokeh;
  const there = before?.version === version ? before : before?.[version];
  if (there) return (loaded[version] = there);
  globalThis.Bokeh = undefined;
  const script = document.createElement("script");
  script.textContent = runtime.get("script");
  document.head.append(script);
  script.remove();
  if (globalThis.Bokeh) loaded[version] = globalThis.Bokeh;
  if (before) globalThis.Bokeh = before;
  else delete globalThis.Bokeh;
  if (!loaded[version]) throw new Error("this page does not allow the script that draws figures (content security policy)");
  return loaded[version];
}

function page_theme() {
  const lab = document.body.dataset.jpThemeLight;
  if (lab !== undefined) return lab === "false" ? "dark" : "light";
  if (document.body.classList.contains("vscode-dark")) return "dark";
  if (document.body.classList.contains("vscode-light")) return "light";
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

// Calls `changed` when the page's theme or the wish for calm changes; returns how to stop it.
function watch_page(changed) {
  const observer = new MutationObserver(changed);
  observer.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "class"] });
  const queries = ["(prefers-color-scheme: dark)", "(prefers-reduced-motion: reduce)"].map((q) => matchMedia(q));
  for (const query of queries) query.addEventListener("change", changed);
  return () => {
    observer.disconnect();
    for (const query of queries) query.removeEventListener("change", changed);
  };
}

function element(kind, of, attributes = {}) {
  const made = document.createElement(kind);
  made.className = of;
  for (const name in attributes) made.setAttribute(name, attributes[name]);
  return made;
}

// The rows of slots, by name; in each a figure's host or a text.
function lay_out(board, picture) {
  const slots = new Map();
  board.replaceChildren();
  for (const names of picture.rows) {
    const row = element("div", "mrt-row");
    row.style.setProperty("--mrt-columns", names.length);
    for (const name of names) {
      const is_figure = name in picture.labels;
      const slot = element("div", `mrt-slot ${is_figure ? "mrt-figure" : "mrt-text"}`, { "data-slot": name });
      if (is_figure) slot.setAttribute("role", "img");
      row.append(slot);
      slots.set(name, slot);
    }
    board.append(row);
  }
  return slots;
}

// Reads the status out, at most once a second, the last one always.
function make_announcer(board) {
  const region = element("div", "mrt-announcer", { role: "status", "aria-live": "polite" });
  let timer = null;
  let words = "";
  const say = () => {
    timer = null;
    if (region.textContent === words) return;
    region.textContent = words;
    timer = setTimeout(say, ANNOUNCE_EVERY);
  };
  return {
    attach: () => board.append(region),
    announce(text) {
      words = text;
      if (timer === null) say();
    },
    stop: () => clearTimeout(timer),
  };
}

// Sends what the user did: changes of models together, the newest of each; events (a brush, a tap) at once.
function make_reporter(send) {
  let waiting = new Map();
  let timer = null;
  const flush = () => {
    clearTimeout(timer);
    timer = null;
    if (waiting.size === 0) return;
    const events = [...waiting.values()];
    waiting = new Map();
    send({ kind: "events", events });
  };
  return {
    report(event) {
      const is_change = event.kind === "ModelChanged";
      const key = is_change ? `${event.model.id}.${event.attr}` : Symbol("event");
      waiting.delete(key);
      waiting.set(key, event);
      if (!is_change) flush();
      else timer ??= setTimeout(flush, REPORT_EVERY);
    },
    stop() {
      clearTimeout(timer);
      waiting.clear();
    },
  };
}

// How large a figure is in this view, as changes of it: with a tap, Python has to know what lay under the pointer.
const frame_sizes = (figure) =>
  ["inner_width", "inner_height"].map((attr) => ({ kind: "ModelChanged", model: figure, attr, new: figure[attr] }));

// One view's document: shown whole, then patched. `report` hears of what the user does to it, never of what Python did.
function make_stage(Bokeh, report) {
  const { Document, documents } = Bokeh.require("document");
  const { add_document_standalone } = Bokeh.require("embed/standalone");
  const { Serializer } = Bokeh.require("core/serialization");
  let shown = null;
  let is_deaf = false;
  const quietly = (work) => {
    is_deaf = true;
    try {
      return work();
    } finally {
      is_deaf = false;
    }
  };
  const is_theirs = (event) =>
    event.attr !== undefined && (SIZES.has(event.attr) || event.model?.type === "DataRange1d");
  const clear = () => {
    if (!shown) return;
    const { made, drawn } = shown;
    shown = null;
    const at = documents.indexOf(made);
    if (at >= 0) documents.splice(at, 1); // BokehJS keeps every document that it was ever given
    const end = () => quietly(() => made.clear());
    Promise.resolve(drawn).then(end, end); // one that is being drawn must not be empty before its end
  };
  return {
    clear,
    show(picture, slots) {
      clear();
      const made = Document.from_json(picture.document);
      const hosts = picture.figures.map((name) => slots.get(name));
      made.roots().forEach((root, i) => (hosts[root.id] = hosts[i]));
      const drawn = quietly(() => add_document_standalone(made, hosts[0], hosts));
      shown = { made, drawn };
      made.on_change((event) => {
        if (is_deaf || shown?.made !== made || is_theirs(event)) return;
        const references = new Map();
        for (const known of made._all_models.values()) references.set(known, known.ref());
        const tell = (told) => report(new Serializer({ references }).encode(told));
        if (event.msg_data?.event_name === "tap") for (const size of frame_sizes(event.msg_data.origin)) tell(size);
        tell(event);
      });
      return drawn;
    },
    patch(text, ids, buffers) {
      const binary = new Map();
      ids.forEach((id, i) => {
        const view = buffers[i];
        binary.set(id, view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
      });
      quietly(() => shown.made.apply_json_patch(JSON.parse(text), binary));
    },
  };
}

// Does a change and tells how long this page was busy with it, from the call until its frame has been painted.
function timed(work, tell) {
  const began = performance.now();
  work();
  const spent = performance.now() - began;
  requestAnimationFrame((frame) => {
    const { port1, port2 } = new MessageChannel(); // heard after the frame
    port1.onmessage = () => {
      port1.close();
      tell(spent + performance.now() - Math.max(frame, began + spent));
    };
    port2.postMessage(null);
  });
}

// Marks the output that holds this view, so that the style sheet hides the pictures which follow it for who has no kernel.
function hide_stand_ins(el, count) {
  const output = el.closest(".jp-OutputArea-child");
  if (output && count > 0) output.dataset.mrtStandIns = count; // another board in the same output has none
}

// ipywidgets ties a slider's name to no part of it: its handle and its number say what its label says; and which of
// several buttons is pressed it tells the eye alone.
function name_parts(el) {
  const all = (parts) => el.closest(".jp-OutputArea-output")?.querySelectorAll(parts) ?? [];
  for (const part of all(".widget-slider :is(.noUi-handle, .widget-readout):not([aria-label])")) {
    const label = part.closest(".widget-slider").querySelector(".widget-label");
    if (label) part.setAttribute("aria-label", label.textContent);
    if (part.isContentEditable) part.setAttribute("role", "textbox");
  }
  for (const button of all(".widget-toggle-button")) {
    const is_pressed = String(button.classList.contains("mod-active"));
    if (button.getAttribute("aria-pressed") !== is_pressed) button.setAttribute("aria-pressed", is_pressed);
  }
}

// JupyterLab takes arrows and letters for its cells (x cuts one) wherever the focus is but in a text: in a drop-down or a
// slider they are its own. What is pressed with Ctrl, and Enter, stays JupyterLab's.
function keep_keys(event) {
  const control = event.target.closest?.(".mrt-view :is(select, [role=slider])");
  const is_own = !(event.ctrlKey || event.metaKey || event.altKey || event.key === "Enter" || event.key === "Escape");
  control?.toggleAttribute("data-lm-suppress-shortcuts", is_own);
}

async function render({ model, el }, before) {
  let is_gone = false;
  const send = (message) => {
    if (is_gone) return;
    try {
      model.send(message);
    } catch {
      // the kernel is gone: what stands here stays, and there is nobody to tell
    }
  };
  const here = (kind, more = {}) =>
    send({ kind, theme: page_theme(), calm: matchMedia("(prefers-reduced-motion: reduce)").matches, ...more });

  const board = element("div", "mrt-board");
  el.append(board);
  let Bokeh;
  try {
    Bokeh = await load_bokeh(model);
  } catch (error) {
    board.replaceChildren(element("div", "mrt-trouble", { role: "alert" }));
    board.firstChild.textContent = `The figures cannot be drawn here: ${error.message}.`;
    send({ kind: "trouble", text: error.message });
    return () => {};
  }

  const announcer = make_announcer(board);
  const reporter = make_reporter(send);
  const stage = make_stage(Bokeh, reporter.report);
  let slots = new Map();
  let number = -1;
  let asked = 0;

  const write = (texts, labels) => {
    for (const name in texts) slots.get(name).innerHTML = texts[name];
    for (const name in labels) slots.get(name).setAttribute("aria-label", labels[name]);
    if ("status" in texts) announcer.announce(slots.get("status").textContent);
  };
  const show = (picture) => {
    slots = lay_out(board, picture);
    announcer.attach();
    write(picture.texts, picture.labels);
    number = picture.number;
    asked = 0;
    const drawn = stage.show(picture, slots);
    Promise.resolve(drawn).then(() => (board.dataset.number = number));
  };
  const ask = () => {
    const now = Date.now();
    if (now - asked < ASK_AGAIN) return;
    asked = now;
    send({ kind: "ask", number });
  };
  const hear = (message, buffers) => {
    if (number < 0) return; // not shown yet: it is in `before`
    if (message.kind === "whole" && message.number > number) {
      show(JSON.parse(message.picture));
    } else if (message.kind === "at" && message.number > number) {
      ask();
    } else if (message.kind === "patch" && message.number > number) {
      if (message.number !== number + 1) return ask();
      try {
        write(message.texts, message.labels); // first: words cost nothing, figures are painted
        if (message.patch) {
          timed(
            () => stage.patch(message.patch, message.buffers, buffers),
            (ms) => send({ kind: "painted", ms }),
          );
        }
        number = message.number;
        board.dataset.number = number;
      } catch (error) {
        console.warn("mrtoolkit: a change could not be drawn, asking for the whole", error);
        ask();
      }
    }
  };

  show(JSON.parse(model.get("picture"))); // in the state: it is there while the kernel is busy
  for (const [message, buffers] of before()) hear(message, buffers);
  model.on("msg:custom", hear);
  const pressing = new MutationObserver(() => name_parts(el));
  const mark = () => {
    hide_stand_ins(el, model.get("stand_ins"));
    name_parts(el);
    const output = el.closest(".jp-OutputArea-output");
    if (output) pressing.observe(output, { subtree: true, childList: true, attributeFilter: ["class"] });
  };
  model.on("change:stand_ins", mark);
  const marking = new ResizeObserver(mark); // also tells when the view was put into the page
  marking.observe(el);
  const unwatch = watch_page(() => here("theme"));
  const keys = new AbortController();
  window.addEventListener("keydown", (event) => keep_keys(event), { capture: true, signal: keys.signal });
  here("here", { number });
  return () => {
    is_gone = true;
    model.off("msg:custom", hear);
    model.off("change:stand_ins", mark);
    marking.disconnect();
    pressing.disconnect();
    unwatch();
    keys.abort();
    announcer.stop();
    reporter.stop();
    stage.clear();
  };
}

// A model hears from its first moment, a view only when it stands: what came between is kept, since a busy kernel cannot be asked.
export default () => {
  let before = [];
  return {
    initialize({ model }) {
      const hear = (message, buffers) => {
        if (message.kind === "whole" || before.length >= KEPT) before = [];
        if (message.kind === "whole" || message.kind === "patch") before.push([message, buffers]);
      };
      model.on("msg:custom", hear);
      return () => model.off("msg:custom", hear);
    },
    render: (view) => render(view, () => before),
  };
};
