"""`mrtoolkit demo`: the textbook's moving-average cross on real prices, in three levels."""

from __future__ import annotations

import shutil
from pathlib import Path
from textwrap import indent

from mrtoolkit.backtest.backtest import Backtest
from mrtoolkit.backtest.model import Costs
from mrtoolkit.cli.output import REPORT_FILE, STUDY_FILE
from mrtoolkit.cli.report import write_report
from mrtoolkit.cli.say import say
from mrtoolkit.cli.searching import search
from mrtoolkit.cli.summary import bars_text, candidates_text, levels_text, warning_text
from mrtoolkit.cli.table import table
from mrtoolkit.data.samples import sample, samples
from mrtoolkit.expressions.inputs import P
from mrtoolkit.indicators.trend import ema
from mrtoolkit.search.cost import compare_cost
from mrtoolkit.search.level import Level
from mrtoolkit.search.optimizer import optimize
from mrtoolkit.search.space import Integer, Real, Space
from mrtoolkit.search.study import Study
from mrtoolkit.strategy.strategy import Strategy
from mrtoolkit.views.words import params_text

FEE = 0.001
LEVELS = (
    Level("coarse", grid={"fast": [5, 10, 15, 20], "slow": [30, 40, 50, 60]}),
    Level("medium", grid={"fast": list(range(8, 18)), "slow": [35, 37, 40, 42, 45, 47, 50, 52, 55]}),
    Level("fine", grid={"fast": [11.5, 12, 12.5], "slow": [41, 42, 43]}),
)


def command(*, asset: str, out: Path, others: bool, open_report: bool) -> None:
    """Search one share in full, the others in a line each; print what it found and what it cost, write the report."""
    width = shutil.get_terminal_size().columns
    backtest = textbook_backtest(asset)
    rule = f"hold while {backtest.strategy.to_dict()['entry']}, {100 * FEE:g} % a fill, filled at the next open"
    heading = f"{bars_text(backtest.bars)}\n{rule}\n"
    study = search(backtest, textbook_space(), heading=heading, out=out, levels=LEVELS)
    say(f"levels\n{levels_text(study, width)}\n")
    say(f"by {study.objective}\n{candidates_text(study, width)}\n")
    say(f"what it cost\n{indent(repr(compare_cost(study)), '  ')}\n")
    say(f"20 trials and the best again, without any cache: {study.verify(20)!r}\n")
    if others:
        say(f"does it carry over? {study.objective} on the other shares\n{others_text(study, asset, width)}\n")
    say(f"{warning_text(study, width)}\n")
    say(f"study:  {(out / STUDY_FILE).resolve()}")
    write_report(study, out / REPORT_FILE, open_report=open_report)


def textbook_backtest(asset: str) -> Backtest:
    """Return the textbook's rule on one bundled share, with costs."""
    return Backtest(sample(asset), Strategy(entry=ema(P.fast) > ema(P.slow)), costs=Costs(fee=FEE))


def textbook_space() -> Space:
    """Return every pair that the textbook's levels could have named: the lattice of an exhaustive search."""
    return Space(fast=Real(5, 20, step=0.5), slow=Integer(30, 60))


def others_text(study: Study, asset: str, width: int = 80) -> str:
    """Return how the pair that was best on one share did on the others, beside their own best and buy and hold."""
    rows = []
    for name in samples():
        if name != asset:
            backtest = textbook_backtest(name)
            own = optimize(backtest, textbook_space(), levels=LEVELS)
            taken = float(backtest.trial(study.best.params).metrics[study.objective])
            rows.append((name, taken, own.best.value, params_text(own.best.params), own.benchmark_value))
    return table(rows, ["share", f"{asset}'s best", "own best", "at", "buy and hold"], width=width)
