"""The bars at which rows of bits change, written one after the other: eight words at once where the processor can.

How many bits a word has nobody can foresee, and a branch on it that goes wrong costs more than all the rest of a word.
With AVX-512 (VBMI2, VPOPCNTDQ) the lowest bits of eight words are counted out side by side: four a word, which nearly
all hold no more than; where one does, the numbers of its bits are packed, eight of them. Elsewhere two a word are
written whatever there are. `tests/benchmarks/event_stages.py` times it (the stage from bits to fills).
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from mrtoolkit._jit import kernel, target_features
from mrtoolkit._kernels.vectors import filled, picked, splat
from mrtoolkit.backtest._kernels.pointers import moved
from mrtoolkit.strategy._kernels.words import BITS, NONE, trailing_zeros

ONE, _TOP = np.uint64(1), np.uint64(63)
AT_ONCE = 8  # words, and bits of a word
FEW = 4  # bits of a word
PACKS = {"avx512vbmi2", "avx512vpopcntdq"} <= target_features()  # the kernels' folder bears what the processor can do

_BYTE, _INDEX, _WORD = ir.IntType(8), ir.IntType(32), ir.IntType(BITS)
_EIGHT = ir.VectorType(_WORD, AT_ONCE)
_PACK = f"llvm.x86.avx512.mask.compress.v{BITS}i8"
_COUNT, _SHIFT = f"llvm.ctpop.v{AT_ONCE}i{BITS}", f"llvm.fshl.v{AT_ONCE}i{BITS}"


def _all(number: int, kind: ir.VectorType = _EIGHT) -> ir.Constant:
    return filled(kind, number)


def _call(builder, name: str, *arguments):
    """Call one of the compiler's own functions, which takes and returns vectors of one kind."""
    kind = ir.FunctionType(arguments[0].type, [each.type for each in arguments])
    function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
    return builder.call(function, arguments)


def _store(builder, numbers, fills, place) -> None:
    builder.store(numbers, builder.bitcast(builder.gep(fills, [place]), numbers.type.as_pointer()), align=4)


def _write_more(builder, changes, counts, bar, fills, n):
    """Write up to eight bars of each word, whatever lies behind overwritten by the next one's; the next place."""
    numbers, chosen = ir.VectorType(_BYTE, BITS), ir.VectorType(ir.IntType(1), BITS)
    eight = ir.VectorType(_INDEX, AT_ONCE)
    every, begin = numbers([_BYTE(k) for k in range(BITS)]), splat(builder, builder.trunc(bar, _INDEX))
    for k in range(AT_ONCE):
        word = builder.bitcast(builder.extract_element(changes, _INDEX(k)), chosen)
        packed = _call(builder, _PACK, every, _all(0, numbers), word)
        first = builder.zext(picked(builder, packed, packed, range(AT_ONCE)), eight)
        _store(builder, builder.add(first, builder.add(begin, _all(k * BITS, eight))), fills, n)
        n = builder.add(n, builder.extract_element(counts, _INDEX(k)))
    return n


def _write_few(builder, changes, counts, bar, fills, n):
    """The same of up to four: the lowest bit's number is how many bits lie below it, and then that bit is dropped."""
    left, numbers = changes, []
    for _ in range(FEW):
        less = builder.sub(left, _all(1))
        numbers.append(_call(builder, _COUNT, builder.and_(less, builder.xor(left, _all(-1)))))
        left = builder.and_(left, less)
    begin = builder.add(splat(builder, bar), ir.Constant(_EIGHT, [BITS * k for k in range(AT_ONCE)]))
    begin = builder.or_(begin, builder.shl(begin, _all(32)))
    pairs = [
        builder.add(begin, builder.or_(numbers[k], builder.shl(numbers[k + 1], _all(32)))) for k in range(0, FEW, 2)
    ]
    # so many bars are in the words up to each, a byte a word: they are few enough that a product can add them up
    counted = builder.bitcast(builder.trunc(counts, ir.VectorType(_BYTE, AT_ONCE)), _WORD)
    counted = builder.mul(counted, ir.Constant(_WORD, 0x0101_0101_0101_0101))
    evens = picked(builder, *pairs, [0, 8, 2, 10, 4, 12, 6, 14])
    odds = picked(builder, *pairs, [1, 9, 3, 11, 5, 13, 7, 15])
    evens, odds = _as_it_is(builder, evens), _as_it_is(builder, odds)
    for k in range(AT_ONCE):
        own, lane = odds if k % 2 else evens, k // 2 * 2
        four = picked(builder, own, own, [lane, lane + 1])
        before = builder.lshr(counted, _WORD(8 * (k - 1))) if k else _WORD(0)
        _store(builder, four, fills, builder.add(n, builder.and_(before, _WORD(0xFF))))
    return builder.add(n, builder.lshr(counted, _WORD(56)))


