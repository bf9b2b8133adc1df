"""Bits of bars: one bar is one bit, bar t is bit t % 64 of word t // 64, and 64 bars are compared at once.

A vector comparison whose mask is cast to an integer leaves the choice of instructions to the compiler: eight
comparisons of eight numbers each where the processor has AVX-512, more and narrower ones elsewhere.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import carray, types  # type: ignore[attr-defined]
from numba.extending import intrinsic

from mrtoolkit._jit import kernel

NONE, ALL = np.uint64(0), np.uint64(0xFFFF_FFFF_FFFF_FFFF)
BITS = 64
GREATER, GREATER_EQUAL, EQUAL, NOT_EQUAL = range(4)
_PREDICATES = (">", ">=", "==", "!=")


def _compare_64(predicate: str):
    """An intrinsic: the bits of 64 ordered comparisons of the numbers at two addresses."""

    @intrinsic
    def compare(typingctx, left, right):
        def generate(context, builder, signature, arguments):
            vector = ir.VectorType(ir.DoubleType(), BITS)
            values = []
            for address in arguments:
                pointer = builder.inttoptr(address, vector.as_pointer())
                values.append(builder.load(pointer, align=8))
            mask = builder.fcmp_ordered(predicate, *values)
            return builder.bitcast(mask, ir.IntType(BITS))

        return types.uint64(types.uint64, types.uint64), generate

    return compare


greater_64, greater_equal_64, equal_64, not_equal_64 = (_compare_64(predicate) for predicate in _PREDICATES)


def _loading(kind: types.Number, numbers: ir.Type, size: int):
    """An intrinsic: the number at an address."""

    @intrinsic
    def load_number(typingctx, address):
        def generate(context, builder, signature, arguments):
            return builder.load(builder.inttoptr(arguments[0], numbers.as_pointer()), align=size)

        return kind(types.uint64), generate

    return load_number


load = _loading(types.float64, ir.DoubleType(), 8)
load_word = _loading(types.uint64, ir.IntType(64), 8)
load_code = _loading(types.uint16, ir.IntType(16), 2)


@intrinsic
def store_word(typingctx, address, word):
    """Write a word to an address."""

    def generate(context, builder, signature, arguments):
        place = builder.inttoptr(arguments[0], ir.IntType(BITS).as_pointer())
        builder.store(arguments[1], place, align=8)
        return context.get_dummy_value()

    return types.void(types.uint64, types.uint64), generate


@intrinsic
def prefetch(typingctx, address):
    """Ask for the cache line at an address, to be read soon."""

    def generate(context, builder, signature, arguments):
        byte, flag = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag])
        ask = builder.module.globals.get(_PREFETCH) or ir.Function(builder.module, kind, _PREFETCH)
        to_read, into_second, of_data = flag(0), flag(2), flag(1)
        builder.call(ask, [builder.inttoptr(arguments[0], byte), to_read, into_second, of_data])
        return context.get_dummy_value()

    return types.void(types.uint64), generate


_PREFETCH = "llvm.prefetch.p0"


@intrinsic
def _pointer(typingctx, address):
    """An address as a pointer to numbers."""

    def generate(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], ir.DoubleType().as_pointer())

    return types.CPointer(types.float64)(types.uint64), generate


@kernel(inline=True)
def numbers_at(address, n):
    """The n float64 numbers at an address as an array."""
    return carray(_pointer(address), (n,))


@intrinsic
def trailing_zeros(typingctx, word):
    """Number of the lowest set bit of a word, 64 where there is none."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), generate
