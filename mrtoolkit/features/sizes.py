"""Amounts of memory as a person writes them ("1 GiB") and as a person reads them."""

from __future__ import annotations

import math
import os
import re
from typing import NoReturn

from mrtoolkit.errors import StoreError

_UNITS = {
    "b": 1,
    "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
}  # fmt: skip
_AMOUNT = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-z]+)\s*", re.IGNORECASE)


def parse_size(size: str | int, name: str = "memory") -> int:
    """Return a number of bytes from "256 MiB", "1.5 GB" or a plain count; `name` is the setting's, for the message.

    Raises
    ------
    StoreError
        If it is no amount, or not a positive one.
    """
    if isinstance(size, str):
        match = _AMOUNT.fullmatch(size)
        factor = _UNITS.get(match.group(2).lower()) if match else None
        if match is None or factor is None:
            _refuse(name, size)
        n_bytes = float(match.group(1)) * factor
    elif isinstance(size, int) and not isinstance(size, bool):
        n_bytes = float(size)
    else:
        _refuse(name, size)
    if not 1 <= n_bytes < math.inf:
        _refuse(name, size)
    return int(n_bytes)


def format_size(n_bytes: int) -> str:
    """Return the amount in the largest unit that keeps it at 1 or more: "38.1 MiB"."""
    amount = float(n_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def check_fits(n_features: int, shape: tuple[int, int]) -> None:
    """Raise StoreError if so many features, (asset, time) each, are more than this machine's memory."""
    try:
        n_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # no such count on this system
        n_bytes = 64 * 2**30
    needed = 8 * n_features * math.prod(shape)
    if needed > n_bytes:
        message = (
            f"{n_features:,} features of {math.prod(shape):,} values each take {format_size(needed)}, and this machine "
            f"has {format_size(n_bytes)} of memory; ask for fewer values at a time."
        )
        raise StoreError(message)


def _refuse(name: str, size: object) -> NoReturn:
    message = (
        f"{name}={size!r} is no size for a feature store: "
        "write a positive count of bytes or a text such as '256 MiB' or '1 GiB'."
    )
    raise StoreError(message)
