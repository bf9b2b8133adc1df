"""Text to rule and back; hostile text is refused quickly, at a named character."""

from __future__ import annotations

import gc
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_nodes import EXAMPLES, conditions, numbers, resolve

from mrtoolkit.errors import ExpressionError, IndicatorError, MrtoolkitError
from mrtoolkit.expressions.grammar import parse
from mrtoolkit.expressions.inputs import P, close, high, input, open
from mrtoolkit.expressions.nodes import Constant
from mrtoolkit.expressions.outputs import Outputs

ANY = numbers(anything=True)


@settings(max_examples=EXAMPLES)
@given(ANY | conditions(ANY))
def test_parsing_the_key_of_any_expression_gives_the_identical_node(node):
    assert parse(node.key, resolve) is node
    node.key.encode("utf-8")  # it can be saved


@settings(max_examples=EXAMPLES)
@given(st.text() | st.text('close()+-*<>&|~.,P"[]{}: 12=\\', max_size=30))
def test_random_text_gives_a_node_or_a_clear_error(text):
    message = "character"
    try:
        parse(text, resolve)
    except MrtoolkitError as error:
        message = str(error)
    assert "character" in message


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("close>open", close > open), (" close\n >\topen ", close > open), ("(((close)))", close),
        ("1e1", Constant(10)), (".5", Constant(0.5)), ("5.", Constant(5)), ("-3", Constant(-3)),
        ("2 - -3", Constant(2) - Constant(-3)),
        ("- close ** 2", -(close**2)), ("close ** open ** 2", close ** (open**2)), ("-close * open", (-close) * open),
        ("P['fast']", P.fast), ("input('v\\'x')", input("v'x")),
        ('input("a\\u00e9")', input("aé")), ("close + open * high", close + open * high),
        ("~(close > open) & (close > 1) | (close > 2)", (~(close > open) & (close > 1)) | (close > 2)),
        ("close.shift(1).shift(2)", close.shift(1).shift(2)),
        ("minimum(close, open, high)", parse("minimum(minimum(close, open), high)", resolve)),
    ],
)  # fmt: skip
def test_text_means_what_it_means_in_python(text, node):
    assert parse(text, resolve) is node


@pytest.mark.parametrize(
    ("text", "character", "words"),
    [
        ("", 1, "expected a number, a name"),
        ("close >", 8, "end of the text"),
        ("close > 5 6", 11, "expected an operator"),
        ("close > open > low", 14, "(a < b) & (b < c)"),
        ("(close > 1) and (close > 2)", 13, "write &"),
        ("not (close > 1)", 1, "write ~"),
        ("mrt.close", 1, "leave out"),
        ("clos > 5", 1, "did you mean 'close'"),
        ("close > 'abc", 9, "no end"),
        ('close > "abc\n"', 9, "no end"),
        (r'input("\x41")', 7, "escape"),
        ("close @ 2", 7, "no part of a rule"),
        ("close ^ 2", 7, "a ** b"),
        ("close % 2", 7, "remainder"),
        ("close > \x00", 9, "no part of a rule"),
        ("close \N{GREATER-THAN OR EQUAL TO} 5", 7, "no part of a rule"),
        ("__import__('os').system('ls')", 1, "no input"),
        ("close.__class__", 7, "no method"),
        ("ema(5).__init__.__globals__", 8, "no method"),
        ("P.__class__", 1, "no parameter"),
        ("P._repr", 1, "no parameter"),
        ("P[0]", 3, "name in quotes"),
        ("P", 2, "expected '.'"),
        ("lambda: 1", 1, "no input"),
        ("close if open else high", 7, "expected an operator"),
        ("[close for close in open]", 2, "constant"),
        ("ema(n=5, 6)", 10, "keyword argument"),
        ("ema(of=close, of=open)", 18, "twice"),
        ("choose(P.k, {'a': close, 'a': open})", 26, "twice"),
        ("choose(P.k)", 1, "write choose("),
        ("when(P.f, close > 1, otherwise=2)", 1, "True or False"),
        ("log(close, 2)", 1, "write log(x)"),
        ("close.shift(-1)", 7, "looks 1 bar ahead"),
        ("close & open", 7, "needs conditions"),
        ("1e999", 1, "finite"),
        ("close > " + "9" * 5000, 9, "finite"),
        ("import os", 1, "no input"),
    ],
)
def test_text_that_is_no_rule_is_refused_at_its_character(text, character, words):
    with pytest.raises(ExpressionError) as caught:
        parse(text, resolve)
    assert f"character {character}" in str(caught.value)
    assert words in str(caught.value)
    assert str(caught.value).endswith(".")
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "text",
    [
        "(" * 99_999, "-" * 99_999, "~" * 99_999, "f(" * 49_999, "[" * 99_999, "close" + "+close" * 15_000,
        "close" + ".shift(1)" * 11_000, "2**" * 33_000 + "2",
        'choose(P.k,{"a":' * 6_000,
        "(" * 5_000 + "close" + ")" * 5_000,
        '"' + '\\"' * 49_000, "x" * 100_000, " " * 100_000, "P[" * 49_999,
        "a" * 1_000_000, "x=" * 49_000, "\ud800" * 1000,
    ],
)  # fmt: skip
def test_hostile_text_is_refused_within_a_second(text):
    gc.disable()  # its time grows with what other tests have left, not with the text
    try:
        start = time.thread_time()  # of this thread: other work of the machine does not count
        with pytest.raises(ExpressionError) as caught:
            parse(text, resolve)
        assert time.thread_time() - start < 1.0
    finally:
        gc.enable()
    assert len(str(caught.value)) < 400


def test_text_that_doubles_itself_is_refused_before_it_fills_memory():
    def double(node, times):
        for _ in range(times):
            node = node * node
        return node

    with pytest.raises(ExpressionError, match="split it"):
        double(close, 60)


def test_an_error_of_the_registry_keeps_its_kind_and_gains_the_place():
    def refuse(name, args, kwargs):
        raise IndicatorError(f"there is no indicator {name!r}")

    with pytest.raises(IndicatorError, match=r"'foo'.*character 9"):
        parse("close > foo(5)", refuse)


def test_an_output_is_read_by_its_name_and_by_nothing_else():
    def macd(name, args, kwargs):
        return Outputs("macd()", {"line": close - open, "signal_line": open})

    assert parse("macd().line > 1", macd) is (close - open > 1)
    for text in ("macd().lin", "macd()._nodes", "macd() > 1", "macd().line.names"):
        with pytest.raises(ExpressionError):
            parse(text, macd)


def test_what_is_no_text_is_refused():
    with pytest.raises(ExpressionError, match="must be text"):
        parse(5, resolve)
