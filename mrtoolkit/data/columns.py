"""Which column of somebody's table is which column of bars."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mrtoolkit.data.assemble import RESERVED
from mrtoolkit.data.checks import PRICES
from mrtoolkit.errors import BarsError, nearest

# Plain names, best first. A vendor's "adjusted" close is what a holder earned, so it goes before the traded one.
_ADJUSTED = ("adj_close", "adjclose", "adjusted_close", "close_adj", "adj_close_price")
_NAMES = {
    "open": ("open", "o", "open_price"),
    "high": ("high", "h", "high_price", "max"),
    "low": ("low", "l", "low_price", "min"),
    "close": ("close", "c", "close_price", "close_last", "last", "price"),
    "volume": ("volume", "vol", "v", "tickvol", "tick_volume", "totalvolume", "volume_base"),
}
TIME_NAMES: tuple[str, ...] = (
    "open_time",
    "opentime",
    "datetime",
    "timestamp",
    "date_time",
    "time",
    "date",
    "gmt_time",
    "local_time",
    "unix",
)
TIME_NAMES += ("index", "level_0", "trade_date", "tradedate", "t", "dt")
_TIMES_NOT_INPUTS = {*TIME_NAMES, "close_time", "closetime", "ignore", "unix_timestamp", "unnamed_0"}
_SLIP = 0.75  # of difflib's ratio: "clse" and "opne" have more, "vol" for a volatility and "log" less
ASSET_NAMES = ("ticker", "symbol", "asset", "instrument", "code", "tic")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenColumns:
    """Where bars find their columns in a table.

    Attributes
    ----------
    positions : mapping of the bars' name to a position in the table
    adjusted_by : int or None
        Position of the traded close where `close` is an adjusted one: open, high and low are then scaled by close /
        traded close.
    names : mapping of the bars' name to the table's own name
    """

    positions: Mapping[str, int]
    names: Mapping[str, str]
    adjusted_by: int | None = field(default=None)


def plain_name(name: object) -> str:
    """Return a column's name in lower case, words joined by underscores: `<TICKVOL>` is tickvol, `1. open` is open."""
    text = re.sub(r"^\d+[.)]\s+", "", str(name).strip())
    return re.sub(r"[^0-9a-z]+", "_", text.lower()).strip("_")


def find_column(wanted: str, names: Sequence[str], option: str, *, near: Sequence[str] | None = None) -> int:
    """Return the position of the column that a user named: as written, else in any case.

    `near` are the columns that it may have meant; all of them where it is not given.

    Raises
    ------
    BarsError
        If there is none, naming the nearest.
    """
    for form in (str, str.lower, plain_name):
        found = [place for place, name in enumerate(names) if form(name) == form(wanted)]
        if found:
            return found[0]
    raise BarsError(
        f"{option} names the column {wanted!r}, and there is none"
        f"{nearest(wanted, names if near is None else near)}; the columns "
        f"are {_listed(names)}."
    )


