"""Parameters that matter only under a condition: equal points are one point."""

import functools
import itertools
import operator

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrtoolkit.errors import SpaceError
from mrtoolkit.expressions import M, P, close
from mrtoolkit.search.dimensions import Categorical, Integer, Real, dimension_from_dict, is_ordered
from mrtoolkit.search.level import Level
from mrtoolkit.search.optimizer import optimize
from mrtoolkit.search.space import Space

SPACE = Space(
    kind=Categorical(["ema", "macd"]),
    n=Integer(5, 9),
    signal=Integer(3, 8, only=P.kind == "macd"),
    smooth=Real(0, 1, step=0.25, only=P.signal > 5),
    where=P.signal <= P.n,
)


def every_code(space):
    return np.indices(space.sizes).reshape(len(space), -1).T


def test_what_does_not_matter_has_the_lowest_label():
    codes = SPACE.encode(
        [
            {"kind": "ema", "n": 5, "signal": 7, "smooth": 0.5},
            {"kind": "macd", "n": 9, "signal": 4, "smooth": 0.5},
            {"kind": "macd", "n": 9, "signal": 7, "smooth": 0.5},
        ]
    )
    assert codes.tolist() == [[0, 0, 0, 0], [1, 4, 1, 0], [1, 4, 4, 2]]
    assert SPACE.active(codes).tolist() == [[True, True, False, False], [True, True, True, False], [True] * 4]
    assert SPACE.points(codes)[0] == {"kind": "ema", "n": 5, "signal": 3, "smooth": 0.0}
    assert SPACE.shown(codes)["signal"].tolist() == ["-", 4, 7]
    assert SPACE.shown(codes)["smooth"].tolist() == ["-", "-", 0.5]


def test_what_does_not_matter_may_have_any_value_or_none():
    given = [{"kind": "ema", "n": 5}, {"kind": "ema", "n": 5, "signal": "what", "smooth": -3}]
    assert SPACE.encode(given).tolist() == [[0, 0, 0, 0]] * 2
    assert SPACE.encode({"kind": "ema", "n": 6}).tolist() == [[0, 1, 0, 0]]
    assert SPACE.encode(pd.DataFrame({"kind": ["ema", "macd"], "n": [5, 5]}))[:, 2].tolist() == [0, -1]
    assert SPACE.contains([*given, {"kind": "macd", "n": 5}]).tolist() == [True, True, False]
    with pytest.raises(SpaceError, match="lack a column 'n'"):
        SPACE.encode({"kind": "ema"})


def test_a_constraint_on_what_does_not_matter_holds():
    codes = every_code(SPACE)
    inactive = codes[:, 0] == 0
    assert SPACE.satisfies(codes)[inactive].all()
    expected = (codes[:, 2] + 3 <= codes[:, 1] + 5) | inactive
    assert (SPACE.satisfies(codes) == expected).all()
    negated = Space(kind=Categorical(["a", "b"]), x=Integer(0, 3, only=P.kind == "b"), where=~(P.x > 1))
    assert negated.satisfies(every_code(negated)).tolist() == [True] * 4 + [True, True, False, False]


def test_a_child_of_what_does_not_matter_does_not_matter_whatever_the_lowest_label_is():
    space = Space(
        kind=Categorical(["a", "b"]),
        x=Integer(0, 3, only=P.kind == "b"),
        low=Integer(0, 1, only=P.x < 2),
        other=Integer(0, 1, only=~(P.x < 2)),
        either=Integer(0, 1, only=(P.x > 2) | (P.kind == "a")),
    )
    active = space.active(every_code(space))
    on_a = every_code(space)[:, 0] == 0
    assert not active[on_a][:, [1, 2, 3]].any()
    assert active[on_a][:, 4].all()


def test_a_parameter_of_flags_is_a_condition():
    space = Space(use=Categorical([False, True]), n=Integer(1, 4, only=P.use))
    assert space.active(np.array([[0, 2], [1, 2]])).tolist() == [[True, False], [True, True]]
    assert space["n"].only.key == "P.use == True"


@st.composite
def conditional_spaces(draw):
    """Spaces of up to five dimensions whose conditions ask earlier or later ones, in no circle."""
    count = draw(st.integers(2, 5))
    names = [f"p{i}" for i in range(count)]
    order = draw(st.permutations(names))
    dims = {}
    for i, name in enumerate(order):
        only = None
        if i and draw(st.booleans()):
            parents = draw(st.lists(st.sampled_from(order[:i]), min_size=1, max_size=2, unique=True))
            parts = [getattr(P, p) > draw(st.integers(-1, 2)) for p in parents]
            parts = [~part if draw(st.booleans()) else part for part in parts]
            join = draw(st.sampled_from([operator.and_, operator.or_]))
            only = functools.reduce(join, parts)
        dims[name] = Integer(0, draw(st.integers(1, 3)), only=only)
    where = None
    if draw(st.booleans()):
        a, b = draw(st.permutations(names))[:2]
        where = getattr(P, a) + 1 != getattr(P, b)
    try:
        return Space(where=where, **{name: dims[name] for name in names})
    except SpaceError:  # a condition that never holds
        return Space(where=None, **{name: Integer(0, 1) for name in names})


