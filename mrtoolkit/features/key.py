"""What tells one feature from another, and which family it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from mrtoolkit.errors import MrtoolkitError, StoreError
from mrtoolkit.expressions.nodes import (
    Arithmetic,
    Call,
    Choose,
    Constant,
    Function,
    Input,
    Node,
    OnTimeframe,
    Parameter,
    Shift,
    Values,
)
from mrtoolkit.expressions.scalars import Scalar
from mrtoolkit.expressions.walk import walk
from mrtoolkit.features.family import Code, Family, Labels
from mrtoolkit.indicators import registry
from mrtoolkit.indicators.composite import Composite
from mrtoolkit.indicators.registry import is_built_in
from mrtoolkit.indicators.source import hash_source
from mrtoolkit.indicators.spec import Indicator

_MOST_KNOWN = 20_000
_known: dict[tuple[str, str], tuple[Family, Labels]] = {}
_ALIGNED = ("timeframe", 1, "")
"""The code that aligns longer bars with shorter ones: its number rises with what it does."""
_WORDS = {"+": "plus", "-": "minus", "*": "times", "/": "over", "**": "power"}


class FeatureKey(NamedTuple):
    """The key of one feature in memory: other bars, another expression or other code give another key."""

    data: str
    text: str
    code: object


def indicator_of(node: Call) -> Indicator:
    """Return the registered indicator of a call.

    Raises
    ------
    IndicatorError
        If nothing of that name is registered.
    StoreError
        If the name is a composite's, which has no kernel of its own.
    """
    found = registry.get(node.name)
    if not isinstance(found, Indicator):
        message = f"{node.key} is a composite of other indicators and not itself a feature; ask for one of its outputs."
        raise StoreError(message)
    return found


def feature_key(data: str, node: Call | OnTimeframe) -> FeatureKey:
    """Return the key of a call's row (all outputs together) over the bars with fingerprint `data`; about 0.5 us.

    Of what is on another timeframe, that of the row that is aligned with these bars.
    """
    return tuple.__new__(FeatureKey, place_in_memory(data, node))  # a third of the cost of FeatureKey(...)


def place_in_memory(data: str, node: Call | OnTimeframe) -> tuple[str, str, object]:
    """Return what equals `feature_key(data, node)` in a look-up, 0.1 us sooner."""
    if isinstance(node, OnTimeframe):
        return data, node.key, _aligned_code(node.operand)
    spec = indicator_of(node)
    if node.depth > 2:
        code: object = code_of(node)
    elif is_built_in(spec.name):
        code = _code(spec.version, spec.source or spec.kernel)
    else:  # what a user's refers to may have got another value since
        code = spec.version, spec.source_hash
    return data, node.key if node.output is None else _row_text(node), code


@lru_cache(maxsize=1024)
def _code(version: int, source: Callable[..., object]) -> tuple[int, str]:
    """Return version and source hash, the same object each time: keys that hold it compare by identity."""
    return version, hash_source(source)


def _aligned_code(operand: Node) -> Code:
    if isinstance(operand, Call) and operand.depth == 2 and is_built_in(operand.name):
        spec = indicator_of(operand)
        return _aligned_code_of(spec.name, spec.version, spec.source or spec.kernel)
    return (_ALIGNED, *code_of(operand))


@lru_cache(maxsize=1024)
def _aligned_code_of(name: str, version: int, source: Callable[..., object]) -> Code:
    return _ALIGNED, (name, version, hash_source(source))


def _row_text(node: Call) -> str:
    """Key of the call of all outputs together."""
    return node.key if node.output is None else node.key[: -len(node.output) - 1]


def code_of(node: Node) -> Code:
    """Return name, version and source hash of each call in an expression, outermost first."""
    specs = [indicator_of(part) for part in walk(node) if isinstance(part, Call)]
    return tuple((spec.name, spec.version, spec.source_hash) for spec in specs)


def is_todays(key: FeatureKey, node: Call | OnTimeframe) -> bool:
    """Whether the row that was kept under a key is of the code that is registered now."""
    try:
        return feature_key(key.data, node) == key
    except MrtoolkitError:  # an indicator that is no longer registered
        return False


def calls_in(nodes: Sequence[Node]) -> list[Call | OnTimeframe]:
    """Return the indicators, or the outermost ones in expressions around them, and what is on other timeframes."""
    found: list[Call | OnTimeframe] = []
    for node in nodes:
        found += [node] if isinstance(node, Call | OnTimeframe) else calls_in(node.children)
    return found


def on_timeframes(nodes: Iterable[Node]) -> dict[str, list[Node]]:
    """Return what some concrete expressions need of the bars of other timeframes, by timeframe, each once."""
    found = {part: None for node in nodes for part in walk(node) if isinstance(part, OnTimeframe)}
    by_timeframe: dict[str, list[Node]] = {}
    for part in found:
        by_timeframe.setdefault(part.text, []).append(part.operand)
    return by_timeframe


def check_call(node: object) -> Call | OnTimeframe:
    """Return `node` if it is one indicator with its numbers, on any timeframe; raise StoreError for anything else."""
    checked = check_concrete(node)
    if not isinstance(checked, Call | OnTimeframe):
        message = f"{checked.key} is an expression around indicators, which are what a store keeps; ask for one of them"
        raise StoreError(f"{message}, as in mrt.ema(12).")
    return checked


def call_of(node: Call | OnTimeframe) -> Call:
    """Return the indicator itself of what may be on another timeframe.

    Raises
    ------
    StoreError
        If an input is on that timeframe.
    """
    call = node.operand if isinstance(node, OnTimeframe) else node
    if not isinstance(call, Call):
        raise StoreError(f'{node.key} is no indicator; ask for one, as in mrt.timeframe("4h", mrt.ema(12)).')
    return call


def check_concrete(node: object) -> Node:
    """Return `node` if it is a number a bar without open parameters.

    Raises
    ------
    StoreError
        For a condition, open parameters, a list of values, or no node at all.
    """
    if not isinstance(node, Node):
        raise StoreError(_no_node(node))
    if node.is_condition:
        message = f"{node.key} is a condition (true or false a bar), and features are numbers; ask for its two sides."
        raise StoreError(message)
    if node.params:
        first = node.params[0]
        message = (
            f"{node.key} has the open parameter{'s' if len(node.params) > 1 else ''} {', '.join(node.params)}, but a "
            f"feature needs numbers; write one in the place of P.{first}, or a list for compute_batch."
        )
        raise StoreError(message)
    return node


def _no_node(asked: object) -> str:
    """Return what is wrong with something that is no node, and what to write."""
    if isinstance(asked, str):
        return f"a feature is asked for by the text {asked!r}, but must be a node; write mrt.parse({asked!r})."
    if isinstance(asked, Indicator | Composite):
        name = f"mrt.{asked.name}" if is_built_in(asked.name) else asked.name
        numbers = ", ".join(repr(12 if p.default is None else p.default) for p in asked.parameters)
        return f"{name} is an indicator without its numbers, and a feature has them; write {name}({numbers})."
    return f"a feature is asked for by {asked!r} ({type(asked).__name__}), but must be a node; write mrt.ema(12)."


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One expression asked for: its family, and the values of each of the family's parameters.

    Attributes
    ----------
    pattern : Node
        The expression with a parameter in the place of every argument of an indicator.
    name : str
        Name for the variable: "ema", "ema_of_rsi".
    parameters : tuple of str
        The pattern's parameters: "lookback" of the outermost indicator, "rsi_lookback" of one inside.
    values : tuple of tuple of scalar
        One tuple a parameter; more than one value where a list was given.
    """

    pattern: Node
    name: str
    parameters: tuple[str, ...]
    values: tuple[tuple[Scalar, ...], ...]


