"""Photograph the live search of the fifth notebook while it runs, for the README.

    python tests/browser/take_live_picture.py notebooks/images/live-search.png
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path

from labdriver import Lab, browser, lab_server
from PIL import Image
from take_pictures import VIEWS

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "05-the-live-search.ipynb"
MOMENT = "Level 3 of 3"


def main(path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root, state = Path(folder, "notebooks"), Path(folder, "state")
        shutil.copytree(NOTEBOOK.parent, root)
        with lab_server(root, state) as (base, token), browser() as chromium:
            page = chromium.new_page(viewport={"width": 1480, "height": 1600}, device_scale_factor=1.25)
            lab = Lab(page, base, token)
            lab.open(NOTEBOOK.name)
            lab.ready()
            page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")
            view = page.locator(".jp-Cell").filter(has_text="free_view = mrt.view(free)").locator(VIEWS).first
            view.get_by_text(MOMENT).first.wait_for(timeout=120_000)
            view.scroll_into_view_if_needed()
            page.wait_for_timeout(600)
            image = Image.open(io.BytesIO(view.screenshot())).convert("RGB")
    image.quantize(256, Image.Quantize.MEDIANCUT, kmeans=3, dither=Image.Dither.NONE).save(path, "PNG", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
