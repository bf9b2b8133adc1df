"""Several bars at once: intrinsics over vectors of numbers, for what the compiler would not make vectors of itself.

Trades are short (tens of bars), so a loop that the compiler unrolls four times spends its time in the remainder. These
loops take eight bars a turn and mask the rest of the last turn: they read up to seven bars too many (`track.ROOM`).
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from mrtoolkit._kernels.vectors import filled, picked, splat

LANES, BITS = 8, 64
_DOUBLE, _INDEX = ir.DoubleType(), ir.IntType(64)
_VECTOR = ir.VectorType(_DOUBLE, LANES)
_INDICES = ir.VectorType(_INDEX, LANES)
_POINTER = types.CPointer(types.float64)
_LANE_NUMBERS = ir.Constant(_INDICES, [ir.Constant(_INDEX, k) for k in range(LANES)])


def _constant(value):
    return filled(_VECTOR, value)


def _load(builder, pointer, index, length=LANES):
    """`length` numbers from `index` on."""
    place = builder.gep(pointer, [index])
    return builder.load(builder.bitcast(place, ir.VectorType(_DOUBLE, length).as_pointer()), align=8)


def _higher(builder, a, b):
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


def _lower(builder, a, b):
    return builder.select(builder.fcmp_ordered("<", a, b), a, b)


def _last(builder, lanes):
    """The highest lane in every lane."""
    return picked(builder, lanes, lanes, [LANES - 1] * LANES)


def _shifted(builder, lanes, filler, by):
    """Every lane moved up by `by`, the lowest ones from `filler`."""
    return picked(builder, lanes, filler, [LANES + k for k in range(by)] + list(range(LANES - by)))


def _at_most(width):
    @intrinsic
    def at_most(typingctx, numbers, first, side, level):
        """The bits of `side * x <= level` for as many numbers x from `first` on."""

        def generate(context, builder, signature, arguments):
            numbers, first, side, level = arguments
            values = builder.fmul(_load(builder, numbers, first, width), splat(builder, side, width))
            hits = builder.fcmp_ordered("<=", values, splat(builder, level, width))
            return builder.zext(builder.bitcast(hits, ir.IntType(width)), ir.IntType(BITS))

        return types.uint64(_POINTER, types.int64, types.float64, types.float64), generate

    return at_most


at_most_8, at_most_16 = _at_most(LANES), _at_most(2 * LANES)


def _running_highest(builder, values, inside, so_far):
    """The highest up to each lane and before it, of `so_far` and of those values that are inside."""
    none = _constant(float("-inf"))
    running = builder.select(inside, values, none)
    for by in (1, 2, 4):
        running = _higher(builder, running, _shifted(builder, running, none, by))
    running = _higher(builder, running, so_far)
    return running, _shifted(builder, running, so_far, 1)


def _first_trailed(with_own):
    @intrinsic
    def first_trailed(typingctx, places, first, last, side, best, levels):
        """The first bar in [first, last) that reaches a trailing stop, else `last`, and the best price before that bar.

        places : pointers to the worst, the best and the followed price of each bar
        best : the best price since the fill, times `side`
        levels : fixed stop and target, times `side`, and what a best price is multiplied with for its trailing stop

        With `with_own` a price's own best counts for its stop: no bar of a group is missed, of some extremes of groups.
        """

        def generate(context, builder, signature, arguments):
            places, first, last, side, best, levels = arguments
            worst_place, best_place, followed_place = cgutils.unpack_tuple(builder, places, 3)
            fixed, target, factor = (splat(builder, level) for level in cgutils.unpack_tuple(builder, levels, 3))
            sides = splat(builder, side)
            at = cgutils.alloca_once_value(builder, first)
            found = cgutils.alloca_once_value(builder, last)
            extreme = cgutils.alloca_once_value(builder, splat(builder, best))
            best_before = cgutils.alloca_once_value(builder, best)
            names = ("top", "turn", "turned", "hit", "passed", "done")
            top, turn, turned, hit_block, passed, done = (builder.append_basic_block(name) for name in names)
            builder.branch(top)

            builder.position_at_end(top)
            builder.cbranch(builder.icmp_signed("<", builder.load(at), last), turn, passed)

            builder.position_at_end(turn)
            t = builder.load(at)
            inside = builder.icmp_signed("<", builder.add(splat(builder, t), _LANE_NUMBERS), splat(builder, last))
            followed = builder.fmul(_load(builder, followed_place, t), sides)
            running, before = _running_highest(builder, followed, inside, builder.load(extreme))
            stop = _higher(builder, builder.fmul(running if with_own else before, factor), fixed)
            hit = builder.or_(
                builder.fcmp_ordered("<=", builder.fmul(_load(builder, worst_place, t), sides), stop),
                builder.fcmp_ordered(">=", builder.fmul(_load(builder, best_place, t), sides), target),
            )
            byte = ir.IntType(LANES)
            bits = builder.bitcast(builder.and_(hit, inside), byte)
            builder.cbranch(builder.icmp_unsigned("!=", bits, ir.Constant(byte, 0)), hit_block, turned)

            builder.position_at_end(passed)
            builder.store(builder.extract_element(builder.load(extreme), ir.Constant(ir.IntType(32), 0)), best_before)
            builder.branch(done)

            builder.position_at_end(turned)
            builder.store(_last(builder, running), extreme)
            builder.store(builder.add(t, ir.Constant(_INDEX, LANES)), at)
            builder.branch(top)

            builder.position_at_end(hit_block)
            lane = builder.zext(builder.cttz(bits, ir.Constant(ir.IntType(1), 1)), _INDEX)
            builder.store(builder.add(t, lane), found)
            builder.store(builder.extract_element(before, lane), best_before)
            builder.branch(done)

            builder.position_at_end(done)
            return context.make_tuple(builder, signature.return_type, [builder.load(found), builder.load(best_before)])

        kinds = (
            types.UniTuple(_POINTER, 3), types.int64, types.int64, types.float64, types.float64,
            types.UniTuple(types.float64, 3),
        )  # fmt: skip
        return types.Tuple((types.int64, types.float64))(*kinds), generate

    return first_trailed


first_trailed, first_trailed_at_most = _first_trailed(False), _first_trailed(True)


def _across(builder, lanes, combine):
    """One number of all lanes."""
    for by in (4, 2, 1):
        lanes = combine(builder, lanes, picked(builder, lanes, lanes, [(k + by) % LANES for k in range(LANES)]))
    return builder.extract_element(lanes, ir.Constant(ir.IntType(32), 0))


class _Sums:
    """Sums of returns, of their squares and of those below a bar's risk-free return, eight lanes each, in memory."""

    def __init__(self, builder, pointer, risk_free):
        self.builder = builder
        self.risk_free = splat(builder, risk_free)
        self.places = [
            builder.bitcast(builder.gep(pointer, [ir.Constant(_INDEX, LANES * k)]), _VECTOR.as_pointer())
            for k in range(3)
        ]
        self.sums = [cgutils.alloca_once_value(builder, builder.load(place, align=8)) for place in self.places]

    def add(self, returns, inside):
        builder, zero = self.builder, _constant(0.0)
        shortfall = _lower(builder, builder.fsub(returns, self.risk_free), zero)
        returns, shortfall = (_inside(builder, inside, values, 0.0) for values in (returns, shortfall))
        total, total_sq, downside_sq = self.sums
        builder.store(builder.fadd(builder.load(total), returns), total)
        for values, place in ((returns, total_sq), (shortfall, downside_sq)):
            square = builder.fmul(values, values, flags=("contract",))
            builder.store(builder.fadd(builder.load(place), square, flags=("contract",)), place)

    def write(self):
        for place, total in zip(self.places, self.sums, strict=True):
            self.builder.store(self.builder.load(total), place, align=8)


