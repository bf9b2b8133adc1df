"""A cell that is run again closes the views of its former runs; and what is known of the cell that runs."""

import gc
from types import SimpleNamespace

import pytest

from mrtoolkit.widgets import cell_request, one_per_cell
from mrtoolkit.widgets.cell_request import cell_and_run, is_attended
from mrtoolkit.widgets.one_per_cell import take_over


class View:
    def __init__(self):
        self.closed = 0

    def close(self):
        self.closed += 1


@pytest.fixture
def runs(monkeypatch):
    """Say that a cell runs, with a request as JupyterLab sends it."""
    monkeypatch.setattr(one_per_cell, "_shown", {})

    def say(cell="", run="", **content):
        asked = {"metadata": {"cellId": cell} if cell else {}, "header": {"msg_id": run}, "content": content}
        shell = SimpleNamespace(kernel=SimpleNamespace(get_parent=lambda: asked))
        monkeypatch.setattr(cell_request, "get_ipython", lambda: shell)

    return say


def shown(runs, cell, run):
    runs(cell, run)
    view = View()
    take_over(view)
    return view


def test_a_cell_run_again_closes_the_views_of_its_former_run_and_no_others(runs):
    other = shown(runs, "b", "1")
    first, beside = shown(runs, "a", "2"), shown(runs, "a", "2")
    assert (first.closed, beside.closed) == (0, 0)  # two views of one run
    again = shown(runs, "a", "3")
    assert (first.closed, beside.closed) == (1, 1)
    last = shown(runs, "a", "4")
    assert (first.closed, beside.closed, again.closed, last.closed, other.closed) == (1, 1, 1, 0, 0)


def test_a_view_that_is_gone_is_not_kept_for_it(runs):
    shown(runs, "a", "1")
    gc.collect()
    assert [reference() for _, reference in one_per_cell._shown["a"]] == [None]
    shown(runs, "a", "2")
    assert len(one_per_cell._shown["a"]) == 1


def test_where_no_cell_is_named_nothing_is_closed(runs):
    views = [shown(runs, "", str(i)) for i in range(3)]
    assert [view.closed for view in views] == [0, 0, 0]
    assert one_per_cell._shown == {}


def test_the_request_says_which_cell_runs_and_whether_anybody_is_there(runs, monkeypatch):
    runs("a", "7", allow_stdin=True)
    assert cell_and_run() == ("a", "7")
    assert is_attended()
    runs("", "8", allow_stdin=False)  # as nbclient and nbval ask
    assert cell_and_run() == ("", "8")
    assert not is_attended()
    monkeypatch.setattr(cell_request, "get_ipython", lambda: None)  # no kernel at all
    assert cell_and_run() == ("", "")
    assert is_attended()
