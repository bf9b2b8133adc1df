"""Rows of the tables of running sums, eight bars at a time: quotients side by side, sums one after the other.

Four quotients a bar would take as long, one by one, as all else of a trial's look-ups together. Turned round, a bar's
four numbers are a vector, and each half of its row is one sum of two of them. Every number is rounded as it is where
bars go one by one (`tables.fill_cell`).
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from mrtoolkit._kernels.vectors import filled, picked, splat

LANES = 8
_WIDTH = 4  # numbers of half a row
_NUMBER, _ADDRESS = ir.DoubleType(), ir.IntType(64)
_BARS, _HALF = ir.VectorType(_NUMBER, LANES), ir.VectorType(_NUMBER, _WIDTH)


@intrinsic
def fill_rows_of_eight(typingctx, raw, mark, rates, state, tables, turns):
    """Fill eight rows a turn; `mark` has a bar before its first.

    All but `turns` are addresses.

    rates : factor and addend of the price of a fill, and of what is paid, for an entry and then for an exit; and the
        risk-free return
    state : running sums of returns, of their squares and of squared shortfalls, and 0; the largest absolute sums.
        Updated
    """

    def generate(context, builder, signature, arguments):
        raw, mark, rates, state, tables, turns = arguments
        numbers = [splat(builder, builder.load(_at(builder, rates, 8 * k, _NUMBER))) for k in range(9)]
        *factors, risk_free = numbers
        one = filled(_BARS, 1.0)
        sums = cgutils.alloca_once_value(builder, builder.load(_at(builder, state, 0, _HALF), align=8))
        reach = cgutils.alloca_once_value(builder, builder.load(_at(builder, state, 8 * _WIDTH, _HALF), align=8))

        def less_one(quotient):
            return builder.fsub(quotient, one)

        with cgutils.for_range(builder, turns) as loop:
            offset = builder.mul(loop.index, _ADDRESS(8 * LANES))
            price, close, before = (
                builder.load(_at(builder, builder.add(address, offset), shift, _BARS), align=8)
                for address, shift in ((raw, 0), (mark, 0), (mark, -8))
            )
            paid, got = _after_costs(builder, price, factors[:4]), _after_costs(builder, price, factors[4:])
            left = _halves(builder, less_one(builder.fdiv(got, before)), risk_free, got)
            held = _halves(builder, less_one(builder.fdiv(close, before)), risk_free, filled(_BARS, 0.0))
            entered = _halves(builder, less_one(builder.fdiv(close, paid)), risk_free, builder.fdiv(one, paid))
            row = builder.add(tables, builder.mul(offset, _ADDRESS(LANES)))
            for bar in range(LANES):
                so_far = builder.load(sums)
                now = builder.fadd(so_far, held[bar])
                builder.store(now, sums)
                for half, place in ((builder.fsub(entered[bar], now), 0), (builder.fadd(so_far, left[bar]), 1)):
                    address = _at(builder, row, 64 * bar + 8 * _WIDTH * place, _HALF)
                    builder.store(half, address, align=8)
                size, largest = _absolute(builder, now), builder.load(reach)
                builder.store(builder.select(builder.fcmp_ordered(">", size, largest), size, largest), reach)
        builder.store(builder.load(sums), _at(builder, state, 0, _HALF), align=8)
        builder.store(builder.load(reach), _at(builder, state, 8 * _WIDTH, _HALF), align=8)
        return context.get_dummy_value()

    return types.void(*[types.uint64] * 5, types.int64), generate


def _at(builder, address, skipped, kind):
    return builder.inttoptr(builder.add(address, _ADDRESS(skipped)), kind.as_pointer())


def _after_costs(builder, price, rates):
    for factor, addend in (rates[:2], rates[2:]):
        price = builder.fadd(builder.fmul(price, factor), addend)
    return price


def _halves(builder, r, risk_free, last):
    """Of each of eight bars: its return, the square of that, the squared shortfall, and a last number."""
    over, nothing = builder.fsub(r, risk_free), filled(_BARS, 0.0)
    short = builder.select(builder.fcmp_ordered(">", over, nothing), nothing, over)
    columns = r, builder.fmul(r, r), builder.fmul(short, short), last
    evens, odds = ([0, 8, 2, 10, 4, 12, 6, 14], [1, 9, 3, 11, 5, 13, 7, 15])
    pairs = [[picked(builder, *columns[k : k + 2], places) for places in (evens, odds)] for k in (0, 2)]
    made = []
    for bar in range(LANES):
        first = bar // 2 * 2
        places = [first, first + 1, LANES + first, LANES + first + 1]
        made.append(picked(builder, pairs[0][bar % 2], pairs[1][bar % 2], places))
    return made


def _absolute(builder, half):
    bits = ir.VectorType(_ADDRESS, _WIDTH)
    kept = filled(bits, 0x7FFF_FFFF_FFFF_FFFF)
    return builder.bitcast(builder.and_(builder.bitcast(half, bits), kept), _HALF)
