"""Which features a request means: the families of the nodes given, or those that a store already has."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mrtoolkit.errors import StoreError, nearest
from mrtoolkit.expressions.nodes import Call, Constant, Node, OnTimeframe
from mrtoolkit.expressions.outputs import Outputs
from mrtoolkit.features.disk.disk import Disk
from mrtoolkit.features.family import Labels
from mrtoolkit.features.gather import Memory
from mrtoolkit.features.key import (
    Request,
    calls_in,
    check_concrete,
    family_of,
    indicator_of,
    is_todays,
    request_of,
)
from mrtoolkit.features.labelled.datasets import Column
from mrtoolkit.features.labelled.lazy import StoredRow
from mrtoolkit.features.patterns import bind_labels, todays_pattern
from mrtoolkit.indicators.parsing import parse

_MOST_FEATURES = 1_000_000
_ON_TIMEFRAME = re.compile(r'timeframe\("(\w+)", (.*)')


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Features of one variable: a pattern and the labels to put into it."""

    pattern: Node
    name: str
    parameters: tuple[str, ...]
    labels: tuple[Labels, ...]

    @property
    def nodes(self) -> list[Node]:
        """The expression of each of the labels."""
        return [bind_labels(self.pattern, self.parameters, labels) for labels in self.labels]

    def column(self, arrays: Sequence[np.ndarray | StoredRow], dtype: str = "float64") -> Column:
        """Return the variable that the features make, given their values in the order of the labels."""
        rows = dict(zip(self.labels, arrays, strict=True))
        example = bind_labels(self.pattern, self.parameters, self.labels[0])
        if not isinstance(self.pattern, Call) or not isinstance(example, Call):
            if len(rows) > 1 or isinstance(self.pattern, OnTimeframe):
                return Column(
                    name=self.name, expression=self.pattern.key, parameters=self.parameters, rows=rows,
                    units=_units(self.pattern),
                )  # fmt: skip
            # one expression around indicators needs no dimensions of labels
            (values,) = arrays
            return Column(name=self.name, expression=example.key, parameters=(), rows={(): values})
        family, _ = family_of(example, dtype)
        return Column(
            name=self.name,
            expression=self.pattern.key,
            parameters=self.parameters,
            rows=rows,
            family=family,
            output=self.pattern.output or "",
            units=family.units,
        )


def wanted_by(nodes: object) -> list[Wanted]:
    """Return what nodes ask for, lists of values multiplied out, a family once.

    Raises
    ------
    StoreError
        For a condition, an open parameter, or something that is no node.
    """
    requests = [
        request if name is None else replace(request, name=name)
        for name, request in ((name, request_of(check_concrete(node))) for name, node in _flat(nodes))
    ]
    if not requests:
        raise StoreError("no feature was asked for; give nodes, as in [mrt.ema([5, 10]), mrt.rsi(14)].")
    for request in requests:
        n_features = math.prod(len(values) for values in request.values)
        if n_features > _MOST_FEATURES:
            message = (
                f"{request.pattern.key} was asked for with lists that make {n_features:,} features, of at most "
                f"{_MOST_FEATURES:,} in one request; ask for fewer values at a time."
            )
            raise StoreError(message)
    return _merged((request, list(itertools.product(*request.values))) for request in requests)


def known_to(memory: Memory, disk: Disk | None, data: str, dtype: str = "float64") -> list[Wanted]:
    """Return all features of these bars and of today's code that memory and disk hold, each output by itself."""
    found: list[tuple[Request, list[Any]]] = []
    for key, entry in memory.items():
        if key.data == data and isinstance(entry.tag.node, Call) and is_todays(key, entry.tag.node):
            for node in _outputs(entry.tag.node):
                request = request_of(node)
                found.append((request, list(itertools.product(*request.values))))
    for _, commit in [] if disk is None else disk.commits(data):
        pattern = todays_pattern(commit.family)
        if pattern is None or not commit.slots or commit.family.dtype != dtype:
            continue
        example = bind_labels(pattern, commit.family.parameters, next(iter(commit.slots)))
        for node in _outputs(example):
            found.append((request_of(node), list(commit.slots)))
    return _merged(found)