def request_of(node: Node) -> Request:
    """Return the family's pattern of a concrete expression and the values in it."""
    slots: dict[str, tuple[Scalar, ...]] = {}
    pattern = _open(node, slots, prefix="")
    return Request(pattern=pattern, name=name_of(node), parameters=tuple(slots), values=tuple(slots.values()))


def family_of(node: Call, dtype: str = "float64") -> tuple[Family, Labels]:
    """Return the family and the labels of a concrete call; its output does not matter."""
    code = code_of(node)
    place = (_row_text(node), dtype)
    spec = indicator_of(node)
    known = _known.get(place)  # 40 us saved of 45
    if known is not None and (known[0].code, known[0].outputs, known[0].units) == (code, spec.outputs, spec.units):
        return known
    request = request_of(without_output(node))
    family = Family(
        name=request.name,
        pattern=request.pattern.key,
        parameters=request.parameters,
        outputs=tuple(spec.outputs),
        code=code,
        units=spec.units,
        dtype=dtype,
    )
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    _known[place] = family, tuple(v[0] for v in request.values)  # type: ignore[misc]
    return _known[place]


def without_output(node: Call) -> Call:
    """Return the call of all outputs together, which is what a row holds."""
    if node.output is None:
        return node
    return Call(node.name, node.arguments, node.sources, node.default_sources, None, node.source_names)


