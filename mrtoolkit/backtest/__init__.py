"""From points to metrics: the trading model, its two engines (from event to event, bar by bar), what they measure."""

from mrtoolkit.backtest.backtest import Backtest as Backtest
from mrtoolkit.backtest.forecast import BatchPlan as BatchPlan
from mrtoolkit.backtest.metrics import METRICS as METRICS
from mrtoolkit.backtest.model import Costs as Costs
from mrtoolkit.backtest.trial import Trial as Trial
