"""What `mrtoolkit run --schema` says of keys and defaults is what the parts themselves say."""

from __future__ import annotations

import inspect
import re
from dataclasses import MISSING, fields
from typing import get_args, get_type_hints

import pytest

import mrtoolkit as mrt
from mrtoolkit import P
from mrtoolkit.cli.schema import BACKTEST, BARS, COSTS, DIMENSION, LEVEL, SEARCH, STORE, STRATEGY
from mrtoolkit.features.store import FeatureStore
from mrtoolkit.search.optimizer import MultiResOptimizer
from mrtoolkit.search.settings import SearchOptions


def of_signature(function):
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is not p.VAR_KEYWORD and p.name != "self"}


def of_fields(cls):
    return {field.name: None if field.default is MISSING else field.default for field in fields(cls)}


# table, what the part takes, what of it a file cannot say, what the table has beside it
PARTS = {
    "bars": (BARS, of_signature(mrt.read_bars), set(), {"sample", "resample"}),
    "strategy": (STRATEGY, of_fields(mrt.Strategy), set(), set()),
    "costs": (COSTS, of_fields(mrt.Costs), set(), set()),
    "backtest": (BACKTEST, of_signature(mrt.Backtest), {"bars", "strategy", "costs", "store"}, set()),
    "search": (
        SEARCH,
        of_signature(MultiResOptimizer) | dict.fromkeys(SearchOptions.__annotations__) | {"tolerance": 0.0},
        {"evaluator", "space", "levels", "study", "workers", "on_event", "steering"},
        set(),
    ),
    "level": (LEVEL, of_fields(mrt.Level), set(), set()),
    "store": (STORE, of_signature(mrt.FeatureStore), set(), set()),
    "dimension": (
        DIMENSION,
        of_signature(mrt.Categorical) | of_signature(mrt.Integer) | of_signature(mrt.Real),
        {"low", "high", "values"},
        {"integer", "real", "categories"},
    ),
}


@pytest.mark.parametrize("table", PARTS)
def test_a_table_has_the_keys_that_its_part_takes(table):
    keys, taken, left_out, added = PARTS[table]
    assert set(keys) - added == set(taken) - left_out


@pytest.mark.parametrize(
    ("table", "name"), [(table, name) for table, (keys, taken, *_) in PARTS.items() for name in keys if name in taken]
)
def test_a_default_is_that_of_its_part(table, name):
    keys, taken, *_ = PARTS[table]
    said, default = keys[name].default, taken[name]
    if default is None or default is inspect.Parameter.empty or default == ():
        assert not re.match(r"[\d.]+$", said), "a number is said where the part has none"
    elif isinstance(default, bool):
        assert said == str(default).lower()
    elif isinstance(default, int | float):
        assert float(said) == default
    else:
        assert said == default


def test_the_defaults_that_depend_on_the_levels_are_those_of_the_search():
    bars = mrt.data.simulate(bars=100, seed=0)
    backtest = mrt.Backtest(bars, mrt.Strategy(entry=mrt.sma(P.n) > mrt.close))
    space = mrt.Space(n=mrt.Integer(2, 50))
    preset = MultiResOptimizer(backtest, space).settings
    listed = MultiResOptimizer(backtest, space, levels=[mrt.Level("one", labels=3)]).settings
    assert SEARCH["trials"].default == f"{preset.trials}; no limit where levels are given"
    assert SEARCH["patience"].default == f"{preset.patience}; all are run where levels are given"
    assert (listed.trials, listed.patience) == (None, None)
    assert float(SEARCH["tolerance"].default) == preset.tolerance
    assert SEARCH["objective"].default == MultiResOptimizer(backtest, space).study.objective


def test_the_texts_that_are_allowed_are_those_that_a_part_takes():
    bars = mrt.data.simulate(bars=100, seed=0)
    rule = mrt.Strategy(entry=mrt.sma(5) > mrt.close)
    assert STORE["persist"].allowed == get_args(get_type_hints(FeatureStore.__init__)["persist"])
    for name in ("fill", "engine"):
        for text in BACKTEST[name].allowed:
            mrt.Backtest(bars, rule, **{name: text})
    for name in ("side", "reentry"):
        for text in STRATEGY[name].allowed:
            mrt.Strategy(entry=mrt.sma(5) > mrt.close, **{name: text})


def test_the_step_of_a_dimension_is_that_of_its_kind():
    whole, real = of_fields(mrt.Integer)["step"], of_fields(mrt.Real)["step"]
    assert DIMENSION["step"].default == f"{whole} for integer; none for real"
    assert real is None
