"""What was good in the first part of the time, held to what it was in the last: whether rank lasts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, Slope
from bokeh.plotting import figure

from mrtoolkit.backtest.backtest import Backtest
from mrtoolkit.backtest.metrics import METRICS, WindowStatistics, join
from mrtoolkit.backtest.running import mean_of_assets
from mrtoolkit.errors import StudyError, check_count
from mrtoolkit.search.study import Study
from mrtoolkit.views.arguments import check_share
from mrtoolkit.views.legends import style_legend
from mrtoolkit.views.parallel import best_last
from mrtoolkit.views.still import held_still
from mrtoolkit.views.theme import BLUE, GREY, SKY, VERMILLION, add_hover, themed_figure
from mrtoolkit.views.trial_table import candidate, check_trials, shown_params
from mrtoolkit.views.words import counted

SHARE = 0.7
_TRIALS = 1_000
_WORK = 20_000_000  # bars times trials that are run again, at most
_FEWEST_BLOCKS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class InAndOut:
    """Trials in two parts of the time.

    Attributes
    ----------
    table : pd.DataFrame
        Indexed by trial: `first` and `last`, the measure in the first part and in the rest, NaN where it has none.
    measure : str
        What is measured, such as "sharpe".
    first, last : str
        The two parts, as a reader would name them.
    correlation : float
        Spearman's, over the trials with both; NaN for fewer than three.
    direction : str
    """

    table: pd.DataFrame
    measure: str
    first: str
    last: str
    correlation: float
    direction: str


def in_and_out_data(study: Study, *, share: float = SHARE, limit: int = _TRIALS) -> InAndOut:
    """Return what trials gave in the first part of the time and in the rest.

    With a backtest at hand the objective itself, from the trials' block statistics made again (of an objective over
    windows of time the Sharpe ratio); without one the Sharpe ratio of the blocks' returns that the study keeps.
    The search has seen both parts: this says whether rank lasts, not what happens on data that nobody has seen.

    Parameters
    ----------
    study : Study
        With at least one trial.
    share : float
        Of the measured time, in (0, 1); rounded to whole blocks.
    limit : int
        Of more trials half of so many are the best, the others evenly spread over the rest.

    Raises
    ------
    StudyError
        If the study has no trials, keeps no returns over at least four blocks and has no backtest, `share` is not
        between 0 and 1, or `limit` no whole number of 2 or more.
    """
    study = held_still(study)
    check_trials(study)
    check_count("limit", limit, StudyError, minimum=2)
    check_share(share)
    if study.backtest is not None:
        bars = study.backtest.bars
        n_bars = bars.sizes["time"] * bars.sizes.get("asset", 1)
        trials = best_last(study, int(np.clip(_WORK // n_bars, 50, limit)))
        return _made_again(study, study.backtest, trials, share)
    return _kept(study, best_last(study, limit), share)


def in_and_out(study: Study, *, share: float = SHARE, height: int = 420) -> figure:
    """Return each trial as a point, the first part of the time across and the rest upwards, with the diagonal.

    Parameters as those of `in_and_out_data`.

    Raises
    ------
    StudyError
        As `in_and_out_data`.
    """
    study = held_still(study)
    return in_and_out_figure(study, in_and_out_data(study, share=share), height=height)


def in_and_out_figure(study: Study, data: InAndOut, *, height: int = 420) -> figure:
    """Return the figure of `in_and_out_data`, for who has it already."""
    known = data.table.dropna()
    plot = themed_figure(
        title=f"Early to late: rank correlation {_plain(data.correlation)}", height=height,
        x_label=f"{data.measure}, {data.first}", y_label=f"{data.measure}, {data.last}",
    )  # fmt: skip
    if known.empty:
        plot.x_range.start, plot.x_range.end, plot.y_range.start, plot.y_range.end = 0.0, 1.0, 0.0, 1.0
        return plot
    plot.add_layout(Slope(gradient=1.0, y_intercept=0.0, line_color=GREY, line_dash="dashed", line_alpha=0.8))
    dots = plot.scatter(
        "first", "last", source=_source(study, known), size=7, fill_color=SKY, fill_alpha=0.6, line_color=BLUE,
        line_alpha=0.5, line_width=0.5, legend_label="trials",
    )  # fmt: skip
    marks = [dots]
    for text, marker, colour, trial in _marked(study, data, known):
        look = {"marker": marker, "size": 18, "fill_color": colour, "line_color": "#222222", "legend_label": text}
        marks.append(plot.scatter("first", "last", source=_source(study, known.loc[[trial]]), **look))
    rows = [("Trial", "@number{0,0}"), ("First part", "@first{0.0000}"), ("The rest", "@last{0.0000}")]
    add_hover(plot, marks[::-1], [*rows, ("Parameters", "@params")])
    style_legend(plot, glyph=22)
    return plot


def in_and_out_sentence(data: InAndOut) -> str:
    """Return what is compared and how well ranks last, for who cannot see the points, and for a caption."""
    known = data.table.dropna()
    what = f"{data.measure} of {counted(len(known), 'trial')}: {data.first} against {data.last}"
    if len(known) < 3:
        return f"{what}; too few to say whether ranks last."
    best = _best_first(data, known)
    sign = 1.0 if data.direction == "maximize" else -1.0
    late = sign * known["last"].to_numpy(dtype=float)
    behind = int((late > late[known.index.get_loc(best)]).sum())
    return (
        f"{what}. Rank correlation {_plain(data.correlation)} (Spearman); the best of the first part was number "
        f"{behind + 1:,} of {len(known):,} in the rest. The search has seen both parts, so this says whether rank "
        "lasts, not what happens on data that nobody has seen."
    )


def _best_first(data: InAndOut, known: pd.DataFrame) -> int:
    first = known["first"].to_numpy(dtype=float)
    return int(known.index.to_numpy()[first.argmax() if data.direction == "maximize" else first.argmin()])


def _marked(study: Study, data: InAndOut, known: pd.DataFrame) -> list[tuple[str, str, str, int]]:
    """Return the trials that stand out: the best of the first part, and the study's own."""
    found = [("best of the first part", "diamond", BLUE, _best_first(data, known))]
    best = candidate(study, "best")
    if best is not None:
        if best.trial == found[0][-1]:
            return [("best of the first part, and of all", "star", VERMILLION, best.trial)]
        if best.trial in known.index:
            found.append(("best of all the time", "star", VERMILLION, best.trial))
    return found


