"""Comparisons by codes that share an operand, one after the other, made in one go.

The rows of all pairs of some features come in such runs: the one operand's codes of a block stay in registers, while
the others' are read. Measured at 100 features: 4.6 cycles for 64 comparisons in the place of 8.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from mrtoolkit._jit import kernel
from mrtoolkit.strategy._kernels.codes import AT_ONCE, BARS_AT_ONCE
from mrtoolkit.strategy._kernels.words import GREATER

BY_NUMBERS, BY_LEFT, BY_RIGHT, _NONE_YET = range(4)  # the values themselves; codes of the one left or right operand
CODES_BYTES = np.uint64(2 * BARS_AT_ONCE)  # of an operand
_MOST_ROWS = 32  # of a run: memory is asked for what comes next between two of them
_HALF = 32  # codes of half a word of bars, and of a cache line


def _compare_run(*, is_left: bool):
    """An intrinsic: the bits of `AT_ONCE` words of codes of one operand, the left or the right one, beside others'."""

    @intrinsic
    def compare(typingctx, own, begin, others, out, step, n, ties, first):
        """Write the bits of n rows; return in how many some codes are equal, and which these are into `ties`.

        Rows are counted from `first` on. The one operand's codes are read once. All but that and n are bytes: where
        the one operand's codes lie, where all codes begin, where the others' places behind that are written, where the
        first row's bits go and how far behind it the next one's, and room for n numbers.
        """

        def generate(context, builder, signature, arguments):
            own, begin, others, out, step, n, ties, first = arguments
            half, bits, word = ir.VectorType(ir.IntType(16), _HALF), ir.IntType(_HALF), ir.IntType(64)
            nothing = ir.Constant(half, [ir.Constant(ir.IntType(16), 0)] * _HALF)

            def halves(address):
                for k in range(2 * AT_ONCE):
                    place = builder.add(address, ir.Constant(word, 2 * _HALF * k))
                    yield builder.load(builder.inttoptr(place, half.as_pointer()), align=2)

            def nth(address):
                return builder.gep(builder.inttoptr(address, word.as_pointer()), [loop.index])

            own_halves = list(halves(own))
            n_ties = cgutils.alloca_once_value(builder, ir.Constant(word, 0))
            with cgutils.for_range(builder, n) as loop:
                place = builder.add(out, builder.mul(loop.index, step))
                other = builder.add(begin, builder.load(nth(others)))
                least = ir.Constant(half, [ir.Constant(ir.IntType(16), 0xFFFF)] * _HALF)
                for k, (a, b) in enumerate(zip(own_halves, halves(other), strict=True)):
                    greater = builder.icmp_unsigned(">", *((a, b) if is_left else (b, a)))
                    at = builder.inttoptr(builder.add(place, ir.Constant(word, _HALF // 8 * k)), bits.as_pointer())
                    builder.store(builder.bitcast(greater, bits), at, align=4)
                    apart = builder.xor(a, b)
                    least = builder.select(builder.icmp_unsigned("<", apart, least), apart, least)
                is_tie = builder.bitcast(builder.icmp_unsigned("==", least, nothing), bits)
                found = builder.load(n_ties)
                at = builder.gep(builder.inttoptr(ties, word.as_pointer()), [found])
                builder.store(builder.add(first, loop.index), at)  # overwritten unless it is one
                is_tie = builder.zext(builder.icmp_unsigned("!=", is_tie, ir.Constant(bits, 0)), word)
                builder.store(builder.add(found, is_tie), n_ties)
            return builder.load(n_ties)

        kind = (*[types.uint64] * 5, types.int64, types.uint64, types.int64)
        return types.int64(*kind), generate

    return compare


compare_left, compare_right = _compare_run(is_left=True), _compare_run(is_left=False)


@kernel
def find_runs(rows, groups, runs, others):
    """Cut comparisons into runs of those that are made alike, one after the other; return how many there are.

    groups : (operand,) int64, -1 where an operand is not coded; empty where none is
    runs : (row, 3) int64, written: the first row and one past the last, and how they are made
    others : (row,) uint64, written: bytes from where codes begin to those of the operand that a run does not share
    """
    n = first = 0
    how, before_a, before_b = _NONE_YET, 0, 0
    for k in range(rows.shape[0]):
        a, b = rows[k, 1], rows[k, 2]
        is_coded = rows[k, 0] == GREATER and groups.size > 0 and groups[a] >= 0 and groups[a] == groups[b]
        if is_coded and how == BY_LEFT and k == first + 1 and a != before_a and b == before_b:
            how, others[first] = BY_RIGHT, np.uint64(before_a) * CODES_BYTES
        is_shared = a == before_a if how == BY_LEFT else b == before_b
        goes_on = not is_coded if how == BY_NUMBERS else is_coded and is_shared
        if not goes_on or how == _NONE_YET or k - first == _MOST_ROWS:
            how, first, n = BY_LEFT if is_coded else BY_NUMBERS, k, n + 1
            runs[n - 1, 0] = k
        runs[n - 1, 1], runs[n - 1, 2] = k + 1, how
        others[k] = np.uint64(a if how == BY_RIGHT else b) * CODES_BYTES
        before_a, before_b = a, b
    return n
