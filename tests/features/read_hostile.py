"""Use stores that somebody else made, under an audit hook that tells of anything but reading data; a child process.

`python read_hostile.py FOLDER`: each folder in it holds `stores/s.zarr`, and `outside`. Prints what went wrong as JSON.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from feature_makers import make_bars

import mrtoolkit as mrt
from mrtoolkit.errors import MrtoolkitError
from mrtoolkit.features import FeatureStore

RUNS = ["exec", "compile", "import", "pickle.find_class", "os.system", "os.exec", "subprocess.Popen", "marshal.loads"]
WRITES = [f"os.{name}" for name in ("remove", "rename", "rmdir", "mkdir", "link", "symlink", "truncate", "utime")]
WRITES += ["shutil.rmtree"]
NODES = [mrt.ema(3), mrt.ema(5), mrt.ema(7), mrt.sma(4)]

heard: list[str] = []
inside: list[str] = []


def hook(event: str, arguments: tuple[Any, ...]) -> None:
    """Tell of code that is run, and of what is written outside of the store."""
    if not inside:
        return
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
    if event in RUNS:
        heard.append(f"{event}: {str(arguments)[:100]}")
    elif event in WRITES or writes:
        names = arguments[:2] if event in ("os.rename", "os.link") else arguments[:1]
        for name in names:
            path = Path(name) if isinstance(name, str | os.PathLike) else Path()
            if not path.is_absolute() or str(path) == inside[0]:
                continue  # in a folder that is being removed: shutil.rmtree told of that
            if not path.parent.resolve().is_relative_to(inside[0]):  # what a name is, not where it leads
                heard.append(f"{event} outside: {name}")


def use(path: Path, bars: xr.Dataset, longer: xr.Dataset, truth: dict[str, np.ndarray]) -> list[str]:
    """Do with a store whatever there is to do, and return what went wrong."""
    wrong: list[str] = []

    def attempt(what: str, work: Any, *, may_refuse: bool) -> None:
        try:
            work()
        except MrtoolkitError as error:
            if not may_refuse:
                wrong.append(f"{what}: {error!s:.300}")
        except BaseException as error:
            wrong.append(f"{what}: {error!r:.300}")

    def compare() -> None:
        features = store.compute_batch(bars, [mrt.ema([3, 5, 7]), mrt.sma(4)])
        for node in NODES:
            values = features[node.name].sel({f"{node.name}_lookback": node.arguments[0].value})
            np.testing.assert_array_equal(values, truth[node.key])
            np.testing.assert_array_equal(store.array(bars, node), truth[node.key])

    try:
        store = FeatureStore(path)
    except MrtoolkitError:
        return wrong
    except BaseException as error:
        return [f"open: {error!r:.300}"]
    parquet = path / "out.parquet"
    attempt("info", lambda: (repr(store.info()), store.info()._repr_html_(), repr(store)), may_refuse=False)
    attempt("verify", lambda: (repr(store.verify()), store.verify()._repr_html_()), may_refuse=False)
    attempt("load", lambda: store.load_features(bars, "ema").load(), may_refuse=True)
    attempt("matrix", lambda: store.matrix(bars).load(), may_refuse=True)
    attempt("open", lambda: store.open("ema").load(), may_refuse=True)
    attempt("open of bars", lambda: store.open("ema", bars).load(), may_refuse=True)
    attempt("export", lambda: store.export_parquet(parquet, bars), may_refuse=True)
    attempt("import", lambda: store.import_parquet(parquet), may_refuse=True)
    attempt("append", lambda: store.append(longer), may_refuse=True)
    attempt("compute", compare, may_refuse=False)
    store = FeatureStore(path)
    attempt("compute again", compare, may_refuse=False)
    attempt("prune", lambda: repr(store.prune()), may_refuse=False)
    attempt("prune all", lambda: repr(store.prune(everything=True)), may_refuse=False)
    attempt("last info", lambda: repr(store.info()), may_refuse=False)
    return wrong


def main(root: Path) -> None:
    warnings.simplefilter("ignore")
    found: dict[str, list[str]] = {}
    cases = sorted(root.iterdir())
    by_assets = {}
    for n_assets in (None, 2):
        whole = make_bars(60, assets=n_assets)
        bars = whole.isel(time=slice(0, 40)).copy(deep=True)
        fresh = FeatureStore()
        by_assets[n_assets] = bars, whole, {node.key: fresh.array(bars, node) for node in NODES}
        use(root / "warm up" / str(n_assets) / "s.zarr", *by_assets[n_assets])  # whatever is imported late
    resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30, 8 * 2**30))
    sys.addaudithook(hook)
    for case in cases:
        path = case / "stores" / "s.zarr"
        inside[:] = [os.path.realpath(path)]
        heard.clear()
        wrong = use(path, *by_assets[2 if case.name.startswith("assets ") else None])
        inside.clear()
        found[case.name] = wrong + sorted(set(heard))
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
