"""What a view does between a press and the search's answer."""

import pytest
from fake_page import comms  # noqa: F401

import mrtoolkit as mrt
from mrtoolkit.widgets import search_view


@pytest.mark.usefixtures("comms")
@pytest.mark.parametrize(("compiling", "is_drawn"), [("", False), ("compiling a kernel", True)])
def test_a_pressed_button_waits_for_the_search_unless_that_compiles(monkeypatch, compiling, is_drawn):
    search = mrt.MultiResOptimizer(lambda p: p["x"], mrt.Space(x=mrt.Integer(0, 100)), trials=40).start(
        pace="1 trials/s"
    )
    view = mrt.view(search, live=True)
    try:
        view._ticker.close()  # only this thread draws
        read = []
        monkeypatch.setattr(search_view, "compiling_words", lambda: compiling)
        monkeypatch.setattr(view.model, "refresh", lambda **_: read.append(1))
        view._wishes.append(("pause", None))
        view._work()
        assert bool(read) == is_drawn  # a search that compiles answers in seconds
    finally:
        view.close()
        search.stop()
        search.join(5)
