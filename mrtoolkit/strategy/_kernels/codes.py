"""Features of one kind as 16-bit codes that keep their order at each bar: to compare them moves a quarter of the bytes.

At each bar the values of a group run from its lowest to its highest; a code is how far up a value lies, in 65,536
steps. Where the codes of two features differ, so do their values, in the same direction; where they are equal, which is
seldom, the values decide. Measured at 50,000 bars and 100 features: 10 us a comparison of numbers, 3.5 of codes, and 55
to code a feature, most of it to read it; a dense rank would spare the look at equal codes, but takes 290.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from mrtoolkit._jit import kernel
from mrtoolkit.strategy._kernels.words import BITS, GREATER, NONE, greater_64, numbers_at, store_word

STEPS = 65535.0
AT_ONCE = 8  # words: the codes of a hundred features stay in the second cache
BARS_AT_ONCE = AT_ONCE * BITS
_LINE = 32  # codes of a cache line
_WORD_BYTES, _CODES_BYTES = np.uint64(8 * BITS), np.uint64(2 * BITS)


@intrinsic
def compare_codes(typingctx, left, right, out, words):
    """Write the bits of `left > right` for so many words of codes; return whether some codes are equal.

    All but `words` are addresses. Equality is gathered as the least difference of bits, as one number for all words:
    to ask for it word by word would double the work.
    """

    def generate(context, builder, signature, arguments):
        left, right, out, words = arguments
        codes, word = ir.VectorType(ir.IntType(16), BITS), ir.IntType(BITS)
        nothing = ir.Constant(codes, [ir.Constant(ir.IntType(16), 0)] * BITS)
        least = cgutils.alloca_once_value(builder, ir.Constant(codes, [ir.Constant(ir.IntType(16), 0xFFFF)] * BITS))
        with cgutils.for_range(builder, words) as loop:
            step = builder.mul(loop.index, ir.Constant(word, 2 * BITS))
            a, b = (
                builder.load(builder.inttoptr(builder.add(at, step), codes.as_pointer()), align=2)
                for at in (left, right)
            )
            bits = builder.bitcast(builder.icmp_unsigned(">", a, b), word)
            place = builder.add(out, builder.mul(loop.index, ir.Constant(word, 8)))
            builder.store(bits, builder.inttoptr(place, word.as_pointer()), align=8)
            apart, so_far = builder.xor(a, b), builder.load(least)
            builder.store(builder.select(builder.icmp_unsigned("<", apart, so_far), apart, so_far), least)
        equal = builder.bitcast(builder.icmp_unsigned("==", builder.load(least), nothing), word)
        return builder.icmp_unsigned("!=", equal, ir.Constant(word, 0))

    return types.boolean(types.uint64, types.uint64, types.uint64, types.int64), generate


@kernel
def join_compared(rows, steps, groups):
    """Give operands that rows compare by `>` a group, 0 and up, each the group of those that it is compared with.

    Writes -1 for all others into `groups` (operand,). Returns how many such rows and operands there are. A step of 0 is
    a constant's, which has no group.
    """
    groups[:] = -1
    n_rows = n_coded = n_groups = 0
    for k in range(rows.shape[0]):
        a, b = rows[k, 1], rows[k, 2]
        if rows[k, 0] != GREATER or steps[a] == NONE or steps[b] == NONE:
            continue
        n_rows += 1
        for own in (a, b):  # a tree: each points to one of its group, the root to itself
            if groups[own] < 0:
                groups[own] = own
                n_coded += 1
        root_a, root_b = _root_of(groups, a), _root_of(groups, b)
        groups[max(root_a, root_b)] = min(root_a, root_b)
    for k in range(groups.size):  # roots come before what points to them
        if groups[k] == k:
            groups[k] = -2 - n_groups
            n_groups += 1
        elif groups[k] >= 0:
            groups[k] = groups[groups[k]]
    for k in range(groups.size):
        groups[k] = -2 - groups[k] if groups[k] < -1 else -1
    return n_rows, n_coded


@kernel
def _root_of(groups, k):
    """The root of an operand's tree; shortens the way to it."""
    while groups[k] != k:
        groups[k] = groups[groups[k]]
        k = groups[k]
    return k


@kernel
def room_for_codes(n):
    """Memory for the codes of n operands, (operand, bar), that begins a cache line."""
    flat = np.empty(n * BARS_AT_ONCE + _LINE, np.uint16)
    skipped = (-flat.ctypes.data % (2 * _LINE)) >> 1
    return flat[skipped : skipped + n * BARS_AT_ONCE].reshape(n, BARS_AT_ONCE)


@kernel
def find_range(values, low, high):
    """Widen `low` and `high` by values, (bar,) each; a missing value changes nothing."""
    for t in range(values.size):
        low[t] = values[t] if values[t] < low[t] else low[t]
        high[t] = values[t] if values[t] > high[t] else high[t]


@kernel
def find_ranges(places, offset, n, low, high):
    """Widen `low` and `high`, (bar,) each, by n values of each of some operands; four operands at once."""
    whole = places.size // 4 * 4
    for k in range(0, whole, 4):
        a, b = numbers_at(places[k] + offset, n), numbers_at(places[k + 1] + offset, n)
        c, d = numbers_at(places[k + 2] + offset, n), numbers_at(places[k + 3] + offset, n)
        for t in range(n):
            least, most = low[t], high[t]
            for value in (a[t], b[t], c[t], d[t]):
                least = value if value < least else least
                most = value if value > most else most
            low[t], high[t] = least, most
    for k in range(whole, places.size):
        find_range(numbers_at(places[k] + offset, n), low, high)


@kernel
def write_codes(values, low, scale, codes):
    """How far up from `low` each value lies, in steps of 1 / `scale`; what is missing or infinite is 0."""
    for t in range(values.size):
        place = (values[t] - low[t]) * scale[t]
        inside = place if 0.0 <= place < STEPS + 1.0 else 0.0  # the highest may be rounded up a little
        codes[t] = np.uint16(np.int32(inside))


@kernel
def lay_codes(places, groups, start, n, ranges, codes):
    """Write the codes of bars [start, start + n) of all operands that are in a group.

    groups : (operand,) int64, -1 where an operand is not coded
    ranges : (group, 2, bar), overwritten
    codes : (operand, bar) uint16
    """
    ranges[:, 0], ranges[:, 1] = np.inf, -np.inf
    offset = np.uint64(8 * start)
    for g in range(ranges.shape[0]):
        low, high = ranges[g, 0], ranges[g, 1]
        find_ranges(places[groups == g], offset, n, low, high)
        for t in range(n):
            width = high[t] - low[t]
            scale = STEPS / width
            high[t] = scale if 0.0 < scale < np.inf else 0.0  # 0: all codes are equal, the values decide
    for k in range(places.size):
        if groups[k] >= 0:
            low, scale = ranges[groups[k], 0], ranges[groups[k], 1]
            write_codes(numbers_at(places[k] + offset, n), low, scale, codes[k])


@kernel
def compare_coded(a, b, left, right, out, words):
    """Write whether operand a is greater, 64 bars a word: `a` and `b` are where its codes lie, the others values.

    All but `words` are addresses.
    """
    if compare_codes(a, b, out, words):
        for _ in range(words):
            if compare_codes(a, b, out, 1):
                store_word(out, greater_64(left, right))
            a += _CODES_BYTES
            b += _CODES_BYTES
            left += _WORD_BYTES
            right += _WORD_BYTES
            out += np.uint64(8)
