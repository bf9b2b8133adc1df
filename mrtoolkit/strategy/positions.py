"""A user's own function from features to target positions, in the place of rules."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, final

import numba
import numpy as np
from numba.core.dispatcher import Dispatcher

from mrtoolkit.errors import StrategyError, nearest
from mrtoolkit.expressions.nodes import Node, as_node
from mrtoolkit.expressions.scalars import Scalar
from mrtoolkit.indicators.failure import why_it_failed
from mrtoolkit.indicators.parsing import parse
from mrtoolkit.indicators.source import hash_source
from mrtoolkit.strategy.strategy import Strategy, check_leaves

TARGET = "target"
_KINDS: Final = (float, int, bool)
_EXAMPLE = "@mrt.position(features=dict(fast=mrt.ema(P.fast)), params=('threshold',))"


def position(
    *, features: Mapping[str, Any], params: Sequence[str] | Mapping[str, type] = ()
) -> Callable[[Callable[..., Any]], Positions]:
    """Turn the function below into positions, which stand in the place of a `Strategy`: see `Positions`.

    Examples
    --------
    >>> import mrtoolkit as mrt
    >>> @mrt.position(features=dict(move=mrt.roc(mrt.P.n), noise=mrt.stdev(20, of=mrt.roc(1))), params=("threshold",))
    ... def trend(move, noise, threshold, target):
    ...     for t in range(target.size):
    ...         if move[t] > threshold:
    ...             target[t] = min(1.0, 1.0 / noise[t])  # a calm market gets more
    ...         elif move[t] <= 0.0:
    ...             target[t] = 0.0
    >>> backtest = mrt.Backtest(mrt.data.simulate(bars=500, seed=0), trend, costs=mrt.Costs(fee=0.001))
    >>> backtest.run({"n": [5, 10], "threshold": [0.0, 1.0, 2.0]}).sharpe.dims
    ('n', 'threshold')
    """
    return functools.partial(Positions, features=features, params=params)


@final
class Positions:
    """A function from features to target positions, as fractions of equity; what it means stands in the trading model.

    It runs on the dense engine, with the fills, costs, statistics and metrics of rules. It is tested on the first
    points that it runs at: it may look at no bar after the one that a target belongs to.

    Parameters
    ----------
    function : callable
        Of features, parameters and `target`, by the names of its arguments. Features are arrays (time,) float64 that
        may not be written to; NaN where they have no value. It writes to `target`, an array (time,) float64: at a
        bar's close the fraction of equity to hold, negative for a short; 0 is flat, above 1 borrows. It comes filled
        with NaN, and NaN keeps what is held. Compiled by numba; one under `@numba.njit` runs as it is (give it
        ``nogil=True``, that trials run side by side).
    features : mapping of argument to expression, or its text
        Numbers a bar, such as ``mrt.ema(P.fast)`` or ``mrt.close``. Each is computed once, as in rules.
    params : names, or mapping of name to type
        Arguments that are parameters of the search. Numbers with fractions, or as the types say: float, int, bool.

    Raises
    ------
    StrategyError
        If the function's arguments are not these, a feature is none, or it is not a function. When it runs: if it
        cannot be compiled, fails, looks ahead, or writes no target, an infinite one, or one beyond the bars.

    Attributes
    ----------
    name : str
        Of the function.
    params : tuple of str
        Names of all parameters, those of the features too, sorted.
    code : str
        16 hex digits that change with the function's source and what it refers to.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        features: Mapping[str, Any],
        params: Sequence[str] | Mapping[str, type] = (),
    ) -> None:
        plain = getattr(function, "py_func", function)
        if not inspect.isfunction(plain):
            raise StrategyError(
                f"positions are made of a function, but a {type(function).__name__} was given; write {_EXAMPLE} "
                "over a function."
            )
        self.name = plain.__name__
        self.features = MappingProxyType({k: _as_feature(k, v) for k, v in _as_features(self.name, features).items()})
        self.kinds = MappingProxyType(_as_kinds(self.name, params))
        self.order = _order(self.name, plain, self.features, self.kinds)
        self.code = hash_source(function)  # taken now: what the function refers to may change under its feet
        self.params = tuple(sorted({*self.kinds, *(p for node in self.features.values() for p in node.params)}))
        self.plain = plain
        self.watched = numba.njit(nogil=True, error_model="numpy", boundscheck=True)(plain)
        self.function = _compiled(self.name, function)

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse to change: what was computed and what is said of it would part."""
        if "function" in self.__dict__:  # set last
            raise AttributeError(f"positions do not change; make others, with {name} as you want it.")
        object.__setattr__(self, name, value)

    def typed(self, name: str, value: Scalar) -> float:
        """A parameter's value as the function takes it.

        Raises
        ------
        StrategyError
            If it is not of the declared type.
        """
        kind = self.kinds[name]
        is_flag = isinstance(value, bool)
        if isinstance(value, (int, float)) and is_flag == (kind is bool) and (kind is not int or value == int(value)):
            number: float = kind(value)
            return number
        article = "an" if kind is int else "a"
        declared = "bool" if is_flag else "float" if isinstance(value, float) else ""
        cure = f"declare params=dict({name}={declared})" if declared else "give it numbers, or choose among features"
        raise StrategyError(
            f"{self.name} takes {name} as {article} {kind.__name__}, but a point gives it {value!r}; {cure}."
        )

    def write(self, arguments: Mapping[str, Any], target: np.ndarray, *, watched: bool = False) -> None:
        """Call the function with its arguments by name; where it is `watched`, the ends of arrays are.

        Raises
        ------
        StrategyError
            If it cannot be compiled, or fails; its own line is shown.
        IndexError
            If it reaches beyond an array, and is watched.
        """
        function = self.watched if watched else self.function
        given = [target if name == TARGET else arguments[name] for name in self.order]
        try:
            with np.errstate(all="ignore"):
                returned = function(*given)
        except Exception as error:  # a user's function may raise anything
            if watched and isinstance(error, IndexError):
                raise
            copy = f"values = {next(iter(self.features))}.copy()"
            raise StrategyError(why_it_failed(self.name, self.function, error, copy=copy)) from error
        if returned is not None:
            raise StrategyError(
                f"{self.name} returns a {type(returned).__name__}, but positions are written to {TARGET}; write "
                f"{TARGET}[:] = ... and return nothing."
            )

    def to_dict(self) -> dict[str, Any]:
        """The function's name and the hash of its source, features as their text: plain JSON, and no code."""
        return {
            "position": self.name,
            "code": self.code,
            "features": {name: node.key for name, node in self.features.items()},
            "params": {name: kind.__name__ for name, kind in self.kinds.items()},
        }

    def __eq__(self, other: object) -> bool:
        """Whether both are the same function of the same features."""
        return isinstance(other, Positions) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        """Hash of the function's source and its features' text."""
        return hash((self.code, repr(self)))

    def __repr__(self) -> str:
        """Return the function's name, its features and its own parameters."""
        features = ", ".join(f"{name}={node.key}" for name, node in self.features.items())
        params = "".join(f", {name}=P.{name}" for name in self.kinds)
        return f"Positions({self.name}, {features}{params})"


