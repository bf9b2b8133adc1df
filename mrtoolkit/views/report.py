"""The report of a study: one HTML file with its figures in it, that opens without a network."""

from __future__ import annotations

from pathlib import Path

from mrtoolkit.search.cost import CostComparison
from mrtoolkit.search.study import Study
from mrtoolkit.views.arguments import check_study
from mrtoolkit.views.page import embed, section, whole_page
from mrtoolkit.views.page_file import checked_path, write_page
from mrtoolkit.views.provenance import provenance_part
from mrtoolkit.views.replay import player_code, player_part, player_style
from mrtoolkit.views.report_figures import Picture, explored_pictures, search_pictures, trial_pictures
from mrtoolkit.views.report_text import (
    candidates_part,
    cost_part,
    header_part,
    levels_part,
    overfitting_part,
    title_of,
    top_part,
)
from mrtoolkit.views.still import held_still
from mrtoolkit.views.story import search_story
from mrtoolkit.views.trial_table import check_trials


def report(study: Study, path: str | Path, *, cost: CostComparison | None = None, title: str | None = None) -> Path:
    """Return the path of a study's report, written as one HTML file that opens offline.

    Parameters
    ----------
    study : Study
        With at least one trial. Where it has its backtest, the best trial is run again and drawn on the price.
    path : path
        The file, written whole or not at all; one that is there is replaced. Its folder must exist.
    cost : CostComparison, optional
        What recomputing every trial and the exhaustive grid would have cost (`compare_cost`).
    title : str, optional
        Heading of the page; made of the data's name and the objective where not given.

    Returns
    -------
    Path
        The absolute path of the file, about 2 MB.

    Raises
    ------
    StudyError
        If it is no study or has no trials, or the path is none, a folder or in a folder that is not there.

    Examples
    --------
    >>> import mrtoolkit as mrt
    >>> mrt.report(study, "study.html")  # doctest: +SKIP
    """
    check_study(study)
    target = checked_path(path, "report")
    study = held_still(study)
    check_trials(study)
    heading = title or title_of(study)
    write_page(target, _html(study, heading, cost), "report")
    return target


def _html(study: Study, heading: str, cost: CostComparison | None) -> str:
    searched, traded = search_pictures(study), trial_pictures(study)
    explored = explored_pictures(study)
    script, divisions = embed({p.name: p.figure for p in (*searched, *explored, *traded)})
    parts = [
        header_part(study, heading),
        section("Best, plateau, and doing nothing", candidates_part(study)),
        section("Level by level", levels_part(study)),
        section("The search, played again", player_part(search_story(study), starts=False)),
        section("How the search went", *(_drawn(p, divisions) for p in searched), top_part(study)),
    ]
    if explored:
        parts.append(section("What it found, looked through", *(_drawn(p, divisions) for p in explored)))
    if traded:
        parts.append(section("The best trial on the price", *(_drawn(p, divisions) for p in traded)))
    if cost is not None:
        parts.append(section("What it cost", cost_part(cost)))
    parts += [
        section("A word on over-fitting", overfitting_part(study)),
        section("Where this comes from", provenance_part(study)),
    ]
    return whole_page(heading, "\n".join(parts), script, style=player_style(), code=player_code())


def _drawn(picture: Picture, divisions: dict[str, str]) -> str:
    return picture.html(divisions[picture.name])
