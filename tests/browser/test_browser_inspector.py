"""The inspector and the explorer in a real JupyterLab: a click leads to the neighbour, every figure is on the page."""

from __future__ import annotations

import pytest

pytest.importorskip("playwright", reason="playwright is not installed (pip install playwright)")
from labdriver import until
from live_page import IN_BROWSER

pytestmark = IN_BROWSER

SEARCH = """
import mrtoolkit as mrt
from mrtoolkit import P
from mrtoolkit.widgets.explore import Explorer, figures_for
from mrtoolkit.widgets.inspector import TrialInspector
rule = mrt.Strategy(entry=mrt.ema(P.fast) > mrt.ema(P.slow), stop_loss=0.1)
space = mrt.Space(fast=mrt.Integer(3, 20), slow=mrt.Integer(15, 60), where=P.fast < P.slow)
study = mrt.optimize(mrt.Backtest(mrt.data.simulate(bars=500, seed=1), rule), space, trials=60, seed=0)
inspector, explorer = TrialInspector(study), Explorer(study)
"""


def test_a_click_on_a_neighbour_shows_it_and_every_figure_of_the_list_is_drawn(open_lab):
    cells = SEARCH, "inspector.show(dict(study.best.params))", "explorer.show('slices')"
    lab = open_lab(*cells, width=1200, height=2200)
    lab.run_all()
    page = lab.page
    slot = page.locator("[data-slot=neighbours]").first
    slot.locator("canvas").first.wait_for()
    before = lab.value("dict(inspector.look.params)")
    box = slot.bounding_box()
    page.mouse.click(box["x"] + 0.6 * box["width"], box["y"] + 75)  # anywhere in the first row
    until(lambda: lab.value("dict(inspector.look.params)") != before)
    heading = page.locator("[data-slot=status] strong").first
    wanted = [lab.value(f"inspector.look.params['{name}']") for name in ("fast", "slow")]
    until(lambda: heading.inner_text().endswith(f"fast {wanted[0]}, slow {wanted[1]}"))
    page.get_by_role("button", name="Back").click()
    until(lambda: lab.value("dict(inspector.look.params)") == before)
    for name, words in (("parallel", "All parameters at once"), ("in_and_out", "Early against late")):
        page.get_by_label("Figure", exact=True).select_option(words)
        until(lambda name=name: lab.value("explorer.choice.value") == repr(name))
        page.locator("[data-slot=figure] canvas").first.wait_for()
        assert page.locator("[data-slot=figure][role=img]").first.get_attribute("aria-label")
    assert lab.external == []
    assert lab.errors() == []