def choose_columns(
    names: Sequence[str],
    columns: Mapping[str, str] | None,
    *,
    taken: Sequence[int],
    has_values: Sequence[bool],
    numeric: Sequence[bool],
) -> ChosenColumns:
    """Return which column is open, high, low, close and volume; every other column of numbers is a further input.

    Parameters
    ----------
    names : sequence of str
        The table's columns.
    columns : mapping of the bars' name to the table's, or None
        What the user says; the rest is found by name.
    taken : sequence of int
        Positions that are the time or the asset.
    has_values : sequence of bool
        Whether a column holds anything but zeros and blanks (MetaTrader writes a volume of zeros beside its tick
        volume).
    numeric : sequence of bool
        Whether a column holds numbers.
    """
    plain = [plain_name(name) for name in names]
    free = [place for place in range(len(names)) if place not in taken]
    near = [names[place] for place in free if plain[place] not in _TIMES_NOT_INPUTS]
    choice = checked_choice(columns)
    positions = {name: find_column(source, names, "columns=", near=near) for name, source in choice.items()}
    adjusted_by = None
    if "close" not in positions:
        adjusted = _first(_ADJUSTED, plain, free)
        traded = _first(_NAMES["close"], plain, free)
        if adjusted is not None:
            positions["close"], adjusted_by = adjusted, traded
        elif traded is not None:
            positions["close"] = traded
    for name in ("open", "high", "low", "volume"):
        if name not in positions:
            found = _first(_NAMES[name], plain, [p for p in free if has_values[p]] if name == "volume" else free)
            found = _first(_NAMES[name], plain, free) if found is None else found
            if found is not None:
                positions[name] = found
    _check_all_found(positions, names, near)
    used = {*positions.values(), *taken, *([adjusted_by] if adjusted_by is not None else [])}
    for place in free:
        if place not in used and numeric[place] and plain[place] and plain[place] not in _TIMES_NOT_INPUTS:
            positions[_unused(plain[place], positions)] = place
    return ChosenColumns(
        positions=positions, names={n: str(names[p]) for n, p in positions.items()}, adjusted_by=adjusted_by
    )


def checked_choice(columns: Mapping[str, str] | None) -> dict[str, str]:
    """Return what a user gave as columns=, or refuse it: no mapping, a reserved name, a misspelt price."""
    if columns is None:
        return {}
    if not isinstance(columns, Mapping):
        raise BarsError(
            f"columns={columns!r} is no mapping; write the bars' names and the file's, such as "
            f"columns={{'close': 'Last'}}."
        )
    wrong = [str(name) for name in columns if name in RESERVED]
    if wrong:
        raise BarsError(
            f"columns= cannot set {wrong[0]!r}, which is not a column of bars; name times with time= and assets with "
            "asset=."
        )
    for name in map(str, columns):
        if meant := _misspelt(name):
            raise BarsError(
                f"columns= sets {name!r}, which would be a further input beside the prices (did you mean {meant!r}?); "
                f"write columns={{{meant!r}: ...}}, or give the input a name less like it."
            )
    return {str(name): str(source) for name, source in columns.items()}


def _misspelt(name: str) -> str | None:
    """Return the price or volume that `name` is a slip of; `close_2`, `flow` and `adj_close` are none."""
    for known in _NAMES:
        if name == known or re.fullmatch(f"{known}[_0-9].*", name):
            return None
    lower = name.strip().lower()
    for known in _NAMES:
        if lower[:1] == known[0] and difflib.SequenceMatcher(None, lower, known).ratio() >= _SLIP:
            return known
    return None


def _first(wanted: Sequence[str], plain: Sequence[str], free: Sequence[int]) -> int | None:
    for name in wanted:
        found = [place for place in free if plain[place] == name]
        if len(found) > 1:
            raise BarsError(f"{len(found)} columns are named {name!r}; say which with columns=, or rename one.")
        if found:
            return found[0]
    return None


def _check_all_found(positions: Mapping[str, int], names: Sequence[str], near: Sequence[str]) -> None:
    absent = [name for name in PRICES if name not in positions]
    if not absent:
        return
    first = absent[0]
    close = names[positions["close"]] if "close" in positions else None
    if absent == ["open", "high", "low"] and close is not None:
        choice = dict.fromkeys(absent, close)
        cure = f"to take a bar for its close alone write columns={choice!r}"
    else:
        cure = f"name {'it' if len(absent) == 1 else 'them'} with columns={{{first!r}: '...'}}"
    raise BarsError(
        f"there is no column for {_listed(absent)}{nearest(first, near)}; the columns are {_listed(names)}; {cure}."
    )


def _unused(name: str, positions: Mapping[str, int]) -> str:
    plain, number = (f"{name}_column" if name in {*RESERVED, *_NAMES} else name), 2
    while plain in positions:
        plain, number = f"{name}_{number}", number + 1
    return plain


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(str(name)) for name in names[:12])
    return f"{shown} and {len(names) - 12} more" if len(names) > 12 else shown or "none"
