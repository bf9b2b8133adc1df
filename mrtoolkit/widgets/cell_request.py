"""What was said with the request to run the present cell: which cell it is, which run, and whether anybody is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from IPython import get_ipython


def cell_and_run() -> tuple[str, str]:
    """Return the names of the cell that runs and of this run, as JupyterLab tells them; empty where it does not."""
    asked = _request()
    cell, run = asked.get("metadata", {}).get("cellId", ""), asked.get("header", {}).get("msg_id", "")
    return str(cell), str(run)


def is_attended() -> bool:
    """Say whether whoever runs the cell could be asked something.

    A program that runs a notebook from top to bottom (nbconvert, nbval, papermill) says with each cell that it could
    not; a page says that it can.
    """
    return _request().get("content", {}).get("allow_stdin") is not False


def _request() -> Mapping[str, Any]:
    kernel: Any = getattr(get_ipython(), "kernel", None)
    parent = kernel.get_parent() if hasattr(kernel, "get_parent") else None
    return parent if isinstance(parent, dict) else {}
