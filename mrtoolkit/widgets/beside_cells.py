"""Buttons that answer while a cell runs.

JupyterLab sends what a widget says to a thread of its own in the kernel (a subshell), so that it is heard while a cell
runs: also one that waits for a search. ipykernel 7.4 sends it to the thread from which the widget last spoke instead,
the main one, busy with the cell. Our callbacks only leave wishes, on whatever thread, so they need no such care.
"""

from __future__ import annotations

from typing import Any

_ROUTE = "_reply_subshell_for"  # of ipykernel's comms from 7.4 on; it has no public name for that


def hear_beside_cells(widget: Any) -> None:
    """Have what a widget and those in it say heard where JupyterLab sends it, not where they spoke last."""
    comm = getattr(widget, "comm", None)
    if getattr(comm, _ROUTE, None) is not None:
        setattr(comm, _ROUTE, None)
    for child in getattr(widget, "children", ()):
        hear_beside_cells(child)
