"""Boards whose figures have the page's light or dark look, and go with it when it changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bokeh.model import Model
from bokeh.models import Plot

from mrtoolkit.views.theme import restyle
from mrtoolkit.widgets.board import Board
from mrtoolkit.widgets.runtime import runtime


def themed_board(figures: Mapping[str, Model], **parts: Any) -> Board:
    """Return a board of figures, also of those in layouts, in the look of its page.

    The figures take it before the board has them: what is set afterwards is told to every listener, a third of the
    time that a look at a trial takes.

    Parameters
    ----------
    figures : mapping of str to bokeh model
    **parts
        As `Board` takes them.
    """
    plots = {model for each in figures.values() for model in each.references() if isinstance(model, Plot)}

    def take(theme: str) -> None:
        for plot in plots:
            restyle(plot, theme)

    take(runtime().theme)
    board = Board(figures=figures, **parts)
    board.on_theme(take)
    return board
