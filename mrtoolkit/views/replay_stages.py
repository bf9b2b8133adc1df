"""The stages of a search that is played again: where each looks, and what is said of it in words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mrtoolkit.search.region import Region, have_place
from mrtoolkit.views.plateau_words import SAME_WORDS, neighbours_words
from mrtoolkit.views.story import MapAxis, Story, at_once, headline, steered_regions
from mrtoolkit.views.trial_table import parameter_axis
from mrtoolkit.views.words import clipped, counted, label, params_text

_STAGES = 40  # of a search whose levels take turns, the first ones are told
_ROOM = 0.15  # of a view, beyond what it must show
_SMALLEST = 0.04  # of an axis: a closer view would show one label
_WHOLE = 0.8  # of both axes, from which a view may as well be all of the map
_NAMED = 3
_LETTERS = 40  # of a name in a sentence

View = tuple[float, float, float, float]
WHOLE: View = (0.0, 1.0, 0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stretch of trials of one level.

    Attributes
    ----------
    level, first, last : int
        The level from 0, its trials from 1.
    view : (left, right, bottom, top)
        What of the map is shown meanwhile, in shares of the axes.
    words : str
        Where it looks.
    outcome : str
        What came of it.
    """

    level: int
    first: int
    last: int
    view: View
    words: str
    outcome: str


def stages(story: Story) -> list[Stage]:
    """Return the stages of a search, in order."""
    best = story.convergence["best"].to_numpy()
    found = []
    bands = story.bands[["level", "first", "last"]].to_numpy(dtype=int)[:_STAGES].tolist()
    for place, (level, first, last) in enumerate(bands):
        if place == _STAGES - 1:
            last = len(story.study)  # what is left is told as one
        boxes = story.boxes[(story.boxes["level"] == level) & (story.boxes["first"] <= last)]
        before = float(best[first - 2]) if first > 1 else np.nan
        view, words = _view(story, level, first, last, boxes), _words(story, level, first, last)
        outcome = _outcome(story, before, float(best[last - 1]), last)
        found.append(Stage(level=level, first=first, last=last, view=view, words=words, outcome=outcome))
    return found


def ending(story: Story) -> str:
    """Return what is said in the end."""
    stopped = story.study.stopped.strip()
    why = f" It stopped: {stopped.rstrip('.')}." if stopped else " It has not ended yet."
    if story.best is None:
        return headline(story) + "." + why
    plateau = f" The best is the plateau too: {SAME_WORDS}."
    if not story.same() and story.plateau is not None:
        value, where = story.value_text(story.plateau.value), params_text(story.plateau.active)
        plateau = f" Recommended is the plateau, {value} at {where}: {neighbours_words(story.study)}."
    return f"{headline(story)}.{plateau}{why}"


def _view(story: Story, level: int, first: int, last: int, boxes: pd.DataFrame) -> View:
    """Return what of the map a stage is about: its boxes where they are of one round, else where most trials are."""
    if not story.is_map or level == 0:
        return WHOLE
    steered = boxes["is_steered"].astype(bool)
    is_one_round = bool(boxes["is_last"].all()) and not steered.any()
    shown = boxes if is_one_round else boxes[steered]  # what was asked for by hand is seen as well
    ends = [
        story.x.share(shown[["left", "right"]].to_numpy(dtype=float)).ravel(),
        story.y.share(shown[["bottom", "top"]].to_numpy(dtype=float)).ravel(),
    ]
    if not is_one_round or boxes.empty:
        middles = _middle(story, story.x, "x", first, last), _middle(story, story.y, "y", first, last)
        ends = [np.append(end, middle) for end, middle in zip(ends, middles, strict=True)]
    if not all(end.size for end in ends):
        return WHOLE
    (left, right), (bottom, top) = (_widened(float(e.min()), float(e.max())) for e in ends)
    if right - left > _WHOLE and top - bottom > _WHOLE:
        return WHOLE
    return left, right, bottom, top


def _middle(story: Story, axis: MapAxis, name: str, first: int, last: int) -> np.ndarray:
    """Return where the middle half of a stage's trials is on one axis, and the best so far: a few look elsewhere."""
    at = axis.share(story.points[name].to_numpy()[:last])
    improved = np.flatnonzero(story.convergence["improved"].to_numpy()[:last])
    found = at[improved[-1:]]
    here = at[first - 1 :][np.isfinite(at[first - 1 :])]
    quarters = np.quantile(here, [0.25, 0.75]) if here.size else here
    return np.append(quarters, found[np.isfinite(found)])


