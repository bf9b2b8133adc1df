"""The indicators: specifications, registry, kernels, and the decorator by which a user adds one."""

from .composite import Composite as Composite
from .decorator import indicator as indicator
from .extremes import highest as highest
from .extremes import lowest as lowest
from .momentum import macd as macd
from .momentum import roc as roc
from .momentum import rsi as rsi
from .parameter import IndicatorParameter as IndicatorParameter
from .parsing import parse as parse
from .persistence import hurst as hurst
from .ranks import rolling_median as rolling_median
from .ranks import rolling_rank as rolling_rank
from .registry import get as get
from .registry import names as names
from .spec import Indicator as Indicator
from .trend import ema as ema
from .trend import slope as slope
from .trend import sma as sma
from .trend import wma as wma
from .volatility import atr as atr
from .volatility import bollinger as bollinger
from .volatility import rolling_zscore as rolling_zscore
from .volatility import stdev as stdev
