"""Deviations over a moving window, by the same blocks as its mean: windows.py says how, and why no digits are lost."""

from __future__ import annotations

import numpy as np

from mrtoolkit._jit import kernel
from mrtoolkit.indicators._kernels.windows import apart, stretch_of


@kernel
def deviation(
    x: np.ndarray, lookbacks: np.ndarray, out: np.ndarray
) -> None:  # population form: divided by lookback, as TA-Lib does
    for k in range(lookbacks.size):
        lookback, row = lookbacks[k], out[k]
        length = stretch_of(lookback, x.size)
        shares = _shares(lookback, length)
        starts, ends = np.empty((2, length)), np.zeros((2, length + lookback))
        for first in range(0, x.size, length):
            part = row[first : first + length]
            n_whole = part.size // lookback
            for block in range(0, n_whole, 4):
                _square_four(x, first, block, n_whole - 1, lookback, starts, ends, part)
            _square_last(x, first, n_whole * lookback, starts, part)
            _join_deviations(starts, ends, shares, lookback, part)
            for i in range(lookback):
                ends[0, i], ends[1, i] = ends[0, length + i], ends[1, length + i]
        row[: lookback - 1] = np.nan


@kernel
def _shares(lookback: int, length: int) -> np.ndarray:
    # For each bar: 1 / bars of the window in its own block, 1 / those in the block before, and the weight of their
    # means' squared distance.
    shares = np.zeros((3, length))
    for i in range(length):
        step = i % lookback + 1
        before = lookback - step
        shares[0, i] = 1.0 / step
        if before > 0:
            shares[1, i] = 1.0 / before
            shares[2, i] = before * (step / lookback)
    return shares


@kernel
def _square_four(
    x: np.ndarray,
    first: int,
    block: int,
    last: int,
    lookback: int,
    starts: np.ndarray,
    ends: np.ndarray,
    row: np.ndarray,
) -> None:
    # As _sum_four, with the sums of the squares, the ends `lookback` places later, after those of the block before; in
    # row how far a block's first value is from the last of the block before, 0 where that block takes no part.
    p0, p1 = block * lookback, min(block + 1, last) * lookback
    p2, p3 = min(block + 2, last) * lookback, min(block + 3, last) * lookback
    x0, x1, x2, x3 = x[first + p0 :], x[first + p1 :], x[first + p2 :], x[first + p3 :]
    gap0, gap1, gap2, gap3 = row[p0:], row[p1:], row[p2:], row[p3:]
    far0, far1 = -apart(x, first + p0), -apart(x, first + p1)
    far2, far3 = -apart(x, first + p2), -apart(x, first + p3)
    sums0, sums1, sums2, sums3 = starts[0, p0:], starts[0, p1:], starts[0, p2:], starts[0, p3:]
    squares0, squares1, squares2, squares3 = starts[1, p0:], starts[1, p1:], starts[1, p2:], starts[1, p3:]
    a0, a1, a2, a3 = x0[0], x1[0], x2[0], x3[0]
    sum0 = sum1 = sum2 = sum3 = square0 = square1 = square2 = square3 = 0.0
    for i in range(lookback):
        d0, d1, d2, d3 = x0[i] - a0, x1[i] - a1, x2[i] - a2, x3[i] - a3
        sum0, sum1, sum2, sum3 = sum0 + d0, sum1 + d1, sum2 + d2, sum3 + d3
        square0, square1, square2, square3 = square0 + d0 * d0, square1 + d1 * d1, square2 + d2 * d2, square3 + d3 * d3
        sums0[i], sums1[i], sums2[i], sums3[i] = sum0, sum1, sum2, sum3
        squares0[i], squares1[i], squares2[i], squares3[i] = square0, square1, square2, square3
        gap0[i], gap1[i], gap2[i], gap3[i] = far0, far1, far2, far3
    end = lookback - 1
    gap0[end] = gap1[end] = gap2[end] = gap3[end] = 0.0
    p0, p1, p2, p3 = p0 + lookback, p1 + lookback, p2 + lookback, p3 + lookback
    sums0, sums1, sums2, sums3 = ends[0, p0:], ends[0, p1:], ends[0, p2:], ends[0, p3:]
    squares0, squares1, squares2, squares3 = ends[1, p0:], ends[1, p1:], ends[1, p2:], ends[1, p3:]
    a0, a1, a2, a3 = x0[end], x1[end], x2[end], x3[end]
    sum0 = sum1 = sum2 = sum3 = square0 = square1 = square2 = square3 = 0.0
    for i in range(end, 0, -1):
        d0, d1, d2, d3 = x0[i] - a0, x1[i] - a1, x2[i] - a2, x3[i] - a3
        sum0, sum1, sum2, sum3 = sum0 + d0, sum1 + d1, sum2 + d2, sum3 + d3
        square0, square1, square2, square3 = square0 + d0 * d0, square1 + d1 * d1, square2 + d2 * d2, square3 + d3 * d3
        sums0[i], sums1[i], sums2[i], sums3[i] = sum0, sum1, sum2, sum3
        squares0[i], squares1[i], squares2[i], squares3[i] = square0, square1, square2, square3
    sums0[0] = sums1[0] = sums2[0] = sums3[0] = 0.0
    squares0[0] = squares1[0] = squares2[0] = squares3[0] = 0.0


@kernel
def _square_last(x: np.ndarray, first: int, place: int, starts: np.ndarray, row: np.ndarray) -> None:
    if place < row.size:
        origin, total, square = x[first + place], 0.0, 0.0
        for i in range(place, row.size):
            distance = x[first + i] - origin
            total += distance
            square += distance * distance
            starts[0, i], starts[1, i] = total, square
            row[i] = -apart(x, first + place)


@kernel
def _join_deviations(starts: np.ndarray, ends: np.ndarray, shares: np.ndarray, lookback: int, row: np.ndarray) -> None:
    # Two halves are joined by Chan, Golub and LeVeque (1983): squares add, and so does the distance of the means.
    n = row.size
    sums, squares, end_sums, end_squares = starts[0, :n], starts[1, :n], ends[0, 1 : n + 1], ends[1, 1 : n + 1]
    by_step, by_before, weights = shares[0, :n], shares[1, :n], shares[2, :n]
    by_lookback = 1.0 / lookback
    for i in range(n):
        mean, end_mean = sums[i] * by_step[i], end_sums[i] * by_before[i]
        apart = row[i] + (mean - end_mean)
        value = (end_squares[i] - end_sums[i] * end_mean) + (squares[i] - sums[i] * mean) + apart * apart * weights[i]
        value = value * by_lookback if value > 0.0 or value != value else 0.0
        value = np.sqrt(value)
        row[i] = value if value < np.inf else np.nan
