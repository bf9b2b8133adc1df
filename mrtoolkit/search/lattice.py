"""Lattices of one dimension: whole numbers (codes) to the decimals that a person would type, and back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

_EXACT = 2**53  # whole numbers up to here are exact in a float64
_TOLERANCE = 1e-9  # of a step: how near to a label a value must lie to be that label
_FEW = 24  # values that Python is through with sooner than NumPy


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearLattice:
    """Labels `(offset + code * stride) / 10**decimals`, in whole numbers until the last division.

    That division of two exact numbers is correctly rounded, so every label is the float64 that the short
    decimal itself would give: 0.3, never 0.30000000000000004.
    """

    offset: int
    stride: int
    decimals: int
    size: int

    @classmethod
    def between(cls, low: float, high: float, step: float) -> LinearLattice:
        """Return the labels low, low + step, ... that do not exceed high."""
        first, last, stride = (Decimal(repr(value)) for value in (low, high, step))
        decimals = max(0, *(-int(value.normalize().as_tuple().exponent) for value in (first, stride)))
        scale = Decimal(10) ** decimals
        size = int((last - first) / stride) + 1
        return cls(offset=int(first * scale), stride=int(stride * scale), decimals=decimals, size=size)

    @property
    def step(self) -> float:
        """Distance of two neighbouring labels."""
        return float(self.stride / 10**self.decimals)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Return the labels of codes as float64."""
        largest = max(abs(self.offset), abs(self.offset + self.size * self.stride))
        if largest < _EXACT and self.decimals <= 22:
            return np.asarray((self.offset + codes * self.stride) / 10.0**self.decimals)
        scale = 10**self.decimals
        return np.array([(self.offset + int(c) * self.stride) / scale for c in codes.ravel()]).reshape(codes.shape)

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Return the codes of float64 values, -1 for a value that is no label."""
        if values.size <= _FEW and values.ndim == 1:
            return self._encode_few(values.tolist())
        with np.errstate(invalid="ignore", over="ignore"):
            exact = (values - self.offset / 10**self.decimals) / self.step
            nearest = np.rint(exact)
            near = np.abs(exact - nearest) <= _TOLERANCE + 1e-15 * np.abs(values) / self.step
        is_label = near & (nearest >= 0) & (nearest < self.size)
        return np.where(is_label, nearest, -1).astype(np.int64)

    def _encode_few(self, values: list[float]) -> np.ndarray:
        """Return the same codes by the same arithmetic: a third of the time for the labels of a level's grid."""
        low, step, codes = self.offset / 10**self.decimals, self.step, []
        for value in values:
            exact = (value - low) / step
            nearest = round(exact) if math.isfinite(exact) else -1
            near = abs(exact - nearest) <= _TOLERANCE + 1e-15 * abs(value) / step
            codes.append(nearest if near and 0 <= nearest < self.size else -1)
        return np.array(codes, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class GeometricLattice:
    """Labels whose ratios are equal, each rounded to the fewest digits that keep them apart."""

    values: np.ndarray

    @classmethod
    def between(cls, low: float, high: float, count: int) -> GeometricLattice:
        """Return `count` labels from low to high, both included."""
        ratio = math.log(high / low) / (count - 1)
        digits = max(2, math.ceil(-math.log10(ratio)) + 2)
        inner = [float(f"{low * math.exp(ratio * i):.{digits - 1}e}") for i in range(1, count - 1)]
        return cls(np.array([low, *inner, high]))

    @property
    def size(self) -> int:
        """How many labels there are."""
        return len(self.values)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Return the labels of codes as float64."""
        return np.asarray(self.values[codes])

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Return the codes of float64 values, -1 for a value that is no label."""
        after = np.clip(np.searchsorted(self.values, values), 1, self.size - 1)
        with np.errstate(invalid="ignore"):
            nearest = np.where(values - self.values[after - 1] < self.values[after] - values, after - 1, after)
            is_label = np.abs(self.values[nearest] - values) <= 1e-12 * np.abs(values)
        return np.where(is_label, nearest, -1).astype(np.int64)


def short_step(width: float, count: int) -> float:
    """Return the largest of 1, 2, 5 times a power of ten that cuts `width` into at least `count` steps."""
    limit = width / count * (1 + 1e-12)
    power = math.floor(math.log10(limit))
    mantissa = max(m for m in (1, 2, 5) if m * 10.0**power <= limit)
    return float(Decimal(mantissa).scaleb(power))