def _as_it_is(builder, vector):
    """Keep the compiler from taking a vector apart before it was put together."""
    kind = ir.FunctionType(vector.type, [vector.type])
    return builder.call(ir.InlineAsm(kind, "", "=v,0"), [vector])


@intrinsic
def _write_eight(typingctx, row, before, lag, bar, fills, n):
    """Write the bars at which eight words differ from the bar before, `lag` bars later; the next place.

    That is -1, and nothing is said of what was written, where one of the words has more than eight.
    """

    def generate(context, builder, signature, arguments):
        row, before, lag, bar, fills, n = arguments
        words = builder.load(builder.bitcast(row, _EIGHT.as_pointer()), align=8)
        one_before = picked(builder, words, splat(builder, before), [8, 0, 1, 2, 3, 4, 5, 6])
        shifts = (splat(builder, builder.add(lag, _WORD(k))) for k in (0, 1))
        changes = builder.xor(*(_call(builder, _SHIFT, words, one_before, by) for by in shifts))
        counts = _call(builder, _COUNT, changes)
        result = cgutils.alloca_once_value(builder, _WORD(-1))

        def some_over(most: int):
            is_over = builder.icmp_unsigned(">", counts, _all(most))
            return builder.icmp_unsigned("!=", builder.bitcast(is_over, _BYTE), _BYTE(0))

        with builder.if_else(some_over(FEW), likely=False) as (more, few):
            with more, builder.if_then(builder.not_(some_over(AT_ONCE)), likely=True):
                builder.store(_write_more(builder, changes, counts, bar, fills, n), result)
            with few:
                builder.store(_write_few(builder, changes, counts, bar, fills, n), result)
        return builder.load(result)

    return types.int64(row, types.uint64, types.int64, types.int64, fills, types.int64), generate


@kernel(inline=True)
def changes_of(word, before, lag):
    """The bits of a word that differ from the bit before them, `lag` (0 or 1) bits later."""
    changes = word ^ ((word << ONE) | (before >> _TOP))
    if lag == 0:
        return changes
    return (changes << ONE) | ((before ^ (before << ONE)) >> _TOP)


@kernel
def write_word(changes, bar, fills, n):
    """Write the bars of a word's set bits through a pointer, from place n on, and return the next place.

    Two are written whether there are any or not, as most words hold no more.
    """
    later = changes & (changes - ONE)
    fills[n], fills[n + 1] = bar + trailing_zeros(changes), bar + trailing_zeros(later)
    n += 2 if later != NONE else np.int64(changes != NONE)
    later &= later - ONE
    while later != NONE:
        fills[n] = bar + trailing_zeros(later)
        n += 1
        later &= later - ONE
    return n


@kernel
def write_singly(row, words, before, lag, bar, fills, n):
    """Write the bars at which a row of so many words changes, from place n on, and return the next place.

    Parameters
    ----------
    row : pointer to words
    before : uint64
        The word before the first one, of which the two highest bits are looked at.
    lag : int
        1 where the bar after a change is written, 0 where that of the change itself.
    bar : int
        Of the first word's first bit.
    fills : pointer to int32
        Is written to up to eight places further than what is returned.
    """
    for w in range(words):
        n = write_word(changes_of(row[w], before, lag), bar + (w << 6), fills, n)
        before = row[w]
    return n


@kernel
def write_eights(row, words, before, lag, bar, fills, n):
    """The same, eight words at once."""
    whole = words // AT_ONCE * AT_ONCE
    for w in range(0, whole, AT_ONCE):
        here = moved(row, w)
        done = _write_eight(here, before, lag, bar + (w << 6), fills, n)
        n = done if done >= 0 else write_singly(here, AT_ONCE, before, lag, bar + (w << 6), fills, n)
        before = here[AT_ONCE - 1]
    return write_singly(moved(row, whole), words - whole, before, lag, bar + (whole << 6), fills, n)


write_changes = write_eights if PACKS else write_singly
