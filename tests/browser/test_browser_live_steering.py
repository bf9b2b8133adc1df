"""Where the user sends a search: a box on the map, the same box in fields, and all of it by the keyboard alone."""

from __future__ import annotations

import pytest

pytest.importorskip("playwright", reason="playwright is not installed (pip install playwright)")
from labdriver import until
from live_page import IN_BROWSER, READY, SETUP, START, as_json, drag, press, status, trials

pytestmark = IN_BROWSER

# a place on the page as the map's own scales have it
_PLACE = """
([u, v]) => { for (const B of Object.values(globalThis.__mrt_bokeh)) for (const view of B.index.roots) {
  if (!view.el.closest('[data-slot=map]')) continue;
  const slot = view.el.closest('[data-slot=map]').getBoundingClientRect(), box = view.el.getBoundingClientRect();
  const {x_scale, y_scale} = view.frame;
  return [x_scale.invert(slot.x + u * slot.width - box.x), y_scale.invert(slot.y + v * slot.height - box.y)] } }
"""


def looks(lab) -> list[dict]:
    return [entry["bounds"] for entry in as_json(lab, "search.study.steering")]


def test_a_box_sends_the_search_where_it_was_drawn_once_whichever_way(open_lab):
    lab = open_lab(SETUP, START)
    lab.run_all()
    lab.page.wait_for_selector(READY)
    until(lambda: trials(lab) > 5)
    corners = [((0.35, 0.35), (0.55, 0.6)), ((0.7, 0.7), (0.5, 0.45))]  # rightward and leftward
    for n, (start, end) in enumerate(corners, 1):
        (x0, y0), (x1, y1) = (lab.page.evaluate(_PLACE, list(at)) for at in (start, end))
        drag(lab, "map", start, end)
        until(lambda: len(looks(lab)) == n, 5)  # noqa: B023
        asked = looks(lab)[-1]
        # labels are whole numbers here: a cell is one of them
        assert asked["fast"] == pytest.approx(sorted((x0, x1)), abs=1)
        assert asked["slow"] == pytest.approx(sorted((y0, y1)), abs=1)
    # the fields hold the box that was drawn last: pressing sends the search there again or says why not
    press(lab, "Search this region")
    until(lambda: len(looks(lab)) == 3 or lab.page.inner_text("[data-slot=message]"), 5)
    if len(looks(lab)) == 3:
        assert looks(lab)[2] == looks(lab)[1]
    else:
        assert len(looks(lab)) == 2
    assert lab.errors() == []


def test_fields_and_button_do_what_the_box_does(open_lab):
    lab = open_lab(SETUP, START)
    lab.run_all()
    lab.page.wait_for_selector(READY)
    wanted = {"fast": [11, 17], "slow": [60, 90]}
    fields = lab.page.locator(".mrt-fields input")
    for field, value in zip(fields.all(), [*wanted["fast"], *wanted["slow"]], strict=True):
        field.fill(str(value))
        field.press("Tab")
    press(lab, "Search this region")
    until(lambda: looks(lab) == [wanted], 5)
    made = trials(lab)  # at any time, on a busy machine
    until(lambda: trials(lab) > made + 30, 10)
    tried = "search.study.trials"
    inside = f"((11 <= {tried}.fast) & ({tried}.fast <= 17) & (60 <= {tried}.slow) & ({tried}.slow <= 90)).sum()"
    assert int(lab.value(f"int({inside})")) >= 10
    fields.first.fill("59")  # the other way round, and so narrow that it is widened
    fields.nth(1).fill("59")
    press(lab, "Search this region")
    until(lambda: len(looks(lab)) == 2, 5)
    low, high = looks(lab)[1]["fast"]
    assert low < high
    assert lab.errors() == []


def test_the_keyboard_reaches_every_control_and_presses_it(open_lab):
    lab = open_lab(SETUP, START)
    lab.run_all()
    lab.page.wait_for_selector(READY)
    until(lambda: trials(lab) > 5)
    controls = (
        "[...document.querySelectorAll('.mrt-controls :is(button, input, select, [tabindex=\"0\"])')]"
        ".filter(e => e.offsetParent && !e.disabled)"
    )
    n = lab.page.evaluate(f"() => {controls}.forEach((e, i) => e.dataset.at = i) ?? {controls}.length")
    assert n >= 14
    lab.page.get_by_role("button", name="Pause", exact=True).focus()
    reached, named = set(), {}
    for _ in range(3 * n):
        at, name = lab.page.evaluate(
            "() => { const e = document.activeElement; return [e.dataset.at ?? null,"
            " e.getAttribute('aria-label') || e.title || e.labels?.[0]?.innerText || e.innerText || ''] }"
        )
        if at is not None:
            reached.add(int(at))
            named[int(at)] = name
        lab.page.keyboard.press("Tab")
    missed = set(range(n)) - reached
    names = lab.page.evaluate(f"() => {controls}.map(e => `${{e.tagName}} ${{e.className}} ${{e.innerText}}`)")
    assert not missed, [names[i] for i in missed]
    assert all(named.values()), [names[i] for i, name in named.items() if not name]
    parameter = lab.page.locator(".mrt-controls select").nth(1)
    parameter.focus()
    lab.page.keyboard.press("x")  # in JupyterLab: cut the cell
    lab.page.keyboard.press("ArrowDown")  # in JupyterLab: on to the next cell
    until(lambda: lab.value("view.model.x") == "'slow'", 5)
    assert parameter.evaluate("e => e === document.activeElement")
    lab.page.get_by_role("button", name="Pause", exact=True).focus()
    lab.page.keyboard.press("Space")
    until(lambda: status(lab).startswith("Paused"), 3)
    lab.page.get_by_role("button", name="Resume", exact=True).focus()
    lab.page.keyboard.press("Enter")
    until(lambda: not status(lab).startswith("Paused"), 3)
    assert lab.errors() == []
