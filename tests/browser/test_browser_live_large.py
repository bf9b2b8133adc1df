"""A hundred thousand trials, and an hour's worth of changes: the page holds no more than one looks at."""

from __future__ import annotations

import pytest

pytest.importorskip("playwright", reason="playwright is not installed (pip install playwright)")
from labdriver import until
from live_page import IN_BROWSER, READY, SETUP, cell, is_done, sources_on_page, status, trials

pytestmark = IN_BROWSER
CHANGES = 1_200  # with what came before: as many as 20 minutes at one a second
MANY = cell("""
strategy = mrt.Strategy(entry=(mrt.ema(P.fast) > mrt.ema(P.slow)) & (mrt.rsi(P.length) < P.high))
backtest = mrt.Backtest(mrt.data.sample("AAPL"), strategy, costs=mrt.Costs(fee=0.001))
space = mrt.Space(fast=mrt.Integer(2, 60), slow=mrt.Integer(61, 200), length=mrt.Integer(5, 30),
                  high=mrt.Integer(50, 95))
search = mrt.MultiResOptimizer(backtest, space, objective="sharpe", trials=100_000).start()
view = mrt.view(search)
view
""")
# one source grows and rolls over, the others are drawn anew
CHANGE = """
def change(n):
    board, points = view.board, view._map._points.source
    board._hz = 1000.0
    for k in range(n):
        with board.change():
            points.patch({name: [(0, values[k % len(values)])] for name, values in points.data.items()})
            board.set_text("status", f"change {k}")
            if k % 40 == 0:
                view.model.choose(x=view.model.params[k // 40 % 4])
                view.model.refresh()
                view._convergence.update(); view._map.update()
        time.sleep(0.001)
"""


def heap(lab, session) -> tuple[float, float]:
    """MB of the page's JavaScript that are held, and its DOM nodes."""
    for _ in range(2):
        session.send("HeapProfiler.collectGarbage")
    metrics = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
    return metrics["JSHeapUsedSize"] / 1e6, metrics["Nodes"]


def test_the_page_stays_light_with_many_trials_and_after_many_changes(open_lab):
    lab = open_lab(SETUP, MANY, CHANGE)
    session = lab.page.context.new_cdp_session(lab.page)
    session.send("Performance.enable")
    lab.run_all()
    lab.page.wait_for_selector(READY)
    until(lambda: is_done(lab), 40)
    assert trials(lab) >= 95_000
    points = sum(max(map(len, columns.values()), default=0) for columns in sources_on_page(lab).values())
    assert points < 10_000
    assert lab.page.evaluate("() => document.querySelectorAll('.mrt-board *, .mrt-controls *').length") < 1_000
    board = "view.board._number"
    figures = []
    for _ in range(3):
        before = int(lab.value(board))
        lab.value(f"change({CHANGES // 2})")
        n = int(lab.value(board))
        assert n - before > CHANGES // 4
        until(lambda: int(lab.page.get_attribute(".mrt-board", "data-number")) >= n, 10)  # noqa: B023
        figures.append((*heap(lab, session), n))
    print("MB, nodes, messages", figures)
    (_, _, _), (mb, nodes, _), (mb_later, nodes_later, _) = figures
    assert status(lab).startswith(("change", "Done"))
    assert mb_later - mb < 3
    assert nodes_later <= nodes + 200
    assert lab.errors() == []
