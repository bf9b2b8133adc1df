"""What a stored feature is a row of: its family, and the bars it runs along."""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Labels = tuple[float | int, ...]
"""The parameter values of one feature, in the order of its family's parameters."""

Code = tuple[tuple[str, int, str], ...]
"""Name, version and source hash of each indicator in an expression, outermost first."""

ABOUT = ("timeframe", "timezone", "source", "licence")
"""Attributes of bars that stay with their features."""

_WORD = re.compile(r"\w{1,200}")
_RESERVED = frozenset({"time", "asset", "point", "state", "zarr.json"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Features that differ in their parameters alone: every EMA of the close, or every RSI of an EMA.

    Attributes
    ----------
    name : str
        Name of the variable in a Dataset: "ema", "ema_of_rsi".
    pattern : str
        The expression with its parameters open, "ema(P.lookback)"; binding it to labels gives the feature's node.
    parameters : tuple of str
        The open parameters, in the order of the labels.
    outputs : tuple of str
        Names of an indicator's outputs, () where it has one.
    code : tuple of (name, version, source hash)
        The indicators in the pattern as they were when the values were computed.
    units : str
        Units of the values.
    dtype : str
        "float64" or "float32", of the values kept.
    """

    name: str
    pattern: str
    parameters: tuple[str, ...]
    outputs: tuple[str, ...] = ()
    code: Code
    units: str = ""
    dtype: str = "float64"

    @property
    def folder(self) -> str:
        """Name of the family's folder: safe on any file system, another one for other code."""
        return _folder(self.name, self.pattern, self.code, self.dtype)

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the family's variables on disk, none of them a parameter's or a dimension's."""
        taken = _RESERVED | set(self.parameters)
        names = self.outputs or (self.name,)
        return tuple(f"{self.name}_{name}" if name in taken else name for name in names)

    @property
    def dim(self) -> str:
        """The dimension of the rows: the one parameter's name, or "point"."""
        return self.parameters[0] if len(self.parameters) == 1 else "point"

    def check_names(self) -> None:
        """Raise ValueError for names that could not be those of arrays on disk, and of folders."""
        names = {*self.variables, *self.parameters}
        for name in (self.name, *self.outputs, *names):
            if not _WORD.fullmatch(name):
                raise ValueError(f"{name[:40]!r} is no name")
        is_float = self.dtype in ("float64", "float32")
        if len(names) < len(self.variables) + len(self.parameters) or not is_float:
            raise ValueError("its arrays are not those of a family")

    def to_dict(self) -> dict[str, Any]:
        """Return the family as plain JSON."""
        return {
            "family": self.name,
            "pattern": self.pattern,
            "parameters": list(self.parameters),
            "outputs": list(self.outputs),
            "code": [list(c) for c in self.code],
            "units": self.units,
            "dtype": self.dtype,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Family:
        """Return the family that `to_dict` described; other keys are ignored."""
        return cls(
            name=str(content["family"]),
            pattern=str(content["pattern"]),
            parameters=tuple(str(p) for p in content["parameters"]),
            outputs=tuple(str(o) for o in content["outputs"]),
            code=tuple((str(n), int(v), str(h)) for n, v, h in content["code"]),
            units=str(content["units"]),
            dtype=str(content.get("dtype", "float64")),
        )


@dataclass(frozen=True, slots=True, kw_only=True, weakref_slot=True, eq=False)
class Axes:
    """The bars that features run along, without their prices.

    Attributes
    ----------
    fingerprint : str
        Of the bars, prices and all.
    time : (time,) datetime64[ns]
        Opening times.
    assets : tuple of str, or None
        None for bars of one asset, which have no `asset` dimension.
    block_digests : tuple of str
        The fingerprint's parts, so that an append can be proven to extend the bars.
    attrs : mapping
        What the bars say of themselves (`ABOUT`).
    """

    fingerprint: str
    time: np.ndarray
    assets: tuple[str, ...] | None = None
    block_digests: tuple[str, ...] = ()
    attrs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of one feature: (asset, time), one asset where there is no such dimension."""
        return (1 if self.assets is None else len(self.assets), len(self.time))


@functools.lru_cache(maxsize=4_096)
def _folder(name: str, pattern: str, code: Code, dtype: str) -> str:
    digest = hashlib.blake2b(json.dumps([pattern, code, dtype]).encode(), digest_size=6).hexdigest()
    return f"{re.sub(r'[^A-Za-z0-9_]', '_', name)[:60]}@{code[0][1]}-{digest}"
