"""The words of the figures and tables, gathered; they are defined where no plot is loaded."""

from __future__ import annotations

from mrtoolkit.backtest.metric_words import metric_name as metric_name
from mrtoolkit.backtest.metric_words import metric_text as metric_text
from mrtoolkit.words import clipped as clipped
from mrtoolkit.words import counted as counted
from mrtoolkit.words import fixed as fixed
from mrtoolkit.words import label as label
from mrtoolkit.words import number as number
from mrtoolkit.words import params_text as params_text
from mrtoolkit.words import percent as percent
from mrtoolkit.words import seconds as seconds
