"""What this machine can do: its clock, its arithmetic, and how fast one core reads from each level of its memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numba
import numpy as np
from figures import cpu_seconds_of

LEVELS = {"L1": 16 * 2**10, "L2": 384 * 2**10, "L3": 6 * 2**20, "DRAM": 512 * 2**20}
"""Bytes that are read again and again: well within that level on processors of today, well beyond the one before."""
_DEPTH = 16


@dataclass(frozen=True)
class Machine:
    """One core of this machine, as measured.

    Attributes
    ----------
    ghz : float
        Cycles a nanosecond.
    read : mapping of level to GB/s
    write : mapping of level to GB/s
    vector : float
        Multiply-adds of float64 in 1e9 a second, all in vectors.
    """

    ghz: float
    read: dict[str, float]
    write: dict[str, float]
    vector: float


@numba.njit(nogil=True)
def _dependent_adds(n):
    x = 1
    for i in range(n):
        x = (x + 1) ^ i  # two cycles, each after the other
    return x


@numba.njit(nogil=True)
def _read(x, times):
    total = 0
    for k in range(times):
        x[k % x.size] = k  # else one reading would do
        for i in range(x.size):
            total += x[i]
    return total


@numba.njit(nogil=True)
def _write(x, times):
    for k in range(times):
        for i in range(x.size):
            x[i] = k
        x[k % x.size] = -x[(k + 1) % x.size]
    return x[0]


@numba.njit(nogil=True, fastmath={"contract", "reassoc"})
def _multiply_adds(x, times, a, b):
    total = 0.0
    for k in range(times):
        x[k % x.size] = k
        for i in range(x.size):
            y = x[i]
            for _ in range(_DEPTH):
                y = y * a + b
            total += y
    return total


@cache
def measure() -> Machine:
    """The machine's figures, each the best of several."""
    n = 5_000_000
    ghz = 2e-9 * n / _best(lambda: _dependent_adds(n))
    read, write = {}, {}
    for level, size in LEVELS.items():
        x = np.ones(size // 8, dtype=np.int64)
        times = max(1, 2**27 // size)
        read[level] = 1e-9 * x.nbytes * times / _best(lambda x=x, times=times: _read(x, times))
        write[level] = 1e-9 * x.nbytes * times / _best(lambda x=x, times=times: _write(x, times))
    y = np.ones(1_024)
    vector = 1e-9 * y.size * _DEPTH * 2_000 / _best(lambda: _multiply_adds(y, 2_000, 0.5, 0.25))
    return Machine(ghz=ghz, read=read, write=write, vector=vector)


def _best(function: Callable[[], object], repeats: int = 15) -> float:
    function()
    return min(cpu_seconds_of(function) for _ in range(repeats))
