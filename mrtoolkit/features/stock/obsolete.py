"""Which families on disk are of no more use: old code, and data that longer data extends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mrtoolkit.data.fingerprint import BLOCK_BARS
from mrtoolkit.features.disk.commit import Commit
from mrtoolkit.features.disk.generation import Generation
from mrtoolkit.features.family import Labels
from mrtoolkit.features.stock.todays import standing


class Reason(NamedTuple):
    """Why a family may go; the least rank goes first."""

    rank: int
    text: str


def obsolete(commits: Sequence[tuple[str, Commit]], generations: Iterable[Generation]) -> dict[Path, Reason]:
    """Return the families that are of no more use, by their folders.

    Old code is never used again. Whether an indicator that is not registered here has changed cannot be known, so of
    several codes of one expression over one data set the one written last stays. Of data that longer data extends
    go the families all of whose features the longer data has too.
    """
    longer = _extensions({found.fingerprint: found for found in generations})
    there = {(data, commit.path.name): frozenset(commit.slots) for data, commit in commits}
    newest = _newest(commits)
    reasons: dict[Path, Reason] = {}
    for data, commit in commits:
        family = commit.family
        now = standing(family.code)
        places = [(name, there.get((name, commit.path.name), frozenset[Labels]())) for name in longer.get(data, ())]
        successor = next((name for name, labels in places if commit.slots.keys() <= labels), None)
        if now == "old":
            code = ", ".join(dict.fromkeys(f"{name}@{version}" for name, version, _ in family.code))
            reasons[commit.path] = Reason(0, f"old code ({code})")
        elif now == "not registered" and newest[data, family.pattern, family.dtype].path != commit.path:
            reasons[commit.path] = Reason(1, "code that was written over later (it is not registered here)")
        elif successor is not None:
            reasons[commit.path] = Reason(2, f"extended by the bars {successor[:8]}")
    return reasons


def _newest(commits: Sequence[tuple[str, Commit]]) -> dict[tuple[str, str, str], Commit]:
    """Return of the families of one expression over one data set the one written last."""
    newest: dict[tuple[str, str, str], Commit] = {}
    for data, commit in commits:
        place = data, commit.family.pattern, commit.family.dtype
        if place not in newest or newest[place].signature[1] < commit.signature[1]:
            newest[place] = commit
    return newest


def _extensions(generations: Mapping[str, Generation]) -> dict[str, list[str]]:
    """Return the data sets that extend each one, themselves or by others between."""
    longer: dict[str, list[str]] = {}
    for found in generations.values():
        older, seen = _predecessor(found, generations), {found.fingerprint}
        while older is not None and older.fingerprint not in seen and _is_start(older, found):
            longer.setdefault(older.fingerprint, []).append(found.fingerprint)
            seen.add(older.fingerprint)
            older = _predecessor(older, generations)
    return longer


def _predecessor(found: Generation, generations: Mapping[str, Generation]) -> Generation | None:
    return generations.get(str(found.attrs.get("extends", "")))


def _is_start(shorter: Generation, longer: Generation) -> bool:
    """Whether the whole blocks of `shorter` are those that `longer` begins with."""
    n_whole = shorter.n_bars // BLOCK_BARS
    same = shorter.block_digests[:n_whole] == longer.block_digests[:n_whole]
    return shorter.n_bars < longer.n_bars and shorter.n_assets == longer.n_assets and same
