"""Points counted without a list are as many as the list has; points drawn are among them, each as likely."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import mrtoolkit.search.counting as counting
from mrtoolkit.errors import SpaceError
from mrtoolkit.expressions import P
from mrtoolkit.search.dimensions import Categorical, Integer, Real
from mrtoolkit.search.space import Space


def points_of(space):
    """Every point that satisfies the constraints, by trying all: (point, dimension) codes, canonical, each once."""
    return space.distinct(np.indices(space.sizes).reshape(len(space), -1).T)


NAMES = ["a", "b", "c", "d"]


@st.composite
def numbers(draw, names=tuple(NAMES)):
    """An expression of numbers over some parameters."""
    param = st.sampled_from(names).map(lambda name: P[name])
    kind = draw(st.sampled_from(["one", "one", "sum", "difference", "times", "over", "product", "power"]))
    left, right, c = draw(param), draw(param), draw(st.sampled_from([-2, 0.1, 0.3, 1, 2, 3]))
    return {
        "one": left,
        "sum": left + right,
        "difference": left - c * right,
        "times": left * c,
        "over": left / c,
        "product": left * right,
        "power": left**2,
    }[kind]


@st.composite
def conditions(draw, depth=2):
    op = draw(st.sampled_from(["<", "<=", ">", ">=", "==", "!=", "&", "|", "~", "kind"]))
    if op == "kind":
        return P.kind == draw(st.sampled_from(["x", "y", None]))
    if op in "&|~" and depth:
        left = draw(conditions(depth - 1))
        if op == "~":
            return ~left
        right = draw(conditions(depth - 1))
        return left & right if op == "&" else left | right
    left, right = draw(numbers()), draw(st.one_of(numbers(), st.sampled_from([0.3, 1, 2, 4])))
    return {
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
        "==": left == right,
        "!=": left != right,
    }.get(op, left < right)


@st.composite
def spaces(draw):
    def dimension(only):
        kind = draw(st.sampled_from(["integer", "real", "log", "category"]))
        if kind == "integer":
            low = draw(st.integers(-2, 3))
            return Integer(low, low + draw(st.integers(0, 6)), only=only)
        if kind == "real":
            return Real(-0.2, draw(st.sampled_from([0.3, 0.7])), step=0.1, only=only)
        if kind == "log":
            return Integer(1, 6, log=True, only=only)
        return Categorical([3, 1.5, None], only=only)

    names = [*NAMES[: draw(st.integers(1, 4))], "kind"]
    dims = {}
    for i, name in enumerate(names):
        only = None
        others = [n for n in names[:i] if n != "kind"]
        if name != "kind" and draw(st.integers(0, 2)) == 0:
            only = P.kind == "x" if not others or draw(st.booleans()) else P[draw(st.sampled_from(others))] > 1
        dims[name] = dimension(only) if name != "kind" else Categorical(["x", "y", None])
    where = [node for node in draw(st.lists(conditions(), max_size=4)) if set(node.params) <= set(names)]
    return dims, where


def made(dims, where):
    try:
        return Space(where=where, **dims)
    except SpaceError as error:
        if "satisfies" in str(error) or "matters at no point" in str(error):
            return None
        raise


@pytest.mark.parametrize("few", [0, counting._FEW])  # always by ranges where it can be; as it comes
@settings(max_examples=250, deadline=None)
@given(made_of=spaces())
@example(  # what holds of a parameter that does not matter is each comparison of it, not the whole rule
    made_of=(
        {
            "a": Integer(0, 0, only=P.kind == "x"),
            "b": Integer(0, 0),
            "c": Integer(1, 6, log=True),
            "kind": Categorical(["x", "y", None]),
        },
        [(P.c < 3) | (P.a < 0.3) & (P.c == 4)],
    )
)
def test_the_count_is_that_of_a_list_of_all(few, made_of):
    usual, counting._FEW = counting._FEW, few
    try:
        space = made(*made_of)
        if space is None:
            return
        listed = points_of(space)
        assert space.count() == (len(listed), True)
        drawn = space.sample(20, seed=1)
    finally:
        counting._FEW = usual
    allowed = set(space.keys(listed).tolist())
    assert (space.canonical(drawn) == drawn).all()
    assert set(space.keys(drawn).tolist()) <= allowed
    assert len(drawn) == (20 if allowed else 0)


@settings(max_examples=100, deadline=None)
@given(made_of=spaces())
def test_a_space_is_refused_only_where_nothing_is_left(made_of):
    dims, where = made_of
    if made(dims, where) is not None or any(d.only is not None for d in dims.values()):
        return
    whole = Space(**dims)
    codes = np.indices(whole.sizes).reshape(len(whole), -1).T
    from_all = [Space(**dims)._conditions.satisfied([counting.normal_form(node)], codes) for node in where]
    assert not np.all(from_all, axis=0).any()


@pytest.mark.parametrize("few", [0, counting._FEW])
def test_drawn_points_are_each_as_likely(few, monkeypatch):
    monkeypatch.setattr(counting, "_FEW", few)
    space = Space(
        kind=Categorical(["ema", "macd"]),
        fast=Integer(1, 4),
        slow=Integer(1, 5),
        signal=Integer(2, 4, only=P.kind == "macd"),
        where=[P.fast < P.slow, P.signal <= P.slow],
    )
    n = len(points_of(space))
    drawn = Counter(space.keys(space.sample(200 * n, seed=3)).tolist())
    assert len(drawn) == n
    chi = sum((count - 200) ** 2 / 200 for count in drawn.values())
    assert chi < n + 5 * math.sqrt(2 * n)


def test_even_numbers_give_even_points():
    space = Space(fast=Integer(0, 99), slow=Integer(0, 99), free=Integer(0, 9), where=P.fast < P.slow)
    unit = np.arange(1, 4097)[:, np.newaxis] * np.array([0.8191725133961645, 0.6710436067037893, 0.5497004779019703])
    codes = space.place(unit % 1.0)  # Roberts' R3 sequence
    assert (codes[:, 0] < codes[:, 1]).all()
    assert np.bincount(codes[:, 2], minlength=10).tolist() == pytest.approx([409.6] * 10, abs=5)
    assert (codes[:, 1] < 50).mean() == pytest.approx(math.comb(50, 2) / math.comb(100, 2), abs=0.005)


def test_chains_and_sums_over_twelve_dimensions_are_counted_by_short_sums(monkeypatch):
    monkeypatch.setattr(counting, "_LARGEST", 1_000)  # combinations that one sum may go through
    dims = {f"p{i:02}": Integer(1, 10) for i in range(12)}
    names = list(dims)
    chain = [P[a] <= P[b] for a, b in itertools.pairwise(names)]
    space = Space(where=chain, **dims)
    assert space.size == 10**12
    assert space.count() == (math.comb(10 + 12 - 1, 12), True)
    assert (np.diff(space.sample(100), axis=1) >= 0).all()
    strict = Space(where=[P[a] < P[b] for a, b in itertools.pairwise(names[:10])], **dims)
    assert strict.count() == (10**2, True)
    pairs = Space(where=[P[a] * 2 <= P[b] for a, b in zip(names[::2], names[1::2], strict=True)], **dims)
    assert pairs.count() == (25**6, True)  # 2, 4, 6, 8 and 10 leave 1 to 5 below their half: 9 + 7 + 5 + 3 + 1


def test_long_dimensions_are_counted_exactly():
    n = 10**6
    assert Space(a=Integer(1, n), b=Integer(1, n), where=P.a < P.b).count() == (n * (n - 1) // 2, True)
    assert Space(a=Integer(1, n), b=Integer(1, n), where=P.a * 999_983 == P.b).count() == (1, True)
    assert Space(a=Integer(1, n), b=Integer(1, 40), where=P.a + P.b * 2 <= 50).count() == (sum(range(2, 50, 2)), True)
    assert Space(a=Integer(1, 10**12), where=P.a > 5).count() == (10**12 - 5, True)
    huge = Space(use=Categorical([True, False]), a=Integer(1, 10**12, only=P.use), b=Integer(1, 10**9))
    assert huge.count() == ((10**12 + 1) * 10**9, True)
    assert huge.sample(3).shape == (3, 3)
    chain = Space(**{name: Integer(1, 10**5) for name in "abcd"}, where=[P.a < P.b, P.b < P.c, P.c < P.d])
    assert chain.count() == (math.comb(10**5, 4), True)
    assert (np.diff(chain.sample(50), axis=1) > 0).all()


def test_an_estimate_says_how_far_off_it_may_be():
    space = Space(
        kind=Categorical(["a", "b"]),
        a=Integer(1, 10**6),
        b=Integer(1, 10**6),
        c=Integer(1, 10**6, only=P.kind == "b"),
        where=P.a + P.b < P.c,
    )
    count = space.count()
    truth = 10**12 + math.comb(10**6, 3)  # a < a + b < c
    assert not count.is_exact
    assert abs(count.n - truth) < 2 * count.error < 0.1 * truth
    assert str(count).startswith("about 1")
    assert str(Space(a=Integer(1, 2000)).count()) == "2,000"
    drawn = space.sample(200)
    assert len(drawn) == 200
    assert space.satisfies(drawn).all()


def test_a_condition_that_never_holds_is_refused():
    with pytest.raises(SpaceError, match="'n' matters at no point: nowhere holds its only=P.kind == .c. with kind in"):
        Space(kind=Categorical(["a", "b"]), n=Integer(1, 5, only=P.kind == "c"))
    with pytest.raises(SpaceError, match="'n' matters at no point"):
        Space(
            kind=Categorical(["a", "b"]),
            m=Integer(1, 5, only=P.kind == "a"),
            n=Integer(1, 5, only=(P.kind == "b") & (P.m > 1)),
        )


def test_constraints_that_leave_one_point_leave_it():
    space = Space(a=Integer(1, 3), b=Integer(1, 3), c=Integer(1, 3), where=[P.a < P.b, P.b < P.c])
    assert space.count() == (1, True)
    assert space.points(space.sample(1)) == [{"a": 1, "b": 2, "c": 3}]
    with pytest.raises(SpaceError, match="no point of the space satisfies all of"):
        Space(a=Integer(1, 2), b=Integer(1, 2), c=Integer(1, 2), where=[P.a < P.b, P.b < P.c])
