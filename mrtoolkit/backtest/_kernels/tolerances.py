"""Which digits are enough, in one place: where a kernel could not keep them, it says so and another way is taken."""

from __future__ import annotations

ROUNDING = 1e-12  # a gain below it is no gain
FULL = 1e-12  # cash that is a smaller part of equity is rounding
SMALL = 1e-3  # a smaller trade's gain has too few digits to tell whether it wins
CLOSE = 1e-5  # equity that is a smaller part of its cash is a difference of large numbers: it needs the exact formulas
TINY = 1e-250  # equity that small has lost digits
LOST = 4e-16  # of a running sum, in a difference of two
ALLOWED = 1e-11  # of a trial's sums, to be lost so
RESOLUTION = 3e-16  # of a table's entry
ALLOWED_OF_TABLES = 1e-10  # of a result: a trial whose sums from tables may have lost more digits is run bar by bar
