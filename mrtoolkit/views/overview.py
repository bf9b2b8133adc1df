"""A study at one look, for a notebook."""

from __future__ import annotations

from bokeh.layouts import column
from bokeh.models.layouts import Column

from mrtoolkit.search.study import Study
from mrtoolkit.views.convergence import convergence
from mrtoolkit.views.regions import zooms
from mrtoolkit.views.still import held_still
from mrtoolkit.views.surface import heatmap
from mrtoolkit.views.trial_table import two_axes


def overview(study: Study, x: str | None = None, y: str | None = None) -> Column:
    """Return convergence, the zoom level by level, and the heat map, one above the other.

    Parameters
    ----------
    study : Study
        With at least one trial.
    x, y : str, optional
        Parameters of the maps; those that vary first where not given.

    Raises
    ------
    StudyError
        If the study has no trials or a parameter is unknown.
    """
    study = held_still(study)
    _, y_axis = two_axes(study, x, y)
    maps = [zooms(study, x, y)] if y_axis is not None else []
    layout: Column = column([convergence(study), *maps, heatmap(study, x, y)], sizing_mode="stretch_width", spacing=12)
    return layout
