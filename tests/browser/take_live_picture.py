"""Photograph the live search of the fifth notebook while it runs, for the README.

    python tests/browser/take_live_picture.py notebooks/images/live-search.png
"""

from __future__ import annotations

import sys
from pathlib import Path

from take_pictures import VIEWS, opened_copy, small_png

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "05-the-live-search.ipynb"
MOMENT = "Level 2 of 3"  # the picture is of a second later


def main(path: Path) -> None:
    with opened_copy(NOTEBOOK, width=1480) as lab:
        lab.start_all()
        view = lab.page.locator(".jp-Cell").filter(has_text="free_view = mrt.view(free)").locator(VIEWS).first
        view.get_by_text(MOMENT).first.wait_for(timeout=120_000)
        view.scroll_into_view_if_needed()
        lab.page.wait_for_timeout(600)
        path.write_bytes(small_png(view.screenshot()))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
