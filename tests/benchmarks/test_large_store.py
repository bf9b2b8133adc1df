"""Features that memory does not hold: written part by part, and read as lazy data.

Run in full: `python -m tests.benchmarks.test_large_store`, or MRTOOLKIT_BENCH=1 under pytest: 5,000,000 bars by 200
features and 500 assets by 5,000 daily bars by 50 features, 9 GiB of disk. By default a short form reads back what
a tiny batch wrote. Each batch runs in a process of its own, so that its peak of resident memory is its own.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE)]

from figures import IS_FULL, Figure, PeakMemory, print_table  # noqa: E402 (found by the line above)

import mrtoolkit as mrt  # noqa: E402
from mrtoolkit.features import FeatureStore  # noqa: E402

MIB = 2**20
# 500 assets fit into 1 GiB by a hair, so that they are given less.
LARGE = (
    {"n_bars": 5_000_000, "assets": None, "n_features": 200, "memory": "1 GiB"},
    {"n_bars": 5_000, "assets": 500, "n_features": 50, "memory": "256 MiB"},
)
TINY = (
    {"n_bars": 30_000, "assets": None, "n_features": 12, "memory": "1 MiB"},
    {"n_bars": 300, "assets": 20, "n_features": 12, "memory": "256 KiB"},
)


def batch(path: str, *, n_bars: int, assets: int | None, n_features: int, memory: str) -> dict[str, float]:
    """Compute, write and read a batch of EMAs; what that took."""
    bars = mrt.data.simulate(bars=n_bars, assets=assets, freq="1min" if assets is None else "1D", seed=0)
    nodes = [mrt.ema(2 + k) for k in range(n_features)]
    few = mrt.data.simulate(bars=max(300, n_features + 10), seed=1)
    FeatureStore(Path(path) / "few.zarr").compute_batch(few, nodes)  # compiled
    n_bytes = 8 * n_bars * (assets or 1) * n_features
    found = {"MiB": n_bytes / MIB}
    store = FeatureStore(Path(path) / "large.zarr", memory=memory)
    memory_peak = PeakMemory()
    start = time.perf_counter()
    features = store.compute_batch(bars, nodes)
    found["seconds"] = time.perf_counter() - start
    found["peak MiB"] = memory_peak.added_mib()
    assert not features.ema.variable._in_memory
    middle, labels = n_bars // 2, range(2, min(22, n_features))
    asked = {
        "one label": lambda: features.ema.sel(ema_lookback=7).values,
        "a hundredth of the time": lambda: features.ema.isel(time=slice(middle, middle + n_bars // 100)).values,
        "means over time of 20": lambda: [features.ema.sel(ema_lookback=k).mean("time").values for k in labels],
    }
    for what, read in asked.items():
        start = time.perf_counter()
        read()
        found[what] = time.perf_counter() - start
    found["read peak MiB"] = memory_peak.added_mib()
    np.testing.assert_array_equal(asked["one label"](), FeatureStore().array(bars, mrt.ema(7)))
    assert store.counters.computed == n_features
    return found


def figures(sizes) -> Iterator[Figure]:
    """Both batches, each in a process of its own and a folder that is gone after it."""
    for about in sizes:
        with tempfile.TemporaryDirectory() as folder:
            free = shutil.disk_usage(folder).free
            needed = 2.2 * 8 * about["n_bars"] * (about["assets"] or 1) * about["n_features"]
            if free < needed:
                print(f"left out: {needed / 2**30:.0f} GiB of disk are needed, and {free / 2**30:.0f} are free")
                continue
            command = [sys.executable, str(HERE / "test_large_store.py"), folder, json.dumps(about)]
            done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=HERE.parents[1])
            assert done.returncode == 0, done.stderr[-2_000:]
            found = json.loads(done.stdout.splitlines()[-1])
        of_assets = f" of {about['assets']} assets" if about["assets"] else ""
        what = f"{about['n_features']} features of {about['n_bars']:,} bars{of_assets}, {found['MiB']:,.0f} MiB"
        yield Figure(f"{what}, memory={about['memory']!r}: computed and written", [found["seconds"]], "s")
        yield Figure("of values a second", [found["MiB"] / found["seconds"]], "MiB/s")
        yield Figure("its peak of resident memory adds", [found["peak MiB"]], "MiB")
        for how in ("one label", "a hundredth of the time", "means over time of 20"):
            yield Figure(f"then read: {how}", [1e3 * found[how]], "ms")
        yield Figure("the peak after these adds", [found["read peak MiB"]], "MiB")


@pytest.mark.parametrize("about", TINY)
def test_what_memory_does_not_hold_is_written_and_reads_back(about, tmp_path):
    assert batch(str(tmp_path), **about)["MiB"] > 0


@pytest.mark.benchmark
@pytest.mark.skipif(not IS_FULL, reason="full size: set MRTOOLKIT_BENCH=1")
def test_large_batches_stay_within_memory():
    assert main()


def main() -> bool:
    """Print the table; return whether all targets were met."""
    return print_table("More than memory holds", figures(LARGE))


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(batch(sys.argv[1], **json.loads(sys.argv[2]))))
    else:
        raise SystemExit(0 if main() else 1)
