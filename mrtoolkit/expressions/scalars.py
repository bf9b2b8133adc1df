"""Scalars as a person types them: one canonical value, one text."""

from __future__ import annotations

import json
import keyword
import math
import numbers
import unicodedata
from typing import TypeAlias

import numpy as np

from mrtoolkit.errors import ExpressionError

Scalar: TypeAlias = float | int | str | bool | None

_EXACT = 2**53  # beyond it a float no longer tells neighbouring integers apart


def canonical(value: object) -> Scalar:
    """Return the one Python scalar that stands for `value`.

    10, 10.0 and `np.int64(10)` become 10; 0.1 + 0.2 becomes 0.3. Floats are rounded to 12 decimals, and under 1 to 12
    significant digits, so that a small constant does not vanish. str, bool and None pass.

    Raises
    ------
    ExpressionError
        For NaN, infinity, arrays, tables and anything else that is not a scalar.
    """
    kind = type(value)
    if kind is int or kind is float:
        return _number(value)  # type: ignore[arg-type]
    if value is None or kind is str or kind is bool:
        return value  # type: ignore[return-value]
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, numbers.Integral):
        return _number(int(value))
    if isinstance(value, numbers.Real):
        return _number(float(value))
    raise ExpressionError(_not_a_scalar(value))


def _number(value: float) -> float | int:
    if isinstance(value, int):
        if -_EXACT <= value <= _EXACT:
            return value
        try:
            value = float(value)
        except OverflowError:
            value = math.inf
    if not math.isfinite(value):
        msg = f"a constant must be a finite number, got {value}; write None for a missing value, or leave the part out."
        raise ExpressionError(msg)
    rounded = round(value, 12) if abs(value) >= 1 else float(f"{value:.12g}")
    if rounded.is_integer() and -_EXACT <= rounded <= _EXACT:
        return int(rounded)
    return rounded


def _not_a_scalar(value: object) -> str:
    kind = type(value)
    home = kind.__module__.partition(".")[0]
    if home in {"pandas", "xarray", "numpy", "polars", "dask", "pyarrow"}:
        return (
            f"an operand is {'an' if home == 'xarray' else 'a'} {home} {kind.__name__}, but a rule is made of "
            f"nodes and numbers; write mrt.close or "
            f"mrt.input('name') for a column and give the data itself to mrt.Backtest(bars, strategy)."
        )
    return (
        f"an operand is a {kind.__name__}, but a rule is made of nodes (mrt.close, mrt.ema(P.n)), numbers, text, True, "
        "False and None; write it as one of these."
    )


def scalar_text(value: Scalar) -> str:
    """Text of a canonical scalar, which the grammar reads back to the same scalar."""
    if isinstance(value, str):
        return string_text(value)
    return repr(value)


def string_text(value: str) -> str:
    """`value` in double quotes; what does not print is escaped, so that the text can be saved anywhere."""
    return json.dumps(value, ensure_ascii=not value.isprintable())


def is_plain_name(name: str) -> bool:
    """Whether `name` can stand behind a dot, in Python as in the grammar."""
    return name.isidentifier() and not keyword.iskeyword(name) and unicodedata.is_normalized("NFKC", name)


def member_text(owner: str, name: str) -> str:
    """`P.fast`, or `P["class"]` where the name cannot stand behind a dot."""
    return f"{owner}.{name}" if is_plain_name(name) else f"{owner}[{string_text(name)}]"
