"""Rules, sizes and stops as one value, or a function in their place; the plan that computes each node once."""

from mrtoolkit.strategy.plan import Plan as Plan
from mrtoolkit.strategy.points import Points as Points
from mrtoolkit.strategy.positions import Positions as Positions
from mrtoolkit.strategy.positions import position as position
from mrtoolkit.strategy.strategy import Strategy as Strategy
