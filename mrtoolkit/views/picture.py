"""A search in one picture, drawn by Pillow alone: what a saved notebook shows where no widget lives."""

from __future__ import annotations

from typing import Literal

from PIL import Image

from mrtoolkit.errors import StudyError, check_count, nearest
from mrtoolkit.search.study import Study
from mrtoolkit.views.canvas import Canvas, diamond, folded, png, shortened, star, text_width
from mrtoolkit.views.picture_convergence import draw_convergence
from mrtoolkit.views.picture_look import Frame, Look, legend_items, palette
from mrtoolkit.views.picture_map import draw_colour_scale, draw_map
from mrtoolkit.views.story import Story, headline, search_story, second_line

_LOOKS = {
    "light": Look(
        paper="#ffffff", ink="#20242a", soft="#59616c", line="#d5dae0", band="#f3f5f7", rim="#20242a", none="#b4b9c0"
    ),
    "dark": Look(
        paper="#14171b", ink="#e4e7eb", soft="#a2aab4", line="#363d46", band="#1d2127", rim="#0b0d10", none="#5d646d"
    ),
}
_EDGE = 18  # pixels round the picture
_SCALE = 58  # pixels of the scale of colours, right of the map
_STACKED = 680  # width below which the map stands under the convergence
_NARROWEST, _WIDEST = 320, 3_000

Theme = Literal["light", "dark"]


def picture_png(
    study: Study,
    *,
    x: str | None = None,
    y: str | None = None,
    width: int = 1000,
    theme: Theme = "light",
    with_plateau: bool = True,
) -> bytes:
    """Return a search as a PNG: its convergence, beside it the map of two parameters with the boxes of each level.

    Parameters
    ----------
    study : Study
        With at least one trial; one that still grows is drawn as it is now.
    x, y : str, optional
        Parameters of the map; those that vary first where not given. A study of one parameter has a curve.
    width : int
        Pixels, 320 to 3,000; under 680 the map stands below.
    theme : {"light", "dark"}
    with_plateau : bool
        Whether it is marked: of many trials it takes longer to find than all else to draw.

    Returns
    -------
    bytes
        Equal for equal studies; at the default width about 40 kB.

    Raises
    ------
    StudyError
        If it is no study, has no trials, a parameter or the theme is unknown, or the width is out of range.
    """
    if theme not in _LOOKS:
        near = nearest(str(theme), tuple(_LOOKS))
        msg = f"the picture was asked for in theme={theme!r}, but there are 'light' and 'dark'{near}; give one of them."
        raise StudyError(msg)
    check_count("picture_png(width): width", width, StudyError)
    if not _NARROWEST <= width <= _WIDEST:
        msg = f"the picture was asked for {width:,} pixels wide; give a width from {_NARROWEST} to {_WIDEST:,}."
        raise StudyError(msg)
    story, look = search_story(study, x, y, with_plateau=with_plateau), _LOOKS[theme]
    return png(_drawn(story, int(width), look), palette(look))


def _drawn(story: Story, width: int, look: Look) -> Image.Image:
    inner = width - 2 * _EDGE
    title = folded(headline(story), inner, 17, lines=2, is_bold=True)
    below = folded(second_line(story), inner, 12.5, lines=2)
    legend = _legend_rows(story, look, inner)
    top = _EDGE + 22 * len(title) + 18 * len(below) + 12
    plots, bottom = _layout(width, top, _SCALE if story.is_map else 4)
    canvas = Canvas(width, bottom + 8 + 20 * len(legend) + _EDGE - 6, look.paper)
    for i, line in enumerate(title):
        canvas.text((_EDGE, _EDGE + 14 + 22 * i), line, look.ink, size=17, is_bold=True)
    for i, line in enumerate(below):
        canvas.text((_EDGE, _EDGE + 14 + 22 * len(title) + 18 * i), line, look.soft, size=12.5)
    draw_convergence(canvas, story, look, plots[0])
    draw_map(canvas, story, look, plots[1])
    if story.is_map:
        draw_colour_scale(canvas, story, look, plots[1])
    for i, row in enumerate(legend):
        _draw_legend(canvas, row, look, bottom + 20 + 20 * i)
    return canvas.image()


def _layout(width: int, top: int, scale: int) -> tuple[tuple[Frame, Frame], int]:
    """Return where the two plots stand, without their axes' words, and where all of it ends."""
    axis, names, between = 52, 42, 22
    if width < _STACKED:
        across = width - 2 * _EDGE - axis
        first = Frame(_EDGE + axis, top + between, across, round(0.55 * across))
        low = first.top + first.height + names + between + 4
        second = Frame(_EDGE + axis, low, across - scale, round(0.82 * (across - scale)))
        return (first, second), second.top + second.height + names
    across = width - 2 * _EDGE - 2 * axis - scale - 12
    height = round(min(0.72 * across / 2, 620))
    left = round(across * 0.5)
    first = Frame(_EDGE + axis, top + between, left, height)
    second = Frame(first.left + left + axis + 12, first.top, across - left, height)
    return (first, second), first.top + height + names


def _legend_rows(story: Story, look: Look, width: int) -> list[list[tuple[str, str, str]]]:
    rows: list[list[tuple[str, str, str]]] = [[]]
    used = 0.0
    for kind, colour, words in legend_items(story, look):
        needed = 34 + text_width(shortened(words, width - 34), 12)
        if rows[-1] and used + needed > width:
            rows.append([])
            used = 0.0
        rows[-1].append((kind, colour, shortened(words, width - 34)))
        used += needed
    return rows


def _draw_legend(canvas: Canvas, items: list[tuple[str, str, str]], look: Look, y: float) -> None:
    x = float(_EDGE)
    for kind, colour, words in items:
        at = (x + 8, y - 4)
        if kind == "dotted":
            canvas.dotted_box(x + 1, y - 10, x + 15, y + 2, colour)
        elif kind == "level":
            canvas.box(x + 1, y - 10, x + 15, y + 2, line=colour, width=2)
            canvas.dot(at, 2.6, colour)
        elif kind == "line":
            canvas.line([(x, y - 4), (x + 16, y - 4)], colour, 2.4)
        elif kind == "cross":
            canvas.cross(at, 3.5, colour)
        elif kind in ("star", "diamond"):
            canvas.shape(at, star(8) if kind == "star" else diamond(8), colour, look.rim, 0.8)
        canvas.text((x + 21, y), words, look.soft, size=12)
        x += 34 + text_width(words, 12)
