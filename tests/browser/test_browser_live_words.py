"""What the pointer says of a trial on the map, and what a number typed into a field means, in a real browser."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("playwright", reason="playwright is not installed (pip install playwright)")
from labdriver import until
from live_page import FAST, IN_BROWSER, READY, SETUP, is_done, shoot

pytestmark = IN_BROWSER

_FIRST = """
() => { const view = Object.values(globalThis.__mrt_bokeh).flatMap(B => B.index.roots)
    .find(v => v.el.closest('[data-slot=map]'));
  const box = view.el.getBoundingClientRect(), {x_scale, y_scale} = view.frame;
  const source = view.model.renderers.map(r => r.data_source).find(s => s.data.trial ?? s.data.get?.('trial'));
  const {x, y} = source.data instanceof Map ? Object.fromEntries(source.data) : source.data;
  const i = Array.from(x).indexOf(Math.max(...x));
  return [box.x + x_scale.compute(x[i]), box.y + y_scale.compute(y[i])] }
"""
_BOXES = """
() => Object.values(globalThis.__mrt_bokeh).flatMap(B => B.index.roots)
  .flatMap(v => [...(v.tool_views?.values() ?? [])])
  .flatMap(t => [...(t.ttmodels?.values() ?? [])]).filter(t => t.position !== null)
  .flatMap(t => [...t.content.children].map(e => e.textContent))
"""


_DENSE = """
space = mrt.Space(x=mrt.Integer(0, 2000), y=mrt.Integer(0, 2000))
search = mrt.MultiResOptimizer(lambda p: -(p["x"] - 900) ** 2 - (p["y"] - 900) ** 2, space, trials=6_000).start()
view = mrt.view(search)
view
"""
_CROWDED = """
() => { const view = Object.values(globalThis.__mrt_bokeh).flatMap(B => B.index.roots)
    .find(v => v.el.closest('[data-slot=map]'));
  const box = view.el.getBoundingClientRect(), {x_scale, y_scale} = view.frame;
  const source = view.model.renderers.map(r => r.data_source).find(s => s.data.trial ?? s.data.get?.('trial'));
  const {x, y} = source.data instanceof Map ? Object.fromEntries(source.data) : source.data;
  const at = Array.from(x, (_, k) => [x_scale.compute(x[k]), y_scale.compute(y[k])]);
  const found = [];  // middles of dots that a later one covers, but whose own middle is nearer
  for (let i = 0; i < at.length && found.length < 12; i++)
    for (let j = at.length - 1; j > i; j--) {
      const away = Math.max(Math.abs(at[i][0] - at[j][0]), Math.abs(at[i][1] - at[j][1]));
      if (away > 0.9 && away < 2) { found.push([box.x + at[i][0], box.y + at[i][1]]); i += 40; break }
    }
  return found }
"""


def test_a_click_opens_the_trial_that_the_pointer_names_where_many_lie(open_lab):
    lab = open_lab(SETUP, _DENSE)
    lab.run_all()
    lab.page.wait_for_selector(READY)
    until(lambda: is_done(lab), 30)
    lab.page.wait_for_timeout(2000)
    lab.page.locator("[data-slot=map]").first.scroll_into_view_if_needed()
    places = lab.page.evaluate(_CROWDED)
    assert len(places) >= 3
    for x, y in places[:4]:
        lab.page.mouse.move(x - 40, y)
        lab.page.mouse.move(x, y)
        until(lambda: lab.page.evaluate(_BOXES), 5)
        named = re.search(r"Trial:?\s*([\d,]+)", lab.page.evaluate(_BOXES)[0])[1]
        lab.page.mouse.click(x, y)
        until(lambda named=named: f"Trial {named} of" in lab.page.locator(".mrt-view").inner_text(), 60)
        pressed = lab.page.locator(".widget-toggle-button[aria-pressed=true]").all_inner_texts()
        assert pressed == ["one trial"]
        shoot(lab, "dense")
        lab.page.locator("[data-slot=map]").first.scroll_into_view_if_needed()
    assert lab.page.locator(".widget-readout").first.get_attribute("aria-label") == "Level"
    assert lab.errors() == []


def test_the_pointer_names_the_level_and_a_field_shows_what_it_means(open_lab):
    lab = open_lab(SETUP, FAST)
    lab.run_all()
    lab.page.wait_for_selector(READY)
    until(lambda: is_done(lab), 15)
    lab.page.wait_for_timeout(1000)
    lab.page.locator("[data-slot=map]").first.scroll_into_view_if_needed()
    x, y = lab.page.evaluate(_FIRST)
    lab.page.mouse.move(x - 1, y)
    lab.page.mouse.move(x, y)
    until(lambda: lab.page.evaluate(_BOXES), 5)
    assert any(name in lab.page.evaluate(_BOXES)[0] for name in ("coarse", "medium", "fine"))
    field = lab.page.locator(".mrt-controls input[type=number]").first
    for typed, meant in (("1e12", 10_000_000), ("1e2", 100), ("7.6", 8)):
        field.fill(typed)
        field.press("Tab")
        until(lambda meant=meant: float(lab.value("view._controls._trials.value")) == meant, 5)
        until(lambda meant=meant: float(field.input_value()) == meant, 5)
    assert lab.errors() == []
