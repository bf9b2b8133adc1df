"""The columns of the arrays that the engines fill, and the codes in them."""

from __future__ import annotations

import numpy as np

# block statistics, (block, statistic)
STATISTICS = (
    "bars", "sum", "sum_sq", "downside_sq", "growth", "highest", "lowest", "worst",
    "trades", "wins", "gains", "losses", "held", "turnover", "position",
)  # fmt: skip
BARS, SUM, SUM_SQ, DOWNSIDE_SQ, GROWTH, HIGHEST, LOWEST, WORST = range(8)
TRADES, WINS, GAINS, LOSSES, HELD, TURNOVER, POSITION = range(8, 15)

# a trade, (trade, column)
TRADE = (
    "side", "entry_bar", "entry_raw", "entry_price", "entry_equity", "entry_turnover",
    "exit_bar", "exit_price", "exit_turnover", "shares", "gain", "reason",
)  # fmt: skip
SIDE, ENTRY_BAR, ENTRY_RAW, ENTRY_PRICE, ENTRY_EQUITY, ENTRY_TURNOVER = range(6)
EXIT_BAR, EXIT_PRICE, EXIT_TURNOVER, SHARES, GAIN, REASON = range(6, 12)

# why a trade ended
REASONS = ("none", "exit", "stop_loss", "take_profit", "trailing_stop", "max_bars", "end", "ruin")
STAYS, BY_EXIT, STOP_LOSS, TAKE_PROFIT, TRAILING_STOP, MAX_BARS, END, RUIN = range(8)

# a bar's signals, bits of one byte
ENTRY, EXIT, SHORT_ENTRY, SHORT_EXIT = np.uint8(1), np.uint8(2), np.uint8(4), np.uint8(8)
