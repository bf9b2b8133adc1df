"""Each node of a batch is computed once per distinct value of the parameters that it depends on."""

import numpy as np
import pandas as pd

import mrtoolkit as mrt
from mrtoolkit import P
from mrtoolkit.backtest.points import frame_of
from mrtoolkit.strategy import Plan, Points

BARS = mrt.data.simulate(bars=300, seed=1)


def plan_of(**words):
    return Plan(strategy=mrt.Strategy(**words), bars=BARS, store=mrt.FeatureStore())


def points_of(plan, rows):
    return Points.from_frame(frame_of(rows), plan.strategy.params)


def test_condition_of_one_parameter_has_one_row_a_value_of_it():
    plan = plan_of(entry=(mrt.ema(P.fast) > mrt.ema(P.slow)) & (mrt.rsi(P.n) < P.level), exit=mrt.rsi(P.n) > 80)
    rows = [dict(fast=f, slow=s, n=n, level=60) for f in (5, 10) for s in (20, 30, 40) for n in (7, 14)]
    (signals,) = plan.signals(points_of(plan, rows))
    assert [mask.shape[1] for mask in signals.masks] == [12, 2, 1, 1]
    assert plan.store.counters.computed == 2 + 3 + 2


def test_features_of_points_are_named_without_computing_them():
    plan = plan_of(entry=mrt.ema(P.m, of=mrt.rsi(P.n)) > 50)
    calls = plan.calls(points_of(plan, [dict(m=3, n=7), dict(m=5, n=7)]))
    assert sorted(call.key for call in calls) == ["ema(3, of=rsi(7))", "ema(5, of=rsi(7))", "rsi(7)"]
    assert plan.store.counters.computed == 0


def test_part_that_is_switched_off_and_case_that_is_not_chosen_cost_no_feature():
    plan = plan_of(
        entry=mrt.choose(P.kind, {"ema": mrt.ema(P.n), "sma": mrt.sma(P.n)}) < mrt.close,
        exit=mrt.when(P.use_rsi, mrt.rsi(P.n) > 70, otherwise=False) | (mrt.close < mrt.lowest(P.n).shift(1)),
    )
    one = [dict(kind="ema", n=10, use_rsi=False)]
    assert sorted(c.key for c in plan.calls(points_of(plan, one))) == ["ema(10)", "lowest(10)"]
    both = [*one, dict(kind="sma", n=10, use_rsi=True)]
    assert sorted(c.key for c in plan.calls(points_of(plan, both))) == ["ema(10)", "lowest(10)", "rsi(10)", "sma(10)"]


def test_stop_of_none_costs_no_feature_and_is_infinite():
    plan = plan_of(entry=mrt.close > mrt.sma(10), stop_loss=P.k * mrt.atr(P.a) / mrt.close)
    found = list(plan.signals(points_of(plan, [dict(k=None, a=14), dict(k=1.5, a=14)])))
    by_point = {int(s.points[0]): s for s in found}
    assert np.isinf(by_point[0].settings[1]).all()
    assert by_point[1].settings[1].shape[-1] == 300
    assert by_point[0].warm[0, 0] == 9
    assert by_point[1].warm[0, 0] == 14


def test_one_label_however_it_is_written():
    points = Points.from_frame(pd.DataFrame({"n": np.array([10, 10.0, 0.1 + 0.2, 0.3])}), ["n"])
    assert points.labels["n"] == (0.3, 10)
    mixed = pd.DataFrame({"n": pd.Series([10, np.int64(10), 10.0, True, None], dtype=object)})
    assert Points.from_frame(mixed, ["n"]).labels["n"] == (10, True, None)


def test_unique_rows_agree_with_comparing_values():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({name: rng.integers(0, 6, 500) for name in "abc"})
    points = Points.from_frame(frame, ["a", "b", "c"])
    first, index = points.rows(("a", "c"))
    expected = frame[["a", "c"]].drop_duplicates()
    assert len(first) == len(expected)
    assert (frame[["a", "c"]].to_numpy()[first[index]] == frame[["a", "c"]].to_numpy()).all()


def test_slices_of_any_size_give_the_same_signals(monkeypatch):
    plan = plan_of(entry=mrt.ema(P.fast) > mrt.ema(P.slow), size=1 / (100 * mrt.stdev(P.fast) / mrt.close))
    points = points_of(plan, [dict(fast=f, slow=s) for f in range(3, 9) for s in range(10, 17)])
    (whole,) = plan.signals(points)
    monkeypatch.setattr("mrtoolkit.strategy.span._SLICE_BARS", 300 * 5)
    slices = list(plan.signals(points))
    assert len(slices) == 9
    for part in slices:
        for k, position in enumerate(part.points):
            for m in range(4):
                expected = whole.masks[m][:, whole.index[position, m]]
                assert (part.masks[m][:, part.index[k, m]] == expected).all()
            np.testing.assert_array_equal(
                part.settings[0][:, part.index[k, 4]], whole.settings[0][:, whole.index[position, 4]]
            )
