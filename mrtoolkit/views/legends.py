"""Legends above the picture, where they hide nothing; marks have one of their own, in which they can be seen."""

from __future__ import annotations

import math
from collections.abc import Mapping

from bokeh.models import GlyphRenderer
from bokeh.models.annotations import Legend, LegendItem
from bokeh.plotting import figure

from mrtoolkit.views.theme import FONT, GREY, SIZE

_LINE, _LETTER, _SPACING = 336, 7, 12  # pixels: a line of a telephone, a letter, what parts two items
_MARKS = "marks"
_MARK = 36  # pixels of a mark's sign: in a legend bokeh draws a marker at 0.4 of it, whatever its size


def style_legend(plot: figure, *, glyph: int = 20) -> None:
    """Lay the legend in a line above the picture; a click hides a line. Of marks, there is another (`add_marks`)."""
    for legend in plot.legend:
        if legend.name != _MARKS:
            _dress(legend, glyph)
        if legend in plot.center:
            plot.center.remove(legend)
            plot.add_layout(legend, "above")


def add_marks(plot: figure, marks: Mapping[str, GlyphRenderer]) -> Legend:
    """Add the legend of single marks, by their names; nothing else of the figure may ask for a `legend_label` after."""
    items = [LegendItem(label=name, renderers=[renderer]) for name, renderer in marks.items()]
    legend = Legend(items=items, name=_MARKS)
    _dress(legend, _MARK)
    plot.add_layout(legend, "above")
    return legend


def _dress(legend: Legend, glyph: int) -> None:
    legend.background_fill_alpha = 0.0
    legend.border_line_color = None
    legend.label_text_font = FONT
    legend.label_text_font_size = SIZE
    legend.label_text_color = GREY
    legend.orientation = "horizontal"
    legend.ncols = _columns([text for item in legend.items if (text := str(item.label.value))], glyph)
    legend.padding = 2
    legend.margin = 2
    legend.spacing = _SPACING
    legend.click_policy = "hide"
    legend.glyph_width = legend.glyph_height = glyph


def _columns(labels: list[str], glyph: int) -> int:
    """Return over how many columns a legend with signs of `glyph` pixels fits a telephone."""
    width = sum(_LETTER * len(label) + glyph + _SPACING for label in labels)
    return max(1, math.ceil(len(labels) / max(1, math.ceil(width / _LINE))))
