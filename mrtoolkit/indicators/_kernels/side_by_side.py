"""One recurrence with many factors at once: eight lookbacks to a vector, eight bars to a turn.

Each bar waits for the bar before: one lookback by itself takes 3 ns a bar, eight together 3.1 and sixteen 3.7. Results
come a bar at a time for eight lookbacks and go to memory a lookback at a time for eight bars: a square of 64 numbers is
turned round on the way, and each lookback's eight fill a line of the cache. A hundred lookbacks of 50,000 bars are as
long in writing as memory takes them; more than sixteen at once gain nothing.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from mrtoolkit._kernels.vectors import picked, splat

LANES = 8
_NUMBER, _ADDRESS = ir.DoubleType(), ir.IntType(64)
_VECTOR = ir.VectorType(_NUMBER, LANES)
_BYTES = 8 * LANES


def _run_groups(n_groups):
    @intrinsic
    def run_groups(typingctx, x, turns, alphas, levels, rows):
        """Write `level += alpha * (x - level)` over eight bars a turn, for each of some lookbacks.

        No product is fused with a sum, so that the bits are those of one lookback by itself.

        x : address of the first bar's number, none of them missing
        alphas, levels : addresses of as many numbers; levels are updated
        rows : address of the addresses that the first bar's results go to
        """

        def generate(context, builder, signature, arguments):
            x, turns, alphas, levels, rows = arguments
            alphas = [_load(builder, alphas, k) for k in range(n_groups)]
            held = [cgutils.alloca_once_value(builder, _load(builder, levels, k)) for k in range(n_groups)]
            places = [_address(builder, rows, k) for k in range(n_groups * LANES)]
            with cgutils.for_range(builder, turns) as loop:
                offset = builder.mul(loop.index, _ADDRESS(_BYTES))
                values = [splat(builder, _number(builder, builder.add(x, offset), k)) for k in range(LANES)]
                for k in range(n_groups):
                    level, results = builder.load(held[k]), []
                    for value in values:
                        step = builder.fmul(alphas[k], builder.fsub(value, level))
                        level = builder.fadd(level, step)
                        results.append(level)
                    builder.store(level, held[k])
                    for place, row in zip(places[LANES * k :], _turned(builder, results), strict=False):
                        _store(builder, row, builder.add(place, offset))
            for k in range(n_groups):
                _store(builder, builder.load(held[k]), builder.add(levels, _ADDRESS(_BYTES * k)))
            return context.get_dummy_value()

        return types.void(types.uint64, types.int64, types.uint64, types.uint64, types.uint64), generate

    return run_groups


run_eight, run_sixteen = _run_groups(1), _run_groups(2)


def _load(builder, address, k):
    place = builder.add(address, _ADDRESS(_BYTES * k))
    return builder.load(builder.inttoptr(place, _VECTOR.as_pointer()), align=8)


def _store(builder, vector, address):
    builder.store(vector, builder.inttoptr(address, _VECTOR.as_pointer()), align=8)


def _address(builder, table, k):
    place = builder.add(table, _ADDRESS(8 * k))
    return builder.load(builder.inttoptr(place, _ADDRESS.as_pointer()))


def _number(builder, address, k):
    place = builder.add(address, _ADDRESS(8 * k))
    return builder.load(builder.inttoptr(place, _NUMBER.as_pointer()))


def _turned(builder, rows):
    """The columns of eight vectors as eight vectors: pairs change places one, two and four apart."""
    for by in (1, 2, 4):
        low = [k + LANES * (k // by % 2) - by * (k // by % 2) for k in range(LANES)]
        high = [place + by for place in low]
        turned = list(rows)
        for k in range(LANES):
            if k // by % 2 == 0:
                turned[k] = picked(builder, rows[k], rows[k + by], low)
                turned[k + by] = picked(builder, rows[k], rows[k + by], high)
        rows = turned
    return rows
