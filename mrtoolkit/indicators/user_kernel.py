"""A user's function as a kernel: one call a set of parameters, its result checked, its errors at its own line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrtoolkit.errors import IndicatorError
from mrtoolkit.indicators.failure import why_it_failed
from mrtoolkit.indicators.parameter import IndicatorParameter


@dataclass(frozen=True, slots=True, kw_only=True)
class UserKernel:
    """Fits `function(high, low, lookback) -> (time,)` to the form of a built-in kernel.

    Attributes
    ----------
    name : str
        Of the indicator, for messages.
    function : callable
        A Python function or a numba dispatcher.
    order : tuple of str
        Names of its arguments, in order; each an input or a parameter.
    inputs : tuple of str
    parameters : tuple of IndicatorParameter
    outputs : tuple of str
        Empty where it returns one array, else it returns a tuple of as many.
    """

    name: str
    function: Callable[..., Any]
    order: tuple[str, ...]
    inputs: tuple[str, ...]
    parameters: tuple[IndicatorParameter, ...]
    outputs: tuple[str, ...]

    def __call__(self, inputs: tuple[np.ndarray, ...], parameters: np.ndarray, out: np.ndarray) -> None:
        """Fill `out` (output, n, time) from a call for each of the n rows of `parameters`."""
        columns = dict(zip(self.inputs, inputs, strict=True))
        for k, row in enumerate(parameters):
            values = {p.name: p.typed(value) for p, value in zip(self.parameters, row, strict=True)}
            arguments = [columns[name] if name in columns else values[name] for name in self.order]
            try:
                with np.errstate(all="ignore"):
                    result = self.function(*arguments)
            except IndicatorError:
                raise
            except Exception as error:  # a user's function may raise anything
                raise IndicatorError(self._message(error)) from error
            self._keep(result, out[:, k], values)

    def _keep(self, result: Any, out: np.ndarray, values: dict[str, float]) -> None:
        results = result if self.outputs and isinstance(result, tuple | list) else (result,)
        shown = f"{self.name}({', '.join(f'{name}={value:,}' for name, value in values.items())})"
        if len(results) != len(out):
            wanted = f"a tuple of {len(out)} arrays ({', '.join(self.outputs)})"
            msg = f"{shown} returned {_what(result)}, but must return {wanted}; return them in that order."
            raise IndicatorError(msg)
        for row, part in zip(out, results, strict=True):
            array = np.asarray(part)
            if array.shape != row.shape or array.dtype.kind not in "fiu":
                msg = (
                    f"{shown} returned {_what(part)}, but must return an array of numbers of shape "
                    f"{row.shape}, a value a bar; "
                    "put NaN at the bars without a value, and floats for a condition, as in (a > b).astype(float)."
                )
                raise IndicatorError(msg)
            row[:] = array

    def _message(self, error: Exception) -> str:
        cure = {"copy": "values = close.copy()", "without_numba": ", or leave numba out"}
        return why_it_failed(self.name, self.function, error, **cure)


def _what(value: Any) -> str:
    if isinstance(value, tuple | list) and value and isinstance(value[0], np.ndarray):
        return f"a {type(value).__name__} of {len(value)} arrays"
    array = np.asarray(value)
    kind = "bool" if array.dtype.kind == "b" else str(array.dtype)
    return f"{type(value).__name__} of shape {array.shape} and type {kind}" if value is not None else "nothing"