def _is_active(space, name, point):
    """The rule in plain Python, from the definition."""
    rule = space[name].only
    return rule is None or _true(space, rule, point, negate=False)


def _true(space, rule, point, *, negate):
    kind = type(rule).__name__
    if kind == "Not":
        return _true(space, rule.operand, point, negate=not negate)
    if kind == "Logic":
        sides = [_true(space, side, point, negate=negate) for side in (rule.left, rule.right)]
        return all(sides) if (rule.op == "&") is not negate else any(sides)
    if not all(_is_active(space, name, point) for name in rule.params):
        return False
    return (point[rule.left.name] > rule.right.value) is not negate


@settings(max_examples=150, deadline=None)
@given(conditional_spaces())
def test_activity_keys_and_points_follow_the_definition(space):
    codes = every_code(space)
    points = space.points(codes)
    expected = [[_is_active(space, name, point) for name in space] for point in points]
    assert space.active(codes).tolist() == expected
    canonical = space.canonical(codes)
    assert (canonical == np.where(expected, codes, 0)).all()
    assert (space.canonical(canonical) == canonical).all()
    assert (space.active(canonical) == expected).all()
    assert (space.satisfies(canonical) == space.satisfies(codes)).all()
    assert (space.keys(canonical) == space.keys(codes)).all()
    groups = {tuple(row) for row in canonical.tolist()}
    assert len(np.unique(space.keys(codes))) == len(groups)
    assert len(space.distinct(codes)) == len({tuple(r) for r in canonical[space.satisfies(codes)].tolist()})


def test_conditions_are_part_of_a_space_and_come_back():
    again = Space.from_dict(SPACE.to_dict())
    assert again == SPACE
    assert again["smooth"].only is SPACE["smooth"].only
    plain = Space(kind=Categorical(["ema", "macd"]), signal=Integer(3, 8))
    assert plain != Space(kind=Categorical(["ema", "macd"]), signal=Integer(3, 8, only=P.kind == "macd"))
    assert Integer(3, 8) != Integer(3, 8, only=P.kind == "macd")
    assert Integer(3, 8, only=P.kind == "macd") == Integer(3, 8, only='P.kind == "macd"')
    assert "only" not in Integer(3, 8).to_dict()
    assert repr(SPACE["signal"]) == 'Integer(3, 8, only=P.kind == "macd")'


def test_ordered_categories_say_so_and_come_back():
    frames = Categorical(["1h", "4h", "1D"], ordered=True)
    assert frames.ordered
    assert is_ordered(frames)
    assert not is_ordered(Categorical(["1h", "4h", "1D"]))
    assert dimension_from_dict(frames.to_dict()) == frames
    assert frames != Categorical(["1h", "4h", "1D"])
    assert "ordered" not in Categorical(["a"]).to_dict()
    with pytest.raises(SpaceError, match="ordered='yes'"):
        Categorical(["a"], ordered="yes")


def test_no_point_is_evaluated_twice_for_what_does_not_matter():
    seen = []

    def evaluate(point):
        seen.append(tuple(point.items()))
        return point["n"] - (point["signal"] if point["kind"] == "macd" else 0)

    distinct = {tuple(row) for row in SPACE.canonical(every_code(SPACE)[SPACE.satisfies(every_code(SPACE))]).tolist()}
    study = optimize(evaluate, SPACE, trials=1000)
    assert len(seen) == len(set(seen)) == len(distinct) == len(study)
    seen.clear()
    levels = [Level("coarse", labels=3), Level("fine", labels=5, pad=2)]
    optimize(evaluate, SPACE, levels=levels)
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Integer(1, 5, only=True), "names no parameter"),
        (lambda: Integer(1, 5, only=P.kind + 1), "is no condition"),
        (lambda: Integer(1, 5, only=3), "is no condition"),
        (lambda: Real(1, 5, only=close > 3), "asks for close, which is prices"),
        (lambda: Categorical([1], only=M.trades > 3), "M.trades, which is a metric"),
        (lambda: Space(a=Integer(1, 5, only=P.a > 2)), "'a' matters only where P.a > 2, which is about itself"),
        (
            lambda: Space(fast=Integer(1, 5), n=Integer(1, 5, only=P.fats > 2)),
            r"no parameter 'fats' \(did you mean 'fast'",
        ),
        (
            lambda: Space(z=Integer(1, 3), a=Integer(1, 5, only=P.b > 2), b=Integer(1, 5, only=P.a > 2)),
            "in a circle .'a' only where P.b > 2, 'b' only where P.a > 2.; take one",
        ),
    ],
)
def test_a_condition_that_means_nothing_is_refused(make, message):
    with pytest.raises(SpaceError, match=message):
        make()


def test_codes_of_all_orders_of_dimensions_agree():
    dims = {"kind": SPACE["kind"], "n": SPACE["n"], "signal": SPACE["signal"], "smooth": SPACE["smooth"]}
    point = {"kind": "macd", "n": 9, "signal": 4, "smooth": 1}
    for names in itertools.permutations(dims):
        space = Space(**{name: dims[name] for name in names})
        assert space.points(space.encode(point))[0] == point | {"smooth": 0.0}
