"""The bars of a word's set bits, written one after the other: eight at once where the processor can pack bytes.

How many bits a word has nobody can foresee, and a branch on it that goes wrong costs more than all the rest of a word.
With AVX-512 VBMI2 the numbers of the set bits are packed in one instruction and the first eight are written whatever
there are; elsewhere the first two are. `tests/benchmarks/event_stages.py` times it (the stage from bits to fills).
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from mrtoolkit._jit import kernel, target_features
from mrtoolkit.strategy._kernels.words import BITS, NONE, trailing_zeros

ONE = np.uint64(1)
AT_ONCE = 8
PACKS = "avx512vbmi2" in target_features()  # the kernels' folder bears what the processor can do


@intrinsic
def _write_first(typingctx, changes, bar, fills, n):
    """Write the bars of the first eight set bits, and nonsense where there are fewer, from place n on."""

    def generate(context, builder, signature, arguments):
        changes, bar, fills, n = arguments
        byte, index = ir.IntType(8), ir.IntType(32)
        numbers, eight = ir.VectorType(byte, BITS), ir.VectorType(index, AT_ONCE)
        chosen = ir.VectorType(ir.IntType(1), BITS)
        kind = ir.FunctionType(numbers, [numbers, numbers, chosen])
        pack = builder.module.globals.get(_PACK) or ir.Function(builder.module, kind, _PACK)
        every = numbers([byte(k) for k in range(BITS)])
        packed = builder.call(pack, [every, numbers([byte(0)] * BITS), builder.bitcast(changes, chosen)])
        first = builder.shuffle_vector(packed, numbers(ir.Undefined), eight(list(range(AT_ONCE))))
        begin = builder.insert_element(eight(ir.Undefined), builder.trunc(bar, index), index(0))
        begin = builder.shuffle_vector(begin, eight(ir.Undefined), eight([0] * AT_ONCE))
        bars = builder.add(builder.zext(first, eight), begin)
        builder.store(bars, builder.bitcast(builder.gep(fills, [n]), eight.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(types.uint64, types.int64, fills, types.int64), generate


_PACK = f"llvm.x86.avx512.mask.compress.v{BITS}i8"


@intrinsic
def n_set(typingctx, word):
    """How many bits of a word are set."""

    def generate(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), generate


@kernel
def write_all(changes, bar, fills, n):
    """Write the bars of a word's changes through a pointer, one after the other, from place n on."""
    while changes != NONE:
        fills[n] = bar + trailing_zeros(changes)
        n += 1
        changes &= changes - ONE


@kernel(inline=True)
def write_packed(changes, bar, fills, n):
    """Write the bars of a word's changes through a pointer, from place n on, and return the next place.

    Writes up to eight places further than that.
    """
    _write_first(changes, bar, fills, n)
    count = n_set(changes)
    if count > AT_ONCE:
        write_all(changes, bar, fills, n)
    return n + count


@kernel(inline=True)
def write_singly(changes, bar, fills, n):
    """The same for any processor: two are written whether there are any or not, as most words hold no more."""
    later = changes & (changes - ONE)
    fills[n], fills[n + 1] = bar + trailing_zeros(changes), bar + trailing_zeros(later)
    n += 2 if later != NONE else np.int64(changes != NONE)
    later &= later - ONE
    while later != NONE:
        fills[n] = bar + trailing_zeros(later)
        n += 1
        later &= later - ONE
    return n


write_changes = write_packed if PACKS else write_singly
