"""A search in whole numbers is the search in tables: the same points, trials, rows and files."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mrtoolkit as mrt
from mrtoolkit import Categorical, Integer, Level, MultiResOptimizer, P, Real, Space, optimize
from mrtoolkit.errors import SpaceError, StrategyError
from mrtoolkit.evaluation import CodedPoints
from mrtoolkit.search.events import LevelEnded
from mrtoolkit.search.objective import scores
from mrtoolkit.search.places import Places
from mrtoolkit.search.region import Region
from mrtoolkit.search.rounding import round_by_text
from mrtoolkit.search.trial_log import TrialLog, TrialRows
from mrtoolkit.strategy.points import Points

MIXED = Space(
    n=Integer(5, 60, step=5),
    x=Real(0.1, 2.0, step=0.1),
    width=Real(0.001, 1, log=True),
    stop=Categorical([None, 0.05, 1, True]),
    kind=Categorical(["sma", "ema"]),
)
LEVELS = [
    Level("coarse", grid={"fast": [5, 10, 15, 20], "slow": [30, 40, 50, 60]}),
    Level("fine", labels=4, regions=2),
    Level("finest", budget=30),
]


def labels_of(points):
    """The points as lists of labels, with 1 apart from True."""
    return [[(type(v), v) for v in points.values(i).values()] for i in range(points.n)]


def test_points_as_codes_are_the_points_of_the_table():
    rng = np.random.default_rng(0)
    codes = np.stack([rng.integers(0, size, 200) for size in MIXED.sizes], axis=1)
    coded = MIXED.coded(codes)
    assert len(coded) == 200
    ours, theirs = (Points.from_frame(p, MIXED.params) for p in (coded, MIXED.decode(codes)))
    assert labels_of(ours) == labels_of(theirs)
    for names in (("n",), ("stop", "kind"), ()):
        pairs = zip(ours.rows(names)[1].tolist(), theirs.rows(names)[1].tolist(), strict=True)
        assert len(set(pairs)) == len(ours.rows(names)[0]) == len(theirs.rows(names)[0])


def test_labels_that_rounding_makes_equal_are_one_label():
    space = Space(x=Real(0.123456789012, 0.1234567890121, step=1e-14), flag=Categorical([1, True]))
    codes = np.array([[i, i % 2] for i in range(5)])
    coded = space.coded(codes)
    assert coded.labels["x"] == (0.123456789012,)
    assert [type(label) for label in coded.labels["flag"]] == [int, bool]
    assert labels_of(Points.from_frame(coded, ("x", "flag"))) == labels_of(
        Points.from_frame(space.decode(codes), ("x", "flag"))
    )


def test_coded_points_of_other_parameters_are_refused():
    coded = CodedPoints(n=1, labels={"fast": (5,)}, codes={"fast": np.zeros(1, dtype=np.int64)})
    with pytest.raises(StrategyError, match="the points have fast; add a column 'slow'"):
        Points.from_frame(coded, ("fast", "slow"))
    with pytest.raises(StrategyError, match="has no parameter 'fast'"):
        Points.from_frame(coded, ())


class Coded:
    """An evaluator of tables that asks for codes, and looks at them as a table."""

    takes_codes = True

    def __init__(self, inner):
        self._inner = inner
        self.kinds = set()

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def evaluate(self, points):
        return self._inner.evaluate(self._table(points))

    def check(self, points):
        self._inner.check(self._table(points))

    def caution(self, points):
        self._inner.caution(self._table(points))

    def features(self, points):
        return self._inner.features(self._table(points))

    def _table(self, points):
        self.kinds.add(type(points))
        return pd.DataFrame({n: [points.labels[n][c] for c in points.codes[n].tolist()] for n in points.labels})


def test_a_search_by_codes_is_the_search_by_tables(cross, make_cross, tmp_path):
    space = Space(fast=Real(5, 20, step=0.5), slow=Integer(30, 60), where=P.fast < P.slow)
    coded, plain = Coded(cross), make_cross()
    by_codes = optimize(coded, space, levels=LEVELS, study=tmp_path / "codes.zarr")
    by_tables = optimize(plain, space, levels=LEVELS, study=tmp_path / "tables.zarr")
    assert coded.kinds == {CodedPoints}
    assert by_codes.trials.equals(by_tables.trials)
    assert by_codes.regions == by_tables.regions
    for study in (by_codes, mrt.load_study(tmp_path / "codes.zarr"), mrt.load_study(tmp_path / "tables.zarr")):
        assert study.levels.drop(columns="seconds").equals(by_tables.levels.drop(columns="seconds"))


def test_a_listener_hears_the_rows_that_are_counted_later_without_one(cross, make_cross):
    heard = []
    space = Space(fast=Real(5, 20, step=0.5), slow=Integer(30, 60))
    listened = optimize(cross, space, levels=LEVELS, on_event=heard.append)
    silent = make_cross()
    later = optimize(silent, space, levels=LEVELS)
    rows = [event.row for event in heard if isinstance(event, LevelEnded)]
    assert rows == listened.rows
    assert later.n_rows == len(rows)
    for ours, theirs in zip(later.rows, rows, strict=True):
        assert ours.to_dict() | {"seconds": 0} == theirs.to_dict() | {"seconds": 0}
    assert later.rows is later.rows


def test_numbers_that_are_told_are_taken_by_record_too(cross):
    optimizer = MultiResOptimizer(lambda p: p["n"], Space(n=Integer(0, 9)), levels=[Level("all", step=1)])
    codes = optimizer.next_codes(4)
    optimizer.record(codes, codes[:, 0] * 2.0)
    optimizer.record(codes[::-1], codes[:, 0] * 3.0)  # known already
    assert optimizer.study.trials["value"].values.tolist() == [0.0, 2.0, 4.0, 6.0]


def test_regions_made_of_codes_know_the_corners_that_their_labels_have():
    low, high = np.array([1, 2, 100, 1, 0]), np.array([8, 2, 900, 3, 1])
    made = Region.from_codes(MIXED, low, high, level=0, index=0)
    read = Region.from_dict(made.to_dict())
    again = Space.from_dict(MIXED.to_dict())
    for region, space in ((made, MIXED), (made, again), (read, MIXED)):
        for ours, theirs in zip(region.codes(space), (low, high), strict=True):
            assert ours.tolist() == theirs.tolist()
    assert made == read
    with pytest.raises(SpaceError, match="no labels of the space in rising order"):
        Region.from_codes(MIXED, high, low, level=0, index=0).codes(MIXED)


def test_an_axis_is_kept_by_the_labels_themselves():
    ones, flags = (0.05, 1), (0.05, True)
    assert MIXED.axis("stop", ones).tolist() == [1, 2]
    assert MIXED.axis("stop", flags).tolist() == [1, 3]
    assert MIXED.axis("stop", ones) is MIXED.axis("stop", ones)
    for k in range(600):
        assert MIXED.axis("n", (5 + 5 * (k % 12),)).tolist() == [k % 12]
    assert MIXED.axis("n", (5, 7)).tolist() == [-1, 0]


def test_points_of_a_batch_that_was_cut_off_are_not_the_trials_that_took_its_rows():
    space = Space(n=Integer(0, 99))
    log = TrialLog(space, "maximize", ())

    def append(codes):
        values = np.array(codes, dtype=float)
        none, feasible = np.zeros(len(codes), dtype=np.int64), np.ones(len(codes), dtype=bool)
        codes = np.array(codes)[:, None]
        log.append(
            TrialRows(codes=codes, level=none, region=none, value=values, feasible=feasible, metrics={}, blocks={})
        )

    log._places.put(space.keys(np.array([[5], [6]])), np.arange(2))  # all that such a batch leaves
    append([50, 60, 6])
    assert log.find(space.keys(np.array([[5], [6], [50], [60], [7]]))).tolist() == [-1, 2, 0, 1, -1]


def test_statistics_of_blocks_that_come_late_keep_their_place_as_the_log_grows():
    log = TrialLog(Space(n=Integer(0, 9_999)), "maximize", ())

    def append(n, **blocks):
        codes = np.arange(len(log), len(log) + n)
        none, feasible = np.zeros(n, dtype=np.int64), np.ones(n, dtype=bool)
        log.append(TrialRows(
            codes=codes[:, None], level=none, region=none, value=codes.astype(float), feasible=feasible, metrics={},
            blocks=blocks,
        ))  # fmt: skip

    append(1_500)
    append(1)  # from here on there is room for 3,000
    append(9, r=np.full((9, 2), 1.0))  # of these columns for the 1,510 that there are
    append(5, r=np.full((5, 2), 2.0))
    append(5)
    found = log.blocks["r"]
    assert np.isnan(found[:1_501]).all()
    assert found[1_501:1_515, 1].tolist() == [1.0] * 9 + [2.0] * 5
    assert np.isnan(found[1_515:]).all()
    assert log.value.tolist() == list(range(1_520))


@pytest.mark.parametrize("size", [1_000, 10**6, 10**30])
def test_places_are_found_on_small_and_large_lattices(size):
    space = Space(a=Integer(1, size), b=Integer(0, 1))
    places = Places(space)
    codes = np.array([[0, 0], [size - 1, 1], [size // 2, 1]]) if size < 2**62 else None
    keys = space.keys(codes) if codes is not None else np.array([0, 2 * size - 1, size + 1], dtype=object)
    assert places.find(keys).tolist() == [-1, -1, -1]
    places.put(keys[:2], np.array([7, 0]))
    assert places.find(keys).tolist() == [7, 0, -1]
    places.put(keys[1:], np.array([3, 4]))
    assert places.find(keys).tolist() == [7, 3, 4]
    assert places.find(keys[:0]).shape == (0,)


@given(
    st.lists(
        st.floats()
        | st.builds(
            lambda digits, power: float(f"{digits}5e{power}"), st.integers(10**9, 10**10 - 1), st.integers(-40, 40)
        )
        | st.builds(lambda power, sign: sign * float(f"1e{power}"), st.integers(-300, 300), st.sampled_from([1, -1])),
        min_size=1,
        max_size=20,
    )
)
def test_many_numbers_are_rounded_as_their_text_is(values):
    near = [w for v in values for w in (v, np.nextafter(v, np.inf), np.nextafter(v, -np.inf))]
    many = np.resize(np.array(near), 60)
    expected = np.array([float(f"{value:.9e}") for value in many.tolist()])
    np.testing.assert_array_equal(round_by_text(many), expected)
    few = many[:5]
    np.testing.assert_array_equal(round_by_text(few), expected[:5])
    counted = np.where(np.isfinite(expected), expected, -np.inf)
    np.testing.assert_array_equal(scores(many, np.ones(60, dtype=bool), "maximize"), counted)


@given(
    st.sampled_from([Real(5, 50, step=0.5), Real(0.1, 2.0, step=0.1), Integer(-7, 60, step=3), Real(0, 1)]),
    st.lists(st.floats() | st.integers(-10, 70) | st.sampled_from([0.1 + 0.2, 5.5, 1e300, 0.5 + 1e-10, None, "a"])),
)
def test_few_values_have_the_codes_that_they_have_among_many(dimension, values):
    labels = dimension.decode(np.arange(0, dimension.size, 7)).tolist()
    many = [*values, *labels, *[np.nan] * 30]
    assert dimension.encode(values).tolist() == dimension.encode(many)[: len(values)].tolist()
    assert dimension.encode(labels[:20]).tolist() == list(range(0, dimension.size, 7))[:20]
