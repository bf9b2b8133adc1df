"""How much each parameter matters, as bars."""

from __future__ import annotations

import numpy as np
import pandas as pd
from bokeh.core.properties import value as bokeh_value
from bokeh.models import ColumnDataSource, Range1d
from bokeh.plotting import figure

from mrtoolkit.search.importance import importance as shares_of
from mrtoolkit.search.study import Study
from mrtoolkit.views.still import held_still
from mrtoolkit.views.theme import BLUE, FONT, GREY, add_hover, percent_axis, themed_figure
from mrtoolkit.views.words import clipped

_BAR = 34  # pixels
_LETTERS = 22


def importance_data(study: Study, *, seed: int = 0) -> pd.DataFrame:
    """Return `share` by parameter, largest first: of the objective's variance over the space, interactions included.

    The shares are those of `mrt.search.importance`, which see for what they mean.

    Raises
    ------
    StudyError
        If fewer than ten trials count.
    """
    study = held_still(study)
    return shares_of(study, seed=seed).rename("share").rename_axis("parameter").reset_index()


def importance(study: Study, *, seed: int = 0, height: int | None = None) -> figure:
    """Return a bar a parameter: which share of the objective's variance over the space goes with it.

    Raises
    ------
    StudyError
        If fewer than ten trials count.
    """
    study = held_still(study)
    return importance_figure(study, importance_data(study, seed=seed), height=height)


def importance_figure(study: Study, data: pd.DataFrame, *, height: int | None = None) -> figure:
    """Return the figure of `importance_data`, for who has it already."""
    names = [clipped(name, _LETTERS) for name in data["parameter"]]
    plot = themed_figure(
        title=f"{data['parameter'][0]} matters most to {study.value_name}",
        x_label=f"Share of {study.value_name}'s variance over the space", y_label="",
        height=110 + _BAR * len(names) if height is None else height, y_range=list(reversed(names)),
        x_range=Range1d(0.0, max(0.25, 1.2 * float(data["share"].max()))), along="width",
    )  # fmt: skip
    texts = [f"{100 * share:.0f} %" for share in data["share"]]
    source = ColumnDataSource({"name": names, "share": data["share"].to_numpy(), "text": texts})
    bars = plot.hbar("name", right="share", height=0.62, source=source, fill_color=BLUE, line_color=None)
    plot.text(
        "share", "name", "text", source=source, x_offset=6, text_baseline="middle", text_color=GREY,
        text_font=bokeh_value(FONT), text_font_size="12px",
    )  # fmt: skip
    plot.ygrid.visible = False
    percent_axis(plot.xaxis[0])
    add_hover(plot, [bars], [("Parameter", "@name"), ("Share", "@share{0.0%}")])
    return plot


def importance_sentence(data: pd.DataFrame) -> str:
    """Return what the bars of `importance_data` say, for who cannot see them."""
    texts = [f"{name} {100 * share:.0f} %" for name, share in zip(data["parameter"], data["share"], strict=True)]
    more = " Shares add up to more than 100 %, as parameters act together." if data["share"].sum() > 1.05 else ""
    idle = data["parameter"][np.asarray(data["share"]) < 0.02].tolist()
    without = f" {', '.join(idle)} hardly matter{'s' if len(idle) == 1 else ''}." if idle else ""
    return f"Share of the objective's variance that goes with each parameter: {', '.join(texts[:12])}.{more}{without}"
