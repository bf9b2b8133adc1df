"""What a Dataset of features says of its origin, and how that is checked before the features enter a store."""

from __future__ import annotations

import itertools
import json
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import google_crc32c
import numpy as np
import xarray as xr

from mrtoolkit.errors import StoreError
from mrtoolkit.features.disk.rows import row_checksums
from mrtoolkit.features.family import ABOUT, Axes, Family, Labels

CURE = "give what compute_batch or load_features returned, or a selection of its labels, and nothing changed in it"

_SEAL = ', "seal": '
_stamps: WeakKeyDictionary[Axes, int] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Origin of one variable.

    Attributes
    ----------
    family : Family, or None
        None for an expression around indicators, which is no feature itself.
    output : str
        The output of the family that the variable is, "" where it has one.
    dims : tuple of str
        The variable's dimensions of labels.
    labels : tuple of str
        The coordinate of each of the family's parameters.
    digests : mapping of str to int
        Of each row, by its labels as JSON text: over data, expression, stamps and values.
    """

    family: Family | None
    output: str = ""
    dims: tuple[str, ...]
    labels: tuple[str, ...]
    digests: Mapping[str, int]

    def to_text(self) -> str:
        """Return the provenance as JSON text, which is what an attribute can hold."""
        family = None if self.family is None else self.family.to_dict()
        content = {"family": family, "output": self.output, "dims": self.dims, "labels": self.labels}
        text = json.dumps({**content, "digests": dict(self.digests)})
        return f"{text[:-1]}{_SEAL}{_checksum(text[:-1])}}}"

    @classmethod
    def of(cls, variable: xr.DataArray) -> Provenance:
        """Return the provenance of a variable.

        Raises
        ------
        StoreError
            If it has none (any more).
        """
        try:
            text = variable.attrs["provenance"]
            head, _, seal = text.rpartition(_SEAL)
            if seal != f"{_checksum(head)}}}":
                raise ValueError("it was changed")
            content = json.loads(text)
            family = None if content["family"] is None else Family.from_dict(content["family"])
            if family is not None:
                family.check_names()
            return cls(
                family=family,
                output=str(content["output"]),
                dims=tuple(content["dims"]),
                labels=tuple(content["labels"]),
                digests={str(k): int(v) for k, v in content["digests"].items()},
            )
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            message = f"the variable {variable.name!r} has no provenance (any more), so it is not stored; {CURE}."
            raise StoreError(message) from error


def _checksum(text: str) -> int:
    return int(google_crc32c.value(text.encode()))


def row_digest(axes: Axes, pattern: str, labels: Labels, checksums: bytes) -> int:
    """Return a checksum over what a feature is (bars, stamps, expression, labels) and its values.

    Parameters
    ----------
    axes : Axes
    pattern : str
        The variable's expression with its parameters open.
    labels : tuple
    checksums : bytes
        Of the values, from `rows.row_checksums` or `StoredRow.checksums`: the same from memory and from disk.
    """
    digest = _stamps.get(axes)
    if digest is None:  # 40 MB of stamps for 5 million bars, the same for every row
        head = json.dumps([axes.fingerprint, axes.assets])
        stamps = np.ascontiguousarray(axes.time).view("u1")
        digest = int(google_crc32c.extend(google_crc32c.value(head.encode()), stamps))
        _stamps[axes] = digest
    what = f"{pattern} {label_text(labels)}"
    return int(google_crc32c.extend(google_crc32c.extend(digest, what.encode()), checksums))


def label_text(labels: Labels) -> str:
    """Return labels as the text under which their digest stands."""
    return f"[{', '.join(repr(float(v)) for v in labels)}]"  # as json.dumps, five times as fast


def axes_attrs(axes: Axes) -> dict[str, Any]:
    """Return the attributes by which a Dataset names its bars."""
    return {"fingerprint": axes.fingerprint, "block_digests": list(axes.block_digests), **axes.attrs}


def axes_of_dataset(features: xr.Dataset) -> Axes:
    """Return the bars that a Dataset of features says it runs along.

    Raises
    ------
    StoreError
        If it does not say.
    """
    fingerprint = features.attrs.get("fingerprint")
    if not isinstance(fingerprint, str) or "time" not in features.coords:
        raise StoreError(f"the Dataset does not say of which bars it is (any more), so nothing is stored; {CURE}.")
    if len(fingerprint) != 32 or set(fingerprint) - set("0123456789abcdef"):  # it becomes a folder's name
        raise StoreError(f"the Dataset's fingerprint {fingerprint[:40]!r} is none, so nothing is stored; {CURE}.")
    return Axes(
        fingerprint=fingerprint,
        time=np.asarray(features["time"].values, dtype="datetime64[ns]"),
        assets=tuple(str(a) for a in features["asset"].values) if "asset" in features.dims else None,
        block_digests=tuple(features.attrs.get("block_digests", ())),
        attrs={name: features.attrs[name] for name in ABOUT if name in features.attrs},
    )


def checked_rows(
    axes: Axes, variable: xr.DataArray, about: Provenance, known: Container[Labels] = ()
) -> dict[Labels, np.ndarray]:
    """Return the rows of a variable by their labels, (asset, time) each, after a look at every digest.

    A lazy variable is read row by row, and of rows whose labels are `known` nothing is held.

    Raises
    ------
    StoreError
        If a value, a label or a stamp is not as it was computed.
    """
    for dim in about.dims:
        if dim not in variable.dims and dim in variable.coords:
            variable = variable.expand_dims(dim)
    tail = ("time",) if axes.assets is None else ("asset", "time")
    if set(variable.dims) != {*about.dims, *tail} or any(name not in variable.coords for name in about.labels):
        raise StoreError(f"the variable {variable.name!r} has other dimensions than it was computed with; {CURE}.")
    columns = [variable[name].values.tolist() for name in about.labels]
    every = zip(*columns, strict=True) if len(about.dims) == 1 else itertools.product(*columns)
    places = itertools.product(*(range(variable.sizes[dim]) for dim in about.dims))
    pattern, dtype = variable.attrs.get("long_name", ""), str(variable.dtype)
    if dtype not in ("float64", "float32"):
        raise StoreError(f"the variable {variable.name!r} holds {dtype} (any more), but needs floats; {CURE}.")
    rows: dict[Labels, np.ndarray] = {}
    for row, place in zip(every, places, strict=True):
        one = variable.variable.isel(dict(zip(about.dims, place, strict=True))).load().transpose(*tail)
        values = one.values.reshape(axes.shape)
        checksums = row_checksums(values, axes.assets is not None, dtype)
        if about.digests.get(label_text(row)) != row_digest(axes, pattern, row, checksums):
            named = ", ".join(f"{name}={value:g}" for name, value in zip(about.labels, row, strict=True))
            where = f"{variable.name!r} at {named or 'its only row'}"
            raise StoreError(f"{where} is not as it was computed, so nothing is stored; {CURE}.")
        if row not in known:
            rows[row] = values
    family = about.family
    if family is not None:
        expression = f"{family.pattern}.{about.output}" if about.output else family.pattern
        if (pattern, dtype) != (expression, family.dtype) or len(about.labels) != len(family.parameters):
            raise StoreError(f"the variable {variable.name!r} is not what it says that it is; {CURE}.")
    return rows
