"""What the replay's page holds of a search, as plain JSON: the trials, thinned where they are many, and the words."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from bokeh.palettes import Viridis256

from mrtoolkit.backtest.metrics import UNITS
from mrtoolkit.maps.heat import LONE, REACH, WIDEST, neighbour_distances
from mrtoolkit.search.candidate import Candidate
from mrtoolkit.search.not_counted import not_counted
from mrtoolkit.search.study import Study
from mrtoolkit.views.replay_stages import axis_data, ending, stages
from mrtoolkit.views.story import Story, at_once, values_drawn
from mrtoolkit.views.thinning import thinned_places
from mrtoolkit.views.trial_table import best_name, shown_params
from mrtoolkit.views.words import clipped, counted, label, params_text

_POINTS = 6_000
_STEPS = 2_000  # of the best so far
_BOXES = 400
_DIGITS = 7
_LETTERS = 40  # of a name in a sentence
_APART = 1_000.0  # times as far apart as they are drawn: categories
_NARROWEST = 0.045  # of the map: how far a trial's colour carries at least


def replay_data(story: Story) -> dict[str, Any]:
    """Return a search as plain JSON: what the player draws, and nothing that it must compute from the study."""
    data, points = story.convergence, story.points
    shown = _shown(story)
    low, high, beyond = values_drawn(story)
    known = points["value"].to_numpy()[np.isfinite(points["value"].to_numpy())]
    coarse = shown[(points["level"] == points["level"].min()).to_numpy()[shown]]
    x, y = story.x.share(points["x"].to_numpy()), story.y.share(points["y"].to_numpy())
    palette = [*Viridis256[::4], Viridis256[-1]]
    return {
        "objective": story.study.value_name,
        "bestName": best_name(story.study),
        "isPercent": UNITS.get(story.study.value_name, "").startswith("fraction"),
        "sign": 1 if story.study.direction == "maximize" else -1,
        "count": len(story.study),
        "isMap": story.is_map,
        "number": (shown + 1).tolist(),
        "level": points["level"].to_numpy()[shown].tolist(),
        "x": _plain(points["x"].to_numpy()[shown]),
        "y": _plain(points["y"].to_numpy()[shown]),
        "value": _plain(data["value"].to_numpy()[shown]),
        "counts": [int(v) for v in np.isfinite(points["value"].to_numpy()[shown])],
        "notCounted": not_counted(story.study),
        "steps": _steps(story),
        "levels": _levels(story),
        "keys": [list(look) for look in dict.fromkeys(story.looks)],
        "stages": [
            {"level": s.level, "first": s.first, "last": s.last, "view": list(s.view), "words": s.words,
             "outcome": s.outcome} for s in stages(story)
        ],
        "ending": ending(story),
        "boxes": _boxes(story),
        "steering": steering(story.study),
        "axes": [axis_data(story.x), axis_data(story.y)],
        "values": [low, high],
        "beyond": beyond,
        "scale": [float(known.min()), float(known.max())] if known.size else None,
        "palette": palette if story.study.direction == "maximize" else palette[::-1],
        "apart": story.apart,
        "reach": _reach(story, x[coarse], y[coarse]) if story.is_map else 0.1,
        "best": _candidate(story, story.best),
        "plateau": None if story.same() else _candidate(story, story.plateau),
        "note": _note(story, shown.size, beyond),
    }  # fmt: skip


def steering(study: Study) -> list[dict[str, Any]]:
    """Return what somebody asked of the search on its way: after how many trials, and what, in words."""
    found = []
    for wish in study.steering:
        words = f"{counted(int(wish['trials']), 'trial')} more"
        if wish["bounds"] is not None:
            ends = ((clipped(name, _LETTERS), *map(label, pair)) for name, pair in wish["bounds"].items())
            spans = (f"{name} {low} to {high}" for name, low, high in ends)
            words = f"a look into {', '.join(spans)}"
        found.append({"after": int(wish["after"]), "words": words})
    return found


def _shown(story: Story) -> np.ndarray:
    """Return the trials that the page holds: all, or what stands out and an even choice of the others."""
    count = len(story.study)
    if count <= _POINTS:
        return np.arange(count)
    values = story.points["value"].to_numpy()
    extremes = thinned_places(values, _POINTS // 2)
    even = np.linspace(0, count - 1, _POINTS // 3).round().astype(int)
    sign = 1.0 if story.study.direction == "maximize" else -1.0
    ranked = np.argsort(np.where(np.isfinite(values), -sign * values, np.inf), kind="stable")[: _POINTS // 10]
    firsts = story.bands["first"].to_numpy()[:_STEPS] - 1
    return np.unique(np.concatenate([extremes, even, ranked, firsts, _improved(story)[0]]))


def _improved(story: Story) -> tuple[np.ndarray, bool]:
    """Return the trials that were better than all before, and whether that is all of them."""
    found = np.flatnonzero(story.convergence["improved"].to_numpy())
    if found.size <= _STEPS:
        return found, True
    return found[np.unique(np.linspace(0, found.size - 1, _STEPS).round().astype(int))], False


def _steps(story: Story) -> list[list[Any]]:
    """Return [number, best so far, its parameters in words] where the best so far changed."""
    rows, best = _improved(story)[0], story.convergence["best"].to_numpy()
    texts = shown_params(story.study, rows)
    return [[int(i) + 1, float(best[i]), story.value_text(float(best[i])), t] for i, t in zip(rows, texts, strict=True)]


def _levels(story: Story) -> list[dict[str, Any]]:
    """Return a row a level; what its row in the table says where it has ended."""
    rows = {i: row for i, row in enumerate(story.study.rows) if row.level == story.names[i]}
    found = []
    for i, name in enumerate(story.names):
        part = story.points[story.points["level"] == i]["value"]
        best = part.max() if story.study.direction == "maximize" else part.min()
        row = rows.get(i)
        found.append(
            {
                "name": name,
                "colour": story.looks[i][1],
                "trials": len(part),
                "atOnce": at_once(story.study, i),
                "reused": None if row is None else row.reused,
                "computed": None if row is None else row.features_computed,
                "known": None if row is None else row.features_reused,
                "best": story.value_text(float(best)) if part.notna().any() else "–",
            }
        )
    return found


def _boxes(story: Story) -> list[list[Any]]:
    """Return [level, left, right, bottom, top, first, place in its level, is steered] of each box."""
    own = ~story.boxes["is_steered"].astype(bool)
    boxes = story.boxes.assign(place=own.groupby(story.boxes["level"]).cumsum() - 1)
    if len(boxes) > _BOXES:
        boxes = boxes[boxes.groupby("level").cumcount(ascending=False) < _BOXES // max(len(story.names), 1)]
    columns = ["level", "left", "right", "bottom", "top", "first", "place", "is_steered"]
    return [
        [int(level), *(round(float(edge), 10) for edge in edges), int(first), int(place), int(steered)]
        for level, *edges, first, place, steered in boxes[columns].itertuples(index=False)
    ]


def _candidate(story: Story, found: Candidate | None) -> dict[str, Any] | None:
    if found is None:
        return None
    x, y = (value if math.isfinite(value) else None for value in story.place(found))
    return {"x": x, "y": y, "value": story.value_text(found.value), "words": params_text(found.active)}


def _note(story: Story, shown: int, beyond: int) -> str:
    """Return what of the search is not drawn."""
    count, parts = len(story.study), []
    if shown < count:
        exact = "the counts and the best" if _improved(story)[1] else "the counts and the last best"
        parts.append(f"{shown:,} of {counted(count, 'trial')} are drawn; {exact} are of all")
    if beyond:
        parts.append(f"{counted(beyond, 'trial')} far beyond the others {'is' if beyond == 1 else 'are'} at the edge")
    more = len(story.study.space) - 2
    if more > 0:
        words = "parameter is" if more == 1 else "parameters are"
        parts.append(f"{more} more {words} not on the map: of equal places the best is shown")
    without = int(story.points[["x", "y"]].isna().any(axis=1).sum()) if story.is_map and not story.apart else 0
    if without:
        words = "is" if without == 1 else "are"
        both = " and ".join(clipped(axis.name, _LETTERS) for axis in (story.x, story.y))
        parts.append(f"{counted(without, 'trial')} without both {both} {words} not on the map")
    words = "; ".join(parts)
    return f"{words[:1].upper()}{words[1:]}." if words else ""


def _reach(story: Story, x: np.ndarray, y: np.ndarray) -> float:
    """Return how far a trial's colour carries, in sides of the map: a little more than to its neighbours.

    Parameters
    ----------
    x, y : (trial,)
        Those of the coarsest level, in shares of the axes.
    """
    # the next category is no neighbour
    points = np.column_stack([x, y]) * [_APART if axis.categories else 1.0 for axis in (story.x, story.y)]
    points = np.unique(points[np.isfinite(points).all(axis=1)], axis=0)
    if len(points) < 2:
        return LONE
    return float(np.clip(REACH * np.median(neighbour_distances(points)), _NARROWEST, WIDEST))


def _plain(values: np.ndarray) -> list[float | None]:
    """Return numbers as short as they can be without moving a point by a pixel; None where there is none."""
    return [float(f"{v:.{_DIGITS}g}") if math.isfinite(v) else None for v in values.tolist()]
