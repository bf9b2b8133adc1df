"""The method's own two tables with measured figures, and which of its claims hold.

Run in full: `python -m tests.benchmarks.seed_table` (about five minutes), in a few seconds: `... seed_table short`.

The method promises that a search level by level over features that are computed once is 100 to 1,000 times faster than
computing every indicator anew for every trial, takes a tenth of the memory of a cache of all possible features, and
grows linearly with the data. Here is that work: 50,000 bars, 1,000 possible features, 10,000 trials, on one thread,
each way in a process of its own (`seed_child.py`), their Sharpe ratios held against each other to 1e-9. The other ways
make the trials that the search made.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE)]

from figures import number  # noqa: E402 (found by the line above)
from seed_child import WAYS, main  # noqa: E402

AVERAGES = {"ema": "EMA", "rolling_median": "rolling median"}


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much is done.

    Attributes
    ----------
    labels : int
        Lookbacks of each of the two averages; twice as many features are possible.
    most : mapping of way to int
        Trials that a slow way makes of the search's: its seconds are scaled from them.
    small_memory : str
        Limit of the store in the row that is held to a tenth of all features.
    histories : sequence of (bars, trials)
        Of the second table.
    children : sequence of str
        Ways that have a process of their own: all, where memory is to mean something.
    """

    bars: int = 50_000
    labels: int = 500
    trials: int = 10_000
    averages: Sequence[str] = tuple(AVERAGES)
    pandas_trials: int = 100
    median_trials: int = 200
    small_memory: str = "32 MiB"
    histories: Sequence[tuple[int, int]] = ((50_000, 400), (500_000, 400), (5_000_000, 400))
    repeats: int = 3
    children: Sequence[str] = tuple(WAYS)


SHORT = Sizes(
    bars=2_000, labels=40, trials=60, averages=("ema",), pandas_trials=8, small_memory="128 KiB",
    histories=((1_000, 40), (10_000, 40)), repeats=1,
    children=("pandas",),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one way took; the medians of its repeats, scaled to all trials where it made some of them.

    Attributes
    ----------
    made : int
        Trials that it made; `trials` is what its figures stand for.
    features : int
        Feature computations.
    seconds, cpu : float
        On the clock, and of the processor: the second is the same on a busy machine.
    mib : float
        Peak of memory above what was there before.
    """

    way: str
    trials: int
    made: int
    features: int
    bars: int
    seconds: float
    cpu: float
    mib: float
    best: float

    @property
    def bars_touched(self) -> int:
        """Bars that indicators and rules went over: a feature goes over all, and so does a trial's comparison."""
        return (self.features + self.trials) * self.bars

    def line(self) -> str:
        """A line of a Markdown table."""
        note = f" ({self.made:,} of them made)" if self.made < self.trials else ""
        cells = [
            self.way, f"{self.trials:,}{note}", f"{self.features:,}", f"{self.bars_touched:.2e}",
            number(self.seconds), number(self.cpu), number(self.mib),
        ]  # fmt: skip
        return f"| {' | '.join(cells)} |"


HEAD = (
    "| way | trials | features computed | bars touched | seconds | seconds of the processor | peak MiB |\n"
    "|---|---|---|---|---|---|---|"
)


class Runs:
    """Runs ways in children, and holds their Sharpe ratios against the first one's."""

    def __init__(self, folder: Path, sizes: Sizes) -> None:
        self._folder, self._sizes = folder, sizes
        self._checked: dict[str, list[float]] = {}

    def row(self, way: str, how: str, *, average: str = "ema", repeats: int | None = None, **settings) -> Row:
        """Run one way some times; the search comes first, as it writes down the trials for the others."""
        sizes = self._sizes
        settings = {"n_bars": sizes.bars, "trials": sizes.trials, "labels": sizes.labels} | settings
        name = f"{average}-{settings['n_bars']}-{settings['trials']}"
        settings |= {"average": average, "points": str(self._folder / f"{name}.npy")}
        made = [self._child(how, settings) for _ in range(repeats or sizes.repeats)]
        self._check(name, made[0]["sharpe"])
        trials = len(np.load(settings["points"]))
        scale = trials / made[0]["trials"]
        return Row(
            way=way, trials=trials, made=made[0]["trials"], features=round(made[0]["features"] * scale),
            bars=settings["n_bars"], seconds=scale * median(one["seconds"] for one in made),
            cpu=scale * median(one["cpu"] for one in made), mib=median(one["mib"] for one in made),
            best=made[0]["best"],
        )  # fmt: skip

    def _child(self, how: str, settings: dict) -> dict:
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            settings = settings | ({"store": f"{folder}/features.zarr"} if settings.get("store") else {})
            if how not in self._sizes.children:
                return main(how, settings)
            done = subprocess.run(
                [sys.executable, str(HERE / "seed_child.py"), how, json.dumps(settings)],
                capture_output=True, text=True, check=False, env=os.environ | {"MRTOOLKIT_THREADS": "1"},
            )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2_000:]
        return json.loads(done.stdout.splitlines()[-1])

    def _check(self, name: str, sharpe: list[float | None]) -> None:
        first = self._checked.setdefault(name, sharpe)
        pairs = [(a, b) for a, b in zip(first, sharpe, strict=True) if b is not None]
        assert len(pairs) >= 2
        np.testing.assert_allclose(*zip(*pairs, strict=True), rtol=1e-9)


