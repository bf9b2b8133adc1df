"""The replay: one offline page in which a whole search plays again, level by level."""

from __future__ import annotations

import json
from base64 import b64encode
from importlib import resources
from pathlib import Path

from mrtoolkit.search.study import Study
from mrtoolkit.search.study_text import failure_note, luck_text, summary
from mrtoolkit.views.arguments import check_study
from mrtoolkit.views.page import paragraph, section, table, text, whole_page
from mrtoolkit.views.page_file import checked_path, write_page
from mrtoolkit.views.picture import picture_png
from mrtoolkit.views.replay_data import replay_data
from mrtoolkit.views.report_text import title_of
from mrtoolkit.views.story import Story, headline, search_story, second_line
from mrtoolkit.views.words import counted


def replay(study: Study, path: str | Path, *, x: str | None = None, y: str | None = None) -> Path:
    """Return the path of a page in which the search plays again, written as one HTML file that opens offline.

    Play, pause, a slider, speeds, steps by trial and by level; the space bar and the arrow keys do the same.

    Parameters
    ----------
    study : Study
        With at least one trial; one that still grows is written as it is now.
    path : path
        The file, written whole or not at all; one that is there is replaced. Its folder must exist.
    x, y : str, optional
        Parameters of the map; those that vary first where not given.

    Returns
    -------
    Path
        The absolute path of the file: about 100 kB, half a megabyte for 100,000 trials, of which it holds some 6,000.

    Raises
    ------
    StudyError
        If it is no study or has no trials, a parameter is unknown, or the path is none, a folder or in a folder that
        is not there.

    Examples
    --------
    >>> import mrtoolkit as mrt
    >>> mrt.views.replay(study, "replay.html")  # doctest: +SKIP
    """
    check_study(study)
    target = checked_path(path, "replay")
    story = search_story(study, x, y)
    write_page(target, _html(story), "replay")
    return target


def player_part(story: Story, *, starts: bool) -> str:
    """Return the player as a part of a page, which needs `player_code` and `player_style` once; `starts` by itself."""
    data = json.dumps(replay_data(story), allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    safe = data.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")  # no tag ends the data
    return (
        f'<div class="replay" role="group" tabindex="0" aria-label="The search, played again" '
        f'data-starts="{"yes" if starts else "no"}"><script type="application/json">{safe}</script>'
        f"<noscript>{paragraph('The search plays again where scripts may run.', kind='note')}</noscript></div>"
    )


def player_code() -> str:
    """Return the script that plays."""
    return _file("replay.js")


def player_style() -> str:
    """Return how the player looks."""
    return _file("replay.css")


def _file(name: str) -> str:
    return (resources.files("mrtoolkit.views") / name).read_text(encoding="utf-8")


def _html(story: Story) -> str:
    heading = title_of(story.study)
    still = b64encode(_still(story)).decode("ascii")
    picture = f'<img class="still" alt="{text(headline(story))}" src="data:image/png;base64,{still}">'
    body = "\n".join(
        [
            f"<header><h1>{text(heading)}</h1>\n{paragraph(headline(story) + '.', kind='lead')}</header>",
            player_part(story, starts=True),
            picture,
            section("What was found, and how much of it may be luck", _figures(story)),
        ]
    )
    return whole_page(heading, body, "", style=player_style(), code=player_code())


def _still(story: Story) -> bytes:
    """Return the picture for who prints the page, or has no scripts."""
    is_map = story.is_map
    return picture_png(story.study, x=story.x.name, y=story.y.name if is_map else None)


def _figures(story: Story) -> str:
    """Return the winner, the plateau and the honest figures, as the study prints them."""
    study = story.study
    rows = [[name, value, params] for name, value, params in summary(study)]
    parts = []
    if rows:
        parts.append(table(f"By {study.value_name}", ["", study.value_name, "parameters"], rows))
    notes = [note for note in (failure_note(study), luck_text(study)) if note]
    if story.best is None:
        notes.insert(0, second_line(story))
    stopped = study.stopped.strip()
    notes.append(f"Why it stopped: {stopped}" if stopped else "The search had not ended when this was written.")
    parts += [paragraph(note[:1].upper() + note[1:]) for note in notes]
    words = (
        f"The best of {counted(len(study), 'trial')} on the same data is biased upward: read it as the upper end of "
        "what to expect. Past prices are no promise, and nothing here is advice."
    )
    return "\n".join([*parts, paragraph(words, kind="warn")])
