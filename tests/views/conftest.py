"""Studies and trials to draw: real ones, filled by hand so that every number in a test can be read here."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from mrtoolkit.backtest.trial import Trial
from mrtoolkit.search.dimensions import Categorical, Integer, Real
from mrtoolkit.search.events import LevelRow
from mrtoolkit.search.objective import Goal
from mrtoolkit.search.space import Space
from mrtoolkit.search.study import Study
from mrtoolkit.search.trial_log import TrialRows


def make_bars(count=600, *, timezone="America/New_York", seed=3, freq="B", **attrs):
    rng = np.random.default_rng(seed)
    local = pd.date_range("2015-01-02", periods=count, freq=freq, tz=timezone)
    times = local.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[ns]")
    close = 100 * np.exp(np.cumsum(rng.normal(0.0004, 0.015, count)))
    open_ = np.concatenate([[100.0], close[:-1]]) * (1 + rng.normal(0, 0.003, count))
    data = {
        "open": open_,
        "high": np.maximum(open_, close) * 1.004,
        "low": np.minimum(open_, close) * 0.996,
        "close": close,
    }
    attrs = {"timeframe": "1D", "timezone": timezone, "source": "simulated", "licence": "none", **attrs}
    return xr.Dataset({k: ("time", v) for k, v in data.items()}, coords={"time": times}, attrs=attrs)


def make_trial(bars, *, sides=("long", "short"), every=60, held=25):
    """A trial that goes in every 60 bars, holds 25, and takes turns between the sides; full size, no costs."""
    close, times = bars["close"].to_numpy(), bars["time"].to_numpy()
    returns, rows = np.zeros(close.size), []
    for i, start in enumerate(range(10, close.size - held, every)):
        side = sides[i % len(sides)]
        sign = 1.0 if side == "long" else -1.0
        part = slice(start + 1, start + held + 1)
        returns[part] = sign * (close[part] / close[start : start + held] - 1)
        rows.append(
            {
                "side": side,
                "entry_time": times[start],
                "entry_price": close[start],
                "exit_time": times[start + held],
                "exit_price": close[start + held],
                "shares": 1.0,
                "gain": sign * (close[start + held] / close[start] - 1),
                "bars": held,
                "reason": "exit",
            }
        )
    columns = ["side", "entry_time", "entry_price", "exit_time", "exit_price", "shares", "gain", "bars", "reason"]

    def over_time(values):
        return xr.DataArray(values, dims="time", coords={"time": times})

    return Trial(
        params={"fast": 10, "slow": 40},
        trades=pd.DataFrame(rows, columns=columns),
        returns=over_time(returns),
        equity=over_time(np.cumprod(1 + returns)),
        position=over_time((returns != 0).astype(float)),
        metrics={"sharpe": 0.5},
    )


def make_study(
    points,
    values,
    levels,
    *,
    direction="maximize",
    feasible=None,
    regions=(),
    names=None,
    objective="sharpe",
    evaluator=None,
    stopped="all levels were run",
):
    """A study of the given points (dict of columns), their values and levels."""
    values, levels = np.asarray(values, dtype=float), np.asarray(levels, dtype=int)
    names = names or [f"level {i + 1}" for i in range(int(levels.max(initial=-1)) + 1)]
    space = Space(**{name: make_dimension(list(column)) for name, column in points.items()})
    codes = space.encode(pd.DataFrame({name: pd.Series(list(c), dtype=object) for name, c in points.items()}))
    study = Study(
        space=space,
        goal=Goal.checked("sharpe", (), direction, ("sharpe",)),
        objective=objective,
        direction=direction,
        evaluator=evaluator,
        seed=0,
        keys={"levels": [{"name": name} for name in names], "constraints": []},
        metrics=("sharpe",),
    )
    rows = TrialRows(
        codes=codes,
        level=levels,
        region=np.zeros(values.size, dtype=int),
        value=values,
        feasible=np.ones(values.size, dtype=bool) if feasible is None else np.asarray(feasible),
        metrics={"sharpe": values},
        blocks={},
    )
    study.log.append(rows)
    for name, n in zip(names, np.bincount(levels, minlength=len(names)).tolist(), strict=True):
        counts = {"points": n, "run": n, "reused": 0, "features_used": n, "features_computed": n, "features_reused": 0}
        study.rows.append(LevelRow(level=name, best=float("nan"), seconds=0.01, **counts))
    study.regions += regions
    study.stopped = stopped
    return study


def make_dimension(column):
    """The dimension that a column of labels is drawn from: whole numbers, thousandths, or categories."""
    if not column:
        return Integer(1, 2)
    if any(value is None or isinstance(value, str) for value in column):
        return Categorical(list(dict.fromkeys(column)))
    if all(float(value).is_integer() for value in column):
        return Integer(int(min(column)), int(max(column)))
    return Real(float(min(column)), float(max(column)), step=0.001)


def textbook_points():
    """The textbook's 110 trials over its three levels, in order."""
    grids = [
        ([5, 10, 15, 20], [30, 40, 50, 60]),
        (list(range(8, 18)), [35, 37, 40, 42, 45, 47, 50, 52, 55]),
        ([11.5, 12, 12.5], [41, 42, 43]),
    ]
    seen, rows = set(), []
    for level, (fast, slow) in enumerate(grids):
        for f in fast:
            for s in slow:
                if (f, s) not in seen:
                    seen.add((f, s))
                    rows.append((float(f), float(s), level))
    return np.array(rows)


@pytest.fixture
def bars():
    return make_bars()


@pytest.fixture
def trial(bars):
    return make_trial(bars)


@pytest.fixture
def study():
    rows = textbook_points()
    values = 0.9 - ((rows[:, 0] - 12) / 12) ** 2 - ((rows[:, 1] - 42) / 30) ** 2
    points = {"fast": rows[:, 0], "slow": rows[:, 1]}
    return make_study(points, values, rows[:, 2], names=["coarse", "medium", "fine"])


@pytest.fixture
def study_of():
    return make_study


@pytest.fixture
def bars_of():
    return make_bars


@pytest.fixture
def trial_of():
    return make_trial
