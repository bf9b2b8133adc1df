"""`mrt.indicator`: a user's function becomes an indicator, once it has passed the tests at the door."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, cast

import numba
from numba.core.dispatcher import Dispatcher

from mrtoolkit.errors import IndicatorError, nearest
from mrtoolkit.expressions.nodes import INPUT_NAMES
from mrtoolkit.indicators.acceptance import accept, measured_warmup
from mrtoolkit.indicators.declared_window import check_window, declared_window
from mrtoolkit.indicators.parameter import IndicatorParameter
from mrtoolkit.indicators.registry import check_name, register
from mrtoolkit.indicators.spec import Indicator
from mrtoolkit.indicators.user_kernel import UserKernel


def indicator(
    function: Callable[..., Any] | None = None,
    *,
    warmup: Callable[..., int] | int | None = None,
    window: Callable[..., int] | int | tuple[float, float] | None = None,
    version: int = 1,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    units: str = "",
    compile: bool = False,
    **bounds: tuple[float, float],
) -> Any:
    """Register a function as an indicator, after tests for look-ahead, warm-up, missing values and more.

    The tests take some 200 calls over simulated bars; fewer of a function whose call takes longer than 20 ms. Whenever
    features of it are computed, the first and the last of the batch are computed once more on the first two thirds of
    the bars, so that what looks ahead on long data or at some parameters alone is refused too.

    Parameters
    ----------
    function : callable
        Takes arrays (time,) and numbers, returns an array (time,), NaN where it has no value. Arguments named like
        columns of bars (open, high, low, close, volume, hour, weekday) are inputs, the others parameters. A NumPy
        function, or one under `@numba.njit`.
    warmup : callable or int, optional
        Bars without a value at the start, from the parameters by name; measured where it is left out.
    window : callable or int, optional
        Bars before its own that a value needs, from the parameters by name, as in `window=lambda lookback: lookback`:
        when bars are appended to a stored feature, only the new ones are computed then. Tested: what is computed from
        a window on must be the bits of what is computed over all bars. Left out: computed over all bars each time.
        (A pair of numbers is the bounds of a parameter that is called window.)
    version : int
        To be raised when the formula changes in a way that its source does not show.
    inputs : sequence of str
        Further argument names that are columns of the bars, such as "vix".
    outputs : sequence of str
        Names of the arrays of the tuple that it returns, where it returns several.
    units : str
        Of its values, for labels.
    compile : bool
        Compile it by numba.
    **bounds : (low, high)
        Of each parameter, both included; whole numbers allow no fractions, (2.0, 500.0) does.

    Returns
    -------
    Indicator
        To be called in rules like the built-in ones. The same name again replaces it, and its features are made anew.

    Raises
    ------
    IndicatorError
        If an argument has no bounds, the function fails (its own line is shown) or is refused by a test.

    Examples
    --------
    >>> import numpy as np
    >>> @indicator(lookback=(1, 500), warmup=lambda lookback: lookback)
    ... def change(close, lookback):
    ...     return np.concatenate([np.full(lookback, np.nan), close[lookback:] - close[:-lookback]])
    >>> change(5)
    change(5)

    A recursion or a sum begins at the first bar that is not NaN, as what an indicator is computed of may begin late:

    >>> @indicator
    ... def total(close):
    ...     return np.where(np.isnan(close), np.nan, np.nancumsum(close))
    """
    if isinstance(window, tuple | list):
        bounds, window = {**bounds, "window": window}, None
    if function is None:
        options: dict[str, Any] = {"warmup": warmup, "version": version, "inputs": inputs, "outputs": outputs}
        if window is not None:
            options["window"] = window
        return functools.partial(indicator, **options, units=units, compile=compile, **cast("Any", bounds))
    plain = getattr(function, "py_func", function)
    if not inspect.isfunction(plain):
        msg = (
            f"mrt.indicator got a {type(function).__name__}; put it over a function, as in "
            "@mrt.indicator(lookback=(2, 500))."
        )
        raise IndicatorError(msg)
    name = plain.__name__
    check_name(name)
    order, columns, parameters = _arguments(plain, inputs, bounds)
    to_compile = compile and not isinstance(function, Dispatcher)
    runs = numba.njit(nogil=True, error_model="numpy")(plain) if to_compile else function
    kernel = UserKernel(
        name=name, function=runs, order=order, inputs=columns, parameters=parameters, outputs=tuple(outputs)
    )
    spec = Indicator(
        name=name,
        inputs=columns,
        parameters=parameters,
        outputs=tuple(outputs),
        warmup=_no_warmup if warmup is None else (lambda **_: warmup) if isinstance(warmup, int) else warmup,
        version=version,
        kernel=kernel,
        units=units,
        description=(inspect.getdoc(plain) or "").partition("\n")[0],
        formula=inspect.getdoc(plain) or "",
        source=runs,
    )
    return _enter(spec, window, is_measured=warmup is None)


def _enter(spec: Indicator, window: Callable[..., int] | int | None, *, is_measured: bool) -> Indicator:
    if is_measured:
        spec = _with_measured_warmup(spec)
    accept(spec)
    if window is not None:
        spec = dataclasses.replace(spec, resume=declared_window(spec, window))
        check_window(spec, window)
    _ = spec.source_hash  # taken now: what the function refers to may change under its feet
    register(spec)
    return spec


def _with_measured_warmup(spec: Indicator) -> Indicator:
    @functools.lru_cache(maxsize=65_536)
    def measured(*values: float) -> int:
        return measured_warmup(spec, values)

    names = [parameter.name for parameter in spec.parameters]
    return dataclasses.replace(spec, warmup=lambda **values: measured(*(values[name] for name in names)))


def _no_warmup(**_: float) -> int:
    return 0


def _arguments(
    plain: Callable[..., Any], inputs: Sequence[str], bounds: dict[str, tuple[float, float]]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[IndicatorParameter, ...]]:
    """Names of all arguments in order, those that are inputs, and the parameters with their bounds."""
    name = plain.__name__
    arguments = inspect.signature(plain).parameters
    if any(a.kind in (a.VAR_POSITIONAL, a.VAR_KEYWORD, a.KEYWORD_ONLY) for a in arguments.values()):
        msg = (
            f"{name} takes *args, **kwargs or keyword-only arguments; name each input and parameter, as "
            "in (close, lookback)."
        )
        raise IndicatorError(msg)
    columns = tuple(a for a in arguments if a in INPUT_NAMES or a in inputs)
    if not columns:
        msg = (
            f"{name} reads no column: none of its arguments ({', '.join(arguments)}) is one of "
            f"{', '.join(INPUT_NAMES)}; "
        )
        raise IndicatorError(msg + "take one, or name further columns, as in inputs=['vix'].")
    for word in bounds:
        if word not in arguments or word in columns:
            msg = (
                f"mrt.indicator has bounds for {word!r}, but {name} takes "
                f"{', '.join(arguments)}{nearest(word, arguments)}."
            )
            raise IndicatorError(msg)
    parameters = []
    for word, argument in arguments.items():
        if word in columns:
            continue
        if word not in bounds:
            msg = (
                f"{name}'s argument {word!r} is no column of bars and has no bounds; write "
                f"@mrt.indicator({word}=(2, 500)), or "
                f"inputs=[{word!r}] if it is a column{nearest(word, INPUT_NAMES)}."
            )
            raise IndicatorError(msg)
        default = None if argument.default is argument.empty else argument.default
        parameters.append(_parameter(name, word, bounds[word], default))
    return tuple(arguments), columns, tuple(parameters)


def _parameter(owner: str, name: str, bounds: Any, default: Any) -> IndicatorParameter:
    is_pair = isinstance(bounds, tuple | list) and len(bounds) == 2
    if not is_pair or any(isinstance(b, bool) or not isinstance(b, int | float) for b in bounds):
        msg = (
            f"the bounds of {owner}'s {name} are {bounds!r}; give the lowest and the highest value, as in "
            f"{name}=(2, 500)."
        )
        raise IndicatorError(msg)
    low, high = bounds
    integer = isinstance(low, int) and isinstance(high, int)
    parameter = IndicatorParameter(name=name, low=low, high=high, integer=integer, default=default)
    if default is not None:
        parameter.check(default, owner)
    return parameter
