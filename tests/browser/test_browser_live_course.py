"""A live search from its first cell on: a busy kernel, two searches, two views, a new kernel, an end by an error."""

from __future__ import annotations

import os
import re

import numpy as np
import pytest

pytest.importorskip("playwright", reason="playwright is not installed (pip install playwright)")
from labdriver import until
from live_page import (
    FAST,
    IN_BROWSER,
    READY,
    SEARCH_THREADS,
    SETUP,
    START,
    cell,
    press,
    sources_in_python,
    sources_on_page,
    state,
    status,
    trials,
)

pytestmark = IN_BROWSER


def differences(lab, board: str) -> list[str]:
    """What of a board's sources the page holds otherwise than Python."""
    page, python = sources_on_page(lab), sources_in_python(lab, board)
    assert sum(len(next(iter(columns.values()), [])) for columns in python.values()) > 20
    wrong = []
    for source, columns in python.items():
        for name, values in columns.items():
            shown = page.get(source, {}).get(name)
            if shown is None or len(shown) != len(values):
                wrong.append(f"{source}.{name}: {len(values)} in Python, {shown and len(shown)} on the page")
            elif values and isinstance(values[0], str):
                wrong += [f"{source}.{name}"] * (shown != values)
            elif not all(map(is_same, values, shown)):
                wrong.append(f"{source}.{name}: other values")
    return wrong


def is_same(one, other) -> bool:
    as_floats = [np.array(v, dtype=float) for v in (one, other)]  # None, as JSON has it, is NaN
    return as_floats[0].shape == as_floats[1].shape and np.allclose(*as_floats, rtol=1e-5, equal_nan=True)


@pytest.mark.skipif(
    os.environ.get("MRTOOLKIT_LAB_COMMS") == "disabled", reason="then JupyterLab lets a press wait for the cell"
)
def test_it_is_seen_paused_and_resumed_while_the_next_cell_waits_for_it(open_lab):
    lab = open_lab(SETUP, START, "search.wait()")
    lab.start_all()
    lab.page.wait_for_selector(READY)
    first = status(lab)
    until(lambda: status(lab) != first, 5)
    press(lab, "Pause")
    until(lambda: status(lab).startswith("Paused"), 3)
    press(lab, "Resume")
    until(lambda: status(lab).startswith("Level"), 3)
    assert lab.page.evaluate("() => window.__done") == 0  # all that from a kernel whose cell is still waiting
    press(lab, "Stop")
    until(lambda: lab.page.evaluate("() => window.__done") == 1, 10)
    assert lab.errors() == []


def test_two_searches_at_once_stand_on_the_page_as_in_python(open_lab):
    other = cell("""
    def bowl(p): return -(p["x"] - 300) ** 2 - (p["y"] - 70) ** 2
    wide = mrt.Space(x=mrt.Integer(0, 1000), y=mrt.Integer(0, 100))
    other = mrt.MultiResOptimizer(bowl, wide, trials=3_000).start(alongside=True)
    second = mrt.view(other)
    second
    """)
    lab = open_lab(SETUP, FAST, other)
    lab.run_all()
    lab.page.wait_for_selector(READY)
    until(lambda: state(lab) == "done" and lab.value("other.state") == "'done'", 20)
    said = lab.page.locator("[data-slot=status]")
    until(lambda: [text[:4] for text in said.all_inner_texts()] == ["Done"] * 2)
    for board in ("view.board", "second.board"):
        until(lambda: differences(lab, board) == [], 3)  # noqa: B023
    assert lab.errors() == []


def test_the_cell_run_again_says_that_it_stopped_the_search_before(open_lab):
    lab = open_lab(SETUP, START)
    lab.run_all()
    lab.page.wait_for_selector(READY)
    until(lambda: trials(lab) > 5)
    lab.command("notebook:run-cell")
    until(lambda: "was stopped after" in lab.value("search.notice"), 5)
    until(lambda: "The search that was running was stopped after" in status(lab), 5)
    assert lab.value(SEARCH_THREADS) == "1"
    press(lab, "Stop")
    until(lambda: lab.value(SEARCH_THREADS) == "0", 1 if state(lab) == "done" else 3)
    assert lab.errors() == []


def test_two_views_of_one_search_show_and_steer_the_same(open_lab):
    lab = open_lab(SETUP, START, "again = mrt.view(search)\nagain")
    lab.run_all()
    until(lambda: lab.page.locator(READY).count() == 2, 20)
    until(lambda: trials(lab) > 10)
    lab.page.get_by_role("button", name="Pause", exact=True).last.click()
    until(lambda: lab.page.get_by_role("button", name="Resume", exact=True).count() == 2, 5)
    shown = lab.page.locator("[data-slot=status]").all_inner_texts()
    assert shown[0] == shown[1]
    assert shown[0].startswith("Paused")
    tables = lab.page.locator("[data-slot=levels]")
    until(lambda: tables.first.inner_text() == tables.last.inner_text(), 3)
    for board in ("view.board", "again.board"):
        until(lambda: differences(lab, board) == [], 3)  # noqa: B023
    lab.page.get_by_role("button", name="Resume", exact=True).first.click()
    until(lambda: lab.page.get_by_role("button", name="Pause", exact=True).count() == 2, 5)
    assert lab.errors() == []


def test_after_a_restart_of_the_kernel_all_cells_run_again(open_lab):
    lab = open_lab(SETUP, START)
    lab.run_all()
    lab.page.wait_for_selector(READY)
    until(lambda: trials(lab) > 5)
    lab.restart()
    lab.run_all()
    until(lambda: lab.page.locator(READY).count() == 1 and trials(lab) > 5, 20)
    press(lab, "Pause")
    until(lambda: status(lab).startswith("Paused"), 3)
    assert lab.errors() == []
    assert lab.external == []


def test_what_the_evaluator_raises_is_raised_by_wait_too(open_lab):
    fails = cell("""
    def evaluate(point):
        if point["x"] > limit: raise ZeroDivisionError("no such strategy")
        return point["x"]
    limit, wide = 40, mrt.Space(x=mrt.Integer(0, 100), y=mrt.Integer(0, 100))
    view = mrt.view(mrt.MultiResOptimizer(evaluate, wide).start())
    view
    """)
    again = cell("""
    view.search.wait()
    limit = -1
    search = mrt.MultiResOptimizer(evaluate, wide).start()
    broken = mrt.view(search)
    broken
    """)
    raised = "try:\n    search.wait()\nexcept ZeroDivisionError as error:\n    caught = error"
    lab = open_lab(SETUP, fails, again, raised)
    lab.run_all()
    until(lambda: lab.page.locator(READY).count() == 2)
    assert lab.value("caught is search.error and str(caught)") == "'no such strategy'"
    until(lambda: status(lab).startswith("Failed with ZeroDivisionError: no such strategy"), 3)
    for name in ("Pause", "Next batch", "Next level", "Stop"):
        assert lab.page.get_by_role("button", name=name, exact=True).last.is_disabled()
    # where some trials fail and others do not, the search goes on, and the view says so
    some = lab.page.locator("[data-slot=message]").first.inner_text()
    assert re.search(r"trials failed, the last at x \d+, y \d+: ZeroDivisionError: no such strategy; ", some)
    assert lab.page.locator("[data-slot=status]").first.inner_text().startswith("Done. ")
    assert lab.errors() == []
