"""Which side the bits of a trial's rules let in, and when."""

from __future__ import annotations

from mrtoolkit._jit import kernel
from mrtoolkit.strategy._kernels.words import ALL, NONE, next_set

# rows of a trial's bits, (row, word)
GO_LONG, GO_SHORT, EITHER, LEAVE_LONG, LEAVE_SHORT, NO_LONG, NO_SHORT = range(7)
N_ROWS = 7


@kernel
def combine_rules(words, inverted, rules, bits):
    """Write what the four rules of a trial say together, `bits` (row, word), from their rows of `words`."""
    entry, exit_, short_entry, short_exit = words[rules[0]], words[rules[1]], words[rules[2]], words[rules[3]]
    for k in range(words.shape[1]):
        wants, leaves = entry[k] ^ inverted[0], exit_[k] ^ inverted[1]
        short_wants, short_leaves = short_entry[k] ^ inverted[2], short_exit[k] ^ inverted[3]
        go_long, go_short = wants & ~leaves, short_wants & ~short_leaves
        bits[GO_LONG, k], bits[GO_SHORT, k], bits[EITHER, k] = go_long, go_short, go_long ^ go_short
        bits[LEAVE_LONG, k], bits[LEAVE_SHORT, k] = leaves, short_leaves
        bits[NO_LONG, k], bits[NO_SHORT, k] = wants ^ ALL, short_wants ^ ALL


@kernel
def is_set(bits, t):
    """Whether the bit of bar t is set in `bits` (word,)."""
    return (bits[t >> 6] >> (t & 63)) & 1 != 0


@kernel
def side_at(bits, t, free):
    """The side that the close of t lets in, 1 or -1, or 0; `free` is from when on a long and a short may be entered."""
    long_from, short_from = free
    go_long = t >= long_from and is_set(bits[GO_LONG], t)
    go_short = t >= short_from and is_set(bits[GO_SHORT], t)
    if go_long == go_short:
        return 0.0
    return 1.0 if go_long else -1.0


@kernel
def next_entry(bits, t, free, end):
    """The first bar in [t, end) that lets a side in, and the side; `end` and 0 where there is none."""
    long_from, short_from = free
    while t < end:
        if t >= long_from and t >= short_from:
            row, until = EITHER, end
        elif t >= short_from:
            row, until = GO_SHORT, min(long_from, end)
        elif t >= long_from:
            row, until = GO_LONG, min(short_from, end)
        else:
            t = min(long_from, short_from)
            continue
        t = next_set(bits[row], NONE, t, until)
        if t < until:
            return t, side_at(bits, t, free)
    return end, 0.0


@kernel
def hold_back(bits, side, free, t, end):
    """From when on each side may be entered, after a stop or a time limit at t: where its entry is first not true."""
    long_from, short_from = free
    if side > 0.0:
        return next_set(bits[NO_LONG], NONE, t, end), short_from
    return long_from, next_set(bits[NO_SHORT], NONE, t, end)
