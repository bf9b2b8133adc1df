"""When a live chart is drawn again: its model has moved on, or its page has another theme."""

from __future__ import annotations

from bokeh.plotting import figure

from mrtoolkit.views.theme import restyle
from mrtoolkit.widgets.model import SearchModel


class ChartTurn:
    """What a chart of a model has shown last: of which version, in which theme.

    Parameters
    ----------
    model : SearchModel
    plot : bokeh.plotting.figure

    Attributes
    ----------
    theme : str
        "light" or "dark".
    """

    def __init__(self, model: SearchModel, plot: figure) -> None:
        self._model, self._plot = model, plot
        self._seen = -1
        self.theme = "light"

    def has_come(self, theme: str | None) -> bool:
        """Say whether there is anything to draw; in another theme, if one is given, the figure has its look by then."""
        if theme is not None and theme != self.theme:
            self.theme = theme
            restyle(self._plot, theme)
        elif self._seen == self._model.version:
            return False
        self._seen = self._model.version
        return True