def restored_strategy(content: Mapping[str, Any]) -> Strategy:
    """The strategy of `to_dict`; its text is parsed, never evaluated.

    Raises
    ------
    StrategyError
        If it was a position function, whose code is in no file.
    """
    if "position" in content:
        name = content["position"]
        raise StrategyError(
            f"the backtest is of the position function {name!r}, and a file holds its name and the hash of its source "
            f"({content.get('code')}), never its code; make the backtest again from the function, mrt.Backtest(bars, "
            f"{name}, ...), and give it as backtest=."
        )
    return Strategy.from_dict(content)


def _as_features(name: str, features: Any) -> Mapping[str, Any]:
    if not isinstance(features, Mapping) or not features:
        raise StrategyError(
            f"the features of {name} are {features!r}, but they are expressions by the names of its arguments; write "
            "features=dict(fast=mrt.ema(P.fast))."
        )
    return features


def _as_feature(name: str, value: Any) -> Node:
    node = parse(value) if isinstance(value, str) else as_node(value)
    check_leaves(name, node)
    if node.is_condition:
        raise StrategyError(
            f"the feature {name} is {node.key}, a condition; give the numbers that it compares as features, and "
            "compare them in the function."
        )
    if not node.is_series:
        raise StrategyError(
            f"the feature {name} is {node.key}, the same number at every bar; leave it out of features= and name it "
            "in params=."
        )
    return node


def _as_kinds(name: str, params: Any) -> dict[str, type]:
    if isinstance(params, str):
        raise StrategyError(f"params of {name} is the text {params!r}; write params=({params!r},).")
    kinds = dict(params) if isinstance(params, Mapping) else dict.fromkeys(params, float)
    for word, kind in kinds.items():
        if kind not in _KINDS:
            raise StrategyError(
                f"params of {name} gives {word} the type {kind!r}, but it is float, int or bool; choose one."
            )
    return kinds


def _order(
    name: str, plain: Callable[..., Any], features: Mapping[str, Node], kinds: Mapping[str, type]
) -> tuple[str, ...]:
    """The names of the function's arguments, each of which is a feature, a parameter or the target."""
    arguments = inspect.signature(plain).parameters
    if any(a.kind in (a.VAR_POSITIONAL, a.VAR_KEYWORD, a.KEYWORD_ONLY) for a in arguments.values()):
        raise StrategyError(
            f"{name} takes *args, **kwargs or keyword-only arguments; name each feature and parameter, and {TARGET}."
        )
    known = [*features, *kinds, TARGET]
    for word in dict.fromkeys(known):
        if known.count(word) > 1:
            raise StrategyError(
                f"{name} has {word!r} twice: features, params and {TARGET} are different arguments; rename one."
            )
        if word not in arguments:
            cure = f"write def {name}(..., {TARGET})" if word == TARGET else "take it, or leave it out"
            raise StrategyError(
                f"{name} takes {', '.join(arguments) or 'no arguments'}, but not {word!r}"
                f"{nearest(word, [a for a in arguments if a not in known])}; {cure}."
            )
    for word in arguments:
        if word not in known:
            raise StrategyError(
                f"{name} takes {word!r}, which is no feature and no parameter; give it in features= or name it in "
                f"params={nearest(word, known)}."
            )
    return tuple(arguments)


def _compiled(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    if not isinstance(function, Dispatcher):
        compiled: Callable[..., Any] = numba.njit(nogil=True, error_model="numpy")(function)
        return compiled
    if function.targetoptions.get("parallel"):
        raise StrategyError(
            f"{name} is compiled with parallel=True, but trials run on all cores already, and numba's threads cannot "
            "be entered from several; leave parallel=True out, and give nogil=True."
        )
    return function
