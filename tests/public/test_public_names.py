"""The names that notebooks are written against are there, no others are, and each says what it takes."""

from __future__ import annotations

import inspect

import pytest

import mrtoolkit as mrt

_NAMES = """
data read_bars close open high low volume input hour weekday
ema sma wma rsi stdev atr roc highest lowest macd bollinger indicator parse
slope rolling_median rolling_rank rolling_zscore hurst
P M when choose timeframe minimum maximum log sqrt
Strategy position Positions Space Integer Real Categorical FeatureStore Backtest Costs Trial
optimize MultiResOptimizer RunningSearch levels Level Study load_study compare SideBySide compare_cost report view views
progress_bars
"""
_ERRORS = """
MrtoolkitError BarsError ExpressionError IndicatorError StoreError StrategyError SpaceError StudyError ConfigError
"""
_DATA = "sample samples from_pandas simulate resample read_bars as_bars fingerprint bars_per_year input_values"
_FAMILIES = """
ema sma wma rsi stdev atr roc highest lowest macd bollinger
slope rolling_median rolling_rank rolling_zscore hurst
"""
_METRICS = """
total_return annual_return volatility sharpe sortino calmar max_drawdown
trades win_rate profit_factor exposure turnover
"""
_STORE = """
path dtype memory_limit memory_used counters fetch array peek compute_batch load_features matrix open append
cache_to_disk persist export_parquet import_parquet prune verify info
"""
NAMES, DATA, FAMILIES, METRICS, STORE = (text.split() for text in (_NAMES, _DATA, _FAMILIES, _METRICS, _STORE))
METHODS = {
    "FeatureStore": "compute_batch cache_to_disk load_features matrix array info",
    "Strategy": "params to_dict from_dict",
    "Positions": "typed write to_dict",
    "Backtest": "run plan blocks trial evaluator benchmark evaluate evaluate_fresh features persist to_dict",
    "MultiResOptimizer": "optimize start ask tell",
    "Study": "best plateau top benchmark trials levels verify save to_pandas",
}
RESERVED = {"time", "asset", "trial", "level", "region", "block", "point"}


def test_the_public_names_are_these_and_no_others():
    things = {name: getattr(mrt, name) for name in dir(mrt)}
    parts = {name for name, thing in things.items() if inspect.ismodule(thing)} - {"data", "views"}
    assert set(things) - parts - {"TYPE_CHECKING"} == {*NAMES, *_ERRORS.split()}


def test_the_functions_of_data_are_these_and_no_others():
    assert {name for name, thing in vars(mrt.data).items() if inspect.isfunction(thing)} == set(DATA)


@pytest.mark.parametrize("owner", METHODS)
def test_a_class_has_its_methods(owner):
    kind = getattr(mrt, owner)
    known = set(dir(kind)) | set(getattr(kind, "__annotations__", ()))
    assert [name for name in METHODS[owner].split() if name not in known] == []


def test_a_store_has_these_public_names_and_no_others():
    assert {name for name in dir(mrt.FeatureStore) if not name.startswith("_")} == set(STORE)


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
