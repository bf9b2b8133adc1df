"""The right plot of the picture: the map of two parameters with what each level looked into, or the curve of one."""

from __future__ import annotations

import math

import numpy as np

from mrtoolkit.maps.heat import Raster
from mrtoolkit.views.canvas import Canvas, diamond, folded, shortened, star, text_width
from mrtoolkit.views.picture_look import FADES, POINTS, SCALE, Frame, Look, colours_of, drawn_places, rgb
from mrtoolkit.views.story import MapAxis, Story
from mrtoolkit.views.theme import PURPLE, SKY, VERMILLION
from mrtoolkit.views.ticks import tick_labels, ticks
from mrtoolkit.views.words import counted

_SIDE = 240  # cells of the heat
_SIDE_OF_MANY = 80  # where there are more trials than are drawn: each pixel would be another trial's


def draw_map(canvas: Canvas, story: Story, look: Look, frame: Frame) -> None:
    """Draw the objective over two parameters, or over the one, with the boxes of each level."""
    width, height = frame.width, frame.height
    words = f"{story.study.value_name} over {story.x.name}" + (f" and {story.y.name}" if story.is_map else "")
    more = len(story.study.space) - 2
    words += f" ({counted(more, 'more parameter')} not shown)" if more > 0 else ""
    canvas.text((frame.left, frame.top - 8), shortened(words, width + 50, 12.5), look.ink, size=12.5)
    plot = canvas.panel(width, height)
    places = np.column_stack(
        [
            story.x.share(story.points["x"].to_numpy()) * width,
            (1 - story.y.share(story.points["y"].to_numpy())) * height,
        ]
    )
    if story.is_map:
        plot.pixels(_heat(story, look), 0, 0, width, height)
        _draw_places(plot, look, places)
        _draw_boxes(plot, story, look)
    else:
        _draw_curve(plot, story, look, places)
    _mark(plot, story, look)
    lines = folded(story.apart, width - 24, 12, lines=3) if story.apart else []
    for i, line in enumerate(lines):
        plot.text((width / 2, height / 2 + 18 * (i - (len(lines) - 1) / 2)), line, look.ink, anchor="mm")
    canvas.lay(plot, frame.left, frame.top)
    canvas.box(frame.left, frame.top, frame.left + width, frame.bottom, line=look.line, width=1)
    _draw_axis(canvas, story.x, look, frame)
    _draw_upright_axis(canvas, story.y, look, frame)


