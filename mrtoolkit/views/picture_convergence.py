"""The left plot of the picture: every trial, and the best so far."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from mrtoolkit.views.canvas import Canvas, shortened, star
from mrtoolkit.views.picture_look import Frame, Look, drawn_places
from mrtoolkit.views.story import Story, values_drawn
from mrtoolkit.views.theme import VERMILLION
from mrtoolkit.views.ticks import tick_labels, ticks


def draw_convergence(canvas: Canvas, story: Story, look: Look, frame: Frame) -> None:
    """Draw every trial and the best so far, the levels as bands."""
    data, count = story.convergence, len(story.study)
    left, top, width, height = frame.left, frame.top, frame.width, frame.height
    low, high, beyond = values_drawn(story)
    note = f" ({beyond:,} at the edge)" if beyond else ""
    canvas.text((left, top - 8), f"Each trial and the best so far{note}", look.ink, size=12.5)
    plot = canvas.panel(width, height)

    def across(n: Any) -> Any:
        return (n - 0.5) / count * width

    def up(v: Any) -> Any:
        return height - (np.clip(v, low, high) - low) / (high - low) * height

    for i, (a, b) in enumerate(zip(story.bands["first"], story.bands["last"], strict=True)):
        if i % 2 == 0:
            plot.box(across(a - 0.5), 0, across(b + 0.5), height, fill=look.band)
    found = ticks(low, high, max(height // 48, 3))
    for value in found:
        plot.line([(0, float(up(value))), (width, float(up(value)))], look.line, 0.67)
    _draw_trials(plot, story, look, across, up)
    best, number = data["best"].to_numpy(), data["number"].to_numpy()
    at = np.flatnonzero(data["improved"].to_numpy())
    if at.size:
        steps = [(float(across(number[i])), float(up(best[i]))) for i in at]
        corners = [steps[0]]
        for before, after in pairwise(steps):
            corners += [(after[0], before[1]), after]
        corners.append((float(width), steps[-1][1]))
        plot.line(corners, look.paper, 4.6, 0.55)
        plot.line(corners, VERMILLION, 2.4)
        plot.shape(steps[-1], star(9), VERMILLION, look.rim, 0.8)
    canvas.lay(plot, left, top)
    for value, words in zip(found, tick_labels(found, is_short=True), strict=True):
        canvas.text((left - 6, top + float(up(value))), words, look.soft, size=11, anchor="rm")
    name = shortened(story.study.value_name, height, 12)
    canvas.text((left - 44, top + height / 2), name, look.soft, anchor="ms", is_upright=True)
    _draw_numbers(canvas, look, count, frame)


def _draw_trials(plot: Canvas, story: Story, look: Look, across: Any, up: Any) -> None:
    data, colours = story.convergence, [colour for _, colour in story.looks]
    values, number = data["value"].to_numpy(), data["number"].to_numpy()
    feasible, levels = data["feasible"].to_numpy(), data["level"].to_numpy()
    shown = drawn_places(values)
    radius = 2.6 if shown.size <= 600 else 2.1
    xs, ys = across(number[shown]), up(np.where(np.isfinite(values[shown]), values[shown], np.nan))
    for x, y, i in zip(xs.tolist(), ys.tolist(), shown.tolist(), strict=True):
        if not np.isfinite(y):
            plot.line([(x, plot.height - 6), (x, plot.height)], look.soft, 1.0, 0.8)
        elif feasible[i]:
            plot.dot((x, y), radius, colours[levels[i]], alpha=0.8)
        else:
            plot.cross((x, y), 2.4, look.soft, alpha=0.8)


def _draw_numbers(canvas: Canvas, look: Look, count: int, frame: Frame) -> None:
    left, bottom, width = frame.left, frame.bottom, frame.width
    canvas.line([(left, bottom), (left + width, bottom)], look.line, 1)
    found = [v for v in ticks(0, count, max(width // 80, 2), is_whole=True) if v > 1]
    for value, words in zip([1.0, *found] if count > 1 else [1.0], ["1", *tick_labels(found)], strict=False):
        x = left + (value - 0.5) / count * width
        canvas.line([(x, bottom), (x, bottom + 4)], look.soft, 1)
        canvas.text((x, bottom + 7), words, look.soft, size=11, anchor="ma")
    canvas.text((left + width / 2, bottom + 36), "trial", look.soft, anchor="ms")
