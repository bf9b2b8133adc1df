"""mrtoolkit: each indicator is computed once, the search zooms level by level.

>>> import mrtoolkit as mrt
>>> from mrtoolkit import M, P
>>> bars = mrt.data.sample("AAPL")
>>> strategy = mrt.Strategy(entry=mrt.ema(P.fast) > mrt.ema(P.slow))
>>> backtest = mrt.Backtest(bars, strategy, costs=mrt.Costs(fee=0.001))
>>> backtest.run({"fast": [5, 10], "slow": [30, 40]}).sharpe.shape
(2, 2)
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING
from typing import Any as _Any

from mrtoolkit import data as data
from mrtoolkit.backtest import Backtest as Backtest
from mrtoolkit.backtest import Costs as Costs
from mrtoolkit.backtest import Trial as Trial
from mrtoolkit.data.readers import read_bars as read_bars
from mrtoolkit.errors import BarsError as BarsError
from mrtoolkit.errors import ConfigError as ConfigError
from mrtoolkit.errors import ExpressionError as ExpressionError
from mrtoolkit.errors import IndicatorError as IndicatorError
from mrtoolkit.errors import MrtoolkitError as MrtoolkitError
from mrtoolkit.errors import SpaceError as SpaceError
from mrtoolkit.errors import StoreError as StoreError
from mrtoolkit.errors import StrategyError as StrategyError
from mrtoolkit.errors import StudyError as StudyError
from mrtoolkit.expressions import M as M
from mrtoolkit.expressions import P as P
from mrtoolkit.expressions import choose as choose
from mrtoolkit.expressions import close as close
from mrtoolkit.expressions import high as high
from mrtoolkit.expressions import hour as hour
from mrtoolkit.expressions import input as input
from mrtoolkit.expressions import log as log
from mrtoolkit.expressions import low as low
from mrtoolkit.expressions import maximum as maximum
from mrtoolkit.expressions import minimum as minimum
from mrtoolkit.expressions import open as open
from mrtoolkit.expressions import sqrt as sqrt
from mrtoolkit.expressions import timeframe as timeframe
from mrtoolkit.expressions import volume as volume
from mrtoolkit.expressions import weekday as weekday
from mrtoolkit.expressions import when as when
from mrtoolkit.features import FeatureStore as FeatureStore
from mrtoolkit.indicators import atr as atr
from mrtoolkit.indicators import bollinger as bollinger
from mrtoolkit.indicators import ema as ema
from mrtoolkit.indicators import highest as highest
from mrtoolkit.indicators import hurst as hurst
from mrtoolkit.indicators import indicator as indicator
from mrtoolkit.indicators import lowest as lowest
from mrtoolkit.indicators import macd as macd
from mrtoolkit.indicators import parse as parse
from mrtoolkit.indicators import roc as roc
from mrtoolkit.indicators import rolling_median as rolling_median
from mrtoolkit.indicators import rolling_rank as rolling_rank
from mrtoolkit.indicators import rolling_zscore as rolling_zscore
from mrtoolkit.indicators import rsi as rsi
from mrtoolkit.indicators import slope as slope
from mrtoolkit.indicators import sma as sma
from mrtoolkit.indicators import stdev as stdev
from mrtoolkit.indicators import wma as wma
from mrtoolkit.search import Categorical as Categorical
from mrtoolkit.search import Integer as Integer
from mrtoolkit.search import Level as Level
from mrtoolkit.search import MultiResOptimizer as MultiResOptimizer
from mrtoolkit.search import Real as Real
from mrtoolkit.search import RunningSearch as RunningSearch
from mrtoolkit.search import SideBySide as SideBySide
from mrtoolkit.search import Space as Space
from mrtoolkit.search import Study as Study
from mrtoolkit.search import compare as compare
from mrtoolkit.search import compare_cost as compare_cost
from mrtoolkit.search import levels as levels
from mrtoolkit.search import load_study as load_study
from mrtoolkit.search import optimize as optimize
from mrtoolkit.search import robust as robust
from mrtoolkit.strategy import Positions as Positions
from mrtoolkit.strategy import Strategy as Strategy
from mrtoolkit.strategy import position as position

if TYPE_CHECKING:
    from mrtoolkit import integrations as integrations
    from mrtoolkit import views as views
    from mrtoolkit.search.progress_bars import progress_bars as progress_bars
    from mrtoolkit.views import report as report
    from mrtoolkit.widgets import view as view

__version__ = "0.1.0"

_LAZY = {
    "views": "mrtoolkit.views",
    "report": "mrtoolkit.views",
    "view": "mrtoolkit.widgets",
    "integrations": "mrtoolkit.integrations",
    "progress_bars": "mrtoolkit.search.progress_bars",
}
"""What needs bokeh or an extra, and is imported when it is first used."""


def __getattr__(name: str) -> _Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'mrtoolkit' has no attribute {name!r}")
    module = _import_module(_LAZY[name])
    return module if module.__name__ == f"mrtoolkit.{name}" else getattr(module, name)


_PARTS = {"TYPE_CHECKING", "backtest", "cli", "errors", "evaluation", "expressions", "features", "indicators", "search"}
_PARTS |= {"statistics", "strategy"}  # the rooms of the house: what users type leaves them by their names


def __dir__() -> list[str]:
    return sorted(name for name in {*globals(), *_LAZY} - _PARTS if not name.startswith("_"))
