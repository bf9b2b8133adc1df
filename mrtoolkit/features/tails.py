"""What features are at new bars, and what they go on from: the bars that others extend, states, tails."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from mrtoolkit.data.fingerprint import first_difference, prefix_fingerprint
from mrtoolkit.errors import MrtoolkitError, StoreError
from mrtoolkit.expressions.nodes import Call, Node
from mrtoolkit.features.disk.commit import Commit
from mrtoolkit.features.disk.disk import Disk
from mrtoolkit.features.evaluate import parameters_of
from mrtoolkit.features.family import Labels
from mrtoolkit.features.gather import Gather
from mrtoolkit.features.key import family_of, indicator_of
from mrtoolkit.features.patterns import bind_labels, todays_pattern
from mrtoolkit.indicators.resume import State

_SLAB_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Shorter:
    """A data set that the new bars may extend."""

    fingerprint: str
    n_bars: int
    block_digests: tuple[str, ...]
    but_last: str = ""
    """Fingerprint of all of its bars but the last, where that is known."""


def extended_by(bars: xr.Dataset, known: Iterable[Shorter]) -> list[Shorter]:
    """Return those data sets that are proven to be the beginning of `bars`, longest first.

    Raises
    ------
    StoreError
        If there is none; the nearest is named with the first bars in which it differs.
    """
    n_bars = bars.sizes["time"]
    candidates = sorted({s.fingerprint: s for s in known}.values(), key=lambda s: -s.n_bars)
    shorter = [s for s in candidates if s.n_bars < n_bars]  # an equal number of them goes on from nothing
    proven = [s for s in shorter if prefix_fingerprint(bars, s.n_bars) == s.fingerprint]
    if proven:
        return proven
    _check_last_bar(bars, candidates)
    if not shorter:
        message = (
            f"append got {n_bars:,} bars, and the store knows no shorter ones that they could go on from; give the "
            "whole history, old bars and new ones, or compute its features by compute_batch(bars, [...])."
        )
        raise StoreError(message)
    nearest = shorter[0]
    where = first_difference(bars, nearest.block_digests, nearest.n_bars) or "what they say of themselves"
    message = (
        f"append got {n_bars:,} bars that do not begin with bars of the store: the nearest, {nearest.fingerprint[:8]} "
        f"of {nearest.n_bars:,} bars, differ in {where}; old bars must be as they were, so compute the features of "
        "these by compute_batch(bars, [...]), or give the whole history, old bars and new ones."
    )
    raise StoreError(message)


def _check_last_bar(bars: xr.Dataset, candidates: Iterable[Shorter]) -> None:
    """Raise StoreError if there are bars that `bars` begin with but for their last one."""
    for s in candidates:
        if s.but_last and s.n_bars <= bars.sizes["time"] and prefix_fingerprint(bars, s.n_bars - 1) == s.but_last:
            when = np.datetime_as_string(bars["time"].values[s.n_bars - 1], unit="s").replace("T00:00:00", "")
            message = (
                f"append got bars that begin with the {s.n_bars:,} bars {s.fingerprint[:8]} but for the last of them "
                f"({when}), which was unfinished then or was revised since; features can go on from finished bars "
                "alone, so leave an unfinished bar out, as in bars.isel(time=slice(None, -1)), and compute the "
                "features of these bars by compute_batch(bars, [...])."
            )
            raise StoreError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """What a feature has at the new bars, (output, asset, time), and what it goes on from, (asset, state)."""

    call: Call
    values: np.ndarray
    states: np.ndarray | None


def tails(gather: Gather, calls: Sequence[Call], first: int, states: np.ndarray | None) -> Iterator[Tail]:
    """Yield the values of each call at the bars from `first` on.

    Parameters
    ----------
    gather : Gather
        Over the new bars, with the calls' sources found.
    calls : sequence of Call
        Of one indicator and one input.
    first : int
        Bars that the states have seen.
    states : (call, asset, state)
        None where the indicator needs none.
    """
    spec = indicator_of(calls[0])
    n_assets, n_bars = gather.axes.shape
    sources = [gather.array(source) for source in calls[0].sources]
    parameters = parameters_of(calls)
    out = np.empty((n_assets, max(1, len(spec.outputs)), len(calls), n_bars - first))
    now = None if states is None else np.ascontiguousarray(states.transpose(1, 0, 2))  # (asset, call, state)
    for asset in range(n_assets):
        columns = [source[asset] for source in sources]
        spec.extend(columns, parameters, first, out[asset], states=None if now is None else now[asset])
    for k, call in enumerate(calls):
        values = np.ascontiguousarray(out[:, :, k].transpose(1, 0, 2)).astype(gather.dtype, copy=False)
        yield Tail(call=call, values=values, states=None if now is None else now[:, k].copy())


def batches(calls: Iterable[Call], n_values: int) -> Iterator[list[Call]]:
    """Yield calls that can be computed together, of one indicator and one input, as many as fit into a slab.

    What others are computed of comes first.
    """
    groups: dict[tuple[str, ...], list[Call]] = {}
    for call in calls:
        groups.setdefault((call.name, *(source.key for source in call.sources)), []).append(call)
    for group in sorted(groups.values(), key=lambda group: group[0].depth):
        n_outputs = max(1, len(indicator_of(group[0]).outputs))
        step = max(1, _SLAB_BYTES // (8 * n_outputs * n_values))
        for start in range(0, len(group), step):
            yield group[start : start + step]


def going_on(
    calls: Sequence[Call], states: Mapping[str, np.ndarray]
) -> tuple[list[Call], np.ndarray | None, list[Call]]:
    """Return the calls that can go on, what from, and those that are to be computed anew.

    `states` are known by the calls' keys, (asset, state).
    """
    resume = indicator_of(calls[0]).resume
    if resume is None:
        return [], None, list(calls)
    if not isinstance(resume, State):
        return list(calls), None, []
    is_known = [call.key in states and not np.isnan(states[call.key]).any() for call in calls]
    known = [call for call, known in zip(calls, is_known, strict=True) if known]
    anew = [call for call, known in zip(calls, is_known, strict=True) if not known]
    return known, np.stack([states[call.key] for call in known]) if known else None, anew


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Features of one family on disk that can go on: their calls, and the commit that holds them."""

    commit: Commit
    calls: dict[Labels, Call]


