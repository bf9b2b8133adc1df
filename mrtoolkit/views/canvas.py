"""Drawing on pixels with Pillow alone: shapes at three times the size and then made smaller, so that lines are smooth.

No browser and no plotting library is asked, so that a study has its picture wherever Python runs, equal to the byte.
"""

from __future__ import annotations

import io
import math
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

_FINER = 3  # times, in each direction
_TYPE = 4  # times, for text
_DOT = 3.0  # pixels
_PLAIN = {"−": "-", "–": "-", "—": "-", "\u00a0": " ", "\u2009": " ", "∞": "inf", "×": "x", "’": "'"}

Point = tuple[float, float]


class Canvas:
    """A rectangle of pixels to draw on, in units of the finished picture.

    Parameters
    ----------
    width, height : int
        Pixels of the finished picture.
    paper : str
        Colour of what nothing is drawn on.
    """

    def __init__(self, width: int, height: int, paper: str) -> None:
        self.width, self.height, self.paper = width, height, paper
        self._image = Image.new("RGB", (width * _FINER, height * _FINER), paper)
        self._pen = ImageDraw.Draw(self._image, "RGBA")
        self._texts: list[tuple[Image.Image, tuple[int, int], str]] = []

    def line(self, points: Sequence[Point], colour: str, width: float = 1.0, alpha: float = 1.0) -> None:
        """Draw a line through points."""
        if len(points) > 1:
            self._pen.line(_flat(points), _ink(colour, alpha), max(round(width * _FINER), 1), joint="curve")

    def box(
        self, left: float, top: float, right: float, bottom: float, *,
        fill: str | None = None, line: str | None = None, width: float = 1.0, alpha: float = 1.0,
    ) -> None:  # fmt: skip
        """Draw a rectangle, filled, outlined, or both."""
        a, b, c, d = (round(v * _FINER) for v in (left, top, right, bottom))
        ends = (a, b, max(c - 1, a), max(d - 1, b))
        if fill is not None:
            self._pen.rectangle(ends, fill=_ink(fill, alpha))
        if line is not None:
            outline = _ink(line, alpha)
            self._pen.rectangle(ends, outline=outline, width=max(round(width * _FINER), 1))

    def dotted_box(self, left: float, top: float, right: float, bottom: float, colour: str, width: float = 2.0) -> None:
        """Draw the outline of a rectangle in dots as long as the gaps between them."""
        step = 2 * _DOT
        for y in (top, bottom):
            for x in np.arange(left, right, step).tolist():
                self.line([(x, y), (min(x + _DOT, right), y)], colour, width)
        for x in (left, right):
            for y in np.arange(top, bottom, step).tolist():
                self.line([(x, y), (x, min(y + _DOT, bottom))], colour, width)

    def dot(
        self, at: Point, radius: float, colour: str, *, alpha: float = 1.0, ring: str | None = None, width: float = 0.7
    ) -> None:
        """Draw a filled circle, with a ring of another colour round it."""
        x, y, r = at[0] * _FINER, at[1] * _FINER, radius * _FINER
        outline = None if ring is None else _ink(ring, alpha)
        ends = (x - r, y - r, x + r, y + r)
        self._pen.ellipse(ends, fill=_ink(colour, alpha), outline=outline, width=max(round(width * _FINER), 1))

    def cross(self, at: Point, radius: float, colour: str, *, alpha: float = 1.0) -> None:
        """Draw an x."""
        (x, y), r = at, radius
        self.line([(x - r, y - r), (x + r, y + r)], colour, 1.2, alpha)
        self.line([(x - r, y + r), (x + r, y - r)], colour, 1.2, alpha)

    def shape(self, at: Point, corners: Iterable[Point], colour: str, ring: str, width: float = 1.0) -> None:
        """Draw a polygon round a place, with a ring of another colour outside it."""
        placed = [(at[0] + x, at[1] + y) for x, y in corners]
        self._pen.line(_flat([*placed, *placed[:2]]), ring, round(2 * width * _FINER), joint="curve")
        self._pen.polygon(_flat(placed), fill=colour)

    def pixels(self, values: np.ndarray, left: float, top: float, width: float, height: float) -> None:
        """Lay an image (row, column, 3) of bytes over a rectangle, its first row on top."""
        size = (round(width * _FINER), round(height * _FINER))
        laid = Image.fromarray(np.ascontiguousarray(values, dtype=np.uint8)).resize(size, Image.Resampling.NEAREST)
        self._image.paste(laid, (round(left * _FINER), round(top * _FINER)))

    def panel(self, width: int, height: int) -> Canvas:
        """Return a canvas of its own, for what must not be drawn over its border; see `lay`."""
        return Canvas(width, height, self.paper)

    def lay(self, panel: Canvas, left: int, top: int) -> None:
        """Put a panel in its place."""
        self._image.paste(panel._image, (left * _FINER, top * _FINER))
        self._texts += [(mask, (x + left, y + top), colour) for mask, (x, y), colour in panel._texts]

    def text(
        self, at: Point, words: str, colour: str, *,
        size: float = 12.0, anchor: str = "ls", is_bold: bool = False, is_upright: bool = False,
    ) -> None:  # fmt: skip
        """Write a line; `anchor` is Pillow's: l, m or r, then a (above), m, s (base line) or d; upright: from below."""
        mask, (x, y) = _written(plain(words), size, anchor, is_bold=is_bold)
        if is_upright:
            mask = mask.transpose(Image.Transpose.ROTATE_90)
            x, y = y, -x - mask.height
        self._texts.append((mask, (round(at[0] + x), round(at[1] + y)), colour))

    def image(self) -> Image.Image:
        """Return the finished picture."""
        found = self._image.reduce(_FINER)
        for mask, place, colour in self._texts:
            found.paste(Image.new("RGB", mask.size, colour), place, mask)
        return found


