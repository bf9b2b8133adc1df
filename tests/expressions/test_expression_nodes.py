"""Nodes exist once, are frozen, and print as one would type them."""

from __future__ import annotations

import copy
import gc
import threading
import time
import weakref

import numpy as np
import pytest
from random_nodes import resolve

from mrtoolkit.errors import ExpressionError
from mrtoolkit.expressions.binding import bind
from mrtoolkit.expressions.functions import choose, log, maximum, minimum, sqrt, when
from mrtoolkit.expressions.grammar import parse
from mrtoolkit.expressions.inputs import M, P, close, high, hour, input, low, open
from mrtoolkit.expressions.nodes import Call, Comparison, Constant, Input, Metric, Parameter, Values
from mrtoolkit.expressions.scalars import canonical
from mrtoolkit.expressions.walk import metrics_of, walk


def ema(n, of=None):
    """Call an indicator as the indicators part would."""
    argument = n if isinstance(n, Parameter) else Constant(n)
    return Call("ema", (argument,), (close if of is None else of,), of is None)


def test_equal_expressions_are_one_object():
    assert (ema(P.n) > close) is (ema(P["n"]) > close)
    assert ema(10) is ema(10.0)
    assert ema(10) is ema(np.int64(10))
    assert when(P.f, close > 1) is when(P.f, close > 1.0)


def test_unequal_expressions_are_distinct_objects():
    assert Constant(1) is not Constant(True)
    assert Constant("1") is not Constant(1)
    assert (close > open) is not (open < close)
    assert Input("x") is not P.x
    assert P.sharpe is not M.sharpe
    assert ema(5) is not ema(5, of=open)
    assert when(P.f, close > 1) is not when(P.f, close > 1, otherwise=False)


def test_two_indicators_of_one_text_with_other_sources_are_not_mixed_up():
    before = Call("mine", (Constant(5),), (high, low))
    after = Call("mine", (Constant(5),), (high, low, close))  # registered again with one more input
    assert before.key == after.key
    assert before is not after


def test_a_node_that_nobody_holds_is_freed():
    node = ema(P.only_here) > close * 12345.5
    gone = weakref.ref(node)
    del node
    gc.collect()
    assert gone() is None


def test_threads_that_build_one_expression_get_one_object():
    ready = threading.Barrier(8)
    built = [[] for _ in range(8)]

    def build(mine):
        ready.wait()
        mine.extend((close * n + P.k) for n in range(300))

    threads = [threading.Thread(target=build, args=(mine,)) for mine in built]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for same in zip(*built, strict=True):
        assert len({id(node) for node in same}) == 1


def test_copies_are_the_node_itself():
    rule = choose(P.kind, {"ema": ema(P.n), None: close.shift(P.s)}) > input("vix")
    assert copy.copy(rule) is rule
    assert copy.deepcopy({"entry": rule})["entry"] is rule
    kind, fields = rule.__reduce__()  # what another process builds it from
    assert kind(*fields) is rule


def test_a_node_cannot_be_changed():
    with pytest.raises(ExpressionError, match="frozen"):
        close.name = "open"
    with pytest.raises(ExpressionError, match="frozen"):
        del close.name


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        (0.1 + 0.2, 0.3), (10.0, 10), (np.float32(0.5), 0.5), (np.int64(7), 7), (np.bool_(True), True), (-0.0, 0),
        (1e-13, 1e-13), (1 / 3, 0.333333333333), (11.999999999999999, 12), (1e300, 1e300), (2**60, float(2**60)),
        (None, None), ("ema", "ema"), (np.str_("ema"), "ema"), (True, True), (123456.7890123, 123456.7890123),
    ],
)  # fmt: skip
def test_a_constant_is_as_a_person_types_it(typed, value):
    assert canonical(typed) == value
    assert type(canonical(typed)) is type(value)
    assert canonical(canonical(typed)) == value


