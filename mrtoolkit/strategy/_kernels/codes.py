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
from mrtoolkit.strategy._kernels.words import BITS, greater_64, numbers_at

STEPS = 65535.0
AT_ONCE = 8  # words: the codes of a hundred features stay in the second cache
BARS_AT_ONCE = AT_ONCE * BITS
_WORD_BYTES = np.uint64(8 * BITS)


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
    if compare_codes(a, b, np.uint64(out.ctypes.data), out.size):
        for w in range(out.size):
            out[w] = greater_64(left, right)
            left += _WORD_BYTES
            right += _WORD_BYTES
