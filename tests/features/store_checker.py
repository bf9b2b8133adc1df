"""Whether a store on disk is what its writers said: looked at by plain xarray, by a datatree, and by this package."""

from __future__ import annotations

import functools
import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from feature_makers import make_bars

import mrtoolkit as mrt
from mrtoolkit.expressions.nodes import Node
from mrtoolkit.features import FeatureStore
from mrtoolkit.indicators import registry

WHOLE = 700
TIME_CHUNK, LABEL_CHUNK, STATE_CHUNK = 64, 8, 8
Feature = tuple[str, tuple[int, ...]]
"""A name of NODES, and labels."""
Found = tuple[int, set[Feature], list[str]]
"""Number of bars, what is there of them, and what is wrong with it."""
Look = Callable[[Path], Iterator[Found]]


def make_channel() -> None:
    """Register an indicator of two outputs that cannot go on, and is computed anew for longer bars."""
    if "crash_channel" in registry._entries:
        return

    @mrt.indicator(lookback=(1, 100), outputs=("upper", "lower"), warmup=0, compile=False)
    def crash_channel(close, lookback):
        return close * lookback, close / lookback


def channel(lookback: int) -> Node:
    make_channel()
    return registry.get("crash_channel")(lookback)


NODES: dict[str, Callable[..., Node]] = {
    "ema": mrt.ema,
    "rsi": mrt.rsi,
    "sma": mrt.sma,
    "atr": mrt.atr,
    "ema_of_rsi": lambda slow, n: mrt.ema(slow, of=mrt.rsi(n)),
    "crash_channel": channel,
}


def node_of(feature: Feature) -> Node:
    name, labels = feature
    return NODES[name](*labels)


def small_chunks(patch: Callable[[str, object], object]) -> None:
    """Make many chunks of few bars and labels; `patch(name, value)`."""
    patch("mrtoolkit.features.disk.chunks.TIME_CHUNK", TIME_CHUNK)
    for module in ("commit", "labels"):
        patch(f"mrtoolkit.features.disk.{module}.LABEL_CHUNK", LABEL_CHUNK)
    for module in ("commit", "states"):
        patch(f"mrtoolkit.features.disk.{module}.STATE_CHUNK", STATE_CHUNK)


@functools.cache
def bars_of(n_bars: int) -> xr.Dataset:
    """The first bars of one history."""
    return make_bars(WHOLE).isel(time=slice(0, n_bars)).copy(deep=True)


@functools.cache
def fresh(n_bars: int, feature: Feature) -> dict[str, np.ndarray]:
    """What computing over all bars gives, by output, "" for the one of an indicator with one."""
    store, node = FeatureStore(), node_of(feature)
    if feature[0] == "crash_channel":
        return {name: store.array(bars_of(n_bars), node[name]) for name in ("upper", "lower")}
    return {"": store.array(bars_of(n_bars), node)}


