"""Studies and trials to draw, made by hand so that every number in a test can be read here."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr


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

    return SimpleNamespace(
        params={"fast": 10, "slow": 40},
        trades=pd.DataFrame(rows, columns=columns),
        returns=over_time(returns),
        equity=over_time(np.cumprod(1 + returns)),
        position=over_time((returns != 0).astype(float)),
        metrics={"sharpe": 0.5},
    )


def make_study(points, values, levels, *, direction="maximize", feasible=None, regions=(), names=None, **attributes):
    """A study of the given points (dict of columns), their values and levels."""
    values, levels = np.asarray(values, dtype=float), np.asarray(levels, dtype=int)
    count = values.size
    names = names or [f"level {i + 1}" for i in range(int(levels.max()) + 1 if count else 0)]
    coords = {}
    for name, column in points.items():
        array = np.asarray(column)
        if array.dtype.kind in "US" or any(v is None for v in column):
            array = np.array(list(column), dtype=object)
        coords[name] = ("trial", array)
    trials = xr.Dataset(
        {
            "value": ("trial", values),
            "level": ("trial", levels),
            "region": ("trial", np.zeros(count, dtype=int)),
            "feasible": ("trial", np.ones(count, dtype=bool) if feasible is None else np.asarray(feasible)),
            "sharpe": ("trial", values),
        },
        coords=coords,
    )
    run = [int((levels == i).sum()) for i in range(len(names))]
    table = pd.DataFrame(
        {
            "level": names,
            "points": run,
            "reused": 0,
            "run": run,
            "features used": run,
            "features reused": 0,
            "features computed": run,
            "best": [np.nan] * len(names),
            "seconds": 0.01,
        }
    )
    best = None
    if count and np.isfinite(values).any():
        at = int(np.nanargmax(values if direction == "maximize" else -values))
        params = {n: trials[n].to_numpy()[at] for n in points}
        best = SimpleNamespace(params=params, value=float(values[at]), metrics={"sharpe": float(values[at])})
    defaults = {
        "trials": trials,
        "levels": table,
        "regions": list(regions),
        "objective": "sharpe",
        "direction": direction,
        "best": best,
        "plateau": best,
        "benchmark": {"sharpe": 0.4},
        "backtest": None,
        "evaluator": None,
        "space": {},
        "seed": 0,
        "stopped": "all levels were run",
    }
    return SimpleNamespace(**{**defaults, **attributes})


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
