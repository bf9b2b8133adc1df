"""The text of BokehJS, from the installed bokeh, sent to the browser once a kernel.

JupyterLab's page holds no BokehJS, and a page without network cannot fetch one. A widget's state can be as large as it
likes and is not saved with the notebook, so one widget carries the text (1.3 MB) and every board refers to it.
"""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path
from typing import Literal

import anywidget
import bokeh
import traitlets

_SCRIPTS = Path(bokeh.__file__).parent / "server" / "static" / "js"
_LOCK = threading.Lock()


@cache
def _script() -> str:
    return (_SCRIPTS / "bokeh.min.js").read_text(encoding="utf-8")


class BokehRuntime(anywidget.AnyWidget):  # type: ignore[misc]  # it has no types
    """BokehJS as a widget's state: figures and layouts, not bokeh's own buttons and tables."""

    _esm = "export default {};"
    version = traitlets.Unicode(bokeh.__version__).tag(sync=True)
    script = traitlets.Unicode().tag(sync=True)

    def __init__(self) -> None:
        super().__init__(script=_script())
        self.theme: Literal["light", "dark"] = "light"  # as the browser last said: a later board starts with it

    def __repr__(self) -> str:
        return f"BokehRuntime({self.version})"


_of_this_kernel: list[BokehRuntime] = []


def runtime() -> BokehRuntime:
    """Return this kernel's BokehJS; a new one where all widgets were closed meanwhile."""
    with _LOCK:
        if not _of_this_kernel or _of_this_kernel[0].comm is None:
            _of_this_kernel[:] = [BokehRuntime()]
        return _of_this_kernel[0]
