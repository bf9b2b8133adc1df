"""What a Parquet file of features says of itself: of its bars once, and of each column its origin."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import google_crc32c
import pyarrow as pa

from mrtoolkit.errors import StoreError
from mrtoolkit.features.family import Axes, Family, Labels

SCHEMA = 1
TIME, ASSET = "time", "asset"
CURE = "export the features again with store.export_parquet(path, bars)"

_KEY = b"mrtoolkit"
_FINGERPRINT = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where the values of one column come from.

    Attributes
    ----------
    family : Family, or None
        None for an expression around indicators, which is shown and never read back.
    output : str
        The family's output, "" where it has one.
    expression : str
        With its parameters open, "ema(P.lookback)".
    labels : tuple
        The values of the parameters.
    units : str
    digest : int
        `row_digest` of the values.
    """

    family: Family | None
    output: str
    expression: str
    labels: Labels
    units: str
    digest: int


def field_of(name: str, dtype: str, origin: Origin) -> pa.Field:
    """Return the column of a feature with its origin in the metadata."""
    content = {
        "family": None if origin.family is None else origin.family.to_dict(),
        "output": origin.output,
        "expression": origin.expression,
        "labels": list(origin.labels),
        "units": origin.units,
        "digest": origin.digest,
    }
    kind = pa.float32() if dtype == "float32" else pa.float64()
    return pa.field(name, kind, metadata={_KEY: json.dumps({**content, "seal": _seal(content)}).encode()})


def origin_of(field: pa.Field, where: str) -> Origin:
    """Return the origin of a column.

    Raises
    ------
    StoreError
        If it has none (any more), or one that was changed.
    """
    text = (field.metadata or {}).get(_KEY)
    if text is None:
        raise StoreError(
            f"the column {field.name!r} of {where} does not say where it comes from, so nothing is read from the file; "
            f"drop it (table.drop_columns([{field.name!r}]) in pyarrow keeps the rest), or {CURE}."
        )
    try:
        content = json.loads(text)
        if content.pop("seal") != _seal(content):
            raise ValueError("it was changed")
        family = None if content["family"] is None else Family.from_dict(content["family"])
        origin = Origin(
            family=family,
            output=str(content["output"]),
            expression=str(content["expression"]),
            labels=tuple(v if isinstance(v, int) else float(v) for v in content["labels"]),
            units=str(content["units"]),
            digest=int(content["digest"]),
        )
        _check_family(origin)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise StoreError(
            f"what the column {field.name!r} of {where} says of its origin cannot be read ({error}), so nothing is "
            f"read from the file; {CURE}."
        ) from error
    return origin


def file_metadata(axes: Axes) -> dict[bytes, bytes]:
    """Return what the file says of its bars."""
    content = {
        "features": SCHEMA,
        "fingerprint": axes.fingerprint,
        "block_digests": list(axes.block_digests),
        "n_bars": len(axes.time),
        "assets": None if axes.assets is None else list(axes.assets),
        "attrs": {"timezone": "UTC", **axes.attrs},
    }
    return {_KEY: json.dumps(content, default=str).encode()}


def bars_of(schema: pa.Schema, where: str) -> Mapping[str, Any]:
    """Return what a file says of its bars: fingerprint, block_digests, n_bars, assets, attrs.

    Raises
    ------
    StoreError
        If it says nothing (any more), or was written by a later version.
    """
    text = (schema.metadata or {}).get(_KEY)
    if text is None:
        raise StoreError(
            f"{where} is no Parquet file of features from store.export_parquet, or was written anew without its "
            "metadata; give a file as it was exported (bars are read by mrt.read_bars)."
        )
    try:
        content = json.loads(text)
        version = int(content["features"])
        if version == SCHEMA:
            return _checked_bars(content)
    except (KeyError, ValueError, TypeError) as error:
        raise StoreError(f"what {where} says of its bars cannot be read ({error}); {CURE}.") from error
    raise StoreError(
        f"{where} holds features in schema {version}, and this version reads {SCHEMA}; update mrtoolkit, or {CURE}."
    )


def _checked_bars(content: Mapping[str, Any]) -> Mapping[str, Any]:
    if not _FINGERPRINT.fullmatch(content["fingerprint"]):  # it becomes a folder's name
        raise ValueError(f"{content['fingerprint'][:40]!r} is no fingerprint")
    assets = content["assets"]
    return {
        "fingerprint": content["fingerprint"],
        "block_digests": tuple(str(d) for d in content["block_digests"]),
        "n_bars": int(content["n_bars"]),
        "assets": None if assets is None else tuple(str(a) for a in assets),
        "attrs": dict(content["attrs"]),
    }


def _check_family(origin: Origin) -> None:
    """Raise ValueError for names that could not become those of folders, or labels that are not the family's."""
    family = origin.family
    if family is None:
        return
    family.check_names()
    if len(origin.labels) != len(family.parameters) or (origin.output or None) not in (family.outputs or (None,)):
        raise ValueError("its labels or its output are not its family's")


def _seal(content: Mapping[str, Any]) -> int:
    return int(google_crc32c.value(json.dumps(content, sort_keys=True).encode()))
