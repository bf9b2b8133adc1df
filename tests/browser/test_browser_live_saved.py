"""A notebook that was saved with a finished view, opened where its kernel is gone: trusted and not."""

from __future__ import annotations

import json
import re

import pytest

pytest.importorskip("playwright", reason="playwright is not installed (pip install playwright)")
from labdriver import until
from live_page import FAST, IN_BROWSER, READY, SETUP, START, is_done, shoot, state

pytestmark = IN_BROWSER


def test_the_picture_and_the_best_are_there_without_a_kernel_trusted_or_not(open_lab):
    lab = open_lab(SETUP, FAST, "study = search.wait(); time.sleep(1.5)")
    lab.run_all()
    lab.page.wait_for_selector(READY)
    until(lambda: is_done(lab), 10)
    lab.save()
    until(lambda: "image/png" in lab.path.read_text(), 5)
    saved = lab.path.read_text()
    assert len(saved) < 200_000
    assert "Bokeh" not in saved
    assert "widget-state" not in saved
    lab.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    # a notebook is trusted as it was run here; with another text in it, it is that of a stranger
    stranger = json.loads(saved)
    stranger["cells"][0]["source"] += "\n# from elsewhere"
    for out in stranger["cells"][1]["outputs"]:
        out.get("metadata", {}).pop("trusted", None)
    other = lab.path.with_name(f"stranger-{lab.name}")
    other.write_text(json.dumps(stranger))
    for name, is_trusted in ((lab.name, True), (other.name, False)):
        lab.open(name)
        lab.page.wait_for_selector(".jp-RenderedImage img", state="visible")
        trusted = "() => window.jupyterapp.shell.currentWidget.content.model.cells.get(1).trusted"
        assert lab.page.evaluate(trusted) is is_trusted
        width, height = lab.page.locator(".jp-RenderedImage img").evaluate("i => [i.naturalWidth, i.naturalHeight]")
        assert width >= 600
        assert height >= 200
        assert lab.page.get_by_text("The best 5 of 400 trials").is_visible()
        shoot(lab, f"saved-{'trusted' if is_trusted else 'untrusted'}")
    assert lab.external == []


def test_a_notebook_saved_in_a_paced_searchs_first_seconds_keeps_what_it_had(open_lab):
    lab = open_lab(SETUP, START.replace("20 trials/s", "5 trials/s"))
    lab.run_all()
    lab.page.wait_for_selector(READY)
    told = r"It has not ended: this is how it stood after (\d+) trials"
    until(lambda: (lab.save(), int((re.findall(told, lab.path.read_text()) or [0])[-1]) >= 16)[1], 15)
    assert "image/png" in lab.path.read_text()
    assert state(lab) == "running"
    lab.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    lab.open(lab.name)
    lab.page.wait_for_selector(".jp-RenderedImage img", state="visible")
    shoot(lab, "saved-early")
