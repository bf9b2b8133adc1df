"""The sweep of all pairs of many averages: beside vectorbt, its kernels, backtesting.py and the reference loop."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from event_rules import CROSSES, METRICS, pairs_of
from event_sizes import Sizes
from event_threads import with_threads
from figures import Figure, in_pairs, seconds_of

import mrtoolkit as mrt

HERE = Path(__file__).parent


def sweep(sizes: Sizes) -> Iterator[Figure]:
    """All in and the trial stage alone beside the reference loop; whole metrics, blocks, threads."""
    bars = mrt.data.simulate(bars=sizes.bars, freq="1h", seed=1)
    points, store = pairs_of(sizes.lookbacks), mrt.FeatureStore(memory="1 GiB")
    n, reference = len(points), CROSSES.reference(bars, store, points)
    scale = 1e6 / n
    result = CROSSES.backtest(bars, store).run(points, metrics=METRICS)
    reference.check(result)
    per_trial = f"{n:,} pairs, {result['trades'].values.mean():.0f} trades each on average"

    def all_in() -> object:
        return CROSSES.backtest(bars).run(points, metrics=METRICS)

    def trials() -> object:
        return CROSSES.backtest(bars, store).run(points, metrics=METRICS)

    with with_threads(1):
        all_in(), trials()
        pairs = in_pairs(all_in, reference.run, repeats=sizes.repeats)
        yield Figure(
            f"{per_trial}: all in, times faster than the reference loop", pairs.times_faster, "x", 6,
            at_least=True, aim=15,
        )  # fmt: skip
        yield Figure("microseconds a trial of that", np.array(pairs.ours) * scale, "us")
        loop = np.array(pairs.theirs) * scale * 1e3 / sizes.bars
        yield Figure("the reference loop, nanoseconds a bar and trial", loop, "ns", 2)
        pairs = in_pairs(trials, reference.run, repeats=sizes.repeats)
        yield Figure(
            "its trial stage alone, times faster than the reference loop", pairs.times_faster, "x", 12,
            at_least=True, aim=25,
        )  # fmt: skip
        yield Figure("microseconds a trial of that", np.array(pairs.ours) * scale, "us")
        yield from whole_metrics(sizes, bars, store, points)
    yield from threads(sizes, trials)


def whole_metrics(sizes: Sizes, bars, store, points) -> Iterator[Figure]:
    """All metrics and 64 blocks beside the four metrics alone, both from cached features."""

    def whole() -> object:
        return CROSSES.backtest(bars, store, blocks=64).evaluate(points)

    def four() -> object:
        return CROSSES.backtest(bars, store, blocks=1).run(points, metrics=METRICS)

    found, alone = whole(), four()
    for name in METRICS:
        np.testing.assert_allclose(found.metrics[name], alone[name].values, rtol=1e-9, atol=1e-11, err_msg=name)
    pairs = in_pairs(whole, four, repeats=sizes.repeats)
    yield Figure("all metrics and 64 blocks beside the four metrics alone", pairs.ratios, "x", 2, aim=1.3)
    yield Figure("microseconds a trial of that", np.array(pairs.ours) * 1e6 / len(points), "us")


def threads(sizes: Sizes, trials: Callable[[], object]) -> Iterator[Figure]:
    """The trial stage on two threads beside one."""

    def best_on(n: int) -> float:
        with with_threads(n):
            trials()  # starts the threads, which the clock then finds running
            return min(seconds_of(trials) for _ in range(3))

    ratios = [best_on(1) / best_on(2) for _ in range(sizes.repeats)]
    what = "its trial stage on 2 threads, times faster than on 1 (best of the pairs)"
    yield Figure(what, ratios, "x", 1.7, at_least=True, aim=1.9, by_best=True)


def peers(sizes: Sizes) -> Iterator[Figure]:
    """The same pairs by vectorbt and backtesting.py, a sample of them; they take turns with our whole sweep."""
    from event_peers import (
        backtesting_frame,
        backtesting_optimize,
        check_backtesting,
        check_vectorbt,
        vectorbt_as_used,
        vectorbt_kernels,
    )

    bars = mrt.data.simulate(bars=sizes.bars, freq="1h", seed=1)
    points, closes, frame = pairs_of(sizes.lookbacks), bars["close"].values, backtesting_frame(bars)
    check_vectorbt(bars, 10, 30)
    check_backtesting(bars, 10, 30)
    sample = sizes.peer_lookbacks
    n_sample, n_grid = (
        len(pairs_of(sample)),
        len(sizes.peer_fasts) * len(sizes.peer_slows) + 1,
    )  # it runs the best again
    cases = {
        "vectorbt as used": (lambda: vectorbt_as_used(bars, sample), n_sample, sizes.few, 2_000, 5_000),
        "vectorbt's bare kernels": (lambda: vectorbt_kernels(closes, sample), n_sample, sizes.few, 80, 200),
        "backtesting.py's optimize": (
            lambda: backtesting_optimize(frame, sizes.peer_fasts, sizes.peer_slows),
            n_grid, sizes.least, 50_000, 100_000,
        ),
    }  # fmt: skip
    with with_threads(1):
        for name, (theirs, n_theirs, repeats, floor, aim) in cases.items():
            theirs()  # compiled
            pairs = in_pairs(lambda: CROSSES.backtest(bars).run(points, metrics=METRICS), theirs, repeats=repeats)
            times = np.array(pairs.times_faster) * len(points) / n_theirs
            what = f"{len(points):,} pairs all in, times faster a trial than {name} ({n_theirs} of them)"
            yield Figure(what, times, "x", floor, at_least=True, aim=aim)
            yield Figure("milliseconds a trial of that", np.array(pairs.theirs) * 1e3 / n_theirs, "ms")


def memory(sizes: Sizes) -> Iterator[Figure]:
    """The peak of memory that the sweep adds in a process of its own, beside vectorbt's for fewer pairs, scaled."""
    ours = [_child("ours", sizes, sizes.lookbacks) for _ in range(sizes.least)]
    theirs = _child("vectorbt", sizes, sizes.memory_lookbacks)
    scaled = theirs["mib"] * ours[0]["trials"] / theirs["trials"]
    what = f"peak memory of {ours[0]['trials']:,.0f} pairs above the import"
    yield Figure(
        f"{what}, of vectorbt's (at {theirs['trials']:,.0f}, scaled)", [one["mib"] / scaled for one in ours], "x",
        1 / 20, aim=1 / 100,
    )  # fmt: skip
    yield Figure("MiB of that", [one["mib"] for one in ours], "MiB")
    yield Figure("MiB a trial of vectorbt", [theirs["mib"] / theirs["trials"]], "MiB")


def _child(whose: str, sizes: Sizes, lookbacks) -> dict[str, float]:
    settings = json.dumps({"n_bars": sizes.bars, "lookbacks": list(lookbacks)})
    command = [sys.executable, str(HERE / "event_child.py"), whose, settings]
    with with_threads(1):
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=HERE.parents[1])
    assert done.returncode == 0, done.stderr[-2_000:]
    return json.loads(done.stdout.splitlines()[-1])
