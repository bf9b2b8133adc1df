"""Searches of spaces at their limits, and of rules that a category chooses among, with both engines."""

import itertools
import math

import numpy as np
import pytest

import mrtoolkit as mrt
from mrtoolkit import Categorical, Integer, P, Real, Space, optimize
from mrtoolkit.errors import ExpressionError, SpaceError, StudyError
from mrtoolkit.expressions.binding import bind
from mrtoolkit.search.corners import corner_codes
from mrtoolkit.search.level import Level

CHAIN = {f"p{i:02}": Integer(1, 10) for i in range(12)}
RISING = [P[a] <= P[b] for a, b in itertools.pairwise(CHAIN)]


@pytest.fixture(scope="module")
def bars():
    return mrt.data.simulate(bars=1500, freq="1h", seed=3)


def test_a_space_of_one_dimension_is_searched_whole():
    study = optimize(lambda p: -abs(p["x"] - 7), Space(x=Integer(1, 20)), trials=50)
    assert len(study) == 20
    assert study.best.params == {"x": 7}


def test_a_space_of_one_feasible_point_is_searched():
    one = Space(a=Integer(1, 12), b=Integer(1, 12), where=P.a * 12 == P.b)
    assert one.count() == (1, True)
    study = optimize(lambda p: p["a"] + p["b"], one)
    assert len(study) == 1
    assert study.best.params == {"a": 1, "b": 12}


def test_twelve_dimensions_of_which_constraints_leave_one_point_in_three_million_are_searched():
    space = Space(where=RISING, **CHAIN)
    assert space.count().n == math.comb(21, 12)
    study = optimize(lambda p: -sum((v - 1 - i * 9 / 11) ** 2 for i, v in enumerate(p.values())), space, trials=120)
    assert 100 <= len(study) <= 120
    assert space.contains(study.to_pandas()[list(space)]).all()


def test_the_ends_of_a_parameter_are_tried_where_it_matters():
    space = Space(
        kind=Categorical(["ema", "macd", "sma"]),
        n=Integer(5, 50),
        signal=Integer(3, 9, only=P.kind == "macd"),
        smooth=Real(0, 1, step=0.1, only=P.signal > 5),
    )
    codes = corner_codes(space, [Level("coarse")])
    active = space.active(codes)
    for j, ends in enumerate(([0, 1, 2], [0, 45], [0, 6], [0, 10])):
        assert set(ends) <= set(codes[active[:, j], j].tolist())
    assert (space.canonical(codes) == codes).all()
    assert len(codes) < 20
    tight = Space(where=RISING, **CHAIN)
    assert len(corner_codes(tight, [Level("coarse")])) > 0
    assert tight.holds(corner_codes(tight, [Level("coarse")])).all()


def test_what_cannot_be_run_only_where_it_matters_is_said_before_the_search(bars):
    rule = mrt.choose(P.kind, {"price": mrt.close > mrt.ema(10), "mean": mrt.close > mrt.sma(P.n)})
    backtest = mrt.Backtest(bars, mrt.Strategy(entry=rule))
    space = Space(n=Integer(5, 5000, only=P.kind == "mean"), kind=Categorical(["mean", "price"]))
    with pytest.raises(SpaceError, match="'n': 5000.*cannot be run"):
        optimize(backtest, space, trials=20)


