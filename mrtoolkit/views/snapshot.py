"""A study as a notebook keeps it: a picture and a few lines, which show where no widget and no script does."""

from __future__ import annotations

from base64 import b64encode

from mrtoolkit.search.study import Study
from mrtoolkit.views.best_table import best_text
from mrtoolkit.views.picture import Theme, picture_png


def snapshot(
    study: Study, *, x: str | None = None, y: str | None = None, width: int = 1000, theme: Theme = "light"
) -> dict[str, str]:
    """Return a study as a bundle for `IPython.display.display(bundle, raw=True)`: a picture and a table of the best.

    Parameters
    ----------
    study : Study
        One that still grows is shown as it is now; of one without trials there are words alone.
    x, y, width, theme
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
    bundle = {"text/plain": best_text(study)}
    if len(study):
        bundle["image/png"] = b64encode(picture_png(study, x=x, y=y, width=width, theme=theme)).decode("ascii")
    return bundle