def _over_bars(builder, first, last, body):
    """Call `body(t, inside)` for the bars in [first, last), eight a turn; `inside` is None where all lanes are."""
    lanes = ir.Constant(_INDEX, LANES)
    whole = builder.add(first, builder.and_(builder.sub(last, first), ir.Constant(_INDEX, -LANES)))
    with cgutils.for_range_slice(builder, first, whole, lanes, intp=_INDEX) as (t, _):
        body(t, None)
    with builder.if_then(builder.icmp_signed("<", whole, last)):
        rest = builder.trunc(builder.sub(last, whole), ir.IntType(32))
        numbers = ir.VectorType(ir.IntType(32), LANES)
        lane_numbers = ir.Constant(numbers, [ir.Constant(ir.IntType(32), k) for k in range(LANES)])
        body(whole, builder.icmp_signed("<", lane_numbers, splat(builder, rest)))


def _inside(builder, inside, values, filler):
    """The values, those outside replaced."""
    return values if inside is None else builder.select(inside, values, _constant(filler))


class _Range:
    """The lowest and the highest number met."""

    def __init__(self, builder):
        self.builder = builder
        self.low = cgutils.alloca_once_value(builder, _constant(float("inf")))
        self.high = cgutils.alloca_once_value(builder, _constant(float("-inf")))

    def add(self, values, inside):
        builder = self.builder
        low, high = (_inside(builder, inside, values, filler) for filler in (float("inf"), float("-inf")))
        builder.store(_lower(builder, low, builder.load(self.low)), self.low)
        builder.store(_higher(builder, high, builder.load(self.high)), self.high)

    def across(self):
        builder = self.builder
        return [_across(builder, builder.load(self.low), _lower), _across(builder, builder.load(self.high), _higher)]


