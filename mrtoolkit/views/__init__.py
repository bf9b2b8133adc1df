"""Figures of studies and trials, as bokeh models: pure functions of results; and the HTML report made of them.

Each picture `x(...)` has its numbers beside it, `x_data(...)`, which need no plot.
"""

from .best_table import best_text as best_text
from .cells import heatmap_data as heatmap_data
from .convergence import convergence as convergence
from .convergence import convergence_data as convergence_data
from .convergence import level_bands as level_bands
from .equity import buy_and_hold as buy_and_hold
from .equity import equity as equity
from .equity import equity_data as equity_data
from .overlays import rule_features as rule_features
from .overview import overview as overview
from .picture import picture_png as picture_png
from .price import price as price
from .price import price_data as price_data
from .price import trades_data as trades_data
from .regions import points_data as points_data
from .regions import regions as regions
from .regions import regions_data as regions_data
from .regions import zooms as zooms
from .report import report as report
from .snapshot import snapshot as snapshot
from .surface import heatmap as heatmap
