"""What a checked configuration describes, built: bars, strategy, backtest, space, levels, objective."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import xarray as xr

from mrtoolkit.backtest.backtest import Backtest
from mrtoolkit.backtest.model import Costs
from mrtoolkit.data.readers import read_bars
from mrtoolkit.data.resample import resample
from mrtoolkit.data.samples import sample
from mrtoolkit.errors import ConfigError, MrtoolkitError
from mrtoolkit.expressions.nodes import Node
from mrtoolkit.features.store import FeatureStore
from mrtoolkit.indicators.parsing import parse
from mrtoolkit.search.level import Level
from mrtoolkit.search.space import Categorical, Integer, Real, Space
from mrtoolkit.strategy.strategy import RULES, SETTINGS, Strategy


def build_backtest(path: Path, config: dict[str, Any]) -> Backtest:
    """Return the backtest that a configuration describes; messages and relative paths go by the file's `path`."""
    bars = build_bars(path, config["bars"])
    strategy = build_strategy(path, config["strategy"])
    with _at(f"{path}: [costs]"):
        costs = Costs(**config["costs"])
    store = config["store"]
    with _at(f"{path}: [store]"):
        folder = path.parent / store["path"] if "path" in store else None
        features = (
            FeatureStore(folder, **{key: value for key, value in store.items() if key != "path"}) if store else None
        )
    with _at(f"{path}: [backtest]"):
        return Backtest(bars, strategy, costs=costs, store=features, **config["backtest"])


def build_bars(path: Path, table: dict[str, Any]) -> xr.Dataset:
    """Return the prices of a `[bars]` table."""
    options = {key: value for key, value in table.items() if key not in ("path", "sample", "resample")}
    with _at(f"{path}: [bars]"):
        if "sample" in table:
            if options:
                msg = f"{next(iter(options))!r} says how to read a file, but 'sample' is no file; remove one of them."
                raise ConfigError(msg)
            bars = sample(table["sample"])
        else:
            bars = read_bars(path.parent / table["path"], **options)
        return resample(bars, table["resample"]) if "resample" in table else bars


def build_strategy(path: Path, table: dict[str, Any]) -> Strategy:
    """Return the strategy of a `[strategy]` table, its rules parsed, never executed."""
    options = dict(table)
    for key in (*RULES, *SETTINGS):
        if isinstance(options.get(key), str):
            options[key] = _rule(f"{path}: [strategy] {key}", options[key])
    with _at(f"{path}: [strategy]"):
        return Strategy(**options)


def build_space(path: Path, table: dict[str, Any]) -> Space:
    """Return the search space of a `[space]` table."""
    where = _rule(f"{path}: [space] where", table["where"]) if "where" in table else None
    dimensions = {}
    for name, entry in table.items():
        if name != "where":
            with _at(f"{path}: [space] {name}"):
                dimensions[name] = _dimension(entry)
    with _at(f"{path}: [space]"):
        return Space(where=where, **dimensions)


def build_search(path: Path, config: dict[str, Any]) -> dict[str, Any]:
    """Return the keyword arguments of `optimize` from the `[search]` table and the `[[level]]` tables."""
    options = dict(config["search"])
    if "objective" in options and not options["objective"].isidentifier():
        options["objective"] = _rule(f"{path}: [search] objective", options["objective"])
    options["constraints"] = [_rule(f"{path}: [search] constraints", text) for text in options.get("constraints", ())]
    levels = []
    for index, table in enumerate(config["level"]):
        with _at(f"{path}: [[level]] {index + 1}"):
            levels.append(Level(**table))
    if levels:
        options["levels"] = levels
    return options


def _dimension(entry: dict[str, Any]) -> Integer | Real | Categorical:
    if "categories" in entry:
        if "step" in entry or "log" in entry:
            msg = "categories are taken as they are; 'step' and 'log' go with integer and real."
            raise ConfigError(msg)
        categories = [None if category == "none" else category for category in entry["categories"]]
        return Categorical(categories, ordered=entry.get("ordered", False), only=entry.get("only"))
    if "ordered" in entry:
        raise ConfigError("numbers are in their order; 'ordered' goes with categories.")
    options = {key: entry[key] for key in ("step", "log", "only") if key in entry}
    return Integer(*entry["integer"], **options) if "integer" in entry else Real(*entry["real"], **options)


def _rule(where: str, text: str) -> Node:
    with _at(where):
        return parse(text)


@contextmanager
def _at(where: str) -> Iterator[None]:
    """Name the place in the file in front of whatever the toolkit says about it."""
    try:
        yield
    except MrtoolkitError as error:
        msg = f"{where}: {error}"
        raise ConfigError(msg) from error