@intrinsic
def add_held(typingctx, marks, first, last, account, risk_free, sums):
    """Add the returns of the bars in [first, last), while cash and shares stand still; the range of equity there.

    marks, sums : pointers to what a share is worth at each close, and of three times eight sums
    account : cash, signed shares, equity at the close before `first`
    """

    def generate(context, builder, signature, arguments):
        marks, first, last, account, risk_free, sums = arguments
        cash, shares, before = (splat(builder, x) for x in cgutils.unpack_tuple(builder, account, 3))
        totals, extremes = _Sums(builder, sums, risk_free), _Range(builder)
        previous = cgutils.alloca_once_value(builder, before)

        def add(t, inside):
            equity = builder.fadd(cash, builder.fmul(shares, _load(builder, marks, t)))
            earlier = picked(builder, builder.load(previous), equity, range(LANES - 1, 2 * LANES - 1))
            builder.store(equity, previous)
            totals.add(builder.fsub(builder.fdiv(equity, earlier), _constant(1.0)), inside)
            extremes.add(equity, inside)

        _over_bars(builder, first, last, add)
        totals.write()
        return context.make_tuple(builder, signature.return_type, extremes.across())

    kinds = (_POINTER, types.int64, types.int64, types.UniTuple(types.float64, 3), types.float64, _POINTER)
    return types.UniTuple(types.float64, 2)(*kinds), generate


@intrinsic
def add_returns(typingctx, marks, first, last, account, sums):
    """Add the returns of the bars in [first, last), while cash and shares stand still, and their squares.

    marks, sums : pointers to what a share is worth at each close; of eight sums, eight of squares, and the eight least
        of equity minus `least`
    account : cash, signed shares, equity at the close before `first`, least
    """

    def generate(context, builder, signature, arguments):
        marks, first, last, account, sums = arguments
        cash, shares, before, least = (splat(builder, x) for x in cgutils.unpack_tuple(builder, account, 4))
        places = [
            builder.bitcast(builder.gep(sums, [ir.Constant(_INDEX, LANES * k)]), _VECTOR.as_pointer()) for k in range(3)
        ]
        total, total_sq, lowest = (cgutils.alloca_once_value(builder, builder.load(x, align=8)) for x in places)
        previous = cgutils.alloca_once_value(builder, before)

        def add(t, inside):
            equity = builder.fadd(cash, builder.fmul(shares, _load(builder, marks, t)))
            earlier = picked(builder, builder.load(previous), equity, range(LANES - 1, 2 * LANES - 1))
            builder.store(equity, previous)
            returns = builder.fsub(builder.fdiv(equity, earlier), _constant(1.0))
            returns = _inside(builder, inside, returns, 0.0)
            builder.store(builder.fadd(builder.load(total), returns), total)
            square = builder.fmul(returns, returns, flags=("contract",))
            builder.store(builder.fadd(builder.load(total_sq), square, flags=("contract",)), total_sq)
            spare = _inside(builder, inside, builder.fsub(equity, least), float("inf"))
            builder.store(_lower(builder, spare, builder.load(lowest)), lowest)

        _over_bars(builder, first, last, add)
        for place, values in zip(places, (total, total_sq, lowest), strict=True):
            builder.store(builder.load(values), place, align=8)
        return context.get_dummy_value()

    return types.void(_POINTER, types.int64, types.int64, types.UniTuple(types.float64, 4), _POINTER), generate


@intrinsic
def ruined_64(typingctx, marks, first, cash, shares):
    """The bits of `cash + shares * x <= 0` for the 64 numbers x from `first` on."""

    def generate(context, builder, signature, arguments):
        marks, first, cash, shares = arguments
        value = builder.fmul(splat(builder, shares, BITS), _load(builder, marks, first, BITS))
        equity = builder.fadd(splat(builder, cash, BITS), value)
        none = filled(equity.type, 0.0)
        return builder.bitcast(builder.fcmp_ordered("<=", equity, none), ir.IntType(BITS))

    return types.uint64(_POINTER, types.int64, types.float64, types.float64), generate


@intrinsic
def fall_of(typingctx, marks, first, last, account):
    """What the largest fall of equity in [first, last) from its highest value so far leaves of that.

    account : cash, signed shares, highest equity before `first`
    """

    def generate(context, builder, signature, arguments):
        marks, first, last, account = arguments
        cash, shares, highest = cgutils.unpack_tuple(builder, account, 3)
        cash, shares = splat(builder, cash), splat(builder, shares)
        top = cgutils.alloca_once_value(builder, splat(builder, highest))
        least = cgutils.alloca_once_value(builder, _constant(1.0))

        def add(t, inside):
            equity = builder.fadd(cash, builder.fmul(shares, _load(builder, marks, t)))
            running = _inside(builder, inside, equity, 0.0)
            for by in (1, 2, 4):
                running = _higher(builder, running, _shifted(builder, running, _constant(0.0), by))
            running = _higher(builder, running, builder.load(top))
            builder.store(_last(builder, running), top)
            left = _inside(builder, inside, builder.fdiv(equity, running), 1.0)
            builder.store(_lower(builder, left, builder.load(least)), least)

        _over_bars(builder, first, last, add)
        return _across(builder, builder.load(least), _lower)

    kinds = (_POINTER, types.int64, types.int64, types.UniTuple(types.float64, 3))
    return types.float64(*kinds), generate
