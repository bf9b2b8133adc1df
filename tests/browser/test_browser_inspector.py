"""The inspector and the explorer in a real JupyterLab: a click leads to the neighbour, every figure is on the page."""

from __future__ import annotations

import os

import pytest

pytest.importorskip("playwright", reason="playwright is not installed (pip install playwright)")
from labdriver import Lab, browser, chromium_path, lab_server, until, write_notebook

IS_REQUIRED = bool(os.environ.get("MRTK_REQUIRE_BROWSER"))

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        chromium_path() is None and not IS_REQUIRED, reason="no chromium here (apt-get install chromium)"
    ),
]

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


@pytest.fixture
def lab(tmp_path_factory):
    root = tmp_path_factory.mktemp("looks")
    with lab_server(root, tmp_path_factory.mktemp("state")) as (base, token), browser() as chromium:
        page = chromium.new_context(viewport={"width": 1200, "height": 2200}).new_page()
        opened = Lab(page, base, token)
        write_notebook(
            root / "look.ipynb", SEARCH, "inspector.show(dict(study.best.params))", "explorer.show('slices')"
        )
        opened.open("look.ipynb")
        yield opened


def test_a_click_on_a_neighbour_shows_it_and_every_figure_of_the_list_is_drawn(lab):
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
        page.get_by_label("Figure").select_option(words)
        until(lambda name=name: lab.value("explorer.choice.value") == repr(name))
        page.locator("[data-slot=figure] canvas").first.wait_for()
        assert page.locator("[data-slot=figure][role=img]").first.get_attribute("aria-label")
    assert lab.external == []
    assert lab.errors() == []