def stored_calls(disk: Disk, data: str, dtype: str) -> list[Stored]:
    """Return what is on disk of a data set and of today's code, what others are computed of first."""
    found: list[tuple[int, Stored]] = []
    for _, commit in disk.commits(data):
        pattern = todays_pattern(commit.family)
        if pattern is None or commit.family.dtype != dtype:
            continue
        calls: dict[Labels, Call] = {}
        for labels in commit.slots:
            try:
                node: Node = bind_labels(pattern, commit.family.parameters, labels)
            except MrtoolkitError:  # labels that today's bounds refuse
                continue
            if isinstance(node, Call) and family_of(node, dtype)[0] == commit.family:
                calls[labels] = node
        if calls:
            found.append((pattern.depth, Stored(commit=commit, calls=calls)))
    return [stored for _, stored in sorted(found, key=lambda item: item[0])]


def stored_states(disk: Disk, stored: Stored) -> dict[str, np.ndarray]:
    """Return what each call goes on from, (asset, state), by the call's key; NaN where it is not known."""
    slots = [stored.commit.slots[labels] for labels in stored.calls]
    states = disk.read_states(stored.commit, slots)
    if states is None:
        if stored.commit.state_size and disk.is_current(stored.commit):
            message = (
                f"what features go on from in {stored.commit.path} is damaged (its array 'state'); they are computed "
                "anew for the longer bars."
            )
            disk.tell_damage((stored.commit.path, stored.commit.signature, "state"), message)
        return {}
    pairs = zip(stored.calls.values(), states, strict=True)
    return {call.key: state for call, state in pairs}
