"""Arrays from expressions: one kernel call for a family's missing features, NumPy for what lies around them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from mrtoolkit._threads import n_threads, on_all_cores
from mrtoolkit.errors import StoreError
from mrtoolkit.expressions.nodes import Arithmetic, Call, Constant, Function, Node, Shift
from mrtoolkit.expressions.operators import ARITHMETIC, FUNCTIONS
from mrtoolkit.features.row_memory import row_memory
from mrtoolkit.features.surveys import Survey, note, survey_together
from mrtoolkit.indicators._kernels.moderate import is_moderate
from mrtoolkit.indicators.spec import Indicator

Value = np.ndarray | float
"""A series (asset, time), or a number that is the same at every bar."""

_SLAB_BYTES = 10 * 2**20
"""Of features that are made at once, beyond which a second kernel call makes more."""


def compute_rows(
    spec: Indicator,
    sources: Sequence[np.ndarray],
    parameters: np.ndarray,
    shape: tuple[int, int],
    *,
    side_by_side: int | None = None,
) -> Iterator[list[tuple[np.ndarray, np.ndarray | None]]]:
    """Yield the features of the rows of `parameters`, and what each goes on from when bars are appended.

    As many at once as are made together, the last first: to be popped, as who takes them decides how many are held.
    A feature is (asset, time), or (output, asset, time) of several outputs; its state is (asset, state), None where the
    indicator keeps none. One kernel call computes many parameters of one asset: where their memory lies side by side,
    in place, else in a slab that they are copied from. Each feature gets memory of its own, so that evicting it frees
    it. With `side_by_side`, so many parameters are a kernel call, and the calls are shared by the process's threads.
    """
    n_assets, n_bars = shape
    n_outputs = max(1, len(spec.outputs))
    whole = (n_outputs, n_assets, n_bars)
    step = max(1, _SLAB_BYTES // (8 * n_outputs * n_bars))
    step -= step % 16 if step > 16 else step % 8 if step > 8 else 0  # as many as kernels compute side by side
    is_whole = n_assets == 1 and spec.keeps_whole and all(is_moderate(source[0]) for source in sources)
    for start in range(0, len(parameters), step):
        chosen = parameters[start : start + step]
        states = np.empty((n_assets, len(chosen), spec.state_size)) if spec.state_size else None
        rows, together = row_memory.take(len(chosen), math.prod(whole))
        surveys: list[Survey] = []
        if n_assets == 1 and len(chosen) == 1:
            _compute(spec, sources, 0, chosen, rows[0].reshape(whole), states)
        elif n_assets == n_outputs == 1 and together is not None:
            size = side_by_side or len(chosen)
            surveys = _compute_in_place(spec, sources, chosen, together, states, size, is_whole=is_whole)
        else:
            slab = np.empty((n_outputs, len(chosen), n_bars))
            for asset in range(n_assets):
                _compute(spec, sources, asset, chosen, slab, states)
                for k, row in enumerate(rows):
                    row.reshape(whole)[:, asset] = slab[:, k]
        del together
        made = []
        for k in range(len(chosen) - 1, -1, -1):
            row = rows.pop().reshape(shape if n_outputs == 1 else whole)
            made.append((row, None if states is None else states[:, k].copy()))
            if surveys:
                note(row, surveys[k])
        del row
        yield made


def _compute_in_place(
    spec: Indicator,
    sources: Sequence[np.ndarray],
    parameters: np.ndarray,
    out: np.ndarray,
    states: np.ndarray | None,
    size: int,
    *,
    is_whole: bool,
) -> list[Survey]:
    """Compute the rows of one asset, `size` of them a kernel call, on all cores; look each call's through at once."""
    found: dict[int, list[Survey]] = {}

    def compute(start: int) -> None:
        cut = slice(start, start + size)
        own = None if states is None else states[:, cut]
        _compute(spec, sources, 0, parameters[cut], out[None, cut], own)
        found[start] = survey_together(out[cut], is_sure=is_whole)

    starts = range(0, len(parameters), size)
    on_all_cores([partial(compute, start) for start in starts], n_threads())
    return [each for start in starts for each in found[start]]


def _compute(
    spec: Indicator,
    sources: Sequence[np.ndarray],
    asset: int,
    parameters: np.ndarray,
    out: np.ndarray,
    states: np.ndarray | None,
) -> None:
    spec.compute(
        [source[asset] for source in sources], parameters, out, states=None if states is None else states[asset]
    )


def apply(node: Node, operand: Callable[[Node], Value], shape: tuple[int, int]) -> Value:
    """Return the value of an expression that is neither an indicator nor an input, from the values of its parts.

    IEEE arithmetic: a division by zero is infinite or NaN, the logarithm of a negative number is NaN; no warnings.
    """
    with np.errstate(all="ignore"):
        if isinstance(node, Arithmetic):
            return ARITHMETIC[node.op](operand(node.left), operand(node.right))  # type: ignore[no-any-return]
        if isinstance(node, Function):
            return FUNCTIONS[node.name](*[operand(o) for o in node.operands])  # type: ignore[no-any-return]
    if isinstance(node, Shift):
        return _shifted(series(operand(node.operand), shape), node)
    if isinstance(node, Constant) and node.value is None:
        return float("nan")
    if isinstance(node, Constant) and isinstance(node.value, int | float):
        return float(node.value)
    message = f"{node.key} ({type(node).__name__}) is not a number a bar, so it has no array; ask for a number a bar."
    raise StoreError(message)


def series(value: Value, shape: tuple[int, int]) -> np.ndarray:
    """Return a value as a read-only C-contiguous array (asset, time); a column without assets is the same for each."""
    values = np.asarray(value, dtype=np.float64)
    if values.shape != shape or not values.flags.c_contiguous:
        values = np.ascontiguousarray(np.broadcast_to(values, shape))
    values.flags.writeable = False
    return values


def _shifted(values: np.ndarray, node: Shift) -> np.ndarray:
    periods = node.periods.value if isinstance(node.periods, Constant) else None
    if isinstance(periods, bool) or not isinstance(periods, int) or periods < 0:
        message = f"{node.key} shifts by {node.periods.key}, but bars are counted: write a whole number, 0 or more."
        raise StoreError(message)
    shifted = np.full_like(values, np.nan)
    if periods < values.shape[-1]:
        shifted[..., periods:] = values[..., : values.shape[-1] - periods]
    return shifted


def parameters_of(calls: Sequence[Call]) -> np.ndarray:
    """Return the arguments of calls, (call, parameter)."""
    for call in calls:
        for argument in call.arguments:
            is_number = isinstance(argument, Constant) and isinstance(argument.value, int | float)
            if not is_number:
                message = f"{call.key} has the argument {argument.key}, but one feature needs one number there."
                raise StoreError(message)
    rows = [[argument.value for argument in call.arguments] for call in calls]  # type: ignore[attr-defined]
    return np.array(rows, dtype=np.float64).reshape(len(calls), -1)
