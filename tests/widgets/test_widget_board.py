"""A board's messages, read as a page reads them: nothing lost, nothing twice, and not too many."""

from __future__ import annotations

import gc
import json
import threading
import time

import numpy as np
import pytest
from bokeh.events import SelectionGeometry
from bokeh.io import curdoc
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure
from fake_page import Page, comms  # noqa: F401

from mrtoolkit.widgets.board import Board

pytestmark = pytest.mark.usefixtures("comms")


def make(**columns):
    source = ColumnDataSource(columns or {"x": [0.0], "y": [0.0]})
    plot = figure(height=200)
    plot.line("x", "y", source=source)
    board = Board(figures={"line": plot}, texts={"status": "begun"}, rows=[["status"], ["line"]], labels={"line": "a"})
    return board, plot, source


def settle(board):
    """Wait until nothing waits to be sent."""
    end = time.monotonic() + 5
    while board._changes or any(board._stale.values()):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_page_shows_what_python_has_after_values_columns_and_glyphs_changed():
    board, plot, source = make()
    page = Page(board)
    with board.change():
        source.stream({"x": [1.0], "y": [2.0]})
        plot.title.text = "one"
        plot.title.text = "two"
    page.take()
    assert page.same()
    with board.change():
        other = ColumnDataSource({"a": np.arange(5.0), "b": np.arange(5.0)})
        plot.scatter("a", "b", source=other)
        other.stream({"a": [9.0], "b": [9.0]})  # the page does not know the source yet: it must not come twice
        source.data = {"x": [1.0, 2.0], "y": [3.0, 4.0]}
        source.stream({"x": [5.0], "y": [6.0]})
        source.patch({"y": [(0, 7.0)]})
    settle(board)
    assert page.take() == 1
    assert page.same()
    with board.change():
        other.data["b"] = np.zeros(6)
        other.stream({"a": [1.0], "b": [2.0]}, rollover=3)
        plot.renderers = plot.renderers[:1]
    settle(board)
    page.take()
    assert page.same()


def test_columns_arrive_right_whatever_the_order_of_setting_streaming_and_patching():
    rng = np.random.default_rng(7)
    board, _, source = make(x=[0.0, 1.0, 2.0], y=[0.0, 1.0, 2.0], z=[0.0, 1.0, 2.0])
    page = Page(board)

    def whole():
        n = int(rng.integers(3, 6))
        source.data = {name: rng.random(n).round(3) for name in "xyz"}

    def some():
        name = str(rng.choice(list("xyz")))
        source.data[name] = rng.random(len(source.data["x"])).round(3)

    def stream():
        source.stream({name: [float(rng.random())] for name in "xyz"}, rollover=int(rng.integers(4, 9)))

    def patch():
        source.patch({"y": [(int(rng.integers(0, len(source.data["x"]))), float(rng.random()))]})

    for _ in range(60):
        with board.change():
            for act in rng.choice([whole, some, stream, patch], size=int(rng.integers(1, 6))):
                act()
            board._flush()
        page.take()
        assert page.columns() == {name: list(values) for name, values in source.data.items()}
    assert page.asks == 0