def draw_colour_scale(canvas: Canvas, story: Story, look: Look, frame: Frame) -> None:
    """Draw right of the map which colour is which value, bright where it is good."""
    left, top, height = frame.left + frame.width + 12, frame.top, frame.height
    known = story.points["value"].to_numpy()
    known = known[np.isfinite(known)]
    if known.size == 0:
        return
    low, high = float(known.min()), float(known.max())
    ramp = SCALE if story.study.direction == "maximize" else SCALE[::-1]
    rows = ramp[np.linspace(255, 0, height).round().astype(int)][:, None, :]
    canvas.pixels(np.repeat(rows, 10, axis=1), left, top, 10, height)
    found = ticks(low, high, max(height // 56, 2)) if high > low else [low]
    for value, words in zip(found, tick_labels(found, is_short=True), strict=True):
        y = top + height * (1 - (value - low) / (high - low)) if high > low else top + height / 2
        canvas.line([(left + 10, y), (left + 14, y)], look.soft)
        canvas.text((left + 17, y), words, look.soft, size=11, anchor="lm")


def _heat(story: Story, look: Look) -> np.ndarray:
    """Return the pixels of the map (row, column, 3), the first row on top; as a live view shows it, only finer."""
    points, value = story.points, story.points["value"].to_numpy()
    sign = 1.0 if story.study.direction == "maximize" else -1.0
    side = _SIDE if len(points) <= POINTS else _SIDE_OF_MANY
    rows, columns = (min(len(axis.categories), side) or side for axis in (story.y, story.x))
    raster = Raster(rows, columns, has_categories=(bool(story.y.categories), bool(story.x.categories)))
    raster.add(
        story.x.share(points["x"].to_numpy()),
        story.y.share(points["y"].to_numpy()),
        scores=np.where(np.isfinite(value), sign * value, -np.inf),
        values=value,
        levels=points["level"].to_numpy(),
    )
    values, opacity = raster.image()
    share = (opacity * FADES).round()[..., None] / FADES
    colour = colours_of(values, value, story.study.direction)
    colour = np.where(np.isnan(colour), rgb(look.none), colour)
    found: np.ndarray = (share * colour + (1 - share) * rgb(look.paper)).round()[::-1]
    return found


def _draw_places(plot: Canvas, look: Look, places: np.ndarray) -> None:
    """Draw a point a trial, small where they are many."""
    if len(places) > POINTS:
        return  # they would hide what they stand on
    radius = 1.7 if len(places) <= 600 else 1.2
    for x, y in places[np.isfinite(places).all(axis=1)].tolist():
        plot.dot((x, y), radius, look.paper, alpha=0.75, ring=look.rim, width=0.5)


def _draw_boxes(plot: Canvas, story: Story, look: Look) -> None:
    """Draw the boxes, the last round of each level strong, the rounds before it faint, coarse levels first."""
    boxes, colours = story.boxes, [colour for _, colour in story.looks]
    rounds = boxes.drop_duplicates(["level", "left", "right", "bottom", "top"], keep="last")
    for is_strong in (False, True):
        part = rounds[rounds["is_last"] == is_strong].sort_values("is_steered", kind="stable")  # those on top
        across = np.clip(story.x.share(part[["left", "right"]].to_numpy(dtype=float)), 0, 1) * plot.width
        down = (1 - np.clip(story.y.share(part[["top", "bottom"]].to_numpy(dtype=float)), 0, 1)) * plot.height
        looks = np.array(colours)[part["level"].to_numpy(dtype=int)].tolist()
        steered = part["is_steered"].to_numpy(dtype=bool).tolist()
        for colour, is_steered, (a, b), (c, d) in zip(looks, steered, across.tolist(), down.tolist(), strict=True):
            if is_strong:
                plot.box(a - 1, c - 1, b + 1, d + 1, line=look.paper, width=4, alpha=0.8)
            if is_steered:  # as in the live view: blue are the levels that were added
                plot.dotted_box(a, c, b, d, VERMILLION)
            elif is_strong:
                plot.box(a, c, b, d, line=colour, width=2)
            else:
                plot.box(a, c, b, d, line=colour, width=0.67, alpha=0.5)


def _draw_curve(plot: Canvas, story: Story, look: Look, places: np.ndarray) -> None:
    """Draw the objective over the one parameter."""
    points, colours = story.points, [colour for _, colour in story.looks]
    for value in story.y.ticks(max(plot.height // 48, 3))[0]:
        y = float((1 - story.y.share(np.array(value))) * plot.height)
        plot.line([(0, y), (plot.width, y)], look.line, 0.67)
    known = np.flatnonzero(np.isfinite(points["value"].to_numpy()))
    order = known[np.argsort(places[known, 0], kind="stable")]
    if not story.x.categories:
        plot.line([tuple(p) for p in places[order].tolist()], SKY, 1.4, 0.8)
    levels = points["level"].to_numpy()
    shown = known[drawn_places(points["value"].to_numpy()[known])] if known.size else known
    for i in shown.tolist():
        plot.dot(tuple(places[i].tolist()), 2.6, colours[levels[i]], alpha=0.85)
    for i in np.flatnonzero(~np.isfinite(points["value"].to_numpy()))[:POINTS].tolist():
        plot.line([(places[i, 0], plot.height - 6), (places[i, 0], plot.height)], look.soft, 1.0, 0.8)


def _mark(plot: Canvas, story: Story, look: Look) -> None:
    """Mark the plateau with a diamond and the best with a star, one star where they are one."""
    both = [(story.best, star(11), VERMILLION)]
    if not story.same():
        both.insert(0, (story.plateau, diamond(10), PURPLE))
    for found, corners, colour in both:
        x, y = (math.nan, math.nan) if found is None else story.place(found)
        if math.isfinite(x) and math.isfinite(y):
            at = float(story.x.share(np.array(x))), float(story.y.share(np.array(y)))
            plot.shape((at[0] * plot.width, (1 - at[1]) * plot.height), corners, colour, look.rim, 1.0)


def _draw_axis(canvas: Canvas, axis: MapAxis, look: Look, frame: Frame) -> None:
    left, bottom, width = frame.left, frame.bottom, frame.width
    found, words = axis.ticks(max(width // 60, 2))
    ends = -1e9
    for value, name in zip(found, words, strict=True):
        x = left + float(axis.share(np.array(value))) * width
        canvas.line([(x, bottom), (x, bottom + 4)], look.soft, 1)
        name = shortened(name, width / max(len(found), 1) - 4, 11) if axis.categories else name
        if x - text_width(name, 11) / 2 > ends + 6:  # no two names run into each other
            canvas.text((x, bottom + 7), name, look.soft, size=11, anchor="ma")
            ends = x + text_width(name, 11) / 2
    name = f"{axis.name} (log scale)" if axis.is_log else axis.name
    canvas.text((left + width / 2, bottom + 36), shortened(name, width, 12), look.soft, anchor="ms")


def _draw_upright_axis(canvas: Canvas, axis: MapAxis, look: Look, frame: Frame) -> None:
    left, top, height = frame.left, frame.top, frame.height
    found, words = axis.ticks(max(height // 44, 2))
    for value, name in zip(found, words, strict=True):
        y = top + (1 - float(axis.share(np.array(value)))) * height
        canvas.line([(left - 4, y), (left, y)], look.soft, 1)
        canvas.text((left - 7, y), shortened(name, 34, 11), look.soft, size=11, anchor="rm")
    name = f"{axis.name} (log scale)" if axis.is_log else axis.name
    canvas.text((left - 44, top + height / 2), shortened(name, height, 12), look.soft, anchor="ms", is_upright=True)
