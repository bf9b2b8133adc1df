"""The event engine beside everything else: every figure of its issue, in one run, after a check that results agree.

Run in full: `python -m tests.benchmarks.test_event_engine` (or some parts: `... rules peers`), or MRTOOLKIT_BENCH=1
under pytest. By default a short form does the same with few bars and points; it asserts nothing about seconds. Ratios
are of times taken in turns. "All in" begins with bars and points: features, conditions, trials, metrics and labels; the
trial stage has its features in memory. The reference loops are pinned in `event_loops.py` and have theirs in memory.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent)]

from event_machine import LEVELS, Machine  # noqa: E402 (found by the line above)
from event_roofline import picture, save, table  # noqa: E402
from event_sizes import SHORT, Sizes  # noqa: E402
from event_stages import Sweep, stages  # noqa: E402
from event_sweep import memory, peers, sweep  # noqa: E402
from event_works import long_history, many_assets, rules, textbook  # noqa: E402
from figures import IS_FULL, Figure, print_table  # noqa: E402

PARTS = {
    "sweep": sweep,
    "rules": rules,
    "history": long_history,
    "assets": many_assets,
    "textbook": textbook,
    "peers": peers,
    "memory": memory,
}


def figures(sizes: Sizes, parts: list[str]) -> Iterator[Figure]:
    """The rows of some parts; of all where none is named."""
    for name in parts or PARTS:
        yield from PARTS[name](sizes)


@pytest.mark.parametrize("part", [part for part in PARTS if part not in ("textbook", "memory")])
def test_what_the_event_engine_is_held_against_gives_its_results(part):
    assert list(PARTS[part](SHORT))


def test_stages_of_the_roofline_end_in_the_trades_of_the_engine(tmp_path):
    sweep = Sweep(SHORT.bars, SHORT.lookbacks)
    n_trades = float(sweep.result["trades"].sum())
    assert sweep.up_to("codes") == sweep.up_to("bits") == sweep.up_to("fills") == 0.0
    assert sweep.up_to("sums") == sweep.up_to("blocks") == n_trades
    machine = Machine(ghz=3.0, read=dict.fromkeys(LEVELS, 50.0), write=dict.fromkeys(LEVELS, 50.0), vector=24.0)
    made, whole = stages(SHORT.bars, SHORT.lookbacks, machine, repeats=1)
    assert all(f"| {stage.name} |" in table(made, whole, machine, n_trials=28) for stage in made)
    made = [replace(stage, seconds=1e-3) for stage in made]  # so short a sweep may take no time at all
    save(picture(made, machine), tmp_path / "roof.html")
    assert "trades to sums" in (tmp_path / "roof.html").read_text(encoding="utf-8")


@pytest.mark.benchmark
@pytest.mark.skipif(not IS_FULL, reason="full size: set MRTOOLKIT_BENCH=1")
def test_event_engine_meets_its_targets():
    assert main([])


def main(parts: list[str]) -> bool:
    """Print the table; return whether all targets were met."""
    start, load = time.perf_counter(), os.getloadavg()[0]
    title = f"The event engine ({os.cpu_count()} cores, {load:.1f} of them busy before it began)"
    is_met = print_table(title, figures(Sizes(), parts))
    print(f"\n{time.perf_counter() - start:.0f} s")
    return is_met


if __name__ == "__main__":
    raise SystemExit(0 if main(sys.argv[1:]) else 1)
