"""What a trial writes down as it goes: its phases, and its trades in the blocks of their fills.

A phase is a stretch of bars in which cash and shares stand still. The statistics of the trades are those of
`measure.add_trades`.
"""

from __future__ import annotations

from typing import NamedTuple

from mrtoolkit._jit import kernel
from mrtoolkit.backtest._kernels.columns import GAINS, LOSSES, STATISTICS, TRADES, TURNOVER, WINS
from mrtoolkit.backtest._kernels.pointers import Pointer
from mrtoolkit.backtest._kernels.tolerances import ROUNDING

N_STATISTICS = len(STATISTICS)


class Phases(NamedTuple):
    """Pointers to what is known of each phase, one number a phase, and to equity, one a bar."""

    first: Pointer  # its first bar
    cash: Pointer  # NaN where equity is written down bar by bar
    shares: Pointer  # negative for a short
    equity: Pointer


@kernel
def begin_phase(phases, n, bar, cash, shares):
    """Write down that equity is cash and shares from the close of `bar` on; the number of phases."""
    if n > 0 and phases.first[n - 1] == bar:
        n -= 1
    phases.first[n], phases.cash[n], phases.shares[n] = bar, cash, shares
    return n + 1


@kernel
def block_of(edges, b, bar):
    """The block of a bar, which is not before block b."""
    while edges[b + 1] <= bar:
        b += 1
    return b


@kernel
def book_entry(turnover, stats, b):
    """Add a fill's turnover to block b of (block, statistic)."""
    stats[b * N_STATISTICS + TURNOVER] += turnover


@kernel
def book_win(gain, stats, b):
    """Add a trade to block b of (block, statistic). Without branches: which trades win cannot be foreseen."""
    at = b * N_STATISTICS
    stats[at + TRADES] += 1.0
    stats[at + WINS] += 1.0 if gain > ROUNDING else 0.0


@kernel
def book_exit(turnover, gain, stats, b):
    """The same with what it won or lost, and its turnover."""
    book_win(gain, stats, b)
    at = b * N_STATISTICS
    stats[at + TURNOVER] += turnover
    stats[at + GAINS] += gain if gain > ROUNDING else 0.0
    stats[at + LOSSES] -= gain if gain < -ROUNDING else 0.0
