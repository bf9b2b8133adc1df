"""A strategy over bars with its costs: points in, labelled metrics out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mrtoolkit.backtest._kernels.columns import STATISTICS
from mrtoolkit.backtest.forecast import BatchPlan
from mrtoolkit.backtest.forecasting import plan_batch
from mrtoolkit.backtest.labels import labelled
from mrtoolkit.backtest.market import Market, block_edges, cost_rates, read_prices
from mrtoolkit.backtest.metrics import METRICS, as_metrics, as_windowed
from mrtoolkit.backtest.model import Costs
from mrtoolkit.backtest.objective import ObjectiveFunction
from mrtoolkit.backtest.points import as_request, frame_of
from mrtoolkit.backtest.running import Runner, mean_of_assets
from mrtoolkit.backtest.settings import check_settings, resolve_start, start_text, warm_far_apart
from mrtoolkit.backtest.trial import Trial, make_trial
from mrtoolkit.backtest.windows import all_metrics, check_windows
from mrtoolkit.data.bars import as_bars
from mrtoolkit.data.calendar import bars_per_year
from mrtoolkit.data.fingerprint import fingerprint, snapshot
from mrtoolkit.errors import StrategyError
from mrtoolkit.evaluation import CodedPoints, Evaluation
from mrtoolkit.expressions.inputs import close
from mrtoolkit.expressions.nodes import Call, Node, OnTimeframe
from mrtoolkit.expressions.objective import Objective
from mrtoolkit.features.session import session_store
from mrtoolkit.features.store import FeatureStore
from mrtoolkit.strategy.points import Points
from mrtoolkit.strategy.position_plan import plan_of
from mrtoolkit.strategy.positions import Positions, restored_strategy
from mrtoolkit.strategy.strategy import Strategy

_HOLD = Strategy(entry=close > 0, exit=close < 0)


class Backtest:
    """A strategy over bars, with costs, fills and measuring settled: an evaluator of points.

    Parameters
    ----------
    bars : xr.Dataset, or what `mrt.data.from_pandas` takes
        Copied: what happens to them afterwards changes nothing here.
        Over several assets each is traded by itself; a metric then has the dimension asset, a search takes the mean.
    strategy : Strategy or Positions
        Rules, or a function of your own from features to target positions (`mrt.position`).
    costs : Costs
    fill : {"next_open", "close"}
        Where a signal fills: at the next bar's open, or at the close of its own bar.
    store : FeatureStore, optional
        Default: the process's session store.
    engine : {"auto", "event", "dense"}
        The event engine, which "auto" is, does not touch the bars on which nothing happens; the dense one, the
        reference, goes over every bar. Their sums agree to 1e-9 of their scale, their counts exactly. A
        position function runs on the dense one.
    start : time, int or Space, optional
        First measured bar; before it nothing is traded. A `Space`: the first bar at which its slowest point is warm, so
        that all its trials are measured over the same bars. Default: the whole history.
    periods_per_year : float, optional
        Bars a year, for annual figures. Default: as observed.
    risk_free : float
        A year.
    blocks : int
        Into how many stretches of time the statistics are kept.
    cash : float
        Equity at the start, in currency; matters where costs are in currency.

    Raises
    ------
    StrategyError
        If a setting has no meaning; names it and what is allowed.
    BarsError
        If `bars` cannot be trusted.

    Examples
    --------
    >>> import mrtoolkit as mrt
    >>> bars = mrt.data.simulate(bars=500, seed=0)
    >>> rule = mrt.Strategy(entry=mrt.ema(mrt.P.fast) > mrt.ema(mrt.P.slow))
    >>> backtest = mrt.Backtest(bars, rule, costs=mrt.Costs(fee=0.001))
    >>> backtest.run({"fast": [5, 10], "slow": [20, 30, 40]}).sharpe.dims
    ('fast', 'slow')
    """

    takes_codes = True
    """A search gives it points as whole numbers, which it reads at no cost."""

    def __init__(  # noqa: PLR0913
        self,
        bars: Any,
        strategy: Strategy | Positions,
        *,
        costs: Costs | None = None,
        fill: str = "next_open",
        store: FeatureStore | None = None,
        engine: str = "auto",
        start: Any = None,
        periods_per_year: float | None = None,
        risk_free: float = 0.0,
        blocks: int = 64,
        cash: float = 100_000.0,
    ) -> None:
        self.costs = Costs() if costs is None else costs
        check_settings(
            strategy=strategy, costs=self.costs, fill=fill, store=store, engine=engine,
            periods_per_year=periods_per_year, risk_free=risk_free, blocks=blocks, cash=cash,
        )  # fmt: skip
        self.bars = snapshot(as_bars(bars))
        self.strategy, self._params = strategy, strategy.params  # which a search asks for at every batch
        self.fill, self.engine, self.n_blocks, self.cash = fill, engine, int(blocks), float(cash)
        self.store = session_store() if store is None else store
        self.risk_free = float(risk_free)
        self.periods_per_year = bars_per_year(self.bars) if periods_per_year is None else float(periods_per_year)
        self._windowed: tuple[str, ...] = ()
        self._plan = plan_of(strategy, self.bars, self.store)
        self._start = resolve_start(start, self.bars, self._plan)
        self._market = self._make_market()
        self._runner = Runner(plan=self._plan, market=self._market, engine=engine)

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse to change: what was computed and what is said of it would part."""
        if "_runner" in self.__dict__:  # set last
            raise AttributeError(f"a Backtest does not change; make another one, with {name}=... as you want it.")
        object.__setattr__(self, name, value)

    def _make_market(self) -> Market:
        prices, ends = read_prices(self.bars)
        return Market(
            prices=prices,
            ends=ends,
            edges=block_edges(self._start, self.bars.sizes["time"], self.n_blocks),
            at_close=self.fill == "close",
            waiting=isinstance(self.strategy, Strategy) and self.strategy.reentry == "signal",
            cash=self.cash,
            costs=cost_rates(self.costs, self.periods_per_year),
            periods_per_year=self.periods_per_year,
            risk_free=self.risk_free,
        )

    @property
    def params(self) -> tuple[str, ...]:
        """Names of the strategy's parameters, sorted."""
        return self._params

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that a trial has."""
        return (*METRICS, *self._windowed)

    def can_measure(self, name: str) -> bool:
        """Whether there is a metric of this name, if only for who asks for it (`with_metrics`)."""
        return name in METRICS or as_windowed(name) is not None

    def with_metrics(self, names: Iterable[str]) -> Backtest:
        """Return this backtest with metrics over windows of time too, such as ``sharpe_worst_of_8``."""
        further = tuple(name for name in as_metrics(names) if name not in self.metrics)
        check_windows(further, self.n_blocks)
        if not further:
            return self
        widened = object.__new__(type(self))
        widened.__dict__.update(self.__dict__, _windowed=(*self._windowed, *further))
        return widened

    @property
    def feature_bytes(self) -> int:
        """Bytes of one feature: what a search's limit of memory counts."""
        return int(self.bars.sizes["time"] * self.bars.sizes.get("asset", 1) * np.dtype(self.store.dtype).itemsize)

    @property
    def start(self) -> pd.Timestamp:
        """Opening time of the first measured bar."""
        return pd.Timestamp(self.bars["time"].values[self._start])

    def run(
        self,
        points: Mapping[str, Any] | pd.DataFrame | Sequence[Mapping[str, Any]],
        *,
        metrics: Iterable[str] | str | None = None,
    ) -> xr.Dataset:
        """Run points and return their metrics, labelled.

        Parameters
        ----------
        points : mapping, DataFrame or list of mappings
            A mapping of names to values or lists is a grid: each list becomes a dimension. Rows of a table or a list
            of mappings are scattered points: one dimension, trial, with the parameters as coordinates.
        metrics : names, optional
            Default, as for "all": all. What is not asked for is not computed.

        Returns
        -------
        xr.Dataset
            A variable a metric, over the grid's dimensions or trial, and asset where the bars have assets.

        Raises
        ------
        StrategyError
            If a parameter is missing or unknown, a value has no meaning, or the grid is absurdly large.
        StudyError
            If there is no such metric.
        """
        names = as_metrics(metrics)
        check_windows(names, self.n_blocks)
        request = as_request(points)
        values = self._runner.metrics(self._points(request.points), names)
        return labelled(request, values, self.bars, self._provenance())

    def blocks(self, points: Mapping[str, Any] | pd.DataFrame | Sequence[Mapping[str, Any]]) -> xr.Dataset:
        """Run points and return their sufficient statistics per block of time, from which every metric follows.

        Returns
        -------
        xr.Dataset
            Over (trial, block), and asset where the bars have assets: bars; sum, sum_sq and downside_sq of returns;
            growth, highest, lowest and worst (drawdown); trades, wins, gains, losses; held, turnover, position. The
            parameters are coordinates of trial, and start (the opening time of its first bar) of block.
        """
        frame = as_request(points).frame
        values = self._runner.block_statistics(self._points(frame))
        assets = {"asset": self.bars["asset"].values} if "asset" in self.bars.dims else {}
        coords: dict[str, Any] = {name: ("trial", frame[name].to_numpy()) for name in frame.columns}
        coords["start"] = ("block", self.bars["time"].values[self._market.edges[:-1]])
        dims = ("trial", *assets, "block")
        return xr.Dataset(
            {name: (dims, values[..., k] if assets else values[:, 0, :, k]) for k, name in enumerate(STATISTICS)},
            coords=coords | assets,
            attrs=self._provenance(),
        )

    def plan(self, points: Any) -> BatchPlan:
        """Say what running points, or all of a `Space`, will compute, its peak of memory, and how long it should take.

        Runs none of them: counts are exact up to 1,000,000 points of a space and from a sample beyond, memory is
        reckoned from them. Time is of all metrics, from what the store has measured of its features, and from some of
        the points run over the last few thousand bars: about a tenth of a second, once the kernels are compiled.

        Raises
        ------
        StrategyError
            If one trial alone takes more memory than the store's limit, or `points` are none.
        """
        return plan_batch(self, self._runner, points)

    def trial(self, params: Mapping[str, Any]) -> Trial:
        """Run one point and return all of it: metrics, trades, equity, returns, position.

        Raises
        ------
        StrategyError
            If a parameter is missing or unknown, or a value has no meaning.
        """
        if not isinstance(params, Mapping):
            raise StrategyError(
                f"params is a {type(params).__name__}, but a trial needs one point as a mapping, "
                "such as study.best.params."
            )
        points = self._points(frame_of([dict(params)]))
        blocks, recordings = self._runner.record(points)
        numbers = all_metrics(blocks, self.metrics, self._market)
        metrics: dict[str, float | xr.DataArray] = {name: float(array[0]) for name, array in numbers.items()}
        if "asset" in self.bars.dims:
            coords = {"asset": self.bars["asset"]}
            metrics = {
                name: xr.DataArray(array, dims="asset", coords=coords, name=name) for name, array in numbers.items()
            }
        return make_trial(points.values(0), metrics, recordings, self._market, self.bars)

    def evaluator(self, objective: str | Node | Callable[[xr.Dataset], Any] = "sharpe") -> ObjectiveFunction:
        """Return a function of one point's parameters for anybody's search; its `.batch(frame)` takes many.

        `objective` is a metric's name, an expression of metrics (`M.sharpe - 0.1 * M.turnover`, also as text), or a
        callable of the metrics Dataset.
        """
        return ObjectiveFunction(backtest=self, objective=Objective.of(objective, self.metrics))

    def evaluate(self, points: pd.DataFrame | CodedPoints) -> Evaluation:
        """Evaluate a table of points; over several assets each metric is the mean of those assets that have one."""
        before = self.store.counters.computed
        return self._evaluation(self._runner, self._points(points), before)

    def evaluate_fresh(self, points: pd.DataFrame) -> Evaluation:
        """Evaluate points one by one with the dense engine, each with a store of its own: nothing is shared or read."""
        each = []
        for k in range(len(points)):
            plan = replace(self._plan, store=FeatureStore(dtype=self.store.dtype))
            runner = Runner(plan=plan, market=self._market, engine="dense")
            each.append(self._evaluation(runner, self._points(points.iloc[[k]])))
        return Evaluation(
            metrics={name: np.concatenate([one.metrics[name] for one in each]) for name in self.metrics},
            blocks={name: np.concatenate([one.blocks[name] for one in each]) for name in ("sum", "sum_sq")},
        )

    def check(self, points: pd.DataFrame) -> None:
        """Refuse points that cannot be run: a value that is no number, out of bounds, or too long for the history."""
        self._plan.check(self._points(points))

    def caution(self, points: pd.DataFrame) -> str | None:
        """What makes these points hard to compare: first warm bars that lie far apart, when all bars are measured."""
        return warm_far_apart(self._plan.warmups(self._points(points)), self._start, self.bars.sizes["time"])

    def features(self, points: pd.DataFrame) -> frozenset[str]:
        """Keys of the distinct features that the points use; computes nothing."""
        return frozenset(call.key for call in self.calls(points))

    def calls(self, points: pd.DataFrame) -> list[Call | OnTimeframe]:
        """The distinct features that the points use, as expressions."""
        return self._plan.calls(self._points(points))

    def stale_features(self, points: pd.DataFrame) -> tuple[str, ...]:
        """Keys of features that the store would give now and that differ from values computed anew."""
        stale = []
        for call in self.calls(points):
            cached = self.store.peek(self.bars, call)
            if cached is not None and not np.array_equal(
                cached, FeatureStore(dtype=self.store.dtype).fetch(self.bars, [call])[0], equal_nan=True
            ):
                stale.append(call.key)
        return tuple(stale)

    def benchmark(self) -> dict[str, float]:
        """The metrics of buying and holding."""
        metrics = self.holding().evaluate(frame_of([{}])).metrics
        return {name: float(values[0]) for name, values in metrics.items()}

    def holding(self) -> Backtest:
        """The same backtest of buying at the first measured bar's signal and holding, with the same costs."""
        return Backtest(
            self.bars, _HOLD, costs=self.costs, fill=self.fill, store=self.store, start=self._start,
            periods_per_year=self.periods_per_year, risk_free=self.risk_free, blocks=self.n_blocks, cash=self.cash,
        ).with_metrics(self._windowed)  # fmt: skip

    def persist(self) -> None:
        """Write to the store's folder, if it has one, the features that it holds of these bars."""
        self.store.persist(self.bars)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the bars, which are named by their fingerprint, as plain JSON."""
        return {
            "kind": "backtest", "strategy": self.strategy.to_dict(), "costs": self.costs.to_dict(), "fill": self.fill,
            "engine": self.engine, "start": start_text(self.bars, self._start),
            "periods_per_year": self.periods_per_year, "risk_free": self.risk_free, "blocks": self.n_blocks,
            "cash": self.cash, "bars": fingerprint(self.bars),
            **({"windowed": list(self._windowed)} if self._windowed else {}),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], bars: Any, store: FeatureStore | None = None) -> Backtest:
        """Restore a backtest from `to_dict` and its bars; rules are parsed, never evaluated."""
        return cls(
            bars,
            restored_strategy(content["strategy"]),
            costs=Costs.from_dict(content["costs"]),
            store=store,
            **{
                key: content[key]
                for key in ("fill", "engine", "start", "periods_per_year", "risk_free", "blocks", "cash")
            },
        ).with_metrics(content.get("windowed", ()))

    def __reduce__(self) -> tuple[Any, ...]:
        """Make it anew elsewhere: its bars travel, its features are found in the store's folder or made again."""
        if isinstance(self.strategy, Positions):
            raise TypeError(
                f"a Backtest of the position function {self.strategy.name} cannot be pickled, as a function cannot; "
                "import the function in the other process and make the Backtest there, of the same bars."
            )
        return type(self).from_dict, (self.to_dict(), self.bars, self.store)

    def __repr__(self) -> str:
        """Return what is run over what."""
        n, frame = self.bars.sizes["time"], self.bars.attrs.get("timeframe", "")
        assets = f" of {self.bars.sizes['asset']} assets" if "asset" in self.bars.dims else ""
        return f"Backtest({n:,} {frame} bars{assets}, {self.strategy!r}, {self.costs!r}, fill={self.fill!r})"

    def _points(self, frame: pd.DataFrame | CodedPoints) -> Points:
        return Points.from_frame(frame, self.params)

    def _evaluation(self, runner: Runner, points: Points, computed_before: int | None = None) -> Evaluation:
        metrics, blocks = runner.evaluation(points, self.metrics)
        return Evaluation(
            metrics={name: mean_of_assets(values) for name, values in metrics.items()},
            blocks=blocks,
            features_computed=0 if computed_before is None else self.store.counters.computed - computed_before,
        )

    def _provenance(self) -> dict[str, Any]:
        return {
            "strategy": repr(self.strategy), "costs": repr(self.costs), "fill": self.fill,
            "periods_per_year": self.periods_per_year, "risk_free": self.risk_free, "start": str(self.start),
            "bars": fingerprint(self.bars),
        }  # fmt: skip
