"""A cell that is run again makes another view; the one of its former run is gone from the page and is closed here.

Without this a notebook's author who runs a cell twenty times has twenty views that draw.
"""

from __future__ import annotations

import weakref
from typing import Any

from mrtoolkit.widgets.cell_request import cell_and_run

_shown: dict[str, list[tuple[str, weakref.ref[Any]]]] = {}


def take_over(view: Any) -> None:
    """Close the views that earlier runs of this cell have shown, and remember this one."""
    cell, run = cell_and_run()
    if not cell:
        return
    before = _shown.get(cell, [])
    for other_run, reference in before:
        other = reference()
        if other is not None and other_run != run:
            other.close()
    _shown[cell] = [entry for entry in before if entry[0] == run] + [(run, weakref.ref(view))]