def test_two_threads_that_write_at_once_lose_nothing():
    board, _, source = make(x=np.zeros(0), y=np.zeros(0))
    page = Page(board)

    def produce(sign):
        for i in range(300):
            with board.change():
                source.stream({"x": [float(i)], "y": [sign * float(i)]})
                board.set_text("status", f"{sign} {i}")
            time.sleep(0.001)

    threads = [threading.Thread(target=produce, args=(sign,)) for sign in (1, -1)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    settle(board)
    seconds = time.monotonic() - began
    messages = page.take()
    assert page.asks == 0
    assert sorted(page.columns()["y"]) == sorted([float(i) for i in range(300)] + [-float(i) for i in range(300)])
    assert page.same()
    assert page.texts["status"] == board._texts["status"]
    assert 2 <= messages <= 8 * seconds + 2


def test_what_is_urgent_leaves_at_once_and_never_more_than_eight_in_a_second():
    board, _, source = make()
    page = Page(board)
    times = []
    send = board.send
    board.send = lambda *a: (times.append(time.monotonic()), send(*a))
    with board.change():
        source.stream({"x": [1.0], "y": [1.0]})
    with board.change():
        source.stream({"x": [1.0], "y": [1.0]})
    assert len(times) == 1
    with board.change(at_once=True):
        board.set_text("status", "paused")
    assert len(times) == 2
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        with board.change(at_once=True):
            source.stream({"x": [1.0], "y": [1.0]})
        time.sleep(0.005)
    settle(board)
    page.take()
    assert page.same()
    assert min(b - a for a, b in zip(times, times[8:], strict=False)) > 0.99


def test_one_change_of_figures_texts_and_labels_is_one_message_and_binary_columns_stay_binary():
    board, plot, source = make()
    page = Page(board)
    with board.change():
        source.data = {"x": np.arange(1_000.0), "y": np.arange(1_000.0)}
        plot.title.text = "many"
        board.set_text("status", "<b>now</b>")
        board.set_label("line", "a thousand points")
    (data, buffers) = board.comm.sent[-1]
    assert page.take() == 1
    assert (page.texts["status"], page.labels["line"]) == ("<b>now</b>", "a thousand points")
    assert [len(b) for b in buffers] == [8_000, 8_000]
    assert len(json.dumps(data)) < 2_000


def test_nothing_is_sent_when_nothing_changed():
    board, _, _ = make()
    with board.change():
        board.set_text("status", "begun")
    assert board.comm.sent == []


def test_a_page_that_opens_later_or_missed_a_message_gets_the_whole():
    board, _, source = make()
    first = Page(board)
    with board.change():
        source.stream({"x": [1.0], "y": [1.0]})
    second = Page(board)  # as after a reload: the state is made anew
    assert second.same()
    board.comm.sent.clear()  # a message is lost on the way
    first.read = second.read = 0
    with board.change():
        source.stream({"x": [2.0], "y": [2.0]})
    settle(board)
    for _ in range(2):
        first.take()
        second.take()
    assert (first.asks, second.asks) == (1, 0)
    assert first.same()
    assert second.same()


def test_a_brush_reaches_python_and_what_the_user_did_is_not_sent_back():
    board, plot, source = make()
    page = Page(board)
    brushed, selected = [], []
    plot.on_event(SelectionGeometry, lambda event: brushed.append(event.geometry["x1"]))
    source.selected.on_change("indices", lambda attr, old, new: selected.append(list(new)))
    box = {"type": "rect", "x0": 1.0, "x1": 2.0, "y0": 0.0, "y1": 1.0}
    settle(board)
    assert page.take() == 1  # that Python listens
    geometry = {"type": "map", "entries": [list(item) for item in box.items()]}
    values = {"type": "map", "entries": [["model", {"id": plot.id}], ["geometry", geometry], ["final", True]]}
    event = {"type": "event", "name": "selectiongeometry", "values": values}
    page.say(
        kind="events",
        events=[
            {"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": event},
            {"kind": "ModelChanged", "model": {"id": source.selected.id}, "attr": "indices", "new": [0]},
        ],
    )
    settle(board)
    assert brushed == [2.0]
    assert selected == [[0]]
    assert page.take() == 0
    assert not board.is_seen


def test_a_listener_that_fails_is_written_down_and_the_next_event_is_taken(caplog):
    board, _, source = make()

    def fails(attr, old, new):
        raise ZeroDivisionError

    source.selected.on_change("indices", fails)
    change = {"kind": "ModelChanged", "model": {"id": source.selected.id}, "attr": "indices"}
    Page(board).say(kind="events", events=[change | {"new": [0]}, change | {"new": []}])
    assert list(source.selected.indices) == []
    assert "could not be taken" in caplog.text
    assert curdoc() is not board.document  # or a report would fail once the board is gone


def test_the_theme_is_the_page_s_and_a_later_board_begins_with_it():
    board, plot, _ = make()
    themes = []

    def restyle(theme):
        themes.append(theme)
        plot.title.text_color = "white" if theme == "dark" else "black"

    board.on_theme(restyle)
    page = Page(board)
    page.say(kind="here", number=0, theme="dark", calm=True)
    settle(board)
    assert (board.is_seen, board.theme, themes) == (True, "dark", ["light", "dark"])
    page.take()
    assert page.same()
    assert Board(texts={"a": "b"}).theme == "dark"
    page.say(kind="theme", theme="light")
    assert themes == ["light", "dark", "light"]


def test_a_page_gets_the_whole_again_only_where_it_missed_a_message():
    board, _, source = make()
    page = Page(board)
    with board.change():
        source.stream({"x": [1.0], "y": [2.0]})
    settle(board)
    page.say(kind="here", number=0, theme="light")  # the message is on its way
    page.take()
    assert (page.number, page.asks) == (1, 0)
    assert page.same()
    late = Page(board)
    late.number = 0  # shown from a state of before, and the message did not reach it
    late.read = len(board.comm.sent)
    late.say(kind="here", number=0, theme="light")
    late.take()
    late.take()
    assert (late.number, late.asks) == (1, 1)
    assert late.same()


def test_a_page_tells_how_long_it_paints():
    board, _, _ = make()
    page = Page(board)
    for ms, seconds in ((40.0, 0.04), (-1.0, 0.0), (9e9, 1.0)):
        page.say(kind="painted", ms=ms)
        assert board.page_seconds == seconds


def test_who_asked_for_less_motion_gets_two_messages_a_second():
    board, _, source = make()
    page = Page(board)
    page.say(kind="here", number=0, theme="light", calm=True)
    began = time.monotonic()
    while time.monotonic() < began + 1.2:
        with board.change():
            source.stream({"x": [1.0], "y": [1.0]})
        time.sleep(0.01)
    settle(board)
    assert page.take() <= 4


def test_a_page_that_cannot_draw_says_why():
    board, _, _ = make()
    Page(board).say(kind="trouble", text="no scripts here")
    assert (board.is_seen, board.trouble) == (False, "no scripts here")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rows": [["status"]]}, "once"),
        ({"rows": [["status", "line", "line"]]}, "once"),
        ({"rows": [["status", "line"]], "labels": {"map": "x"}}, "labels"),
    ],
)
def test_a_wrong_layout_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        Board(figures={"line": figure()}, texts={"status": ""}, **options)