def ways(runs: Runs, sizes: Sizes, average: str) -> dict[str, Row]:
    """The rows of the first table for one indicator."""
    some = {"ema": 10**9, "rolling_median": sizes.median_trials}[average]
    made = {
        "search": runs.row("multi-resolution", "search", average=average),
        "pandas": runs.row("traditional, pandas", "pandas", average=average, most=sizes.pandas_trials),
        "loop": runs.row("traditional, compiled loop", "loop", average=average, most=some),
        "cache": runs.row("full cache, our engine", "cache", average=average),
    }
    if average == "ema":  # what leaves memory is computed again, which takes minutes where a feature takes milliseconds
        little = f'multi-resolution, `memory="{sizes.small_memory}"`'
        made["small"] = runs.row(little, "search", average=average, memory=sizes.small_memory)
    return {name: made[name] for name in ("pandas", "loop", "cache", "search", "small") if name in made}


def histories(runs: Runs, sizes: Sizes) -> list[Row]:
    """The rows of the second table: the whole search, with its store on disk."""
    rows = []
    for bars, trials in sizes.histories:
        repeats = 1 if bars > 1_000_000 else None
        rows.append(runs.row(f"{bars:,} bars", "search", n_bars=bars, trials=trials, store=True, repeats=repeats))
    return rows


def times_faster(rows: dict[str, Row], way: str) -> float:
    """How many times the search's seconds a way takes, of the processor: other people's work is not among them."""
    return rows[way].cpu / rows["search"].cpu


def claims(tables: dict[str, dict[str, Row]], long: Sequence[Row], lattice: int) -> Iterator[str]:
    """Say of each of the method's claims whether it holds, and by how much."""
    for average, rows in tables.items():
        for way, whose in (("pandas", "pandas"), ("loop", "a compiled loop")):
            times = times_faster(rows, way)
            verdict = "holds" if times >= 100 else "does not hold"
            whole = times * lattice / rows["search"].trials
            yield (
                f"100 to 1,000 times faster than traditional, {AVERAGES[average]}, {whose}: {verdict}: {number(times)} "
                f"times for the same trials ({number(whole)} times for all {lattice:,} points of the lattice)"
            )
    rows = next(iter(tables.values()))
    for name in ("search", "small"):
        less = rows["cache"].mib / rows[name].mib
        verdict = "holds" if less >= 10 else "does not hold"
        yield f"10 times less memory than the full cache, {rows[name].way}: {verdict}: {number(less)} times less"
    first = long[0]
    for row in long[1:]:
        bars, took = row.bars / first.bars, (row.cpu / row.trials) / (first.cpu / first.trials)
        verdict = "holds" if took <= 1.25 * bars else "does not hold"
        yield (
            f"linear in the data, {first.bars:,} to {row.bars:,} bars: {verdict}: {number(bars)} times the bars take "
            f"{number(took)} times as long a trial"
        )


def run(sizes: Sizes) -> tuple[dict[str, dict[str, Row]], list[Row]]:
    """Print both tables and the claims; return the rows."""
    lattice, tables = sizes.labels**2, {}
    with tempfile.TemporaryDirectory() as folder:
        runs = Runs(Path(folder), sizes)
        for average in sizes.averages:
            rows = tables[average] = ways(runs, sizes, average)
            print(
                f"\nCrosses of two averages ({AVERAGES[average]}), {sizes.bars:,} bars, {2 * sizes.labels:,} possible "
                f"features, {lattice:,} points; up to {sizes.trials:,} trials, of which the search made "
                f"{rows['search'].trials:,}; one thread\n\n{HEAD}"
            )
            print(*(row.line() for row in rows.values()), sep="\n", flush=True)
        long = histories(runs, sizes)
    print(f"\nThe whole search, its store on disk included (EMA; few trials, as 5,000,000 bars take long)\n\n{HEAD}")
    print(*(row.line() for row in long), sep="\n")
    print("\nThe method's claims\n")
    print(*(f"- {line}" for line in claims(tables, long, lattice)), sep="\n", flush=True)
    return tables, long


if __name__ == "__main__":
    run(SHORT if "short" in sys.argv[1:] else Sizes())
