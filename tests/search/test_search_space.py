"""The space: names, constraints, points, numbers of points."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrtoolkit.errors import ExpressionError, SpaceError
from mrtoolkit.expressions import M, P, close
from mrtoolkit.search.dimensions import Categorical, Integer, Real
from mrtoolkit.search.space import Space

SPACE = Space(
    fast=Real(5, 50, step=0.5),
    slow=Integer(20, 200),
    n=Integer(5, 30),
    overbought=Integer(60, 90, step=5),
    k=Categorical([1.5, 3.0, None]),
    a=Integer(5, 30),
    where=P.fast < P.slow,
)


def test_the_size_is_the_product_of_the_labels():
    assert SPACE.size == 91 * 181 * 26 * 7 * 3 * 26
    assert isinstance(SPACE.size, int)
    assert Space(a=Integer(1, 10**6), b=Integer(1, 10**6), c=Integer(1, 10**12)).size == 10**24


def test_a_dimension_is_found_by_its_name():
    assert SPACE["fast"].labels[1] == 5.5
    assert SPACE.params == ("fast", "slow", "n", "overbought", "k", "a")
    with pytest.raises(SpaceError, match=r"no dimension 'fats' \(did you mean 'fast'"):
        SPACE["fats"]


def test_points_off_the_lattice_or_against_where_are_not_contained():
    point = {"fast": 10, "slow": 40, "n": 14, "overbought": 70, "k": None, "a": 10}
    points = [point, point | {"fast": 10.25}, point | {"fast": 40, "slow": 40}, point | {"k": 2}, point | {"k": 3}]
    assert SPACE.contains(points).tolist() == [True, False, False, False, True]
    assert SPACE.contains(pd.DataFrame(points)).tolist() == [True, False, False, False, True]
    assert SPACE.contains(point).tolist() == [True]


def test_points_with_other_columns_are_refused():
    space = Space(fast=Integer(1, 5))
    with pytest.raises(SpaceError, match="have a column 'fats'.*did you mean 'fast'"):
        space.contains({"fast": 1, "fats": 2})
    with pytest.raises(SpaceError, match="lack a column 'fast'"):
        space.contains(pd.DataFrame({}))
    with pytest.raises(SpaceError, match="give a DataFrame"):
        space.contains(7)


def test_codes_and_points_are_each_others_inverse():
    rng = np.random.default_rng(0)
    codes = np.stack([rng.integers(0, size, 200) for size in SPACE.sizes], axis=1)
    frame = SPACE.decode(codes)
    assert (SPACE.encode(frame) == codes).all()
    assert frame["slow"].dtype == np.int64
    assert frame["k"].dtype == object
    assert set(frame["k"]) == {1.5, 3, None}
    assert (SPACE.encode([SPACE.point(row) for row in codes]) == codes).all()


def test_a_point_is_made_of_plain_scalars():
    point = SPACE.point(np.array([0, 1, 2, 3, 2, 5]))
    assert point == {"fast": 5.0, "slow": 21, "n": 7, "overbought": 75, "k": None, "a": 10}
    assert [type(value) for value in point.values()] == [float, int, int, int, type(None), int]


def test_text_and_none_survive_a_table_of_points():
    space = Space(kind=Categorical(["ema", None, "sma"]))
    assert space.decode(np.array([[0], [1], [2]]))["kind"].tolist() == ["ema", None, "sma"]


@given(sizes=st.lists(st.integers(1, 6), min_size=1, max_size=4))
def test_keys_number_the_points_in_the_order_of_their_labels(sizes):
    space = Space(**{f"p{i}": Integer(0, size - 1) for i, size in enumerate(sizes)})
    codes = np.array(list(itertools.product(*(range(size) for size in sizes))))
    assert space.keys(codes).tolist() == list(range(space.size))


def test_keys_of_a_huge_lattice_are_exact():
    space = Space(**{f"p{i}": Integer(0, 999) for i in range(12)})
    codes = np.full((2, 12), 999)
    codes[1, -1] = 998
    assert space.keys(codes).tolist() == [10**36 - 1, 10**36 - 2]


@pytest.mark.parametrize(
    "where",
    [
        P.x < P.y,
        P.x * 2 == P.y,
        (P.x > 2) & (P.y <= 7) | (P.x == 1),
        ~(P.x >= P.y),
        [P.x < P.y, P.y < 9],
        [P.x < P.y, P.kind == "b"],
        ["P.kind != None", P.x > 1],
        "P.x + 1 < P.y",
    ],
)
def test_the_count_of_points_is_that_of_a_plain_loop(where):
    space = Space(x=Integer(0, 9), y=Integer(0, 12), kind=Categorical(["a", "b", None]), z=Integer(1, 4), where=where)

    def holds(point):
        p = type("Point", (), point)
        rules = {
            "P.x < P.y": lambda: p.x < p.y,
            "P.x * 2 == P.y": lambda: p.x * 2 == p.y,
            "(P.x > 2) & (P.y <= 7) | (P.x == 1)": lambda: (p.x > 2 and p.y <= 7) or p.x == 1,
            "~(P.x >= P.y)": lambda: not p.x >= p.y,
            "P.y < 9": lambda: p.y < 9,
            'P.kind == "b"': lambda: p.kind == "b",
            "P.kind != None": lambda: p.kind is not None,
            "P.x > 1": lambda: p.x > 1,
            "P.x + 1 < P.y": lambda: p.x + 1 < p.y,
        }
        return all(rules[node.key]() for node in space.where)

    points = [
        {"x": x, "y": y, "kind": kind, "z": z}
        for x, y, kind, z in itertools.product(range(10), range(13), ["a", "b", None], range(1, 5))
    ]
    expected = [holds(point) for point in points]
    assert space.count() == (sum(expected), True)
    assert space.contains(points).tolist() == expected


def test_the_count_of_a_huge_space_is_an_estimate_and_says_so():
    space = Space(a=Integer(1, 10**6), b=Integer(1, 10**6), c=Integer(1, 10**6), where=P.a + P.b < P.c)
    count, is_exact = space.count()
    assert not is_exact
    assert count == pytest.approx(10**18 / 6, rel=0.02)


def test_a_space_comes_back_from_its_dict():
    again = Space.from_dict(SPACE.to_dict())
    assert again == SPACE
    assert hash(again) == hash(SPACE)
    assert again != Space(fast=Integer(1, 5))
    assert [node.key for node in again.where] == ["P.fast < P.slow"]


@pytest.mark.parametrize(
    "name",
    [
        "mean",
        "dims",
        "close",
        "stack",
        "time",
        "asset",
        "trial",
        "level",
        "region",
        "block",
        "point",
        "value",
        "feasible",
        "_x",
    ],
)
def test_a_name_that_is_taken_is_refused(name):
    with pytest.raises(SpaceError, match=name):
        Space(**{name: Integer(1, 5)})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Space(), "no dimensions"),
        (lambda: Space(fast=[1, 2]), r"write Integer\(...\)"),
        (lambda: Space(**{"a b": Integer(1, 2)}), "letters, digits"),
        (
            lambda: Space(fast=Integer(10, 50), slow=Integer(1, 5), where=P.fast < P.slow),
            "'slow' ends at 5 but 'fast' starts at 10, so no trial satisfies P.fast < P.slow",
        ),
        (
            lambda: Space(fast=Integer(10, 50), slow=Integer(1, 5), where=P.slow > P.fast),
            "'slow' ends at 5 but 'fast' starts at 10",
        ),
        (
            lambda: Space(a=Integer(0, 9), b=Integer(0, 9), where=P.a + P.b > 18),
            "no point of the space satisfies where=P.a . P.b > 18",
        ),
        (lambda: Space(a=Integer(0, 9), where=P.a * 2 == 7), "no point of the space"),
        (lambda: Space(k=Categorical(["a", "b"]), where=P.k == "c"), "no point of the space.*'a', 'b'"),
        (
            lambda: Space(a=Integer(0, 10**9), b=Integer(-(10**9), -1), where=P.a < P.b),
            "'b' ends at -1 but 'a' starts at 0",
        ),
        (
            lambda: Space(a=Integer(0, 9), b=Integer(0, 9), where=[P.a < P.b, P.b < P.a]),
            "no point of the space satisfies all of",
        ),
        (
            lambda: Space(fast=Integer(1, 5), where=P.fats < 3),
            r"names the parameter 'fats', which the space lacks \(did you mean 'fast'",
        ),
        (lambda: Space(fast=Integer(1, 5), where=P.fast + 1), "is no condition"),
        (lambda: Space(fast=Integer(1, 5), where=True), "is no condition"),
        (lambda: Space(fast=Integer(1, 5), where=P.fast < close), "asks for close, which is prices"),
        (lambda: Space(fast=Integer(1, 5), where=P.fast < M.trades), "M.trades, which is a metric"),
        (lambda: Space(where=Integer(1, 5)), "where= is the word for constraints"),
    ],
)
def test_a_space_that_means_nothing_is_refused(make, message):
    with pytest.raises(SpaceError, match=message):
        make()


def test_where_that_is_no_rule_says_where_it_breaks():
    with pytest.raises(ExpressionError, match="computed from prices"):
        Space(fast=Integer(1, 5), where="ema(P.fast) < 3")
    with pytest.raises(ExpressionError):
        Space(fast=Integer(1, 5), where="P.fast <")


def test_a_rare_but_possible_constraint_of_a_huge_space_is_not_refused():
    space = Space(a=Integer(1, 10**6), b=Integer(1, 10**6), where=P.a * 999_983 == P.b)
    assert space.contains({"a": 1, "b": 999_983}).all()
