"""How much of everything the benchmark of the event engine takes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Of the full form."""

    bars: int = 50_000
    lookbacks: tuple[int, ...] = tuple(range(2, 102))  # the averages of vectorbt's own first page
    points: int = 2_000
    peer_lookbacks: tuple[int, ...] = tuple(range(2, 102, 7))
    peer_fasts: tuple[int, ...] = (5, 20)
    peer_slows: tuple[int, ...] = (40, 60, 80, 100)
    many_bars: int = 5_000_000
    many_lookbacks: tuple[int, ...] = tuple(range(10, 210, 10))
    assets: int = 1_000
    asset_bars: int = 5_000
    asset_fasts: tuple[int, ...] = tuple(range(3, 23, 2))
    asset_slows: tuple[int, ...] = tuple(range(30, 130, 5))
    memory_lookbacks: tuple[int, ...] = tuple(range(2, 82, 4))  # 190 pairs: vectorbt takes 2 GB for them
    repeats: int = 15
    few: int = 5
    least: int = 2


SHORT = Sizes(
    bars=2_500,
    lookbacks=(2, 3, 5, 8, 13, 21, 34, 55),
    points=20,
    peer_lookbacks=(5, 10, 20),
    peer_fasts=(5,),
    peer_slows=(20, 40),
    many_bars=20_000,
    many_lookbacks=(10, 20, 50, 100),
    assets=5,
    asset_bars=800,
    asset_fasts=(3, 5),
    asset_slows=(20, 30, 50),
    memory_lookbacks=(5, 10, 20),
    repeats=1,
    few=1,
    least=1,
)
