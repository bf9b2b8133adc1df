"""Features of a few assets at a time where those of all do not fit into memory: the same bits, each made once."""

from __future__ import annotations

import numpy as np
import pytest
from test_event_assets import nasty_bars

import mrtoolkit as mrt
from mrtoolkit import P
from mrtoolkit.backtest import asset_groups, running
from mrtoolkit.backtest.budget import Budget

CROSS = mrt.ema(P.fast) > mrt.ema(P.slow)
POINTS = {"fast": [3, 5, 8], "slow": [13, 21, 34]}
METRICS = ("total_return", "sharpe", "trades", "win_rate")
RULES = {
    "cross": {"entry": CROSS},
    "shifted": {"entry": CROSS & CROSS.shift(2), "exit": mrt.close < mrt.ema(P.fast)},
    "nested": {"entry": mrt.ema(P.fast, of=mrt.rsi(14)) > mrt.macd(12, 26, P.slow).signal_line + 50.0},
    "stops": {"entry": CROSS, "stop_loss": 0.05, "trailing_stop": 2.0 * mrt.atr(14) / mrt.close},
    "both": {"entry": CROSS, "short_entry": mrt.rsi(P.fast) < 30.0, "size": 0.5},
}


def values(bars, rule, store, *, blocks=None):
    backtest = mrt.Backtest(bars, mrt.Strategy(**rule), store=store, costs=mrt.Costs(fee=0.001), blocks=blocks or 1)
    found = backtest.run(POINTS, metrics=METRICS) if blocks is None else backtest.blocks(POINTS)
    return np.stack([found[name].values for name in sorted(found.data_vars)])


@pytest.fixture
def tighten(monkeypatch):
    """Leave no memory for the features of all assets from now on; returns what was run group by group."""

    def start():
        seen = []
        run_groups = running.run_groups

        def noted(plan, piece, cut, n_together, *rest):
            seen.append((piece.points.n, n_together))
            run_groups(plan, piece, cut, n_together, *rest)

        monkeypatch.setattr(Budget, "share", lambda self, nodes: 600_000)
        monkeypatch.setattr(asset_groups, "_NEAR_BYTES", 200_000)
        monkeypatch.setattr(running, "run_groups", noted)
        return seen

    return start


@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize("blocks", [None, 5])
@pytest.mark.parametrize("kind", RULES)
def test_groups_of_assets_equal_all_together_to_the_bit(kind, blocks, threads, tighten, monkeypatch):
    monkeypatch.setenv("MRTOOLKIT_THREADS", threads)
    bars, whole, passed = nasty_bars(3), mrt.FeatureStore(), mrt.FeatureStore()
    expected = values(bars, RULES[kind], whole, blocks=blocks)
    seen = tighten()
    np.testing.assert_array_equal(values(bars, RULES[kind], passed, blocks=blocks), expected)
    ((n_points, n_together),) = seen
    assert n_points == 9
    assert 1 < n_together < 12
    assert passed.counters.computed == whole.counters.computed  # each once


def test_what_the_store_has_is_used_and_not_computed_again(tighten):
    bars, store = nasty_bars(5), mrt.FeatureStore()
    expected = values(bars, RULES["nested"], mrt.FeatureStore())
    store.compute_batch(bars, [mrt.rsi(14), mrt.ema(3, of=mrt.rsi(14)), mrt.macd(12, 26, 21)])
    all_of_it = mrt.FeatureStore()
    values(bars, RULES["nested"], all_of_it)
    tighten()
    np.testing.assert_array_equal(values(bars, RULES["nested"], store), expected)
    assert store.counters.computed == all_of_it.counters.computed


def test_a_store_with_a_folder_runs_all_assets_together(tighten, tmp_path):
    bars = nasty_bars(5)
    seen = tighten()
    values(bars, RULES["cross"], mrt.FeatureStore(tmp_path / "features.zarr"))
    assert not seen