def png(image: Image.Image, colours: np.ndarray) -> bytes:
    """Return a picture as PNG in the given colours (colour, 3), at most 256: equal bytes for equal pictures.

    Every pixel takes the nearest of them. They are given, as those that a picture's own pixels would choose leave out
    what is small: a mark, the ends of a scale.
    """
    from scipy.spatial import cKDTree  # Pillow's own way to the nearest colour rounds, and misses a mark's by one

    packed = np.asarray(image, dtype=np.int64) @ np.array([65_536, 256, 1])
    different, where = np.unique(packed, return_inverse=True)
    apart = np.column_stack([different >> 16, (different >> 8) & 255, different & 255])
    nearest = np.asarray(cKDTree(colours).query(apart)[1], dtype=np.uint8)
    held = Image.fromarray(nearest[where].reshape(packed.shape), mode="P")
    held.putpalette(np.asarray(colours, dtype=np.uint8).tobytes())
    file = io.BytesIO()
    held.save(file, format="PNG", optimize=True)
    return file.getvalue()


def text_width(words: str, size: float = 12.0, *, is_bold: bool = False) -> float:
    """Return how wide a line is, in pixels."""
    return float(_font(size).getlength(plain(words)) / _TYPE) + (1.0 if is_bold else 0.0)


def shortened(words: str, width: float, size: float = 12.0, *, is_bold: bool = False) -> str:
    """Return as much of a line as fits, with dots where it was cut."""
    if text_width(words, size, is_bold=is_bold) <= width:
        return words
    kept = words
    while kept and text_width(f"{kept}…", size, is_bold=is_bold) > width:
        kept = kept[:-1]
    return f"{kept.rstrip(' ,;:')}…"


def folded(words: str, width: float, size: float = 12.0, *, lines: int = 2, is_bold: bool = False) -> list[str]:
    """Return a sentence over as many lines as it needs, at most `lines`."""
    found: list[str] = []
    rest = words.split(" ")
    while rest and len(found) < lines - 1:
        count = len(rest)
        while count > 1 and text_width(" ".join(rest[:count]), size, is_bold=is_bold) > width:
            count -= 1
        found.append(" ".join(rest[:count]))
        rest = rest[count:]
    return [shortened(line, width, size, is_bold=is_bold) for line in [*found, " ".join(rest)] if line]


def plain(words: str) -> str:
    """Return text in the letters that Pillow's own font has; accents are left out, and what is left is a question."""
    simple = unicodedata.normalize("NFKD", "".join(_PLAIN.get(c, c) for c in words))
    return "".join(c if _has(c) else "?" for c in simple if not unicodedata.combining(c))


def star(radius: float) -> list[Point]:
    """Return the corners of a star with five points."""
    radii = [radius if i % 2 == 0 else 0.45 * radius for i in range(10)]
    return [(r * math.sin(i * math.pi / 5), -r * math.cos(i * math.pi / 5)) for i, r in enumerate(radii)]


def diamond(radius: float) -> list[Point]:
    """Return the corners of a square that stands on one of them."""
    return [(0.0, -radius), (0.78 * radius, 0.0), (0.0, radius), (-0.78 * radius, 0.0)]


@lru_cache(maxsize=32)
def _font(size: float) -> ImageFont.FreeTypeFont:
    found = ImageFont.load_default(size * _TYPE)
    if not isinstance(found, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType and has no letters of this size; install its wheel.")
    return found


@lru_cache(maxsize=512)
def _has(letter: str) -> bool:
    """Return whether the font has a letter: one that it has not looks like one that no font has."""
    font = _font(12.0)
    return letter == " " or bytes(font.getmask(letter)) != bytes(font.getmask("\ufffe"))


def _written(words: str, size: float, anchor: str, *, is_bold: bool) -> tuple[Image.Image, Point]:
    """Return a line as coverage, and where its corner stands from the place it is anchored at."""
    font, stroke = _font(size), 1 if is_bold else 0  # the font has one weight: a quarter of a pixel more is the other
    left, top, right, bottom = (v / _TYPE for v in font.getbbox(words, anchor=anchor, stroke_width=stroke))
    x, y = math.floor(left), math.floor(top)
    mask = Image.new("L", ((math.ceil(right) - x + 1) * _TYPE, (math.ceil(bottom) - y + 1) * _TYPE))
    pen = ImageDraw.Draw(mask)
    pen.text((-x * _TYPE, -y * _TYPE), words, fill=255, font=font, anchor=anchor, stroke_width=stroke)
    return mask.reduce(_TYPE), (x, y)


def _flat(points: Iterable[Point]) -> list[Point]:
    return [(x * _FINER, y * _FINER) for x, y in points]


def _ink(colour: str, alpha: float) -> tuple[int, ...]:
    return (*ImageColor.getrgb(colour)[:3], round(255 * alpha))
