"""The fifth notebook as a participant of a workshop meets it: run, watched, paused, led, looked into, kept."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("playwright", reason="playwright is not installed (pip install playwright)")
from labdriver import Lab, browser, lab_server, until
from live_page import IN_BROWSER, READY, as_json, click_trial, shoot
from playwright.sync_api import expect

pytestmark = IN_BROWSER
WRITTEN = Path(__file__).parents[2] / "notebooks" / "05-the-live-search.ipynb"


class Participant:
    """Runs the cells of one notebook from top to bottom, and uses what appears below them."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.page, self.done = lab, lab.page, 0
        self.cells = nbformat.read(WRITTEN, as_version=4).cells

    def run_through(self, text: str, seconds: float = 60) -> None:
        """Run each cell up to the one that has this text, and wait for its end."""
        last = self.place(text)
        while self.done <= last:
            # a click on a button has chosen that button's cell
            self.page.evaluate("i => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = i }", self.done)
            self.lab.command("notebook:run-cell-and-select-next")
            self.done += 1
        self.lab.ready(seconds * 1000)

    def place(self, text: str) -> int:
        return next(i for i, cell in enumerate(self.cells) if cell.cell_type == "code" and text in cell.source)

    def cell(self, text: str):
        return self.page.locator(".jp-Cell").nth(self.place(text))

    def sees(self, text: str, words: str, seconds: float = 5) -> None:
        """Wait until the status line below a cell says something."""
        status = self.cell(text).locator("[data-slot=status]").first
        expect(status).to_have_text(re.compile(words), timeout=seconds * 1000)

    def press(self, text: str, button: str) -> None:
        self.cell(text).get_by_role("button", name=button, exact=True).click()

    def printed(self, path: Path) -> list[str]:
        """What the cells have printed that print the same each time."""
        cells = nbformat.read(path, as_version=4).cells
        plain = [cell for cell in cells if cell.cell_type == "code" and "NBVAL_IGNORE" not in cell.source]
        return ["".join(out.get("text", "") for out in cell.outputs) for cell in plain]


@pytest.fixture
def participant(tmp_path):
    shutil.copytree(WRITTEN.parent, tmp_path / "notebooks")
    root = tmp_path / "notebooks"
    with lab_server(root, tmp_path / "state") as (base, token), browser() as chromium:
        lab = Lab(chromium.new_context(viewport={"width": 1400, "height": 1500}).new_page(), base, token)
        lab.path = root / WRITTEN.name
        lab.open(WRITTEN.name)
        lab.ready()
        yield Participant(lab)


def test_a_participant_of_a_workshop_runs_watches_leads_and_keeps_it(participant):
    me, lab, page = participant, participant.lab, participant.page
    first, free = "view = mrt.view(search)", "free_view = mrt.view(free)"
    trials = "len(search.study)"

    # watch it, pause it, go step by step
    me.run_through(first)
    me.cell(first).locator(READY).wait_for()
    until(lambda: int(lab.value(trials)) > 5, 60)  # what is compiled is compiled by then
    me.press(first, "Pause")
    me.sees(first, "^Paused")
    stood = int(lab.value(trials))
    assert 0 < stood < 110
    me.press(first, "Next batch")
    until(lambda: stood < int(lab.value(trials)) <= stood + 8, 5)
    me.sees(first, "^Paused")
    me.press(first, "Resume")
    me.sees(first, "^Level")
    me.run_through("study = search.wait()")
    me.sees(first, "^Done. 110 trials in 3 levels")

    # lead it: in a cell, as the notebook does, and by the fields
    me.run_through("again = textbook(steering=study.steering)")
    assert len(as_json(lab, "search.study.steering")) == 1
    wanted = {"fast": [14, 16], "slow": [50, 55]}
    for field, value in zip(me.cell(first).locator(".mrt-fields input").all(), [14, 16, 50, 55], strict=True):
        field.fill(str(value))
        field.press("Tab")
    me.press(first, "Search this region")
    until(lambda: len(as_json(lab, "search.study.steering")) == 2, 5)
    assert as_json(lab, "search.study.steering")[1]["bounds"] == wanted
    until(lambda: lab.value("search.state") == "'done'", 20)
    me.sees(first, f"^Done. {lab.value(trials)} trials")

    # look into one trial
    click_trial(lab, "x > 9 && y > 34 && y < 48")
    me.cell(first).locator("[data-slot=price] .bk-Figure").wait_for(timeout=60_000)
    heading = me.cell(first).locator("[data-slot=status] strong").last.inner_text()
    assert "fast" in heading
    assert "slow" in heading
    shoot(lab, "workshop-trial")

    # a search that finds its own way, and all of its parameters at once
    me.run_through(free)
    me.cell(free).locator(READY).wait_for()
    me.cell(free).get_by_label("y", exact=True).select_option(label="overbought")
    me.run_through("free.more(trials=100)")
    me.sees(free, "^Done. 400 trials")
    assert lab.value("free_view.model.y") == "'overbought'"
    me.press(free, "the whole study")
    me.cell(free).locator("[data-slot=figure] .bk-Figure").first.wait_for(timeout=60_000)
    me.cell(free).get_by_label("Figure", exact=True).select_option(label="Which parameters matter")
    until(lambda: "variance" in me.cell(free).locator("[data-slot=figure]").get_attribute("aria-label"), 20)
    shoot(lab, "workshop-explore")

    # the rest, which prints what is written in the notebook, whatever was pressed
    me.run_through("top = climb.wait()")
    lab.save()
    until(lambda: me.printed(lab.path)[-1] != "", 5)
    assert me.printed(lab.path) == me.printed(WRITTEN)
    assert lab.path.stat().st_size < 1_500_000

    # reloaded it goes on, and without its kernel there are pictures
    lab.open(WRITTEN.name, is_new=False)
    lab.ready()
    until(lambda: page.locator(READY).count() == 3, 30)
    me.sees(first, "^Done. ")
    assert lab.errors() == []
    assert lab.external == []
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    lab.open(WRITTEN.name)
    pictures = page.locator(".jp-RenderedImage img:visible")
    until(lambda: pictures.count() == 4, 20)  # three views, and one that was asked for
    assert page.get_by_text("The best 5 of 400 trials").first.is_visible()
    shoot(lab, "workshop-kept")
