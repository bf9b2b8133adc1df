"""What the live view looks like in both themes and at two widths, in figures: contrast, overflow, names, roles."""

from __future__ import annotations

import time

import pytest

pytest.importorskip("playwright", reason="playwright is not installed (pip install playwright)")
from labdriver import until
from live_page import FAST, IN_BROWSER, READY, SETUP, is_done, press, shoot

pytestmark = IN_BROWSER

# [contrast, colour, background, text] of every text that is seen; what cannot be pressed is left out, as WCAG does
_TEXTS = """
() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = css => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = css; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255] };
  const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const parent = e => e.assignedSlot ?? e.parentElement ?? e.getRootNode().host;
  const behind = e => {
    const layers = [];
    for (; e; e = parent(e)) {
      const colour = rgba(getComputedStyle(e).backgroundColor);
      layers.push(colour);
      if (colour[3] === 1) break }
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]) };
  const linear = v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = colour => colour.slice(0, 3).map(v => linear(v / 255))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const contrast = (one, other) => {
    const [low, high] = [light(one), light(other)].sort((a, b) => a - b); return (high + 0.05) / (low + 0.05) };
  const found = [];
  const look = (e, css, text) => {
    const ground = behind(e), ink = over(rgba(css), ground);
    found.push([contrast(ink, ground), css, ground.slice(0, 3).join(), text.slice(0, 40)]) };
  const output = document.querySelector('.mrt-controls').closest('.jp-OutputArea-output');
  for (const e of output.querySelectorAll('*')) {
    if (!e.offsetParent || e.disabled || e.closest('.mrt-announcer, [data-root-id], .bk-Figure')) continue;
    const text = e.matches('input, select') ? e.value : [...e.childNodes].filter(n => n.nodeType === 3).map(n => n.data)
      .join('').trim();
    if (!text) continue;
    let opacity = 1;
    for (let at = e; at && at !== output; at = at.parentElement) opacity *= Number(getComputedStyle(at).opacity);
    const ink = rgba(getComputedStyle(e).color);
    look(e, `rgba(${ink.slice(0, 3).join()}, ${ink[3] * opacity})`, text) }
  const n = found.length;
  for (const B of Object.values(globalThis.__mrt_bokeh)) for (const view of B.index.roots) {
    const models = view.model.references();
    for (const model of models) for (const name of ['text_color', 'axis_label_text_color', 'major_label_text_color',
      'label_text_color', 'title_text_color']) {
      const value = model[name]?.value ?? model[name];
      if (model.visible === false || typeof value !== 'string' || model.text === '') continue;
      look(view.el, value, `${model.type}.${name}`) } }
  return [found, n];
}
"""
# what is wider than its box; in a narrow page the table of trades may be, and is scrolled alone
_WIDE = """
width => [...document.querySelectorAll('.jp-OutputArea-output')].flatMap(o => [o, ...o.querySelectorAll('*')])
  .filter(e => e.offsetParent && e.scrollWidth - e.clientWidth > 1 && getComputedStyle(e).overflowX !== 'visible'
    && !e.closest('.mrt-announcer') && !(width < 1000 && e.closest('[data-slot=trades]')))
  .map(e => `${e.tagName}.${e.className}: ${e.scrollWidth} in ${e.clientWidth}`)
"""
# titles that end beyond their figure
_TITLES = """
() => Object.values(globalThis.__mrt_bokeh).flatMap(B => B.index.roots).filter(v => v.frame && v.model.title?.text)
  .filter(v => { const pen = document.createElement('canvas').getContext('2d');
    pen.font = `bold ${v.model.title.text_font_size.value ?? v.model.title.text_font_size} ${
      v.model.title.text_font.value ?? v.model.title.text_font}`;
    return v.frame.bbox.left + Math.max(...v.model.title.text.split('\\n').map(t => pen.measureText(t).width))
      > v.el.getBoundingClientRect().width })
  .map(v => v.model.title.text)
"""
# where the most trials lie close on the map, and what hover boxes say
_CROWD = """
() => { const view = Object.values(globalThis.__mrt_bokeh).flatMap(B => B.index.roots)
    .find(v => v.el.closest('[data-slot=map]'));
  const box = view.el.getBoundingClientRect(), {x_scale, y_scale} = view.frame;
  const source = view.model.renderers.map(r => r.data_source).find(s => s.data.trial ?? s.data.get?.('trial'));
  const {x, y} = source.data instanceof Map ? Object.fromEntries(source.data) : source.data;
  const at = Array.from(x, (v, i) => [box.x + x_scale.compute(v), box.y + y_scale.compute(y[i])]);
  const near = at.map(([u, v]) => at.filter(([a, b]) => Math.hypot(a - u, b - v) < 2).length);
  const most = Math.max(...near); return [...at[near.indexOf(most)], most] }
"""
_ENTRIES = """
() => { const view = Object.values(globalThis.__mrt_bokeh).flatMap(B => B.index.roots)
    .find(v => v.el.closest('[data-slot=price]'));
  const box = view.el.getBoundingClientRect(), {x_scale, y_scale} = view.frame;
  const source = view.model.renderers.map(r => r.data_source)
    .find(s => s && (s.data.entry_time ?? s.data.get?.('entry_time')));
  const columns = source.data instanceof Map ? Object.fromEntries(source.data) : source.data;
  return Array.from(columns.entry_time, (v, i) =>
    [box.x + x_scale.compute(v), box.y + y_scale.compute(columns.entry_price[i])]) }
"""
_BOXES = """
() => Object.values(globalThis.__mrt_bokeh).flatMap(B => B.index.roots)
  .flatMap(v => [...(v.tool_views?.values() ?? [])])
  .flatMap(t => [...(t.ttmodels?.values() ?? [])]).filter(t => t.position !== null)
  .flatMap(t => [...t.content.children].map(e => e.textContent))
"""
_CUT = """
() => { const output = document.querySelector('.mrt-controls').closest('.jp-OutputArea-output');
  const limit = output.getBoundingClientRect().right;
  return [...document.querySelectorAll('.mrt-controls *, .mrt-board *')].filter(e => e.offsetParent
    && !e.closest('.mrt-announcer') && !e.closest('table') && e.getBoundingClientRect().right > limit + 1)
    .map(e => `${e.tagName}.${e.className} ends at ${e.getBoundingClientRect().right} of ${limit}`) }
"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_can_be_read_and_nothing_is_cut_off(open_lab, theme):
    lab = open_lab(SETUP, FAST)
    lab.run_all()
    lab.page.wait_for_selector(READY)
    until(lambda: is_done(lab), 15)
    lab.theme(theme)
    until(lambda: lab.value("view.board.theme") == repr(theme), 5)
    press(lab, "the whole study")
    lab.page.wait_for_selector("[data-slot=figure] .bk-Figure", timeout=20_000)
    press(lab, "one trial")
    lab.page.wait_for_selector("[data-slot=price] .bk-Figure", timeout=20_000)
    for width in (1400, 800):
        lab.page.set_viewport_size({"width": width, "height": 2600})
        time.sleep(0.7)
        shoot(lab, f"looks-{theme}-{width}")
        texts, n = lab.page.evaluate(_TEXTS)
        assert n > 40, texts
        assert len(texts) - n > 20, texts[n:]
        assert [text for text in texts if text[0] < 4.5] == []
        assert lab.page.evaluate(_WIDE, width) == []
        assert lab.page.evaluate(_CUT) == []
        assert lab.page.evaluate(_TITLES) == []
    assert lab.external == []
    assert lab.errors() == []


def test_where_trials_lie_close_the_pointer_has_one_box(open_lab):
    lab = open_lab(SETUP, FAST)
    lab.page.set_viewport_size({"width": 800, "height": 2600})
    lab.run_all()
    lab.page.wait_for_selector(READY)
    until(lambda: is_done(lab), 15)
    time.sleep(1)
    x, y, count = lab.page.evaluate(_CROWD)
    assert count > 1
    lab.page.mouse.move(x - 1, y)
    lab.page.mouse.move(x, y)
    until(lambda: lab.page.evaluate(_BOXES), 5)
    assert len(lab.page.evaluate(_BOXES)) == 1
    press(lab, "one trial")
    lab.page.wait_for_selector("[data-slot=price] .bk-Figure", timeout=20_000)
    time.sleep(1)
    for x, y in lab.page.evaluate(_ENTRIES)[1:4]:  # a bar has a box of its own, which a trade at it is to silence
        lab.page.mouse.move(x - 1, y)
        lab.page.mouse.move(x, y)
        until(lambda: lab.page.evaluate(_BOXES), 5)
        boxes = [box for box in lab.page.evaluate(_BOXES) if box.startswith(("Long trade", "Bar"))]
        assert len(boxes) == 1, boxes
        assert boxes[0].startswith("Long trade")
    assert lab.errors() == []


def test_figures_and_status_are_said_to_who_cannot_see_them(open_lab):
    lab = open_lab(SETUP, FAST)
    lab.run_all()
    lab.page.wait_for_selector(READY)
    until(lambda: is_done(lab), 15)
    for slot in ("convergence", "map"):
        figure = lab.page.locator(f"[data-slot={slot}]")
        assert figure.get_attribute("role") == "img"
        # words come before figures, also when the search ends
        until(lambda f=figure: any(word in f.get_attribute("aria-label") for word in ("400", "over fast")), 10)
    region = lab.page.locator("[role=status]").first
    assert region.get_attribute("aria-live") == "polite"
    until(lambda: region.inner_text().startswith("Done"), 3)
    assert lab.page.locator("[data-slot=levels] caption").inner_text() == "Levels of the search"
    headings = lab.page.locator("[data-slot=levels] th")
    assert headings.count() >= 8
    tree = lab.page.locator(".mrt-controls").aria_snapshot()
    for name in ("Pause", "Stop", "Search this region", "fast from", "slow to", "Pace", "Level", "More"):
        assert f'"{name}' in tree, tree