@pytest.mark.parametrize(
    ("node", "key"),
    [
        (close, "close"), (hour, "hour"), (input("vix"), 'input("vix")'), (P.fast, "P.fast"), (M.sharpe, "M.sharpe"),
        (input("close"), "close"), (P["class"], 'P["class"]'), (Constant(0.1 + 0.2), "0.3"), (Constant(10.0), "10"),
        (ema(P.n), "ema(P.n)"), (ema(P.n, of=ema(14)), "ema(P.n, of=ema(14))"),
        (Call("atr", (Constant(14),), (high, low, open), False, None, ("high", "low", "close")),
         "atr(14, high=high, low=low, close=open)"),
        (Call("band", (Constant(5),), (close,), True, "upper"), "band(5).upper"),
        (Call("ema", (Values([5, 10.0]),), (close,)), "ema([5, 10])"),
        ((close > open) & (close < 5) | ~(close > 1), "(close > open) & (close < 5) | ~(close > 1)"),
        ((close > open) & ((close < 5) | (close > 1)), "(close > open) & ((close < 5) | (close > 1))"),
        (close - (open - high), "close - (open - high)"), (close - open - high, "close - open - high"),
        (close / (open * 2), "close / (open * 2)"), ((close + 1) * 2, "(close + 1) * 2"),
        (-(close**2), "-close ** 2"), ((-close) ** 2, "(-close) ** 2"), (close**-1, "close ** -1"),
        ((close**open) ** 2, "(close ** open) ** 2"), (close ** (open**2), "close ** open ** 2"),
        (-(close + 1), "-(close + 1)"), (-close * 3, "-close * 3"), (2 - close, "2 - close"), (2 / close, "2 / close"),
        (2**close, "2 ** close"), (5 < close, "close > 5"), (5 - -close, "5 - -close"),  # noqa: SIM300
        (abs(close - open), "abs(close - open)"),
        ((close - open).shift(1), "(close - open).shift(1)"), ((close > open).shift(P.n), "(close > open).shift(P.n)"),
        (close.crosses_above(ema(P.n)), "close.crosses_above(ema(P.n))"),
        ((close - open).crosses_below(0), "(close - open).crosses_below(0)"),
        (when(P.use_rsi, close > 1), "when(P.use_rsi, close > 1)"),
        (choose(P.kind, {"ema": ema(P.n), "s\"q": close}), 'choose(P.kind, {"ema": ema(P.n), "s\\"q": close})'),
        (log(close), "log(close)"), (sqrt(close), "sqrt(close)"),
        (maximum(1, close, open), "maximum(maximum(1, close), open)"),
        (minimum(close, open), "minimum(close, open)"), (True & (close > 1), "True & (close > 1)"),
        (M.sharpe - 0.1 * M.turnover, "M.sharpe - 0.1 * M.turnover"), (P.kind == "ema", 'P.kind == "ema"'),
        (P.k == None, "P.k == None"), (np.float64(2) * close, "2 * close"), (np.float64(2) > close, "close < 2"),  # noqa: E711
    ],
)  # fmt: skip
def test_the_key_is_the_text_that_one_would_type_and_reads_back(node, key):
    assert node.key == key == repr(node)
    if node.key.startswith(("atr", "band")):
        return  # the stand-in registry knows indicators of one input
    assert parse(key, resolve) is node
    assert parse(key, resolve) == node


def test_params_are_the_names_that_a_node_depends_on():
    rule = (ema(P.slow, of=ema(P.fast)) > close * P.k) & when(P.use, close.shift(P.skip) > P.k)
    assert rule.params == ("fast", "k", "skip", "slow", "use")
    assert close.params == ()


def test_a_shift_by_no_bar_is_the_node_itself():
    assert close.shift(0) is close


def test_walk_gives_each_part_once_parents_first():
    rule = (ema(P.n) > close) & (ema(P.n) < open)
    parts = list(walk(rule))
    assert len(parts) == len({id(part) for part in parts})
    assert [part.key for part in parts] == [
        rule.key, "ema(P.n) > close", "ema(P.n)", "P.n", "close", "ema(P.n) < open", "open",
    ]  # fmt: skip
    assert metrics_of(M.sharpe - M.turnover > P.x) == ("sharpe", "turnover")


def test_what_a_notebook_asks_of_a_name_space_makes_no_parameter():
    assert not hasattr(P, "_repr_html_")
    assert not hasattr(P, "_ipython_canary_method_should_not_exist_")
    assert not hasattr(P, "__iter__")
    assert isinstance(P.fast, Parameter)
    assert isinstance(M["sharpe"], Metric)


def test_a_comparison_of_a_node_with_itself_is_true_where_truth_is_asked():
    assert close == close
    assert isinstance(close == open, Comparison)
    with pytest.raises(ExpressionError):
        bool(close != open)


def test_building_and_binding_a_call_takes_microseconds():
    node = ema(P.n)

    def fastest(work):
        best = 1.0
        for _ in range(20):
            start = time.thread_time()
            for _ in range(100):
                work()
            best = min(best, (time.thread_time() - start) / 100)
        return best

    assert fastest(lambda: ema(P.n)) < 20e-6
    values = {"n": 12.5}
    assert fastest(lambda: bind(node, values)) < 20e-6
