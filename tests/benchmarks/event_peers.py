"""The peers of the event engine: vectorbt as its users call it, its bare kernels, and backtesting.py's `optimize`.

Each gets the same closes and the same fee. Their averages start at the first close and ours at the mean of the first
`lookback`; vectorbt fills at the close of the signal bar. Neither changes what a trial takes. Of vectorbt the Sharpe
ratio alone is asked, and its engine is numba (a second one, in Rust, is a package of its own). That our model is theirs
where it can be is checked with one pair's signals given to both (`check_vectorbt`, `check_backtesting`).
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import warnings
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from event_rules import CROSSES, FEE, YEAR

import mrtoolkit as mrt

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import backtesting
    import vectorbt as vbt
    from vectorbt.indicators.nb import ma_nb
    from vectorbt.portfolio import nb as portfolio_nb
    from vectorbt.portfolio.enums import Direction
    from vectorbt.returns.nb import returns_nb, sharpe_ratio_nb

CASH = 1e9  # backtesting.py trades whole shares: of so many that what is left over is nothing


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without the peers' warnings and progress bars."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def vectorbt_as_used(bars, lookbacks: Sequence[int]) -> pd.Series:
    """The Sharpe ratio of all pairs of some averages, as vectorbt's own first page has it."""
    with quiet():
        close = bars["close"].to_series()
        fast, slow = vbt.MA.run_combs(close, window=list(lookbacks), r=2, short_names=["fast", "slow"], ewm=True)
        entries, exits = fast.ma_crossed_above(slow), fast.ma_crossed_below(slow)
        portfolio = vbt.Portfolio.from_signals(close, entries, exits, fees=FEE, freq="1h", engine="numba")
        return portfolio.sharpe_ratio()


def vectorbt_kernels(close: np.ndarray, lookbacks: Sequence[int]) -> np.ndarray:
    """The Sharpe ratio of all pairs from vectorbt's machine code alone: no pandas, no broadcasting, no wrapping.

    Each average is computed once. One pair after the other, so that what a pair needs stays in the cache.
    """
    column = np.ascontiguousarray(close[:, None])
    averages = [ma_nb(column, lookback, True) for lookback in lookbacks]
    sharpes = []
    for k, fast in enumerate(averages):
        for slow in averages[k + 1 :]:
            sharpes.append(_kernels_of_one(column, fast > slow, fast <= slow))
    return np.array(sharpes)


def _kernels_of_one(close: np.ndarray, entries: np.ndarray, exits: np.ndarray) -> float:
    shape, one, cash = close.shape, np.array([1]), np.array([100.0])
    call_seq = np.zeros(shape, dtype=np.int64)
    orders, _ = portfolio_nb.simulate_from_signals_nb(
        shape, one, cash, call_seq, entries=entries, exits=exits, fees=np.asarray(FEE), close=close, use_stops=False
    )
    col_map = (np.arange(orders.size), np.array([orders.size]))
    assets = portfolio_nb.assets_nb(portfolio_nb.asset_flow_nb(shape, orders, col_map, Direction.Both))
    spent = portfolio_nb.cash_flow_nb(shape, orders, col_map, False)
    value = portfolio_nb.value_nb(portfolio_nb.cash_nb(spent, cash), portfolio_nb.asset_value_nb(close, assets))
    return float(sharpe_ratio_nb(returns_nb(value, cash), float(YEAR))[0])


def pandas_ema(values, lookback: int) -> pd.Series:
    """The average as a user of backtesting.py writes it."""
    return pd.Series(values).ewm(span=lookback, adjust=False).mean()


class Cross(backtesting.Strategy):
    """The strategy of backtesting.py's own first page, long only."""

    fast, slow = 10, 30

    def init(self) -> None:
        """Compute both averages."""
        self.fast_ma = self.I(pandas_ema, self.data.Close, self.fast)
        self.slow_ma = self.I(pandas_ema, self.data.Close, self.slow)

    def next(self) -> None:
        """Enter and leave at the next open."""
        if self.fast_ma[-1] > self.slow_ma[-1]:
            if not self.position:
                self.buy()
        elif self.position:
            self.position.close()


def backtesting_frame(bars) -> pd.DataFrame:
    """Bars as backtesting.py takes them."""
    frame = bars[["open", "high", "low", "close", "volume"]].to_dataframe()
    return frame.rename(columns=str.capitalize)


def backtesting_optimize(frame: pd.DataFrame, fasts: Sequence[int], slows: Sequence[int]) -> pd.Series:
    """The Sharpe ratios of a grid by its `optimize`, in one process of its own as ours has one thread."""
    context, usual = multiprocessing.get_context("fork"), backtesting.Pool
    backtesting.Pool = lambda *_, **__: context.Pool(1)
    try:
        with quiet():
            made = backtesting.Backtest(frame, Cross, cash=CASH, commission=FEE)
            _, sharpes = made.optimize(
                fast=list(fasts), slow=list(slows), maximize="Sharpe Ratio", return_heatmap=True,
                constraint=lambda point: point.fast < point.slow,
            )  # fmt: skip
            return sharpes
    finally:
        backtesting.Pool = usual


def check_vectorbt(bars, fast: int, slow: int) -> None:
    """One pair's signals to vectorbt: by its users' way and by its kernels as ours with fills at the close, to 1e-9."""
    points, store = pd.DataFrame({"fast": [fast], "slow": [slow]}), mrt.FeatureStore()
    ours = CROSSES.backtest(bars, store, fill="close").run(points, metrics=("total_return", "sharpe", "trades"))
    up = store.array(bars, mrt.ema(fast)) > store.array(bars, mrt.ema(slow))
    warm = ~np.isnan(store.array(bars, mrt.ema(slow)))
    with quiet():
        close = bars["close"].to_series()
        portfolio = vbt.Portfolio.from_signals(close, up & warm, ~up & warm, fees=FEE, freq="1h", engine="numba")
        sharpe = portfolio.sharpe_ratio(year_freq=f"{YEAR} hours")
        assert portfolio.trades.count() == ours["trades"].item()
        np.testing.assert_allclose(portfolio.total_return(), ours["total_return"].item(), rtol=1e-9)
    np.testing.assert_allclose(sharpe, ours["sharpe"].item(), rtol=1e-9)
    column = np.ascontiguousarray(bars["close"].values[:, None])
    kernels = _kernels_of_one(column, (up & warm)[:, None], (~up & warm)[:, None])
    np.testing.assert_allclose(kernels, ours["sharpe"].item(), rtol=1e-9)


def check_backtesting(bars, fast: int, slow: int) -> None:
    """One pair by backtesting.py, with our averages: the same trades (it does not count an open one) and equity."""
    points, store = pd.DataFrame({"fast": [fast], "slow": [slow]}), mrt.FeatureStore()
    ours = CROSSES.backtest(bars, store).run(points, metrics=("total_return", "trades"))
    is_open = int(store.array(bars, mrt.ema(fast))[-2] > store.array(bars, mrt.ema(slow))[-2])

    class SameAverages(Cross):
        def init(self) -> None:
            self.fast_ma = self.I(lambda: store.array(bars, mrt.ema(fast)))
            self.slow_ma = self.I(lambda: store.array(bars, mrt.ema(slow)))

    with quiet():
        frame = backtesting_frame(bars)
        theirs = backtesting.Backtest(frame, SameAverages, cash=CASH, commission=FEE).run()
    assert theirs["# Trades"] + is_open == ours["trades"].item()
    np.testing.assert_allclose(theirs["Return [%]"] / 100.0, ours["total_return"].item(), rtol=1e-5)