def test_a_figure_belongs_to_one_board_until_that_is_closed():
    board, plot, _ = make()
    with pytest.raises(ValueError, match="elsewhere"):
        Board(figures={"line": plot})
    board.close()
    again = Board(figures={"line": plot})
    assert Page(again).same()


def test_its_text_has_no_address():
    assert repr(make()[0]) == "Board(status, line)"


def test_boards_that_were_closed_leave_nothing_behind(comms):  # noqa: F811
    def live():
        gc.collect()
        return sum(issubclass(type(thing), Board) for thing in gc.get_objects())  # isinstance asks dead proxies

    board, _, _ = make()
    board.close()
    threads, boards = threading.active_count(), live()
    for _ in range(100):
        board, _, source = make()
        with board.change():
            source.stream({"x": [1.0], "y": [1.0]})
            source.stream({"x": [1.0], "y": [1.0]})
        with board.change():
            source.stream({"x": [1.0], "y": [1.0]})  # a timer waits to send this
        document = board.document
        board.close()
        board.close()
        assert document.roots == []
        source.stream({"x": [1.0], "y": [1.0]})  # nobody listens any more
    del document, source
    time.sleep(0.2)
    assert threading.active_count() == threads
    assert live() <= boards + 1
    of_boards = [c for c in comms if "rows" in str(c.data["state"].get("picture", ""))]
    assert len(of_boards) == 101
    assert all(c.is_closed for c in of_boards)