def _made_again(study: Study, backtest: Backtest, trials: np.ndarray, share: float) -> InAndOut:
    """Run trials again and measure their objective in both parts."""
    blocks = backtest.blocks(study.space.decode(study.log.codes[trials]))
    axes = ("trial", "asset", "block") if "asset" in blocks.dims else ("trial", "block")
    stats = np.stack([blocks[name].transpose(*axes).to_numpy() for name in blocks.data_vars], axis=-1).astype(float)
    if "asset" not in blocks.dims:
        stats = stats[:, np.newaxis]
    cut = _cut(stats.shape[2], share)
    measure, direction = _measure(study)
    parts = {}
    for name, part in (("first", slice(None, cut)), ("last", slice(cut, None))):
        joined = join(np.ascontiguousarray(stats[:, :, part]))
        window = WindowStatistics.from_joined(joined, backtest.periods_per_year, backtest.risk_free)
        with np.errstate(all="ignore"):
            metrics = {key: mean_of_assets(np.asarray(of(window), dtype=float)) for key, of in METRICS.items()}
        goal = study.goal
        is_own = goal is not None and measure == goal.objective.text
        values = goal.values(metrics, len(trials)) if goal is not None and is_own else metrics[measure]
        parts[name] = np.where(np.isfinite(values), values, np.nan)
    border = f"{pd.Timestamp(blocks['start'].to_numpy()[cut]):%Y-%m-%d}"
    n = stats.shape[2]
    return _made(
        parts, trials, measure, direction, (f"first {_percent(cut, n)}, to {border}", f"the rest, from {border}")
    )


def _measure(study: Study) -> tuple[str, str]:
    """Return what is measured in a part of the time: the objective where a part has it, else the Sharpe ratio."""
    goal = study.goal
    if goal is None:
        return (study.objective, study.direction) if study.objective in METRICS else ("sharpe", "maximize")
    sample = {name: np.ones(1) for name in METRICS}
    try:
        goal.values(sample, 1)
    except (KeyError, AttributeError, StudyError):  # it needs a metric over windows of time
        return "sharpe", "maximize"
    return goal.objective.text, goal.direction


def _kept(study: Study, trials: np.ndarray, share: float) -> InAndOut:
    """Measure what the study keeps of its trials: returns over blocks."""
    sums = study.log.blocks.get("sum")
    n = 0 if sums is None else sums.shape[1]
    if sums is None or n < _FEWEST_BLOCKS:
        msg = (
            f"early and late were to be compared, but this study keeps returns over {n} blocks of time and has no "
            "backtest; search a Backtest, or load the study with mrt.load_study(path, backtest=...)."
        )
        raise StudyError(msg)
    cut = _cut(n, share)
    returns = sums[trials].astype(float)
    parts = {}
    for name, part in (("first", returns[:, :cut]), ("last", returns[:, cut:])):
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = part.mean(axis=1) / part.std(axis=1, ddof=1)
        parts[name] = np.where(np.isfinite(ratio), ratio, np.nan)
    words = (f"first {_percent(cut, n)} of {n} blocks", f"last {_percent(n - cut, n)}")
    return _made(parts, trials, "Sharpe ratio of block returns", "maximize", words)


def _cut(n_blocks: int, share: float) -> int:
    if n_blocks < _FEWEST_BLOCKS:
        msg = (
            f"early and late were to be compared, but the backtest keeps {n_blocks} blocks of time; give it at least "
            f"blocks={_FEWEST_BLOCKS} and as many bars."
        )
        raise StudyError(msg)
    return int(np.clip(round(share * n_blocks), 2, n_blocks - 2))


def _made(
    parts: dict[str, np.ndarray], trials: np.ndarray, measure: str, direction: str, words: tuple[str, str]
) -> InAndOut:
    from scipy.stats import spearmanr  # 0.3 s to import, and only this figure needs it

    table = pd.DataFrame(parts, index=pd.Index(trials, name="trial"))
    known = table.dropna()
    varies = len(known) > 2 and known["first"].nunique() > 1 and known["last"].nunique() > 1
    correlation = float(spearmanr(known["first"], known["last"]).statistic) if varies else float("nan")
    return InAndOut(
        table=table, measure=measure, first=words[0], last=words[1], correlation=correlation, direction=direction
    )


def _source(study: Study, part: pd.DataFrame) -> ColumnDataSource:
    columns: dict[str, Any] = {name: part[name].to_numpy() for name in ("first", "last")}
    columns["number"] = part.index.to_numpy() + 1
    columns["params"] = shown_params(study, part.index.to_numpy())
    return ColumnDataSource(columns)


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %"


def _plain(correlation: float) -> str:
    return "–" if np.isnan(correlation) else f"{correlation:.2f}".replace("-", "−")
