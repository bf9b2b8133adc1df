"""The colours of a picture, and which trials are drawn in it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from bokeh.palettes import Viridis256

from mrtoolkit.search.not_counted import not_counted
from mrtoolkit.views.story import Story
from mrtoolkit.views.theme import BLUE, LEVELS, PURPLE, VERMILLION
from mrtoolkit.views.thinning import thinned_places

POINTS = 1_500  # of each plot: more make no other picture, and a larger file
FADES = 6  # steps from a colour to the paper
SCALE = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in Viridis256], dtype=float)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The colours of a picture that are not data."""

    paper: str
    ink: str
    soft: str
    line: str
    band: str
    rim: str
    none: str


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a plot stands in the picture, in pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def bottom(self) -> int:
        """The row below it."""
        return self.top + self.height


def legend_items(story: Story, look: Look) -> list[tuple[str, str, str]]:
    """Return (kind, colour, words) of what is drawn: levels, the best so far, marks."""
    counts: Counter[tuple[str, str]] = Counter()
    for level, look_of_level in enumerate(story.looks):
        counts[look_of_level] += int((story.points["level"] == level).sum())
    items = [("level", colour, f"{name} ({n:,})") for (name, colour), n in counts.items() if n]
    if story.best is not None:
        items.append(("line", VERMILLION, "best so far"))
        items.append(("star", VERMILLION, "best and plateau" if story.same() else "best"))
    if story.plateau is not None and not story.same():
        items.append(("diamond", PURPLE, "plateau"))
    if bool(story.boxes["is_steered"].any()):
        items.append(("dotted", VERMILLION, "asked for by hand"))
    if not story.convergence["feasible"].to_numpy().all():
        items.append(("cross", look.soft, not_counted(story.study)))
    return items


def colours_of(values: np.ndarray, known: np.ndarray, direction: str) -> np.ndarray:
    """Return the colour of each value (..., 3) on the scale of those `known`; NaN where there is no value."""
    known = known[np.isfinite(known)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    share = np.full(values.shape, 0.5) if high == low else (values - low) / (high - low)
    share = np.where(np.isfinite(values), share, np.nan)
    if direction != "maximize":
        share = 1 - share
    found: np.ndarray = SCALE[np.nan_to_num(np.clip(share, 0, 1) * 255).round().astype(int)]
    found[np.isnan(share)] = np.nan
    return found


def palette(look: Look) -> np.ndarray:
    """Return the colours of a picture (colour, 3): the scale, the marks, the levels, text, and all of them fading."""
    fading = np.arange(1, FADES + 1)[:, None, None] / FADES
    paper, scale = rgb(look.paper), SCALE[np.linspace(0, 255, 84).round().astype(int)]
    marks = list(dict.fromkeys([VERMILLION, PURPLE, BLUE, *LEVELS]))
    coarse, line = SCALE[np.linspace(0, 255, 15).round().astype(int)], [rgb(c) for c in (look.ink, look.soft)]
    faded = np.concatenate([coarse, [rgb(look.none)]])[None] * fading + paper * (1 - fading)
    marked = np.array([rgb(c) for c in marks])[None] * fading[1::2] + paper * (1 - fading[1::2])
    written = np.array(line)[None] * fading + paper * (1 - fading)
    plain = np.array([rgb(c) for c in (look.paper, look.line, look.band, look.rim, look.none)])
    found = np.concatenate([plain, *written, *marked, scale, *faded]).round()
    first = np.sort(np.unique(found, axis=0, return_index=True)[1])
    return np.asarray(found[first][:256])


def drawn_places(values: np.ndarray) -> np.ndarray:
    """Return which trials to draw: of many the extremes, and an even choice of what lies between them."""
    if values.size <= POINTS:
        return np.arange(values.size)
    even = np.linspace(0, values.size - 1, POINTS // 2).round().astype(int)
    return np.union1d(thinned_places(values, POINTS // 2), even)


def rgb(colour: str) -> np.ndarray:
    """Return "#rrggbb" as three numbers."""
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], dtype=float)
