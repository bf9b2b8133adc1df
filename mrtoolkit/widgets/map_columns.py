"""The columns of the map's sources, and small questions of what stands where."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from bokeh.models import Range1d

from mrtoolkit.maps.level_boxes import Box
from mrtoolkit.maps.scale import Scale
from mrtoolkit.widgets.changing_source import ChangingSource
from mrtoolkit.widgets.model import Mark


def hover_field(column: str, scale: Scale) -> str:
    """Return what the hover shows of a place: the number, or for a category its name."""
    return f"@{column}_text" if scale.categories else f"@{column}{{0,0.[0000]}}"


def category_names(scale: Scale | None, places: np.ndarray) -> np.ndarray:
    """Return the names of places on an axis of categories; nothing on one of numbers, which are their own names."""
    named = () if scale is None else scale.categories
    if not named:  # bytes that nobody reads: 2,000 empty texts took half of the time that a message takes to write
        return np.zeros(len(places), dtype=np.uint8)
    return np.array([named[int(place)] for place in places], dtype=object)


def box_columns(boxes: list[Box], span: Range1d, shown: int | None) -> dict[str, Any]:
    """Return rectangles: strong in a level's last round, most of all of the level that is shown, else thin and faint.

    Those of its last round come first.
    """
    boxes = sorted(boxes, key=lambda box: not box.is_last)
    last = np.array([box.is_last for box in boxes], dtype=bool)
    is_shown = np.array([box.level == shown for box in boxes], dtype=bool)
    strong = is_shown | (shown is None)
    edges = np.array([(box.left, box.right, box.bottom, box.top) for box in boxes], dtype=float).reshape(-1, 4)
    return {
        **edge_columns(edges, span),
        "alpha": np.where(last, np.where(strong, 1.0, 0.6), np.where(strong, 0.18, 0.12)),
        "width": np.where(last, np.where(strong, 2.2, 1.5), 1.0),
        "fill": np.where(last & is_shown, 0.06, 0.0),
    }  # fmt: skip


def edge_columns(edges: np.ndarray, span: Range1d) -> dict[str, np.ndarray]:
    """Return the columns of rectangles; over one parameter they are as high as the picture."""
    bottom, top = edges[:, 2], edges[:, 3]
    return {
        "left": edges[:, 0], "right": edges[:, 1],
        "bottom": np.where(np.isnan(bottom), span.start, bottom), "top": np.where(np.isnan(top), span.end, top),
    }  # fmt: skip


def put_mark(source: ChangingSource, mark: Mark | None) -> None:
    """Make a source hold one mark, or none where there is none on this map."""
    places = [] if mark is None or not math.isfinite(mark.x) or not math.isfinite(mark.y) else [mark]
    source.update(x=np.array([m.x for m in places]), y=np.array([m.y for m in places]))


def apart(places: np.ndarray, place: float, span: Range1d, *, is_log: bool) -> np.ndarray:
    """Return how far places are from one, in fractions of what the axis shows."""
    if is_log:
        return np.asarray(np.log(places / place) / math.log(span.end / span.start))
    return np.asarray((places - place) / (span.end - span.start))
