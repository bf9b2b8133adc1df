"""How much of everything the benchmarks of the store take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Of the full form."""

    entries: int = 10_000
    features: int = 1_000
    bars: int = 50_000
    many_bars: int = 5_000_000
    emas: int = 20
    new_bars: int = 1_000
    repeats: int = 21
    few: int = 4
    sweep_bars: int = 500_000
    sweep_memory_mib: int = 64


SHORT = Sizes(
    entries=50,
    features=24,
    bars=3_000,
    many_bars=70_000,
    emas=2,
    new_bars=50,
    repeats=2,
    few=1,
    sweep_bars=20_000,
    sweep_memory_mib=2,
)