def _widened(low: float, high: float) -> tuple[float, float]:
    room = max(_ROOM * (high - low), (_SMALLEST - (high - low)) / 2)
    return max(low - room, 0.0), min(high + room, 1.0)


def _words(story: Story, level: int, first: int, last: int) -> str:
    study = story.study
    own = clipped(story.names[level], _LETTERS)
    name = f"Level {level + 1}, {own}" if not own.lower().startswith("level") else own[:1].upper() + own[1:]
    trials = counted(last - first + 1, "new trial")
    asked = steered_regions(study)
    regions = [r for r in study.regions if r.level == level and (level, r.index) not in asked]
    if not regions or _is_whole(story, regions):
        return f"{name}, looks everywhere, {_span(story)}: {trials}."
    width = at_once(study, level)
    several = len(regions) > width
    count = counted(min(width, len(regions)), "region")
    where = _around(story, regions[: min(width, _NAMED)])
    text = f"{name}, looks into {count}{' at a time' if several else ''}"
    text += f", {'first ' if several else ''}{where}" if where else ""
    text += "; they move while they improve" if several else ""
    return f"{text}: {trials}."


def _is_whole(story: Story, regions: list[Region]) -> bool:
    """Whether a level's first region holds all of the space."""
    if len(regions) > 1:
        return False
    lower, upper = regions[0].codes(story.study.space)
    return bool((lower == 0).all() and (upper == np.array(story.study.space.sizes) - 1).all())


def _shown_params(story: Story) -> list[str]:
    names = list(story.study.space)
    return names if len(names) <= _NAMED else [n for n in (story.x.name, story.y.name) if n in names]


def _span(story: Story) -> str:
    return " and ".join(_ends(story, name) for name in _shown_params(story))


def _ends(story: Story, name: str) -> str:
    axis = parameter_axis(story.study, name)
    if axis.categories:
        shown = ", ".join(clipped(category, _LETTERS) for category in axis.categories[:4])
        return f"{clipped(name, _LETTERS)} one of {shown}{', …' if len(axis.categories) > 4 else ''}"
    return f"{clipped(name, _LETTERS)} from {label(axis.ends[0])} to {label(axis.ends[1])}"


def _around(story: Story, regions: list[Region]) -> str:
    """Return where regions are: a lone one by its borders, several by their middles; by what matters there."""
    names, space = _shown_params(story), story.study.space
    if len(regions) == 1:
        region = regions[0]
        known = [name for name in names if have_place(space, [region], [name])[0]]
        return ", ".join(_borders(name, *region.bounds[name]) for name in known)
    names = [n for n in (story.x.name, story.y.name) if n in names]  # several of more would be a list to be read
    centres = [
        params_text({n: r.centre.get(n, r.bounds[n][0]) for n in names if have_place(space, [r], [n])[0]})
        for r in regions
    ]
    told = [words for words in dict.fromkeys(centres) if words]
    return f"around {'; '.join(told)}" if told else ""


def _borders(name: str, low: object, high: object) -> str:
    name, first, last = (clipped(words, _LETTERS) for words in (name, label(low), label(high)))
    return f"{name} {first}" if low == high else f"{name} from {first} to {last}"


def _outcome(story: Story, before: float, after: float, last: int) -> str:
    if not np.isfinite(after):
        return "No trial has a value that counts yet."
    place = int(np.flatnonzero(story.convergence["improved"].to_numpy()[:last])[-1])
    where = params_text(story.study.space.active_point(story.study.log.codes[place]))
    value = story.value_text(after)
    if not np.isfinite(before):
        return f"Best so far {value} at {where}."
    if before == after:
        return f"Nothing better than {value}, at {where}."
    return f"Best so far {value} at {where}; before it was {story.value_text(before)}."


def axis_data(axis: MapAxis) -> dict[str, object]:
    """Return an axis as plain JSON."""
    return {
        "name": axis.name, "low": axis.low, "high": axis.high, "log": axis.is_log, "categories": list(axis.categories),
    }  # fmt: skip
