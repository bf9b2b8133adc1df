"""A board in a real JupyterLab: what stands on the page is what Python has, whatever happens to page and kernel."""

from __future__ import annotations

import os
import time

import pytest

pytest.importorskip("playwright", reason="playwright is not installed (pip install playwright)")
from labdriver import Lab, until
from live_page import IN_BROWSER, as_json, drag

pytestmark = IN_BROWSER

SETUP = """
import threading, time
import numpy as np
from bokeh.events import SelectionGeometry, Tap
from bokeh.models import BoxSelectTool, ColumnDataSource
from bokeh.plotting import figure
from mrtoolkit.widgets.board import Board

def plot(title):
    source = ColumnDataSource({"x": np.zeros(0), "y": np.zeros(0)})
    made = figure(height=260, sizing_mode="stretch_width", title=title, tools="", x_range=(0, 320), y_range=(-320, 320))
    made.scatter("x", "y", source=source)
    made.add_tools(BoxSelectTool())
    made.toolbar.active_drag = made.tools[-1]
    return made, source

left, points = plot("left")
right, others = plot("right")
brushed, tapped, themes = [], [], []
left.on_event(SelectionGeometry, lambda event: brushed.append(event.geometry))
right.on_event(Tap, lambda event: tapped.append((event.x, event.y)))
board = Board({"left": left, "right": right}, {"status": "begun", "table": "<table><tr><th>a</th></tr></table>"},
              [["status"], ["left", "right"], ["table"]], {"left": "points from two threads", "right": "more points"})
board.on_theme(themes.append)
"""
PRODUCE = """
def produce(sign):
    for i in range(300):
        with board.change():
            points.stream({"x": [float(i)], "y": [sign * float(i)]})
            board.set_text("status", f"{len(points.data['x'])} points")
        time.sleep(0.004)
    global ended
    ended = time.monotonic()
began, shown_at = time.monotonic(), time.time()
threads = [threading.Thread(target=produce, args=(s,), daemon=True) for s in (1, -1)]
for thread in threads: thread.start()
board
"""
IS_DONE = "not any(thread.is_alive() for thread in threads)"


def shown_points(lab: Lab, at: int = 0) -> list[tuple[float, float]]:
    found = [c for c in lab.columns() if len(c["x"])]
    return sorted(zip(found[at]["x"], found[at]["y"], strict=True)) if found else []


def python_points(lab: Lab) -> list[tuple[float, float]]:
    columns = as_json(lab, "[list(map(float, points.data[k])) for k in 'xy']")
    return sorted(zip(*columns, strict=True))


def test_what_two_threads_wrote_stands_on_the_page_without_network(open_lab):
    lab = open_lab(SETUP, PRODUCE)
    lab.run_all()
    lab.page.wait_for_selector(".mrt-board .bk-Figure")
    until(lambda: lab.value(IS_DONE) == "True", 20)
    until(lambda: len(shown_points(lab)) == 600, 3)
    assert shown_points(lab) == python_points(lab)
    assert lab.page.inner_text("[data-slot=status]") == "600 points"
    until(lambda: lab.page.inner_text("[role=status].mrt-announcer") == "600 points", 3)
    assert lab.page.get_attribute("[data-slot=left]", "role") == "img"
    assert lab.page.get_attribute("[data-slot=left]", "aria-label") == "points from two threads"
    sent, seconds = int(lab.value("board._number")), float(lab.value("ended - began"))
    assert sent <= 8 * seconds + 3  # the first, the last, and what waited when the page was there
    assert lab.external == []
    assert lab.errors() == []
    assert lab.page.evaluate("() => typeof window.Bokeh") == "undefined"


def test_the_first_picture_is_there_while_the_next_cell_sleeps(open_lab):
    lab = open_lab(SETUP, PRODUCE, "time.sleep(8)")
    lab.start_all()
    lab.page.wait_for_selector(".mrt-board[data-number] .bk-Figure")
    seen_at = time.time()
    until(lambda: len(shown_points(lab)) > 100, 6)
    assert lab.page.evaluate("() => window.__done") == 0
    until(lambda: len(shown_points(lab)) == 600, 5)
    assert lab.page.evaluate("() => window.__done") == 0  # all of it came while the kernel was busy
    first = seen_at - float(lab.value("shown_at"))
    print(f"first picture after {first:.2f} s")
    assert first < (2 if os.getloadavg()[0] < (os.cpu_count() or 1) else 6)  # others work on this machine too