def on_timeframe(known: Iterable[Wanted], timeframe: str) -> list[Wanted]:
    """Return what is known of the bars of a longer timeframe as it is asked for over shorter ones."""
    length = Constant(timeframe)
    patterns = [(OnTimeframe(length, w.pattern), w) for w in known if isinstance(w.pattern, Call)]
    return [replace(w, pattern=pattern, name=f"{w.name}_{pattern.text}") for pattern, w in patterns]


def named(known: Sequence[Wanted], names: Any) -> list[Wanted]:
    """Return those of the known features that are named: families ("ema"), features ("ema(5)") or nodes.

    Raises
    ------
    StoreError
        If one of them is not there; the nearest name is given.
    """
    listed = [names] if isinstance(names, str | Node | Outputs) else list(names)
    chosen: list[Wanted] = []
    for name in listed:
        if isinstance(name, str) and "(" not in name:
            hits = [w for w in known if w.name == name or name in _families(w)]
        else:
            hits = [_part(known, one) for one in wanted_by(parse(name) if isinstance(name, str) else name)]
        if not hits:
            have = sorted({w.name for w in known})
            message = (
                f"the store has no features {name!r} of these bars{nearest(name, have)}; it has "
                f"{', '.join(have) or 'none at all'}; compute them by compute_batch(bars, [...])."
            )
            raise StoreError(message)
        chosen += hits
    return _merged(
        (Request(pattern=w.pattern, name=w.name, parameters=w.parameters, values=()), w.labels) for w in chosen
    )


def _part(known: Sequence[Wanted], wanted: Wanted) -> Wanted:
    there = {labels for w in known if w.pattern is wanted.pattern for labels in w.labels}
    parts = {node.key for w in known for node in w.nodes} if not isinstance(wanted.pattern, Call) else set()
    for labels, node in zip(wanted.labels, wanted.nodes, strict=True):
        if labels not in there and not (parts and all(call.key in parts for call in calls_in([node]))):
            feature = bind_labels(wanted.pattern, wanted.parameters, labels).key
            message = f"the store does not have {feature} of these bars; compute it by compute_batch(bars, [...])."
            raise StoreError(message)
    return wanted


def _merged(found: Iterable[tuple[Request, Sequence[Any]]]) -> list[Wanted]:
    patterns: dict[str, Request] = {}
    labels: dict[str, dict[Labels, None]] = {}
    for request, rows in found:
        patterns.setdefault(request.pattern.key, request)
        labels.setdefault(request.pattern.key, {}).update(dict.fromkeys(tuple(row) for row in rows))
    return [
        Wanted(pattern=r.pattern, name=r.name, parameters=r.parameters, labels=tuple(sorted(labels[key])))
        for key, r in patterns.items()
    ]


def _flat(nodes: object) -> list[tuple[str | None, Any]]:
    """Return the expressions in `nodes`, and for those of a composite such as `mrt.macd()` a name: "macd_line"."""
    if isinstance(nodes, Outputs):
        on_longer = _ON_TIMEFRAME.match(repr(nodes))
        text, ending = (on_longer[2], f"_{on_longer[1]}") if on_longer else (repr(nodes), "")
        owner = text.partition("(")[0]
        return [(f"{owner}_{name}{ending}", nodes[name]) for name in nodes.names]
    if isinstance(nodes, Node) or not isinstance(nodes, Iterable) or isinstance(nodes, str | dict):
        return [(None, nodes)]
    return [one for item in nodes for one in (_flat(item) if isinstance(item, Outputs) else [(None, item)])]


def _outputs(node: Node) -> list[Node]:
    names = indicator_of(node).outputs if isinstance(node, Call) else ()
    if not isinstance(node, Call) or not names:
        return [node]
    return [Call(node.name, node.arguments, node.sources, node.default_sources, n, node.source_names) for n in names]


def _families(wanted: Wanted) -> tuple[str, ...]:
    """Names by which a multi-output family may be asked for beside each output's own: "aroon", "aroon_4h"."""
    pattern, ending = wanted.pattern, ""
    if isinstance(pattern, OnTimeframe):
        ending, pattern = f"_{pattern.text}", pattern.operand
    if not isinstance(pattern, Call) or not pattern.output:
        return ()
    return (wanted.name.removesuffix(f"_{pattern.output}{ending}") + ending,)


def _units(pattern: Node) -> str:
    is_call = isinstance(pattern, OnTimeframe) and isinstance(pattern.operand, Call)
    return indicator_of(pattern.operand).units if is_call else ""  # type: ignore[attr-defined]
