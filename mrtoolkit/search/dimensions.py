"""The three kinds of parameter: whole numbers, real numbers, categories; each with the lattice of its labels."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from mrtoolkit.errors import ExpressionError, SpaceError
from mrtoolkit.expressions.nodes import Node
from mrtoolkit.expressions.scalars import Scalar, canonical
from mrtoolkit.search.conditions import as_only
from mrtoolkit.search.lattice import GeometricLattice, LinearLattice, short_step

_CONTINUOUS_STEPS = 1000  # a continuous dimension is looked at in no finer steps than this part of its range
_MAX_LABELS = 10_000_000  # more labels than this are counted, but never listed


@dataclass(frozen=True, slots=True, repr=False)
class Integer:
    """Whole numbers from low to high, both included, every `step`.

    Parameters
    ----------
    low, high : int
        The first label, and the last where `step` meets it.
    step : int
        Distance of two labels.
    log : bool
        Coarse levels look at equal ratios instead of equal distances; needs low > 0.
    only : condition of other parameters, optional
        Where the parameter matters, as in ``P.kind == "macd"``; see `Space`.

    Examples
    --------
    >>> Integer(60, 90, step=5).labels
    (60, 65, 70, 75, 80, 85, 90)
    """

    low: int
    high: int
    step: int = 1
    log: bool = field(default=False, kw_only=True)
    only: Node | None = field(default=None, kw_only=True, compare=False)  # by its text: `==` of two nodes is a rule
    _only_text: str = field(default="", init=False)

    def __post_init__(self) -> None:
        _put_only(self, self.only)
        for name in ("low", "high", "step"):
            value = getattr(self, name)
            whole = None if isinstance(value, bool) else _whole_or_none(value)
            if whole is None:
                msg = f"Integer has {name}={value!r}, which is no whole number; write one, or use Real for fractions."
                raise SpaceError(msg)
            object.__setattr__(self, name, whole)
        _check_range(self)

    def __repr__(self) -> str:
        return _range_repr(self)

    @property
    def size(self) -> int:
        """How many labels there are."""
        return (self.high - self.low) // self.step + 1

    @property
    def labels(self) -> tuple[int, ...]:
        """The lattice, lowest label first."""
        _refuse_listing(self)
        return tuple(range(self.low, self.high + 1, self.step))

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Return the labels of codes, int64."""
        return np.asarray(self.low + codes * self.step)

    def encode(self, values: Any) -> np.ndarray:
        """Return the codes of values, -1 for a value that is no label."""
        return _linear(self).encode(_as_floats(values))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON from which `dimension_from_dict` makes this again."""
        return {"kind": "integer"} | _range_entries(self) | _only_entry(self)


@dataclass(frozen=True, slots=True, repr=False)
class Real:
    """Real numbers from low to high, every `step`, or continuous.

    Parameters
    ----------
    low, high : float
        The first label, and the last where `step` meets it.
    step : float, optional
        Distance of two labels. Without one the dimension is continuous, and its finest lattice has steps of 1, 2
        or 5 times a power of ten, the largest that cuts the range into at least 1,000 (with `log`: 1,001 labels of
        equal ratio, rounded to the digits that keep them apart).
    log : bool
        Coarse levels look at equal ratios instead of equal distances; needs low > 0.
    only : condition of other parameters, optional
        Where the parameter matters, as in ``P.kind == "macd"``; see `Space`.

    Examples
    --------
    >>> Real(0.1, 0.5, step=0.1).labels
    (0.1, 0.2, 0.3, 0.4, 0.5)
    """

    low: float
    high: float
    step: float | None = None
    log: bool = field(default=False, kw_only=True)
    only: Node | None = field(default=None, kw_only=True, compare=False)  # by its text: `==` of two nodes is a rule
    _only_text: str = field(default="", init=False)

    def __post_init__(self) -> None:
        _put_only(self, self.only)
        for name in ("low", "high", "step"):
            value = getattr(self, name)
            if name == "step" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(value):
                msg = f"Real has {name}={value!r}, which is no finite number; write one."
                raise SpaceError(msg)
            object.__setattr__(self, name, float(canonical(value)))  # type: ignore[arg-type]
        _check_range(self)

    def __repr__(self) -> str:
        return _range_repr(self)

    @property
    def size(self) -> int:
        """How many labels there are."""
        return _real_lattice(self).size

    @property
    def labels(self) -> tuple[float, ...]:
        """The lattice, lowest label first, each the nearest float to its short decimal."""
        _refuse_listing(self)
        return tuple(self.decode(np.arange(self.size)).tolist())

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Return the labels of codes, float64."""
        return _real_lattice(self).decode(codes)

    def encode(self, values: Any) -> np.ndarray:
        """Return the codes of values, -1 for a value that is no label."""
        return _real_lattice(self).encode(_as_floats(values))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON from which `dimension_from_dict` makes this again."""
        return {"kind": "real"} | _range_entries(self) | _only_entry(self)


@dataclass(frozen=True, slots=True, repr=False)
class Categorical:
    """One of a list of values: numbers, text, flags, or None ("without").

    Parameters
    ----------
    values : sequence of int, float, str, bool or None
        In the order that ties are resolved in. 10, 10.0 and np.int64(10) are one value.
    ordered : bool
        Whether values that stand beside each other are neighbours, as in ``["1h", "4h", "1D"]``: a region may then
        reach from one to the next, as it does over numbers.
    only : condition of other parameters, optional
        Where the parameter matters, as in ``P.use_stop == True``; see `Space`.

    Examples
    --------
    >>> Categorical([1.5, 3.0, None]).labels
    (1.5, 3, None)
    """

    values: tuple[Scalar, ...]
    ordered: bool
    only: Node | None = field(compare=False)
    _only_text: str

    def __init__(self, values: Sequence[Any], *, ordered: bool = False, only: Node | str | None = None) -> None:
        if isinstance(values, str) or not np.iterable(values):
            msg = f"Categorical got {values!r}, which is no list of values; write Categorical([...])."
            raise SpaceError(msg)
        object.__setattr__(self, "values", tuple(_as_category(value) for value in values))
        if not self.values:
            raise SpaceError("Categorical has no values, so no trial could choose one; list at least one value.")
        seen: set[tuple[bool, Scalar]] = set()
        for value in self.values:
            if _category_key(value) in seen:
                raise SpaceError(f"Categorical lists {value!r} twice; list each value once.")
            seen.add(_category_key(value))
        if not isinstance(ordered, bool):
            raise SpaceError(f"Categorical has ordered={ordered!r}; write True or False.")
        object.__setattr__(self, "ordered", ordered)
        _put_only(self, only)

    def __repr__(self) -> str:
        return f"Categorical({list(self.values)!r}{', ordered=True' if self.ordered else ''}{_only_part(self)})"

    @property
    def size(self) -> int:
        """How many values there are."""
        return len(self.values)

    @property
    def labels(self) -> tuple[Scalar, ...]:
        """The values, in their order."""
        return self.values

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Return the values of codes; int64, float64 or bool where all values are, else objects."""
        return np.asarray(_category_array(self)[codes])

    def encode(self, values: Any) -> np.ndarray:
        """Return the codes of values, -1 for a value that is not listed; NaN counts as None."""
        codes = {_category_key(value): code for code, value in enumerate(self.values)}
        items = values.tolist() if isinstance(values, np.ndarray | pd.Series) else list(values)
        return np.array([codes.get(_category_key_or_none(item) or (True, None), -1) for item in items], dtype=np.int64)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON from which `dimension_from_dict` makes this again."""
        ordered = {"ordered": True} if self.ordered else {}
        return {"kind": "categorical", "values": list(self.values)} | ordered | _only_entry(self)


Dimension: TypeAlias = Integer | Real | Categorical


def is_ordered(dimension: Dimension) -> bool:
    """Say whether labels that stand beside each other are neighbours: of numbers, and of ordered categories."""
    return not isinstance(dimension, Categorical) or dimension.ordered


def dimension_from_dict(payload: dict[str, Any]) -> Dimension:
    """Return the dimension that `to_dict` described."""
    options = dict(payload)
    kinds = {"integer": Integer, "real": Real, "categorical": Categorical}
    kind = kinds.get(options.pop("kind", None))
    if kind is None:
        raise SpaceError(f"A saved dimension is of kind {payload.get('kind')!r}; allowed are {', '.join(kinds)}.")
    dimension: Dimension = kind(**options)
    return dimension


def nearest_codes(dimension: Dimension, fractions: np.ndarray, lower: int, upper: int) -> np.ndarray:
    """Return the codes nearest to fractions (0 to 1) of the way from code `lower` to code `upper`.

    On a log dimension equal fractions are equal ratios; over categories each takes an equal share.
    """
    if isinstance(dimension, Categorical):
        return np.asarray(np.minimum(lower + np.floor(fractions * (upper - lower + 1)), upper), dtype=np.int64)
    if not has_log_steps(dimension) or lower == upper:
        return np.asarray(np.rint(lower + fractions * (upper - lower)), dtype=np.int64)
    low, high = dimension.decode(np.array([lower, upper])).astype(np.float64)
    wanted = low * np.exp(fractions * math.log(high / low))
    nearest = np.rint((wanted - dimension.low) / (dimension.step or 1.0))
    return np.asarray(np.clip(nearest, lower, upper), dtype=np.int64)


def positions(dimension: Dimension, codes: np.ndarray) -> np.ndarray:
    """Return where codes lie between the lowest label (0) and the highest (1), by ratio on a log dimension."""
    if dimension.size == 1:
        return np.zeros(len(codes))
    if not isinstance(dimension, Categorical) and has_log_steps(dimension):
        ends = dimension.decode(np.array([0, dimension.size - 1])).astype(np.float64)
        return np.asarray(np.log(dimension.decode(codes) / ends[0]) / math.log(ends[1] / ends[0]))
    return np.asarray(codes / (dimension.size - 1))


def has_log_steps(dimension: Dimension) -> bool:
    """Say whether the lattice has equal distances while the dimension is looked at by ratio."""
    if isinstance(dimension, Integer):
        return dimension.log
    return isinstance(dimension, Real) and dimension.log and dimension.step is not None


@lru_cache(maxsize=1024)
def _linear(dimension: Integer) -> LinearLattice:
    return LinearLattice(offset=dimension.low, stride=dimension.step, decimals=0, size=dimension.size)


@lru_cache(maxsize=1024)
def _real_lattice(dimension: Real) -> LinearLattice | GeometricLattice:
    if dimension.low == dimension.high:
        return LinearLattice.between(dimension.low, dimension.high, dimension.step or 1.0)
    if dimension.step is None and dimension.log:
        return GeometricLattice.between(dimension.low, dimension.high, _CONTINUOUS_STEPS + 1)
    step = dimension.step or short_step(dimension.high - dimension.low, _CONTINUOUS_STEPS)
    return LinearLattice.between(dimension.low, dimension.high, step)


@lru_cache(maxsize=1024)
def _category_array(dimension: Categorical) -> np.ndarray:
    kinds = {type(value) for value in dimension.values}
    if kinds <= {int, float} or kinds == {bool}:
        return np.array(dimension.values)
    array = np.empty(len(dimension.values), dtype=object)
    array[:] = dimension.values
    return array


def _put_only(dimension: Dimension, only: object) -> None:
    condition = as_only(only, type(dimension).__name__)
    object.__setattr__(dimension, "only", condition)
    object.__setattr__(dimension, "_only_text", "" if condition is None else condition.key)


def _range_entries(dimension: Integer | Real) -> dict[str, Any]:
    return {"low": dimension.low, "high": dimension.high, "step": dimension.step, "log": dimension.log}


def _only_entry(dimension: Dimension) -> dict[str, str]:
    return {} if dimension.only is None else {"only": dimension.only.key}


def _only_part(dimension: Dimension) -> str:
    return "" if dimension.only is None else f", only={dimension.only.key}"


def _range_repr(dimension: Integer | Real) -> str:
    usual = 1 if isinstance(dimension, Integer) else None
    step = "" if dimension.step == usual else f", step={dimension.step:.12g}"
    log = ", log=True" if dimension.log else ""
    return f"{type(dimension).__name__}({dimension.low:.12g}, {dimension.high:.12g}{step}{log}{_only_part(dimension)})"


def _whole_or_none(value: Any) -> int | None:
    if isinstance(value, numbers.Integral):
        return int(value)
    return int(float(value)) if isinstance(value, numbers.Real) and float(value).is_integer() else None


def _check_range(dimension: Integer | Real) -> None:
    kind, low, high, step = type(dimension).__name__, dimension.low, dimension.high, dimension.step
    if low > high:
        msg = f"{kind}({low}, {high}) is empty: it starts at {low} and ends at {high}; swap the two bounds."
        raise SpaceError(msg)
    if step is not None and step <= 0:
        msg = f"{kind}({low}, {high}) has a step of {step}; a step must be above 0."
        raise SpaceError(msg)
    width = Decimal(repr(high)) - Decimal(repr(low))  # exactly: 0.009 - 0.002 is 0.007, not less
    if step is not None and width and Decimal(repr(step)) > width:
        msg = f"{kind}({low}, {high}) has a step of {step}, longer than its range of {width}; use a shorter step."
        raise SpaceError(msg)
    if dimension.log and low <= 0:
        msg = f"{kind}({low}, {high}) is on a log scale but starts at {low}; a log scale starts above 0."
        raise SpaceError(msg)


def _refuse_listing(dimension: Integer | Real) -> None:
    if dimension.size > _MAX_LABELS:
        msg = (
            f"{dimension!r} has {dimension.size:,} labels, too many to list (at most {_MAX_LABELS:,}); "
            "ask for `.size`, or use a longer step."
        )
        raise SpaceError(msg)


def _as_floats(values: Any) -> np.ndarray:
    """Return values as float64, NaN for what is no number (text, None, flags)."""
    array = np.asarray(values)
    if array.dtype.kind in "iuf":
        return array.astype(np.float64)
    return np.array([_as_float(value) for value in values], dtype=np.float64)


def _as_float(value: Any) -> float:
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        return math.nan
    return float(value)


def _as_category(value: Any) -> Scalar:
    try:
        return canonical(value)
    except ExpressionError:
        msg = f"Categorical lists {value!r}; a value must be a finite number, text, True, False or None."
        raise SpaceError(msg) from None


def _category_key(value: Scalar) -> tuple[bool, Scalar]:
    return isinstance(value, bool), value  # True and 1 are equal, but not one category


def _category_key_or_none(value: Any) -> tuple[bool, Scalar] | None:
    if isinstance(value, float) and math.isnan(value):
        return False, None
    try:
        return _category_key(canonical(value))
    except ExpressionError:
        return None
