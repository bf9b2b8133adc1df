"""Codes of 32 bars at a time: the lowest and highest of all values, and then each value's place between them.

All of a stripe's values are read twice, the second time from the first cache, and what belongs to a bar stays in
registers. A code is the low 16 bits of a number of about 2 ** 52, whose last digit counts whole steps.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from mrtoolkit._kernels.vectors import filled, picked

STRIPE = 32  # bars: a line of the cache of codes
_LANES, _VECTORS = 8, STRIPE // 8
_STEPS, _BASE = 65_533.0, 2.0**52  # two steps fewer than there are codes, for rounding
_MOST = 2.0**50  # steps from 0 to the lowest value: where there are more, too few digits are left
_ADDRESS, _CODE = ir.IntType(64), ir.IntType(16)
_VALUES, _PARTS, _CODES = ir.VectorType(ir.DoubleType(), _LANES), ir.VectorType(_CODE, 32), ir.VectorType(_CODE, STRIPE)


@intrinsic
def code_stripes(typingctx, places, members, n, skipped, codes, row_bytes, turns):
    """Write the codes of `STRIPE` bars a turn of some operands.

    Of two values of a bar the greater never has the smaller code; what is missing or infinite has any.

    places : address of the addresses of all operands' numbers
    members : address of the positions, among all, of the n that are coded beside each other
    skipped : bytes from an operand's numbers to those of the first bar
    codes, row_bytes : where the first operand's codes go, and how far behind them the next one's
    """

    def generate(context, builder, signature, arguments):
        places, members, n, skipped, codes, row_bytes, turns = arguments
        infinite = [_all(sign * float("inf")) for sign in (1.0, -1.0)]
        lows, highs = ([cgutils.alloca_once(builder, _VALUES) for _ in range(_VECTORS)] for _ in range(2))

        def member(k, offset):
            """The number of an operand, and its values from `offset` bytes on."""
            own = builder.load(_nth(builder, members, k))
            begin = builder.add(builder.load(_nth(builder, places, own)), offset)
            return own, [_vector(builder, begin, j) for j in range(_VECTORS)]

        with cgutils.for_range(builder, turns) as loop:
            offset = builder.add(skipped, builder.mul(loop.index, _ADDRESS(8 * STRIPE)))
            for low, high in zip(lows, highs, strict=True):
                builder.store(infinite[0], low)
                builder.store(infinite[1], high)
            with cgutils.for_range(builder, n) as inner:
                for value, low, high in zip(member(inner.index, offset)[1], lows, highs, strict=True):
                    for sign, extreme in (("<", low), (">", high)):  # what is missing changes nothing
                        so_far = builder.load(extreme)
                        beyond = builder.fcmp_ordered(sign, value, so_far)
                        builder.store(builder.select(beyond, value, so_far), extreme)
            scales = [_scale(builder, builder.load(a), builder.load(b)) for a, b in zip(lows, highs, strict=True)]
            with cgutils.for_range(builder, n) as inner:
                own, values = member(inner.index, offset)
                steps = [builder.fadd(builder.fmul(v, s), o) for v, (s, o) in zip(values, scales, strict=True)]
                row = builder.add(codes, builder.mul(own, row_bytes))
                place = builder.add(row, builder.mul(loop.index, _ADDRESS(2 * STRIPE)))
                builder.store(_last_bits(builder, steps), builder.inttoptr(place, _CODES.as_pointer()), align=2)
        return context.get_dummy_value()

    kind = (types.uint64, types.uint64, types.int64, *[types.uint64] * 3, types.int64)
    return types.void(*kind), generate


def _all(value):
    return filled(_VALUES, value)


def _nth(builder, address, k):
    return builder.gep(builder.inttoptr(address, _ADDRESS.as_pointer()), [k])


def _vector(builder, address, k):
    place = builder.add(address, _ADDRESS(8 * _LANES * k))
    return builder.load(builder.inttoptr(place, _VALUES.as_pointer()), align=8)


def _scale(builder, low, high):
    """Steps a unit, and what takes the lowest value to the first code; where there is no such scale all are equal."""
    scale = builder.fdiv(_all(_STEPS), builder.fsub(high, low))
    begin = builder.fmul(low, scale)
    fits = builder.fcmp_ordered(">", scale, _all(0.0))
    for sign, limit in (("<", _MOST), (">", -_MOST)):
        fits = builder.and_(fits, builder.fcmp_ordered(sign, begin, _all(limit)))
    offset = builder.fsub(_all(_BASE + 1.0), begin)
    return builder.select(fits, scale, _all(0.0)), builder.select(fits, offset, _all(_BASE))


def _last_bits(builder, steps):
    """The last 16 bits of each of `STRIPE` numbers, in order."""
    parts = [builder.bitcast(step, _PARTS) for step in steps]
    halves = [picked(builder, *parts[k : k + 2], range(0, 64, 4)) for k in (0, 2)]
    return picked(builder, *halves, range(STRIPE))
