"""Which side the bits of a trial's rules let in, and when."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mrtoolkit._jit import kernel
from mrtoolkit.backtest._kernels.pointers import Pointer, moved, pointer_to
from mrtoolkit.strategy._kernels.words import ALL, BITS, NONE, trailing_zeros


class Bits(NamedTuple):
    """What a trial's rules say together: pointers to words, a bit a bar."""

    go_long: Pointer
    go_short: Pointer
    either: Pointer  # one of the two, not both
    leave_long: Pointer
    leave_short: Pointer
    no_long: Pointer  # the entry is not true
    no_short: Pointer


N_ROWS = 7


@kernel
def bits_of(rows):
    """Pointers to the rows of (row, word)."""
    place, n = pointer_to(rows), rows.shape[1]
    return Bits(
        place, moved(place, n), moved(place, 2 * n), moved(place, 3 * n), moved(place, 4 * n), moved(place, 5 * n),
        moved(place, 6 * n),
    )  # fmt: skip


@kernel
def combine_rules(words, inverted, rules, bits):
    """Write what the four rules of a trial say together, from their rows of `words`; which sides they let in."""
    any_long = any_short = NONE
    entry, exit_, short_entry, short_exit = words[rules[0]], words[rules[1]], words[rules[2]], words[rules[3]]
    for k in range(words.shape[1]):
        wants, leaves = entry[k] ^ inverted[0], exit_[k] ^ inverted[1]
        short_wants, short_leaves = short_entry[k] ^ inverted[2], short_exit[k] ^ inverted[3]
        go_long, go_short = wants & ~leaves, short_wants & ~short_leaves
        bits.go_long[k], bits.go_short[k], bits.either[k] = go_long, go_short, go_long ^ go_short
        bits.leave_long[k], bits.leave_short[k] = leaves, short_leaves
        bits.no_long[k], bits.no_short[k] = wants ^ ALL, short_wants ^ ALL
        any_long, any_short = any_long | go_long, any_short | go_short
    return any_long != NONE, any_short != NONE


@kernel
def next_bit(words, start, end):
    """The first bar in [start, end) whose bit is set, else `end`; two words at once without a branch in between.

    Most searches end within them, and a branch on whether the first one suffices is foreseen in half of the cases.
    """
    if start >= end:
        return end
    place = start >> 6
    word, next_ = words[place] & (ALL << np.uint64(start & 63)), words[place + 1]
    last = (end - 1) >> 6
    while word | next_ == NONE:
        place += 2
        if place > last:
            return end
        word, next_ = words[place], words[place + 1]
    found = (place << 6) + (trailing_zeros(word) if word != NONE else BITS + trailing_zeros(next_))
    return min(found, end)


@kernel
def is_set(words, t):
    """Whether the bit of bar t is set."""
    return (words[t >> 6] >> (t & 63)) & 1 != 0


@kernel
def side_at(bits, t, free):
    """The side that the close of t lets in, 1 or -1, or 0; `free` is from when on a long and a short may be entered."""
    long_from, short_from = free
    go_long = t >= long_from and is_set(bits.go_long, t)
    go_short = t >= short_from and is_set(bits.go_short, t)
    if go_long == go_short:
        return 0.0
    return 1.0 if go_long else -1.0


@kernel
def next_entry(bits, only, t, free, end):
    """The first bar in [t, end) that lets a side in, and the side; `end` where there is none.

    only : the side that is ever let in, 1 or -1; 0 where both are
    """
    long_from, short_from = free
    if only != 0.0:
        return next_bit(bits.either, max(t, long_from, short_from), end), only
    while t < end:
        if t >= long_from and t >= short_from:
            row, until = bits.either, end
        elif t >= short_from:
            row, until = bits.go_short, min(long_from, end)
        elif t >= long_from:
            row, until = bits.go_long, min(short_from, end)
        else:
            t = min(long_from, short_from)
            continue
        t = next_bit(row, t, until)
        if t < until:
            return t, side_at(bits, t, free)
    return end, 0.0


@kernel
def hold_back(bits, side, free, t, end):
    """From when on each side may be entered, after a stop or a time limit at t: where its entry is first not true."""
    long_from, short_from = free
    if side > 0.0:
        return next_bit(bits.no_long, t, end), short_from
    return long_from, next_bit(bits.no_short, t, end)
