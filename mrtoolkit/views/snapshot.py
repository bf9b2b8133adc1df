"""A study as a notebook keeps it: a picture and a few lines, which show where no widget and no script does."""

from __future__ import annotations

from base64 import b64encode

from mrtoolkit.search.study import Study
from mrtoolkit.views.best_table import best_text
from mrtoolkit.views.picture import Theme, picture_png
from mrtoolkit.views.still import held_still
from mrtoolkit.views.trial_table import candidate


def snapshot(
    study: Study,
    *,
    x: str | None = None,
    y: str | None = None,
    width: int = 1000,
    theme: Theme = "light",
    with_plateau: bool = True,
) -> dict[str, str]:
    """Return a study as a bundle for `IPython.display.display(bundle, raw=True)`: a picture and a table of the best.

    Parameters
    ----------
    study : Study
        One that still grows is shown as it is now; of one without trials there are words alone.
    x, y, width, theme, with_plateau
        See `picture_png`.

    Returns
    -------
    dict
        `text/plain`, and `image/png` in base64, as a notebook's file has it; equal for equal studies.

    Raises
    ------
    StudyError
        As `picture_png`, but for a study without trials.
    """
    still = held_still(study)
    if with_plateau:
        candidate(still, "plateau")  # found once: copies of what is held still know it too
    bundle = {"text/plain": best_text(still, with_plateau=with_plateau)}
    if len(still):
        png = picture_png(still, x=x, y=y, width=width, theme=theme, with_plateau=with_plateau)
        bundle["image/png"] = b64encode(png).decode("ascii")
    return bundle
