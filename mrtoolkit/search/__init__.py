"""The search: a space, levels that zoom into it, and the study of what was tried.

It knows no trading but in `loading`, which makes a saved study's backtest again.
"""

from . import robust as robust
from .candidate import Candidate as Candidate
from .compare import SideBySide as SideBySide
from .compare import compare as compare
from .corners import ComparisonWarning as ComparisonWarning
from .cost import CostComparison as CostComparison
from .cost import compare_cost as compare_cost
from .dimensions import Categorical as Categorical
from .dimensions import Integer as Integer
from .dimensions import Real as Real
from .events import BatchDone as BatchDone
from .events import LevelEnded as LevelEnded
from .events import LevelStarted as LevelStarted
from .events import RegionFound as RegionFound
from .events import StateChanged as StateChanged
from .events import Steered as Steered
from .events import Stopped as Stopped
from .foreign_study import as_study as as_study
from .importance import importance as importance
from .level import Level as Level
from .level import levels as levels
from .live_progress import Progress as Progress
from .live_searches import LiveSearchWarning as LiveSearchWarning
from .loading import load_study as load_study
from .optimizer import MultiResOptimizer as MultiResOptimizer
from .optimizer import optimize as optimize
from .region import Region as Region
from .running import RunningSearch as RunningSearch
from .space import Space as Space
from .study import Study as Study
from .transitions.moving import MovingTransition as MovingTransition
from .transitions.peak import PeakTransition as PeakTransition
from .transitions.protocol import History as History
from .transitions.protocol import Look as Look
from .transitions.protocol import Transition as Transition
from .verification import Verification as Verification
