"""A cell that is run again makes another view; the one of its former run is gone from the page and is closed here.

Without this a notebook's author who runs a cell twenty times has twenty views that draw.
"""

from __future__ import annotations

import weakref
from typing import Any

from IPython import get_ipython

_shown: dict[str, list[tuple[str, weakref.ref[Any]]]] = {}


def take_over(view: Any) -> None:
    """Close the views that earlier runs of this cell have shown, and remember this one."""
    cell, run = _where()
    if not cell:
        return
    before = _shown.get(cell, [])
    for other_run, reference in before:
        other = reference()
        if other is not None and other_run != run:
            other.close()
    _shown[cell] = [entry for entry in before if entry[0] == run] + [(run, weakref.ref(view))]


def _where() -> tuple[str, str]:
    """Return the names of the cell that runs and of this run, as JupyterLab tells them; empty where it does not."""
    kernel: Any = getattr(get_ipython(), "kernel", None)
    parent = kernel.get_parent() if hasattr(kernel, "get_parent") else None
    if not isinstance(parent, dict):
        return "", ""
    cell = parent.get("metadata", {}).get("cellId", "")
    return str(cell), str(parent.get("header", {}).get("msg_id", ""))