def name_of(node: Node) -> str:
    """Return a name for a variable that says what an expression is: "ema", "ema_of_rsi", "ema_4h", "ema_minus_ema"."""
    if isinstance(node, Call):
        name = node.name if node.default_sources else "_and_".join(f"{name_of(s)}" for s in node.sources)
        name = name if node.default_sources else f"{node.name}_of_{name}"
        name = name if node.output is None else f"{name}_{node.output}"
    elif isinstance(node, Arithmetic):
        name = f"{name_of(node.left)}_{_WORDS[node.op]}_{name_of(node.right)}"
    elif isinstance(node, Function):
        name = f"{node.name}_{'_'.join(name_of(o) for o in node.operands)}"
    elif isinstance(node, Shift):
        name = f"{name_of(node.operand)}_shift"
    elif isinstance(node, OnTimeframe):
        name = f"{name_of(node.operand)}_{node.text}"
    else:
        name = "".join(c if c.isalnum() else "_" for c in (node.name if isinstance(node, Input) else node.key))
    return name if len(name) <= 40 else "expression"


def _open(node: Node, slots: dict[str, tuple[Scalar, ...]], prefix: str) -> Node:
    """Return `node` with a parameter for every number that an indicator takes; their values go to `slots`."""
    if isinstance(node, Call):
        words = [parameter.name for parameter in indicator_of(node).parameters]
        arguments = tuple(
            _open_argument(argument, slots, prefix + word) for word, argument in zip(words, node.arguments, strict=True)
        )
        sources = tuple(_open(source, slots, _inner_prefix(source)) for source in node.sources)
        return Call(node.name, arguments, sources, node.default_sources, node.output, node.source_names)
    if isinstance(node, Arithmetic):
        left = _open(node.left, slots, _inner_prefix(node.left))
        return Arithmetic(node.op, left, _open(node.right, slots, _inner_prefix(node.right)))
    if isinstance(node, Function):
        return Function(node.name, tuple(_open(o, slots, _inner_prefix(o)) for o in node.operands))
    if isinstance(node, Shift):
        return Shift(_open(node.operand, slots, _inner_prefix(node.operand)), node.periods)
    if isinstance(node, OnTimeframe):
        return OnTimeframe(node.timeframe, _open(node.operand, slots, prefix))
    if isinstance(node, Choose):
        message = f"{node.key} chooses between expressions, so it is not one feature; ask for the cases."
        raise StoreError(message)
    return node


def _inner_prefix(node: Node) -> str:
    if isinstance(node, OnTimeframe):
        return f"{_inner_prefix(node.operand)}{node.text}_"
    return f"{node.name}_" if isinstance(node, Call) else ""


def _open_argument(argument: Node, slots: dict[str, tuple[Scalar, ...]], word: str) -> Node:
    if isinstance(argument, Values):
        values = argument.values
    elif isinstance(argument, Constant):
        values = (argument.value,)
    else:
        return argument
    if any(isinstance(v, bool) or not isinstance(v, int | float) for v in values):
        return argument  # a text or a flag belongs to the pattern
    name = word
    for n in range(2, len(slots) + 3):
        if name not in slots:
            break
        name = f"{word}_{n}"
    slots[name] = values
    return Parameter(name)
