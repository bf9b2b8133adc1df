"""The feature store beside NumPy's own files, and beside computing: every figure that it has to show, in one run.

Run in full: `python -m tests.benchmarks.test_store_speed`, or MRTOOLKIT_BENCH=1 under pytest. By default a short form
does the same with few and small features; it asserts nothing about seconds. Ratios are of times taken in turns; all
files lie in the page cache on both sides.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE)]

from figures import IS_FULL, Figure, in_pairs, print_table, seconds_of  # noqa: E402 (found by the line above)
from store_processes import memory_of_a_sweep, new_process  # noqa: E402
from store_sizes import SHORT, Sizes  # noqa: E402
from test_textbook_search import search  # noqa: E402

import mrtoolkit as mrt  # noqa: E402
from mrtoolkit.data.bars import as_bars  # noqa: E402
from mrtoolkit.features import FeatureStore  # noqa: E402


def from_memory(sizes: Sizes, _: Path) -> Iterator[Figure]:
    """A feature as an array while memory holds many, in random order."""
    bars = mrt.data.simulate(bars=500, freq="1h", seed=0)
    store = FeatureStore()
    nodes = [mrt.ema(2 + k / 64) for k in range(sizes.entries)]
    store.fetch(bars, nodes)
    random.Random(0).shuffle(nodes)

    def look() -> None:
        array = store.array
        for node in nodes:
            array(bars, node)

    everyone = list(nodes)
    for n_asked in (len(everyone), min(100, len(everyone))):
        nodes = everyone[:n_asked]
        seconds = [seconds_of(look) for _ in range(sizes.repeats)]
        what = f"a feature from memory as an array, any of {n_asked:,}, {len(everyone):,} held"
        yield Figure(what, [s / len(nodes) * 1e6 for s in seconds], "us", 3)
    assert store.counters.computed == len(everyone)


def from_disk(sizes: Sizes, folder: Path) -> Iterator[Figure]:
    """Eight of many stored features, opening the group, and committing eight more, beside NumPy's files."""
    bars = mrt.data.simulate(bars=sizes.bars, freq="1h", seed=0)
    rng = random.Random(0)
    nodes = [mrt.ema(2 + k / 4) for k in range(sizes.features)]
    files = dict(zip(nodes, (str(folder / f"{k}.npy") for k in range(len(nodes))), strict=True))
    writer = FeatureStore(folder / "many.zarr", memory="1 GiB")
    for start in range(0, len(nodes), 100):
        part = nodes[start : start + 100]
        for node, values in zip(part, writer.fetch(bars, part), strict=True):
            np.save(files[node], values[0])
        writer.persist(bars)
    reader = FeatureStore(folder / "many.zarr", memory="1 KiB")  # opened before, and too small to keep what it read
    chosen: list[mrt.ema] = []

    def read() -> object:
        return reader._lookup.gather(bars, chosen, may_recompute=False)  # it might find computing cheaper

    def choose() -> None:
        chosen[:] = rng.sample(nodes, 8)

    choose()
    rows = reader._lookup.gather(bars, chosen, may_recompute=False)
    for node in chosen:
        np.testing.assert_array_equal(rows.array(node)[0], np.load(files[node]))
    ours = in_pairs(read, lambda: [np.load(files[n]) for n in chosen], repeats=sizes.repeats, before=choose)
    assert reader.counters.computed == 0
    what = f"8 of {len(nodes):,} stored features of {sizes.bars:,} bars"
    yield Figure(f"{what}, beside np.load", ours.ratios, "x", 2)
    yield Figure(what, ours.ms(), "ms")
    yield Figure("np.load of the same", ours.ms("theirs"), "ms")
    labelled = in_pairs(
        lambda: reader.load_features(bars, chosen).load(),
        lambda: [np.load(files[n]) for n in chosen],
        repeats=sizes.repeats,
        before=choose,
    )
    yield Figure("the same by load_features, labelled, beside np.load", labelled.ratios, "x")
    yield from opening(sizes, bars, reader)
    yield from committing(sizes, bars, writer, folder)


def opening(sizes, bars, store: FeatureStore) -> Iterator[Figure]:
    """A group of many features by its name."""
    path = store.path
    assert path is not None
    assert store.open("ema", bars).sizes["lookback"] == sizes.features
    opened = in_pairs(
        lambda: store.open("ema", bars), lambda: FeatureStore(path).open("ema", bars), repeats=sizes.repeats
    )
    what = f"opening a group of {sizes.features:,} features"
    yield Figure(f"{what}, a store used before", opened.ms(), "ms", 15)
    yield Figure(f"{what}, a new store", opened.ms("theirs"), "ms", 15)


