"""A store is data: nothing in it is run, nothing outside of it is touched, whoever made it and whatever it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from feature_makers import make_bars
from hostile_stores import CASES, OF_ASSETS

import mrtoolkit as mrt
from mrtoolkit.data.bars import as_bars
from mrtoolkit.features import FeatureStore

EVERY = [*CASES, *OF_ASSETS]


def outside_of(case: Path) -> dict[str, bytes]:
    """What lies beside the store, links not followed."""
    found = {}
    for place, folders, names in os.walk(case):
        folders[:] = [name for name in folders if name != "s.zarr"]
        for name in [*names, *folders]:
            path = Path(place) / name
            if path.is_symlink():
                content = str(path.readlink()).encode()
            else:
                content = b"" if path.is_dir() else path.read_bytes()
            found[str(path.relative_to(case))] = content
    return found


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """What went wrong in a process that used all of the stores: {case: [texts]}, and what changed outside of them."""
    root = tmp_path_factory.mktemp("hostile")
    before = {}
    for n_assets, cases in ((None, CASES), (2, OF_ASSETS)):
        bars = as_bars(make_bars(60, assets=n_assets).isel(time=slice(0, 40)).copy(deep=True))
        for name, make in cases.items():
            case = root / (f"assets {name}" if n_assets else name)
            store = FeatureStore(case / "stores" / "s.zarr")
            store.compute_batch(bars, [mrt.ema([3, 5])])
            (case / "outside").mkdir()
            (family,) = store.path.glob("*/ema@*")
            make(family, case / "outside")
            before[case.name] = outside_of(case)
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("read_hostile.py")), str(root)],
        capture_output=True, text=True, timeout=100, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    wrong = json.loads(done.stdout)
    for name, known in before.items():
        now = outside_of(root / name)
        wrong[name] += [f"changed outside: {place}" for place in {*known, *now} if known.get(place) != now.get(place)]
    return {name.removeprefix("assets "): found for name, found in wrong.items()}


@pytest.mark.parametrize("case", EVERY)
def test_nothing_in_a_store_is_run_and_nothing_outside_of_it_is_touched(outcome, case):
    assert outcome[case] == []


ODD = [
    "../../up",
    "a/b",
    "a\nb",
    "a\tb",
    "\u202eevil",
    "Ω" * 300,
    "x" * 10_000,
    "__import__('os').system('true')",
    "P.x",
    "{0}",
]


@pytest.mark.parametrize("text", [*ODD, "a\0b", "\ud800"])
def test_what_bars_say_of_themselves_stays_a_text(tmp_path, text):
    """Names of assets, and where the bars come from."""
    bars = make_bars(40, assets=2).assign_attrs(source=text)
    names = np.array([text, "other"], dtype=object)
    before = sorted(tmp_path.iterdir())
    try:
        bars = as_bars(bars.assign_coords(asset=names))
    except (mrt.BarsError, UnicodeEncodeError):  # pandas refuses half a letter
        bars = as_bars(bars)
    store = FeatureStore(tmp_path / "s.zarr")
    want = FeatureStore().compute_batch(bars, [mrt.ema([3, 5])])
    xr.testing.assert_equal(store.compute_batch(bars, [mrt.ema([3, 5])]), want)
    reader = FeatureStore(tmp_path / "s.zarr", persist="never")
    xr.testing.assert_equal(reader.load_features(bars, "ema"), want)
    np.testing.assert_array_equal(reader.open("ema", bars).ema, want.ema)
    assert reader.verify()
    repr(reader.info())
    store.export_parquet(tmp_path / "f.parquet", bars)
    other = FeatureStore(tmp_path / "other.zarr")
    assert other.import_parquet(tmp_path / "f.parquet") == 2
    xr.testing.assert_equal(other.load_features(bars, "ema"), want)
    assert sorted(tmp_path.iterdir()) == [*before, *(tmp_path / n for n in ("f.parquet", "other.zarr", "s.zarr"))]
    assert len(list((tmp_path / "s.zarr").iterdir())) <= 5  # .claims, .lock, zarr.json and one data set


def test_a_source_that_is_no_text_is_kept_as_one(tmp_path):
    for source in (Path("prices.csv"), float("nan"), np.float64(3), object(), {"a": {1, 2}}):
        bars = as_bars(make_bars(40)).assign_attrs(source=source)
        store = FeatureStore(tmp_path / f"{type(source).__name__}.zarr")
        store.compute_batch(bars, [mrt.ema(3)])
        assert FeatureStore(store.path).load_features(bars, "ema").sizes["ema_lookback"] == 1
