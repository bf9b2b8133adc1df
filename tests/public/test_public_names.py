"""The names that notebooks are written against are there, and each says what it takes."""

from __future__ import annotations

import inspect

import pytest

import mrtoolkit as mrt

_NAMES = """
data read_bars close open high low volume input hour weekday
ema sma wma rsi stdev atr roc highest lowest macd bollinger indicator parse
P M when choose minimum maximum
Strategy Space Integer Real Categorical FeatureStore Backtest Costs
optimize MultiResOptimizer levels Level load_study report views
"""
_DATA = "sample samples from_pandas simulate resample"
_FAMILIES = "ema sma wma rsi stdev atr roc highest lowest macd bollinger"
_METRICS = """
total_return annual_return volatility sharpe sortino calmar max_drawdown
trades win_rate profit_factor exposure turnover
"""
NAMES, DATA, FAMILIES, METRICS = (text.split() for text in (_NAMES, _DATA, _FAMILIES, _METRICS))
METHODS = {
    "FeatureStore": "compute_batch cache_to_disk load_features matrix array info",
    "Strategy": "params to_dict from_dict",
    "Backtest": "run trial evaluator benchmark evaluate evaluate_fresh features persist to_dict",
    "MultiResOptimizer": "optimize ask tell",
    "Study": "best plateau top benchmark trials levels verify save to_pandas",
}
RESERVED = {"time", "asset", "trial", "level", "region", "block", "point"}


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_there(name):
    assert hasattr(mrt, name)


@pytest.mark.parametrize("name", DATA)
def test_a_name_of_data_is_there(name):
    assert hasattr(mrt.data, name)


@pytest.mark.parametrize("owner", METHODS)
def test_a_class_has_its_methods(owner):
    from mrtoolkit.search import Study

    kind = Study if owner == "Study" else getattr(mrt, owner)
    known = set(dir(kind)) | set(getattr(kind, "__annotations__", ()))
    assert [name for name in METHODS[owner].split() if name not in known] == []


def test_no_public_function_bears_a_part_s_name():
    parts = {"data", "expressions", "indicators", "features", "strategy", "backtest", "search", "views", "cli"}
    assert [name for name in parts if inspect.isfunction(getattr(mrt, name, None))] == []


def test_the_metrics_have_the_field_s_names_in_order():
    from mrtoolkit.backtest.metrics import METRICS as OURS

    assert list(OURS) == METRICS


def test_no_metric_and_no_family_bears_a_name_that_xarray_has():
    import xarray as xr

    taken = set(dir(xr.Dataset)) | RESERVED
    assert taken & (set(FAMILIES) | set(METRICS)) == set()


def documented() -> list[str]:
    found = [
        name
        for name in NAMES
        if inspect.isclass(getattr(mrt, name, None)) or inspect.isfunction(getattr(mrt, name, None))
    ]
    return found + [f"data.{name}" for name in DATA]


@pytest.mark.parametrize("name", documented())
def test_a_public_name_says_what_it_takes(name):
    thing = getattr(mrt.data, name[5:]) if name.startswith("data.") else getattr(mrt, name)
    text = inspect.getdoc(thing) or ""
    assert len(text.splitlines()[0]) > 10
    takes = [p for p in inspect.signature(thing).parameters.values() if p.kind is not p.VAR_POSITIONAL]
    if takes:
        assert any(word in text for word in ("Parameters\n---", "Attributes\n---", "Examples\n---", "`mrt.")), text
