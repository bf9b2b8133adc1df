"""Several bars at once: intrinsics over vectors of numbers, for what the compiler would not make vectors of itself.

Trades are short (tens of bars), so a loop that the compiler unrolls four times spends its time in the remainder. These
loops take eight bars a turn and mask the rest of the last turn: they read up to seven bars too many (`track.ROOM`).
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES, BITS = 8, 64
_DOUBLE, _INDEX = ir.DoubleType(), ir.IntType(64)
_VECTOR = ir.VectorType(_DOUBLE, LANES)
_INDICES = ir.VectorType(_INDEX, LANES)
_LANE_NUMBERS = ir.Constant(_INDICES, [ir.Constant(_INDEX, k) for k in range(LANES)])


def _splat(builder, value, length=LANES):
    """One value in every lane."""
    kind = ir.VectorType(value.type, length)
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), length), [ir.Constant(ir.IntType(32), 0)] * length)
    return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), zeros)


def _constant(value):
    return ir.Constant(_VECTOR, [ir.Constant(_DOUBLE, value)] * LANES)


def _load(builder, address, index, length=LANES):
    """`length` numbers from `index` on."""
    place = builder.add(address, builder.shl(index, ir.Constant(_INDEX, 3)))
    vector = ir.VectorType(_DOUBLE, length)
    return builder.load(builder.inttoptr(place, vector.as_pointer()), align=8)


def _higher(builder, a, b):
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


def _shuffle(builder, a, b, places):
    index = ir.IntType(32)
    return builder.shuffle_vector(
        a, b, ir.Constant(ir.VectorType(index, LANES), [ir.Constant(index, k) for k in places])
    )


def _shifted(builder, lanes, filler, by):
    """Every lane moved up by `by`, the lowest ones from `filler`."""
    return _shuffle(builder, lanes, filler, [LANES + k for k in range(by)] + list(range(LANES - by)))


@intrinsic
def address_of(typingctx, array):
    """Where the numbers of an array lie in memory."""

    def generate(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.ptrtoint(data, _INDEX)

    return types.int64(array), generate


@intrinsic
def at_most_64(typingctx, address, first, side, level):
    """The bits of `side * x <= level` for the 64 numbers x from `first` on."""

    def generate(context, builder, signature, arguments):
        address, first, side, level = arguments
        values = builder.fmul(_load(builder, address, first, BITS), _splat(builder, side, BITS))
        return builder.bitcast(builder.fcmp_ordered("<=", values, _splat(builder, level, BITS)), ir.IntType(BITS))

    return types.uint64(types.int64, types.int64, types.float64, types.float64), generate


@intrinsic
def first_trailed(typingctx, places, first, last, side, best, levels):
    """The first bar in [first, last) that reaches a trailing stop, else `last`, and the best price before that bar.

    places : addresses of the worst, the best and the followed price of each bar
    best : the best price since the fill, times `side`
    levels : fixed stop and target, times `side`, and what a best price is multiplied with for its trailing stop
    """

    def generate(context, builder, signature, arguments):
        places, first, last, side, best, levels = arguments
        worst_place, best_place, followed_place = cgutils.unpack_tuple(builder, places, 3)
        fixed, target, factor = (_splat(builder, level) for level in cgutils.unpack_tuple(builder, levels, 3))
        sides = _splat(builder, side)
        at = cgutils.alloca_once_value(builder, first)
        found = cgutils.alloca_once_value(builder, last)
        extreme = cgutils.alloca_once_value(builder, best)
        turn, turned, hit_block, done = (builder.append_basic_block(name) for name in ("turn", "turned", "hit", "done"))
        top = builder.append_basic_block("top")
        builder.branch(top)

        builder.position_at_end(top)
        builder.cbranch(builder.icmp_signed("<", builder.load(at), last), turn, done)

        builder.position_at_end(turn)
        t = builder.load(at)
        inside = builder.icmp_signed("<", builder.add(_splat(builder, t), _LANE_NUMBERS), _splat(builder, last))
        followed = builder.fmul(_load(builder, followed_place, t), sides)
        running = builder.select(inside, followed, _constant(float("-inf")))
        for by in (1, 2, 4):
            running = _higher(builder, running, _shifted(builder, running, _constant(float("-inf")), by))
        so_far = _splat(builder, builder.load(extreme))
        running = _higher(builder, running, so_far)
        before = _shifted(builder, running, so_far, 1)
        stop = _higher(builder, builder.fmul(before, factor), fixed)
        hit = builder.or_(
            builder.fcmp_ordered("<=", builder.fmul(_load(builder, worst_place, t), sides), stop),
            builder.fcmp_ordered(">=", builder.fmul(_load(builder, best_place, t), sides), target),
        )
        byte = ir.IntType(LANES)
        bits = builder.bitcast(builder.and_(hit, inside), byte)
        builder.cbranch(builder.icmp_unsigned("!=", bits, ir.Constant(byte, 0)), hit_block, turned)

        builder.position_at_end(turned)
        builder.store(builder.extract_element(running, ir.Constant(ir.IntType(32), LANES - 1)), extreme)
        builder.store(builder.add(t, ir.Constant(_INDEX, LANES)), at)
        builder.branch(top)

        builder.position_at_end(hit_block)
        lane = builder.zext(builder.cttz(bits, ir.Constant(ir.IntType(1), 1)), _INDEX)
        builder.store(builder.add(t, lane), found)
        builder.store(builder.extract_element(before, lane), extreme)
        builder.branch(done)

        builder.position_at_end(done)
        return context.make_tuple(builder, signature.return_type, [builder.load(found), builder.load(extreme)])

    kinds = (
        types.UniTuple(types.int64, 3), types.int64, types.int64, types.float64, types.float64,
        types.UniTuple(types.float64, 3),
    )  # fmt: skip
    return types.Tuple((types.int64, types.float64))(*kinds), generate
