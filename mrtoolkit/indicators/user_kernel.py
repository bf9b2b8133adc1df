"""A user's function as a kernel: one call a set of parameters, its result checked, its errors at its own line."""

from __future__ import annotations

import linecache
import re
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numba.core.errors import NumbaError

from mrtoolkit.errors import IndicatorError
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
            except NumbaError as error:
                raise IndicatorError(self._numba_message(error)) from error
            except Exception as error:
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
        code = self._code()
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == code.co_filename]
        where = _place(code.co_filename, frames[-1].lineno if frames else None)
        if isinstance(error, ValueError) and "read-only" in str(error):
            return f"{self.name} writes into its input {where}; work on a copy, as in values = close.copy()."
        return f"{self.name} fails {where}: {type(error).__name__}: {error}; correct that line."

    def _numba_message(self, error: NumbaError) -> str:
        code = self._code()
        text = str(error)
        lines = [int(line) for file, line in re.findall(r'File "([^"]+)", line (\d+)', text) if _same(file, code)]
        where = _place(code.co_filename, lines[-1] if lines else getattr(getattr(error, "loc", None), "line", None))
        if "Cannot modify readonly array" in text:
            return f"{self.name} writes into its input {where}; work on a copy, as in values = close.copy()."
        return f"{self.name} cannot be compiled {where}: {_reason(text)}; correct that line, or leave numba out."

    def _code(self) -> Any:
        return getattr(self.function, "py_func", self.function).__code__


def _place(file: str, line: int | None) -> str:
    """`at file:line, "text of the line"`."""
    if line is None:
        return f"in {file}"
    name = "the notebook's cell, line " if "ipykernel" in file else f"{file}:"
    text = linecache.getline(file, line).strip()
    return f'at {name}{line}, "{text}"' if text else f"at {name}{line}"


def _same(file: str, code: Any) -> bool:
    # numba shows a file relative to the working folder
    return file == code.co_filename or Path(file).name == Path(code.co_filename).name


def _reason(text: str) -> str:
    """The part of numba's message that says what is wrong, on one line."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    noise = (
        "Failed in",
        "During:",
        "File ",
        "<source",
        "There are",
        "- Of which",
        "Overload",
        "This error",
        "To find out",
    )
    lines: Sequence[str] = [line.strip() for line in text.splitlines()]
    kept = [line for line in lines if line and not line.startswith(noise)]
    shown = kept[:2] if kept and kept[0].endswith(":") else kept[:1]
    return " ".join(shown).rstrip(".;") or "numba knows no type for it"


def _what(value: Any) -> str:
    if isinstance(value, tuple | list) and value and isinstance(value[0], np.ndarray):
        return f"a {type(value).__name__} of {len(value)} arrays"
    array = np.asarray(value)
    kind = "bool" if array.dtype.kind == "b" else str(array.dtype)
    return f"{type(value).__name__} of shape {array.shape} and type {kind}" if value is not None else "nothing"