def problems(
    path: Path, acknowledged: dict[int, set[Feature]], *, was_pruned: bool = False, looks: Sequence[Look] = ()
) -> list[str]:
    """Return everything that is wrong with a store, as sentences.

    Parameters
    ----------
    path : Path
    acknowledged : mapping of numbers of bars to features
        What a call that returned had committed.
    was_pruned : bool
        Whether families that longer bars have too may be gone.
    looks : sequence of callable
        By which to look, all where there are none.
    """
    found: list[str] = []
    there: dict[int, set[Feature]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for look in looks or (by_families, _by_store, _by_tree, _by_verify):
            try:
                for n_bars, features, wrong in look(path):
                    found += [f"{getattr(look, '__name__', 'look')}: {text}" for text in wrong]
                    if look is by_families:
                        there.setdefault(n_bars, set()).update(features)
            except Exception as error:  # whatever it is, a user would have seen it
                found.append(f"{getattr(look, '__name__', 'look')}: {error!r}")
    for n_bars, features in acknowledged.items():
        for name, labels in sorted(features - there.get(n_bars, set())):
            is_extended = any(n > n_bars and name in {one for one, _ in there[n]} for n in there)
            if not (was_pruned and is_extended):
                found.append(f"{name}{labels} of {n_bars} bars was committed, and is gone")
    return found


def by_families(path: Path, n_bars: int | None = None) -> Iterator[Found]:
    """As any Zarr reader sees it, all of it or what there is of some bars."""
    for folder in family_folders(path):
        if n_bars is not None and _n_bars(folder) != n_bars:
            continue
        opened = xr.open_zarr(folder, chunks=None).load()
        yield _compared(opened)


def _by_tree(path: Path) -> Iterator[Found]:
    if not (path / "zarr.json").exists():
        return
    with xr.open_datatree(path, engine="zarr", chunks=None) as tree:
        for node in tree.leaves:
            if "pattern" in node.attrs:
                yield _compared(node.to_dataset().load())


def _by_store(path: Path) -> Iterator[Found]:
    """As a user sees it, who computes nothing."""
    store = FeatureStore(path, persist="never")
    store.info()
    for n_bars in sorted({_n_bars(f) for f in family_folders(path)}):
        bars, features, wrong = bars_of(n_bars), set(), []
        for variable, labels, values in _rows(store.matrix(bars)):
            name, output = _name_of(variable)
            features.add((name, labels))
            if not _is_same(values, fresh(n_bars, (name, labels))[output]):
                wrong.append(f"{variable}{labels} of {n_bars} bars has other values")
        for name in {name for name, _ in features}:
            store.load_features(bars, [name]).load()
        if store.counters.computed:
            wrong.append(f"{store.counters.computed} features of {n_bars} bars were computed")
        yield n_bars, features, wrong


def _by_verify(path: Path) -> Iterator[Found]:
    report = FeatureStore(path).verify()
    yield 0, set(), [] if report else [repr(report)]


def family_folders(path: Path) -> list[Path]:
    return sorted(f for f in path.glob("*/*@*") if not f.name.endswith(".partial"))


def _n_bars(folder: Path) -> int:
    return int(json.loads((folder / "zarr.json").read_bytes())["attributes"]["n_bars"])


def _compared(family: xr.Dataset) -> Found:
    n_bars, wrong, features = family.sizes["time"], [], set()
    name = family.attrs["family"]
    points = list(zip(*(family[p].values.tolist() for p in family.attrs["parameters"]), strict=True))
    if len(set(points)) < len(points):
        wrong.append(f"{name} of {n_bars} bars has labels twice: {points}")
    if not np.array_equal(family["time"].values, bars_of(n_bars)["time"].values):
        wrong.append(f"{name} of {n_bars} bars has other times")
    for k, point in enumerate(points):
        if not all(label == int(label) and label > 0 for label in point):
            wrong.append(f"{name} of {n_bars} bars has the labels {point}")
            continue
        feature = name, tuple(int(label) for label in point)
        features.add(feature)
        for output, values in fresh(n_bars, feature).items():
            if not _is_same(family[output or name].values[k], values):
                wrong.append(f"{feature} of {n_bars} bars has other values")
    return n_bars, features, wrong


def _is_same(values: np.ndarray, want: np.ndarray) -> bool:
    return np.ascontiguousarray(values).tobytes() == np.ascontiguousarray(want).tobytes()


def _name_of(variable: str) -> tuple[str, str]:
    for output in ("upper", "lower"):
        if variable == f"crash_channel_{output}":
            return "crash_channel", output
    return variable, ""


def _rows(matrix: xr.DataArray) -> Iterator[tuple[str, tuple[int, ...], np.ndarray]]:
    for k, (indicator, *point) in enumerate(matrix.indexes["feature"].tolist()):
        labels = tuple(int(label) for label in point if label == label)
        yield indicator, labels, matrix.values[k]