MIDDLE = (mrt.high + mrt.low) / 2
PRICE = mrt.choose(P.source, {"close": mrt.close, "middle": MIDDLE, "open": mrt.input("open")})
LINE = mrt.ema(P.n) - mrt.ema(40)
RULES = {
    "price source": (
        mrt.ema(P.n, of=PRICE) > mrt.ema(40, of=PRICE),
        {"n": Integer(3, 30), "source": Categorical(["close", "middle", "open"])},
    ),
    "indicator": (
        mrt.close > mrt.choose(P.kind, {"ema": mrt.ema(P.n), "sma": mrt.sma(P.n)}),
        {"n": Integer(3, 30), "kind": Categorical(["ema", "sma"])},
    ),
    "a part with its own parameter": (
        mrt.choose(P.kind, {"zero": LINE > 0, "signal": mrt.ema(P.signal, of=LINE) < LINE}),
        {
            "n": Integer(3, 12),
            "kind": Categorical(["zero", "signal"]),
            "signal": Integer(3, 9, only=P.kind == "signal"),
        },
    ),
    "a part that may be left out": (
        (mrt.close > mrt.ema(P.n)) & mrt.when(P.use, mrt.rsi(P.m) < 60),
        {"n": Integer(3, 12), "use": Categorical([False, True]), "m": Integer(5, 12, only=P.use)},
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_what_a_category_chooses_runs_alike_on_both_engines_and_computes_no_feature_twice(bars, name):
    rule, dimensions = RULES[name]
    space = Space(**dimensions)
    tables = []
    for engine in ("event", "dense"):
        backtest = mrt.Backtest(bars, mrt.Strategy(entry=rule), engine=engine, store=mrt.FeatureStore())
        study = optimize(backtest, space, trials=10_000)
        assert len(study) == space.count().n
        points = space.decode(study.log.codes)  # whole points: a table leaves out what does not matter
        used = backtest.features(points)
        assert study.levels["features computed"].sum() == len(used)
        tables.append(study.to_pandas())
    assert "6 of 6 equal" in repr(study.verify(5)) or "5 of 5 equal" in repr(study.verify(5))
    for column in ("sharpe", "trades", "total_return"):
        np.testing.assert_allclose(tables[0][column], tables[1][column], rtol=1e-9, atol=1e-12)
    for i, row in tables[0].reset_index(drop=True).sample(6, random_state=0).iterrows():
        chosen = bind(rule, points.iloc[i].to_dict())  # the rule that a person would write for this point
        by_hand = mrt.Backtest(bars, mrt.Strategy(entry=chosen), store=mrt.FeatureStore()).run({})
        assert float(by_hand["sharpe"]) == pytest.approx(row["sharpe"], rel=1e-9, nan_ok=True)


def test_an_input_named_by_a_parameter_says_how_a_search_chooses_one():
    with pytest.raises(ExpressionError, match=r"mrt.choose\(P.source"):
        mrt.input(P.source)


def test_a_plan_counts_points_exactly_and_lists_few(bars, monkeypatch):
    listed, coded = [], Space.coded
    monkeypatch.setattr(Space, "coded", lambda self, codes: listed.append(len(codes)) or coded(self, codes))
    total = sum((mrt.ema(P[name]) for name in CHAIN), start=mrt.close)
    backtest = mrt.Backtest(bars, mrt.Strategy(entry=mrt.close * 13 > total), store=mrt.FeatureStore())
    space = Space(where=RISING, **{name: Integer(2, 11) for name in CHAIN})
    assert backtest.plan(space).n_trials == math.comb(21, 12)
    assert 0 < sum(listed) < 10_000  # a few are tried
    conditional = Space(kind=Categorical(["a", "b"]), n=Integer(2, 400), m=Integer(2, 1000, only=P.kind == "b"))
    rule = mrt.choose(P.kind, {"a": mrt.close > mrt.ema(P.n), "b": mrt.ema(P.n) > mrt.sma(P.m)})
    backtest = mrt.Backtest(bars, mrt.Strategy(entry=rule), store=mrt.FeatureStore())
    assert backtest.plan(conditional).n_trials == 399 + 399 * 999


def test_the_study_s_text_says_which_parameters_do_not_matter():
    space = Space(kind=Categorical(["a", "b"]), n=Integer(2, 9, only=P.kind == "b"))
    study = optimize(lambda p: 1.0 if p["kind"] == "a" else 0.0, space)
    assert len(study) == 9
    assert "kind=a, n=-" in repr(study)
    assert study.best.params == {"kind": "a", "n": 2}


def test_a_study_of_other_conditions_is_not_gone_on_with(tmp_path):
    def space(only):
        return Space(kind=Categorical(["a", "b", "c"]), n=Integer(2, 9, only=only))

    def evaluate(p):
        return float(p["n"])

    first = optimize(evaluate, space(P.kind == "b"), study=tmp_path / "s.zarr")
    again = optimize(evaluate, space(P.kind == "b"), study=tmp_path / "s.zarr")
    assert again.to_pandas()["n"].tolist() == first.to_pandas()["n"].tolist()
    with pytest.raises(StudyError, match=r"space.dimensions.n.only"):
        optimize(evaluate, space(P.kind == "c"), study=tmp_path / "s.zarr")
