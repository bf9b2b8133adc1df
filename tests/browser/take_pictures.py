"""Run a notebook in a real JupyterLab and write it back as it ran, each figure as the picture that was seen.

    python tests/browser/take_pictures.py notebooks/01-the-main-job.ipynb

A figure is live in JupyterLab. What is committed is its picture: small, and shown where nothing is run, too.
A cell that shows one is marked with `# NBVAL_IGNORE_OUTPUT`; of other cells the outputs stay as they came, and so do
text and tables of a marked cell, less the temporary folder that they name.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from labdriver import Lab, browser, lab_server
from PIL import Image

FIGURES = "[data-root-id] > *"  # the outer one has no box of its own
VIEWS = ".jp-OutputArea-output .jupyter-widgets:has(.mrt-board)"  # figures and controls: the first is the outermost
MARK = "# NBVAL_IGNORE_OUTPUT"


def main(path: Path) -> None:
    with opened_copy(path, width=1560) as lab:
        lab.run_all()
        lab.page.wait_for_timeout(1000)
        pictures = [_pictures(cell) for cell in lab.page.locator(".jp-Notebook .jp-Cell").all()]
        lab.save()
        lab.page.wait_for_timeout(1000)
        ran = nbformat.read(lab.path, as_version=4)
    for cell, images in zip(ran.cells, pictures, strict=True):
        cell.metadata = {}
        if cell.cell_type == "code" and cell.source.startswith(MARK):
            cell.outputs = [_output(image) for image in images] or _texts(cell.outputs)
    ran.metadata = {"kernelspec": ran.metadata.kernelspec, "language_info": {"name": "python"}}
    nbformat.validate(ran)
    nbformat.write(ran, path)


@contextlib.contextmanager
def opened_copy(path: Path, width: int) -> Iterator[Lab]:
    """Open a notebook in a copy of its folder, whose place is the page's `path`."""
    with tempfile.TemporaryDirectory() as folder:
        root, state = Path(folder, "notebooks"), Path(folder, "state")
        shutil.copytree(path.parent, root)
        with lab_server(root, state) as (base, token), browser() as chromium:
            page = chromium.new_page(viewport={"width": width, "height": 1600}, device_scale_factor=1.25)
            lab = Lab(page, base, token)
            lab.path = root / path.name
            lab.open(path.name)
            yield lab


def small_png(image: bytes) -> bytes:
    """Return a screenshot with 256 colours: half the size, and no different to the eye."""
    small = io.BytesIO()
    whole = Image.open(io.BytesIO(image)).convert("RGB")
    whole.quantize(256, Image.Quantize.MEDIANCUT, kmeans=3, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()


def _pictures(cell: Any) -> list[bytes]:
    views = cell.locator(VIEWS)
    figures = views.first if views.count() else cell.locator(f".jp-OutputArea-output {FIGURES}")
    shots = []
    for figure in figures.all():
        figure.scroll_into_view_if_needed()
        shots.append(figure.screenshot())
    return shots


def _texts(outputs: list[Any]) -> list[Any]:
    """Outputs without what loads bokeh, and without the folder of this run."""
    texts = [out for out in outputs if not any("javascript" in kind or "bokeh" in kind for kind in out.get("data", {}))]
    folder = re.escape(tempfile.gettempdir() + os.sep) + r"[^/\\\s]+[/\\]"
    return [nbformat.from_dict(json.loads(re.sub(folder, "", json.dumps(out)))) for out in texts]


def _output(image: bytes) -> Any:
    data = {"image/png": base64.b64encode(small_png(image)).decode(), "text/plain": "<a figure>"}
    return nbformat.v4.new_output("display_data", data=data)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
