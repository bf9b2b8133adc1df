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
from numba.extending import intrinsic

from mrtoolkit._jit import kernel
from mrtoolkit.strategy._kernels.words import BITS, NONE, greater_64, numbers_at

STEPS = 65535.0
AT_ONCE = 16  # words: the codes of a hundred features stay in the second cache
BARS_AT_ONCE = AT_ONCE * BITS
_CODE_BYTES = np.uint64(2)
_WORD_BYTES = np.uint64(8 * BITS)


def _compare_codes(predicate: str):
    """An intrinsic: the bits of 64 comparisons of the codes at two addresses."""

    @intrinsic
    def compare(typingctx, left, right):
        def generate(context, builder, signature, arguments):
            vector = ir.VectorType(ir.IntType(16), BITS)
            values = [
                builder.load(builder.inttoptr(address, vector.as_pointer()), align=2) for address in arguments
            ]
            return builder.bitcast(builder.icmp_unsigned(predicate, *values), ir.IntType(BITS))

        return types.uint64(types.uint64, types.uint64), generate

    return compare


greater_codes, equal_codes = _compare_codes(">"), _compare_codes("==")


@kernel
def find_range(values, low, high):
    """Widen `low` and `high` by values, (bar,) each; a missing value changes nothing."""
    for t in range(values.size):
        low[t] = values[t] if values[t] < low[t] else low[t]
        high[t] = values[t] if values[t] > high[t] else high[t]


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
    for k in range(places.size):
        if groups[k] >= 0:
            find_range(numbers_at(places[k] + offset, n), ranges[groups[k], 0], ranges[groups[k], 1])
    for g in range(ranges.shape[0]):
        low, high = ranges[g, 0], ranges[g, 1]
        for t in range(n):
            width = high[t] - low[t]
            scale = STEPS / width
            high[t] = scale if 0.0 < scale < np.inf else 0.0  # 0: all codes are equal, the values decide
    for k in range(places.size):
        if groups[k] >= 0:
            low, scale = ranges[groups[k], 0], ranges[groups[k], 1]
            write_codes(numbers_at(places[k] + offset, n), low, scale, codes[k])


@kernel
def compare_coded(a, b, left, right, out):
    """Whether operand a is greater, 64 bars a word: `a` and `b` are where its codes lie, the others values."""
    for w in range(out.size):
        bits = greater_codes(a, b)
        equal = equal_codes(a, b)
        if equal != NONE:
            bits |= equal & greater_64(left, right)
        out[w] = bits
        a += _CODE_BYTES * np.uint64(BITS)
        b += _CODE_BYTES * np.uint64(BITS)
        left += _WORD_BYTES
        right += _WORD_BYTES