def test_a_brush_and_a_tap_reach_python(open_lab):
    lab = open_lab(SETUP, "board")
    lab.run_all()
    lab.page.wait_for_selector(".mrt-board[data-number] .bk-Figure")
    drag(lab, "left", (0.25, 0.25), (0.5, 0.6))
    until(lambda: lab.value("len(brushed)") == "1", 3)
    drag(lab, "left", (0.5, 0.6), (0.25, 0.25))
    until(lambda: lab.value("len(brushed)") == "2", 3)
    x0, x1 = as_json(lab, "[brushed[0]['x0'], brushed[0]['x1']]")
    assert 0 < x0 < x1 < 320
    box = lab.page.locator("[data-slot=right]").bounding_box()
    lab.page.mouse.click(box["x"] + 200, box["y"] + 120)
    until(lambda: lab.value("len(tapped)") == "1", 3)
    assert lab.errors() == []


def test_a_reload_in_the_middle_and_a_second_view_show_the_same(open_lab):
    lab = open_lab(SETUP, PRODUCE, "board")
    lab.run_all()
    until(lambda: len(lab.page.query_selector_all(".mrt-board[data-number]")) == 2)
    until(lambda: len(shown_points(lab)) > 50)
    lab.save()
    lab.open(lab.name, is_new=False)
    lab.ready()
    until(lambda: len(lab.page.query_selector_all(".mrt-board[data-number]")) == 2, 20)
    until(lambda: lab.value(IS_DONE) == "True", 20)
    until(lambda: len(shown_points(lab, 0)) == len(shown_points(lab, 1)) == 600, 5)
    assert shown_points(lab, 0) == shown_points(lab, 1) == python_points(lab)
    drag(lab, "left", (0.25, 0.25), (0.5, 0.6))
    until(lambda: lab.value("len(brushed)") == "1", 3)
    assert lab.path.stat().st_size < 10_000
    assert lab.errors() == []


def test_after_a_restart_all_cells_run_again(open_lab):
    lab = open_lab(SETUP, PRODUCE)
    lab.run_all()
    until(lambda: len(shown_points(lab)) > 50)
    lab.restart()
    drag(lab, "left", (0.25, 0.25), (0.5, 0.6))  # what is left of it has nobody to tell, and says nothing
    lab.run_all()
    until(lambda: lab.value(IS_DONE) == "True", 20)
    until(lambda: len(lab.page.query_selector_all(".mrt-board[data-number]")) == 1)
    until(lambda: len(shown_points(lab, -1)) == 600, 5)
    assert lab.errors() == []


def test_it_follows_the_theme_and_stands_side_by_side_where_there_is_room(open_lab):
    lab = open_lab(SETUP, "board")
    lab.run_all()
    lab.page.wait_for_selector(".mrt-board[data-number] .bk-Figure")
    left, right = (lab.page.locator(f"[data-slot={name}]").bounding_box() for name in ("left", "right"))
    assert left["y"] == right["y"]
    assert abs(left["width"] - right["width"]) < 2
    lab.theme("dark")
    until(lambda: lab.value("board.theme") == "'dark'", 3)
    lab.theme("light")
    until(lambda: lab.value("themes") == "['light', 'dark', 'light']", 3)
    lab.page.set_viewport_size({"width": 800, "height": 1200})
    until(lambda: lab.page.locator("[data-slot=right]").bounding_box()["y"] > left["y"] + 200, 3)
    wide = "() => { const b = document.querySelector('.mrt-board'); return b.scrollWidth - b.clientWidth }"
    assert lab.page.evaluate(wide) <= 0


def test_closing_it_takes_it_from_the_page_and_leaves_no_document(open_lab):
    lab = open_lab(SETUP, PRODUCE, "board.close()")
    lab.run_all()
    until(lambda: lab.columns() == [], 5)
    assert lab.errors() == []
