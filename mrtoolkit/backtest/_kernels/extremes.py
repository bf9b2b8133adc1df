"""Highest and lowest price of any bars of a tile by two or four look-ups, without a loop and with one branch.

Stretches of 1, 2, 4, 8 and 16 bars begin at each bar, of 16, 32, ... 4,096 at each chunk of 16. Two of one length cover
what is at most twice as long: of long stretches the chunks, and 16 bars at each end. What a trade's fall needs beside
them (`falls.py`) is asked for only where it reaches a new high.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from mrtoolkit._jit import kernel
from mrtoolkit.backtest._kernels.falls import CHUNK
from mrtoolkit.backtest._kernels.pointers import moved, pointer_to
from mrtoolkit.backtest._kernels.tables import TILE

_SHIFT, _LEVELS = 4, 5  # of lengths up to CHUNK
_SHORT = 2 * CHUNK  # from here on, chunks lie within
_CHUNK_LEVELS = 9  # up to half a tile's chunks
TILE_NUMBERS = 2 * (_LEVELS * TILE + _CHUNK_LEVELS * (TILE // CHUNK))


@intrinsic
def _log2(typingctx, n):
    """Floor of the logarithm of a whole number above 0."""

    def generate(context, builder, signature, arguments):
        number = ir.IntType(64)
        return builder.sub(number(63), builder.ctlz(arguments[0], ir.IntType(1)(1)))

    return types.int64(types.int64), generate


def n_extremes(n_bars: int) -> int:
    """How many numbers the table of some bars has."""
    whole, rest = divmod(n_bars, TILE)
    return whole * TILE_NUMBERS + 2 * (_LEVELS * rest + _CHUNK_LEVELS * (rest // CHUNK))


@kernel
def _double(source, out, by, n):
    """The higher of each of n pairs and the pair that begins `by` pairs later; through pointers."""
    for k in range(2 * n):
        a, b = source[k], source[k + 2 * by]
        out[k] = a if a > b else b


@kernel
def fill_extremes(mark, first, last, table):
    """Fill the table of one tile's bars [first, last) through a pointer: pairs of highest and negated lowest price.

    mark : pointer to prices (time,)
    """
    width = last - first
    for t in range(width):
        table[2 * t], table[2 * t + 1] = mark[first + t], -mark[first + t]
    for level in range(1, _LEVELS):
        length, out = 1 << level, moved(table, 2 * width * level)
        _double(moved(out, -2 * width), out, length >> 1, width - length + 1)
    chunks = width >> _SHIFT
    sixteen, out = moved(table, 2 * width * (_LEVELS - 1)), moved(table, 2 * width * _LEVELS)
    for chunk in range(chunks):
        out[2 * chunk], out[2 * chunk + 1] = sixteen[2 * CHUNK * chunk], sixteen[2 * CHUNK * chunk + 1]
    for level in range(1, _CHUNK_LEVELS):
        before, out = out, moved(out, 2 * chunks)
        _double(before, out, 1 << (level - 1), chunks - (1 << level) + 1)


@kernel
def fill_all_extremes(mark, table):
    """Fill the tables of all tiles, one after the other."""
    for tile in range(-(-mark.size // TILE)):
        last = min((tile + 1) * TILE, mark.size)
        fill_extremes(pointer_to(mark), tile * TILE, last, moved(pointer_to(table), tile * TILE_NUMBERS))


@kernel(inline=True)
def extremes(table, width, first, last):
    """Highest and negated lowest price of the bars [first, last), at least one, counted from the tile's first.

    table : pointer to the tile's table
    width : the tile's bars
    """
    n = last - first
    if n < _SHORT:
        level = _log2(n)
        a, b = 2 * (level * width + first), 2 * (level * width + last - (1 << level))
        high, other = table[a], table[b]
        high = other if other > high else high
        low, other = table[a + 1], table[b + 1]
        return high, (other if other > low else low)
    a, b = 2 * ((_LEVELS - 1) * width + first), 2 * ((_LEVELS - 1) * width + last - CHUNK)
    high, other = table[a], table[b]
    high = other if other > high else high
    low, other = table[a + 1], table[b + 1]
    low = other if other > low else low
    chunks, here, there = width >> _SHIFT, (first + CHUNK - 1) >> _SHIFT, last >> _SHIFT
    level = _log2(there - here)
    base = _LEVELS * width + level * chunks
    a, b = 2 * (base + here), 2 * (base + there - (1 << level))
    other, another = table[a], table[b]
    other = another if another > other else other
    lower, another = table[a + 1], table[b + 1]
    lower = another if another > lower else lower
    return (other if other > high else high), (lower if lower > low else low)
