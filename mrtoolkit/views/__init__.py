"""Figures of studies and trials, as bokeh models: pure functions of results; and the HTML report made of them.

Each picture `x(...)` has its numbers beside it, `x_data(...)`, which need no plot.
"""

from .best_table import best_text as best_text
from .cells import heatmap_data as heatmap_data
from .convergence import convergence as convergence
from .convergence import convergence_data as convergence_data
from .convergence import level_bands as level_bands
from .drawdown import drawdown as drawdown
from .drawdown import drawdown_data as drawdown_data
from .equity import buy_and_hold as buy_and_hold
from .equity import equity as equity
from .equity import equity_data as equity_data
from .front import front as front
from .front import front_data as front_data
from .growth import growth as growth
from .importance import importance as importance
from .importance import importance_data as importance_data
from .in_and_out import in_and_out as in_and_out
from .in_and_out import in_and_out_data as in_and_out_data
from .neighbours import neighbours as neighbours
from .neighbours import neighbours_data as neighbours_data
from .overlays import rule_features as rule_features
from .overview import overview as overview
from .parallel import parallel as parallel
from .parallel import parallel_data as parallel_data
from .picture import picture_png as picture_png
from .plateau_and_peak import plateau_and_peak as plateau_and_peak
from .plateau_and_peak import plateau_and_peak_data as plateau_and_peak_data
from .price import price as price
from .price import price_data as price_data
from .price import trades_data as trades_data
from .regions import points_data as points_data
from .regions import regions as regions
from .regions import regions_data as regions_data
from .regions import zooms as zooms
from .replay import replay as replay
from .report import report as report
from .slices import slices as slices
from .slices import slices_data as slices_data
from .snapshot import snapshot as snapshot
from .stops import stops_data as stops_data
from .surface import heatmap as heatmap
from .trades_table import trades_table as trades_table
