"""`Indicator`: what an indicator is, how it is written in a rule, and how it is computed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from mrtoolkit._jit import read_only
from mrtoolkit.errors import IndicatorError
from mrtoolkit.expressions.nodes import Call, Input, Node
from mrtoolkit.expressions.outputs import Outputs
from mrtoolkit.indicators.arguments import bind_arguments, series_node
from mrtoolkit.indicators.names import check_free
from mrtoolkit.indicators.parameter import IndicatorParameter
from mrtoolkit.indicators.resume import State, Window, go_on
from mrtoolkit.indicators.source import hash_source

Kernel: TypeAlias = Callable[[tuple[np.ndarray, ...], np.ndarray, np.ndarray], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicator:
    """An indicator of the registry; calling it gives an expression, as in `mrt.ema(P.n)`.

    Attributes
    ----------
    name : str
        As in a rule and as the name of the variable in a Dataset.
    inputs : tuple of str
        Columns of the bars that it reads where no others are given.
    parameters : tuple of IndicatorParameter
        With their bounds; in the order of the call.
    outputs : tuple of str
        Names of its outputs where it has several, else empty.
    warmup : callable of the parameters, by name
        Bars without a value at the start, counted from the first bar at which all inputs have one.
    version : int
        To be raised when the formula changes.
    kernel : callable
        `kernel(inputs, parameters, out)`: inputs a tuple of (time,), parameters (n, parameter), out
        (output, n, time); fills `out`, NaN where it has no value.
    units : str
        Of its values: "price", "0-100", "percent", "fraction", or what a user says.
    description : str
        One sentence.
    formula : str
        How it is computed, how it starts, what a missing value does, and where this is from.
    resume : Window, State or None
        How it goes on when bars are appended; None: it is computed anew over all bars.
    keeps_whole : bool
        Whether, of inputs that have numbers of moderate size at all bars, it has one at every bar after its first.
    source : callable
        What `source_hash` is the hash of; the kernel where it is not given.
    """

    name: str
    inputs: tuple[str, ...]
    parameters: tuple[IndicatorParameter, ...]
    warmup: Callable[..., int]
    kernel: Kernel
    outputs: tuple[str, ...] = ()
    version: int = 1
    units: str = "price"
    description: str = ""
    formula: str = ""
    resume: Window | State | None = field(default=None, repr=False)
    keeps_whole: bool = field(default=False, repr=False)
    source: Callable[..., Any] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check_free("an indicator", self.name)
        for parameter in self.parameters:
            check_free(f"a parameter of {self.name}", parameter.name)
        for output in self.outputs:
            check_free(f"an output of {self.name}", output)

    @property
    def source_hash(self) -> str:
        """Hash of the kernel's source and of its helpers'."""
        return hash_source(self.source or self.kernel)

    @property
    def state_size(self) -> int:
        """Numbers that it goes on from when bars are appended, for one asset and one set of parameters; 0: none."""
        return self.resume.size if isinstance(self.resume, State) else 0

    @property
    def __signature__(self) -> inspect.Signature:
        kinds = inspect.Parameter
        words = [kinds(p.name, kinds.POSITIONAL_OR_KEYWORD, default=p.signature_default) for p in self.parameters]
        sources = ["of"] if len(self.inputs) == 1 else self.inputs
        return inspect.Signature([*words, *(kinds(name, kinds.KEYWORD_ONLY, default=None) for name in sources)])

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Return the expression of this indicator: a node, or its `Outputs` where it has several.

        Parameters
        ----------
        *arguments, **keywords
            The parameters, in order or by name: numbers, `P.name`, arithmetic of these, or a list of numbers; then
            `of=` (or, where it reads several columns, each by its name) for what it is computed of.

        Raises
        ------
        IndicatorError
            For a number out of bounds, a fraction where whole bars are counted, a missing or unknown argument.
        """
        series = {word: keywords.pop(word) for word in self._series_words() if word in keywords}
        nodes = bind_arguments(self.name, self.parameters, arguments, keywords, more=self._series_words())
        sources = self._sources(series)
        is_default = all(node is Input(name) for node, name in zip(sources, self.inputs, strict=True))
        words = ("of",) if len(self.inputs) == 1 else self.inputs

        def call(output: str | None) -> Node:
            return Call(self.name, nodes, sources, is_default, output, words)

        if not self.outputs:
            return call(None)
        text = f"{self.name}({', '.join(node.key for node in nodes)})"
        return Outputs(text, {output: call(output) for output in self.outputs})

    def compute(
        self,
        inputs: Sequence[np.ndarray],
        parameters: np.ndarray,
        out: np.ndarray,
        *,
        states: np.ndarray | None = None,
    ) -> None:
        """Compute the indicator of one asset for many parameter values in one call.

        Parameters
        ----------
        inputs : sequence of (time,)
            One an input; NaN is missing.
        parameters : (n, parameter)
            A row for each set of values.
        out : (output, n, time)
            Filled; float64 and C-contiguous. NaN where the indicator has no value.
        states : (n, state_size), optional
            Filled with what `extend` goes on from after the last bar.

        Raises
        ------
        IndicatorError
            If a value is out of its parameter's bounds, or a user's kernel fails.
        """
        columns, table = self._checked(inputs, parameters, out, 0)
        if states is not None and isinstance(self.resume, State):
            self._check_states(states, len(table))
            states[:] = self.resume.initial
            go_on(self.resume, columns, table, states, out)
            return
        is_short = self._are_short(table, out.shape[2])
        if not is_short.any():
            self.kernel(columns, table, out)
            return
        # no value where the history is no longer than the warm-up: a kernel might trip over it
        out[:] = np.nan
        if not is_short.all():
            part = np.empty((len(out), int((~is_short).sum()), out.shape[2]))
            self.kernel(columns, table[~is_short], part)
            out[:, ~is_short] = part

    def extend(
        self,
        inputs: Sequence[np.ndarray],
        parameters: np.ndarray,
        first: int,
        out: np.ndarray,
        *,
        states: np.ndarray | None = None,
    ) -> None:
        """Compute the values from bar `first` on, without those before: the bits that `compute` gives over all bars.

        Parameters
        ----------
        inputs : sequence of (time,)
            All bars, old and new.
        parameters : (n, parameter)
            As in `compute`.
        first : int
            The first bar whose value is wanted.
        out : (output, n, time - first)
            Filled.
        states : (n, state_size), optional
            What `compute` or `extend` left after bar `first - 1`; updated in place. Needed where `state_size` is not 0.

        Raises
        ------
        IndicatorError
            If it cannot go on (`resume` is None), or has no states to go on from.
        """
        columns, table = self._checked(inputs, parameters, out, first)
        if self.resume is None:
            msg = f"{self.name} cannot go on from bar {first:,}: it declares no window; compute it over all bars."
            raise IndicatorError(msg)
        if isinstance(self.resume, State):
            self._check_states(states, len(table))
            if states is None or np.isnan(states).any():
                msg = f"{self.name} has no states of bar {first - 1:,} to go on from; compute it over all bars."
                raise IndicatorError(msg)
            go_on(self.resume, tuple(column[first:] for column in columns), table, states, out)
            return
        is_short = self._are_short(table, columns[0].size)
        for k, row in enumerate(table):
            if is_short[k]:
                out[:, k] = np.nan
            elif out.shape[2]:
                named = {p.name: p.typed(value) for p, value in zip(self.parameters, row, strict=True)}
                start = self.resume.start(first, **named)
                part = np.empty((len(out), 1, columns[0].size - start))
                self.kernel(tuple(column[start:] for column in columns), table[k : k + 1], part)
                out[:, k] = part[:, 0, first - start :]

    def _checked(
        self, inputs: Sequence[np.ndarray], parameters: np.ndarray, out: np.ndarray, first: int
    ) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
        """Return the inputs as kernels want them, and the table of parameters, once all shapes and bounds are right."""
        table = np.asarray(parameters, dtype=np.float64)
        columns = tuple(read_only(column) for column in inputs)
        n_bars = columns[0].size - first
        shape = (max(len(self.outputs), 1), len(table), n_bars)
        if len(columns) != len(self.inputs) or table.shape[1:] != (len(self.parameters),) or out.shape != shape:
            msg = (
                f"{self.name} got {len(columns)} inputs, parameters {table.shape} and out {out.shape}; "
                f"it needs {len(self.inputs)} inputs, parameters (n, {len(self.parameters)}) and out (output, n, "
                f"{max(n_bars, 0):,} bars)."
            )
            raise IndicatorError(msg)
        for k, parameter in enumerate(self.parameters):
            parameter.check_all(table[:, k], self.name)
        return columns, table

    def _check_states(self, states: np.ndarray | None, n: int) -> None:
        if states is not None and (states.shape != (n, self.state_size) or states.dtype != np.float64):
            msg = (
                f"{self.name} got states of shape {states.shape} and type {states.dtype}; it needs float64 of shape "
                f"{(n, self.state_size)}."
            )
            raise IndicatorError(msg)

    def _are_short(self, table: np.ndarray, n_bars: int) -> np.ndarray:
        """Whether the bars are no more than the warm-up, for each row of `table`."""
        return np.array([self.warmup_of(row) >= n_bars for row in table], dtype=bool)

    def warmup_of(self, values: Sequence[float]) -> int:
        """Return the number of bars without a value for these parameter values, in the order of the parameters."""
        named = {p.name: p.typed(value) for p, value in zip(self.parameters, values, strict=True)}
        return int(self.warmup(**named))

    def _series_words(self) -> tuple[str, ...]:
        return ("of", *self.inputs) if len(self.inputs) == 1 else self.inputs

    def _sources(self, series: dict[str, Any]) -> tuple[Node, ...]:
        if len(self.inputs) == 1:
            if len(series) > 1:
                msg = f"{self.name} got both of= and {self.inputs[0]}=, which mean the same; leave one out."
                raise IndicatorError(msg)
            series = dict.fromkeys(self.inputs, next(iter(series.values()), None))
        return tuple(series_node(self.name, name, series.get(name)) for name in self.inputs)
