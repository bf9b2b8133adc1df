"""Studies that grow under a view: batches are added by hand, so that every moment can be looked at."""

from types import SimpleNamespace

import numpy as np

from mrtoolkit.search.dimensions import Categorical, Integer, Real
from mrtoolkit.search.events import LevelRow
from mrtoolkit.search.objective import Goal
from mrtoolkit.search.region import Region
from mrtoolkit.search.space import Space
from mrtoolkit.search.study import Study
from mrtoolkit.search.trial_log import TrialRows

LEVELS = ("coarse", "medium", "fine")


def empty_study(space, *, direction="maximize", levels=LEVELS, regions=2, objective="sharpe"):
    return Study(
        space=space, goal=Goal.checked("sharpe", (), direction, ("sharpe",)), objective=objective, direction=direction,
        evaluator=None, seed=0, metrics=("sharpe",),
        keys={"levels": [{"name": name, "regions": regions} for name in levels], "constraints": []},
    )  # fmt: skip


def add(study, codes, values, *, level=0, feasible=None):
    codes, values = np.asarray(codes, dtype=np.int64), np.asarray(values, dtype=float)
    study.log.append(TrialRows(
        codes=codes, level=np.broadcast_to(level, len(codes)), region=np.zeros(len(codes), dtype=int), value=values,
        feasible=np.ones(len(codes), dtype=bool) if feasible is None else np.asarray(feasible, dtype=bool),
        metrics={"sharpe": values}, blocks={},
    ))  # fmt: skip


def end_level(study, name, n, *, used=10, reused=4, best=1.0):
    row = LevelRow(level=name, points=n, reused=0, run=n, features_used=used, features_reused=reused,
                   features_computed=used - reused, best=best, seconds=0.5)  # fmt: skip
    study.add_row(lambda: row)


def random_study(n, space, *, seed=0, levels=3, bad=0.1, direction="maximize"):
    """A study of n random trials over three levels, some without a value, some that break a constraint."""
    rng = np.random.default_rng(seed)
    study = empty_study(space, direction=direction)
    sizes = np.array(space.sizes)
    codes = rng.integers(0, sizes, (n, len(sizes)))
    values = np.where(rng.random(n) < bad, np.nan, np.round(rng.normal(size=n), 2))
    return study, codes, values, np.sort(rng.integers(0, levels, n)), rng.random(n) >= bad


def fill(study, codes, values, levels, feasible, part=slice(None)):
    for level in np.unique(levels[part]):
        mine = np.arange(len(codes))[part][levels[part] == level]
        add(study, codes[mine], values[mine], level=int(level), feasible=feasible[mine])


def running(study, **said):
    """What a running search looks like to a view."""
    progress = {
        "state": "running", "level": 0, "level_name": "coarse", "n_levels": 3, "done": 0, "total": 0, "trials": 0,
        "budget": None, "seconds": 1.0, "seconds_left": float("nan"), "best": float("nan"), "best_params": None,
        "notice": "", **said,
    }  # fmt: skip
    source = SimpleNamespace(study=study, said=progress, error=None)
    source.progress = lambda: SimpleNamespace(**source.said)
    return source


def region(space, level, index, bounds):
    codes = [space[name].encode(list(pair)) for name, pair in bounds.items()]
    lower, upper = np.array(codes).T
    return Region.from_codes(space, lower, upper, level=level, index=index)


PLANE = Space(fast=Integer(5, 50), slow=Integer(20, 200, step=5))
SPACES = {
    "one": Space(n=Integer(1, 300)),
    "two": PLANE,
    "log": Space(length=Integer(2, 400, log=True), rate=Real(0.001, 1.0, log=True)),
    "kinds": Space(kind=Categorical(["ema", "sma", None]), n=Integer(2, 40), gate=Categorical([10, 20, 50])),
    "twelve": Space(**{f"p{i}": Real(0.0, 1.0) for i in range(12)}),
}