def committing(sizes, bars, store: FeatureStore, folder: Path) -> Iterator[Figure]:
    """Eight features more into a group of many, by `persist` and by `cache_to_disk`, beside np.save."""
    fresh = iter(range(10**6))
    values: list[np.ndarray] = []
    made = []

    def compute() -> None:
        nodes = [mrt.ema(1_000 + next(fresh) / 4) for _ in range(8)]
        values[:] = [v[0] for v in store.fetch(bars, nodes)]

    def label() -> None:
        nodes = [mrt.ema(2_000 + next(fresh) / 4) for _ in range(8)]
        made[:] = [FeatureStore().compute_batch(bars, nodes)]

    def save() -> None:
        for k, one in enumerate(values):
            np.save(f"{new_files}/{k}-{next(fresh)}.npy", one)

    os.sync()  # 800 MB were just written: while they go to the disk, a folder or a rename takes five times as long
    new_files = folder / "new"
    new_files.mkdir()
    n_before = store.counters.computed
    persisted = in_pairs(lambda: store.persist(bars), save, repeats=sizes.repeats, before=compute)
    assert store.counters.computed == n_before + 8 * sizes.repeats
    cached = in_pairs(lambda: store.cache_to_disk(made[0]), save, repeats=sizes.repeats, before=label)
    what = f"committing 8 features into {sizes.features:,}"
    yield Figure(what, persisted.ms(), "ms", 30)
    yield Figure(f"{what}, beside np.save", persisted.ratios, "x", 6)
    yield Figure("np.save of the same", persisted.ms("theirs"), "ms")
    yield Figure(f"{what} from a Dataset (every digest checked)", cached.ms(), "ms", 30)
    yield Figure("the same beside np.save", cached.ratios, "x", 6)
    assert len(store.open("ema", bars).lookback) == sizes.features + 16 * sizes.repeats


