"""What the feature store shows in processes of its own: a warm store in a new one, and the memory of a sweep."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from figures import Figure
from store_sizes import Sizes

import mrtoolkit as mrt
from mrtoolkit.features import FeatureStore

HERE = Path(__file__).parent
DEAR = ("rolling_rank", "hurst")
CHEAPER = ("rolling_median", "slope")


def child(what: str, **settings: object) -> tuple[dict, float]:
    """The answer of a process of its own, and the seconds of all of it."""
    start = time.perf_counter()
    command = [sys.executable, str(HERE / "store_child.py"), what, json.dumps(settings)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=HERE.parents[1])
    assert done.returncode == 0, done.stderr[-2_000:]
    return json.loads(done.stdout.splitlines()[-1]), time.perf_counter() - start


def new_process(sizes: Sizes, folder: Path) -> Iterator[Figure]:
    """A store that another process has filled, opened in a new one, beside computing there.

    "warm": the store is opened and the bars' fingerprint taken within the time. "cold": computed, the kernel loaded
    from numba's cache within the time. "kernels": computed, kernel loaded and fingerprint taken before.
    """
    bars = mrt.data.simulate(bars=sizes.bars, freq="1h", seed=0)
    path, lookbacks, names = str(folder / "dear.zarr"), list(range(20, 201, 20)), DEAR + CHEAPER
    store = FeatureStore(path)
    store.fetch(bars, [getattr(mrt, name)(k) for name in names for k in lookbacks])
    store.persist(bars)
    taken: dict[tuple[str, str], list[float]] = {}
    whole: dict[str, list[float]] = {"warm": [], "cold": [], "kernels": []}
    for k in range(sizes.few):
        turn = k % len(names)  # what comes first pays for what all use
        for how in list(whole)[:: 1 if k % 2 else -1]:
            answer, seconds = child(
                "features",
                path=path if how == "warm" else None,
                is_warm=how == "kernels",
                n_bars=sizes.bars,
                names=list(names[turn:] + names[:turn]),
                lookbacks=lookbacks,
            )
            assert answer["computed"] == (0 if how == "warm" else len(names) * len(lookbacks))
            whole[how].append(seconds)
            for name in names:
                taken.setdefault((how, name), []).append(answer["seconds"][name])
    for name in names:
        ours, theirs, cold = (np.array(taken[how, name]) for how in ("warm", "kernels", "cold"))
        what, aim = f"{len(lookbacks)} of {name} from a warm store in a new process", 10 if name in DEAR else None
        yield Figure(f"{what}, times faster than computing", theirs / ours, "x", aim, at_least=True)
        yield Figure("times faster than computing with its kernel still to be loaded", cold / ours, "x", at_least=True)
        yield Figure("milliseconds of that, opening and the bars' fingerprint in it", 1e3 * ours, "ms")
    yield Figure("the whole process, its start and imports too, from the store", whole["warm"], "s")
    yield Figure("the whole process, computing", whole["cold"], "s")


def memory_of_a_sweep(sizes: Sizes, folder: Path) -> Iterator[Figure]:
    """A sweep whose features take ten times the limit."""
    limit, each = sizes.sweep_memory_mib, 8 * sizes.sweep_bars / 2**20
    about = {"n_bars": sizes.sweep_bars, "n_features": round(10 * limit / each)}
    tight, _ = child("sweep", memory=f"{limit} MiB", path=None, **about)
    stored, _ = child("sweep", memory=f"{limit} MiB", path=str(folder / "sweep.zarr"), **about)
    roomy, _ = child("sweep", memory="4 GiB", path=None, **about)
    least, _ = child("sweep", memory=f"{round(2 * each)} MiB", path=None, **about)
    assert tight["sum"] == roomy["sum"] == stored["sum"]
    what = f"a sweep over {10 * limit} MiB of features within {limit} MiB"
    yield Figure("the peak of resident memory of a sweep that holds two features adds", [least["grown"]], "MiB")
    yield Figure(f"{what}: adds to that", [tight["grown"] - least["grown"]], "MiB", limit)
    yield Figure("the same with a folder", [stored["grown"] - least["grown"]], "MiB", limit)
    yield Figure("control: without the limit", [roomy["grown"] - least["grown"]], "MiB")
    yield Figure("seconds within the limit, beside those without", [tight["seconds"] / roomy["seconds"]], "x")