def long_features(sizes: Sizes, folder: Path) -> Iterator[Figure]:
    """Features of millions of bars: one read, and some of them appended to."""
    old = mrt.data.simulate(bars=sizes.many_bars, freq="1min", seed=0)
    nodes = [mrt.ema(10 * (k + 1)) for k in range(sizes.emas)]
    held = FeatureStore(folder / "long.zarr", memory="4 GiB")
    np.save(folder / "long.npy", held.fetch(old, nodes)[0][0])
    held.persist(old)
    reader = FeatureStore(folder / "long.zarr", memory="1 KiB")
    read = in_pairs(
        lambda: reader._lookup.gather(old, nodes[:1], may_recompute=False),
        lambda: np.load(folder / "long.npy"),
        repeats=sizes.repeats,
    )
    what = f"one feature of {sizes.many_bars:,} bars"
    yield Figure(f"{what}, beside np.load", read.ratios, "x", 6)
    yield Figure(what, read.ms(), "ms")
    yield Figure("np.load of the same", read.ms("theirs"), "ms")
    new = mrt.data.simulate(bars=sizes.many_bars + sizes.new_bars, freq="1min", seed=0)
    memory = FeatureStore(memory="4 GiB")
    memory.fetch(old, nodes)
    for known in (True, False):
        yield from appending(sizes, folder, (memory, reader), new, nodes, known=known)
    memory.append(new)
    for ours, theirs in zip(memory.fetch(new, nodes), FeatureStore().fetch(new, nodes), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def appending(sizes, folder: Path, stores, new, nodes, *, known: bool) -> Iterator[Figure]:
    """New bars for what is in memory and what is in a folder; the bars checked and named before where `known`."""
    memory, stored = stores
    data, bars = mrt.data.fingerprint(new), [new]

    def forget() -> None:
        memory._memory.discard(lambda key: key.data == data)
        stored._disk.remove([commit.path for _, commit in stored._disk.commits(data)])
        shutil.rmtree(folder / "afresh.zarr", ignore_errors=True)
        bars[:] = [new if known else new.copy()]
        if known:
            memory._checked(new), stored._checked(new)

    def afresh() -> FeatureStore:
        store = FeatureStore(memory="4 GiB")
        store.fetch(bars[0] if known else as_bars(bars[0]), nodes)
        return store

    def afresh_in_folder() -> FeatureStore:
        store = FeatureStore(folder / "afresh.zarr", memory="4 GiB")
        store.fetch(bars[0] if known else as_bars(bars[0]), nodes)
        store.persist(bars[0])
        return store

    what = f"appending {sizes.new_bars:,} bars to {sizes.emas} EMAs of {sizes.many_bars:,}"
    note = "" if known else ", with the look at the bars and their fingerprint"
    aim = 0.4 if known else None  # both look at all bars first, which takes as long as twenty EMAs
    few = max(1, sizes.few // 2)
    pairs = in_pairs(lambda: memory.append(bars[0]), afresh, repeats=sizes.few + 2, before=forget)
    yield Figure(f"{what} in memory{note}, beside computing", pairs.ratios, "x", aim)
    yield Figure("milliseconds of that", pairs.ms(), "ms")
    yield Figure("milliseconds of computing", pairs.ms("theirs"), "ms")
    pairs = in_pairs(lambda: stored.append(bars[0]), afresh_in_folder, repeats=few, before=forget)
    yield Figure(f"{what} in a folder{note}, beside computing and writing", pairs.ratios, "x", aim)
    yield Figure("milliseconds of that", pairs.ms(), "ms")


def around_a_search(sizes: Sizes, folder: Path) -> Iterator[Figure]:
    """What a folder adds to a search of the textbook's size."""
    bars, fresh, writing = mrt.data.simulate(bars=sizes.bars, freq="1h", seed=0), iter(range(10**6)), []

    def with_folder() -> object:
        store = FeatureStore(folder / f"search{next(fresh)}.zarr")
        persist = store.persist

        def timed(of) -> int:
            start = time.perf_counter()
            n_new = persist(of)
            writing.append(1e3 * (time.perf_counter() - start))
            return n_new

        store.persist = timed  # type: ignore[method-assign]
        return search(bars, store)

    with_folder()
    writing.clear()
    pairs = in_pairs(with_folder, lambda: search(bars, FeatureStore()), repeats=sizes.repeats)
    yield Figure("a search of the textbook's size in memory", pairs.ms("theirs"), "ms")
    yield Figure("the same with a folder, beside that", pairs.ratios, "x")
    yield Figure("of that, writing its 27 features after it", writing, "ms")


def sharing(sizes: Sizes, folder: Path) -> Iterator[Figure]:
    """What it costs that several processes may work on one folder."""
    bars, fresh = mrt.data.simulate(bars=sizes.bars, freq="1h", seed=0), iter(range(10**6))
    nodes = [mrt.ema(k + 2) for k in range(100)]
    mrt.data.fingerprint(bars)

    def share() -> object:
        return FeatureStore(folder / f"share{next(fresh)}.zarr").compute_batch(bars, nodes)

    def claims() -> None:
        store = FeatureStore(folder / f"claims{next(fresh)}.zarr")
        store._lookup._claims.share("data/ema", nodes, lambda _: None, lambda _: True)

    def alone() -> object:
        return FeatureStore().compute_batch(bars, nodes)

    share(), alone()
    pairs = in_pairs(share, alone, repeats=sizes.few * 2 - 1)
    yield Figure("compute_batch of 100 EMAs in memory", pairs.ms("theirs"), "ms")
    yield Figure("the same into a new folder, shared, beside that", pairs.ratios, "x")
    seconds = [1e3 * seconds_of(claims) for _ in range(sizes.repeats)]
    yield Figure("of that, the claims of 100 features of a new folder", seconds, "ms")


PARTS = {
    "memory": from_memory,
    "disk": from_disk,
    "long": long_features,
    "process": new_process,
    "search": around_a_search,
    "sharing": sharing,
    "sweep": memory_of_a_sweep,
}


def figures(sizes: Sizes, parts: list[str]) -> Iterator[Figure]:
    """Every part in a folder of its own, which is gone after it."""
    for name in parts or PARTS:
        with tempfile.TemporaryDirectory() as folder:
            yield from PARTS[name](sizes, Path(folder))


@pytest.mark.parametrize("part", [part for part in PARTS if part not in ("process", "search", "sweep")])
def test_what_is_timed_is_right(part, tmp_path):
    assert list(PARTS[part](SHORT, tmp_path))


@pytest.mark.benchmark
@pytest.mark.skipif(not IS_FULL, reason="full size: set MRTOOLKIT_BENCH=1")
def test_feature_store_meets_its_targets():
    assert main([])


def main(parts: list[str]) -> bool:
    """Print the table; return whether all targets were met."""
    start = time.perf_counter()
    is_met = print_table("The feature store", figures(Sizes(), parts))
    print(f"\n{time.perf_counter() - start:.0f} s")
    return is_met


if __name__ == "__main__":
    raise SystemExit(0 if main(sys.argv[1:]) else 1)
