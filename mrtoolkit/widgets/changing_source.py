"""A bokeh source that sends only what changed: rows are patched and streamed, and replaced where that is less."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource

_PATCHED = 48  # rows; more are sent sooner as a whole


class ChangingSource:
    """Columns of a figure that grow, change a little, or are others altogether.

    Parameters
    ----------
    names : str
        The columns.

    Attributes
    ----------
    source : ColumnDataSource
        For the figure; only `update` writes to it.
    """

    def __init__(self, *names: str) -> None:
        self.source = ColumnDataSource({name: np.empty(0) for name in names})
        self._shown: dict[str, np.ndarray] = {name: np.empty(0) for name in names}

    def __len__(self) -> int:
        return len(next(iter(self._shown.values())))

    def update(self, **columns: Any) -> str:
        """Make the source hold these columns; return how: "", "stream", "patch", "patch and stream" or "replace"."""
        new = {name: np.asarray(values) for name, values in columns.items()}
        old, self._shown = self._shown, new
        n_old, n_new = len(next(iter(old.values()))), len(self)
        if n_new < n_old or n_old == 0:
            return self._replace(new) if n_new or n_old else ""
        changed = np.flatnonzero(np.any([_differs(old[name], new[name][:n_old]) for name in new], axis=0))
        if len(changed) > _PATCHED or any(old[name].dtype.kind != new[name].dtype.kind for name in new):
            return self._replace(new)
        done = []
        if len(changed):
            self.source.patch({name: _patches(old[name], new[name], changed) for name in new})
            done.append("patch")
        if n_new > n_old:
            self.source.stream({name: values[n_old:] for name, values in new.items()})
            done.append("stream")
        return " and ".join(done)

    def _replace(self, new: Mapping[str, np.ndarray]) -> str:
        self.source.data = dict(new)
        return "replace"


def _differs(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    differs = old != new
    if old.dtype.kind == "f" and new.dtype.kind == "f":
        differs &= ~(np.isnan(old) & np.isnan(new))
    return np.asarray(differs)


def _patches(old: np.ndarray, new: np.ndarray, changed: np.ndarray) -> list[tuple[int, Any]]:
    mine = changed[_differs(old[changed], new[changed])]
    return [(int(i), new[i].item() if hasattr(new[i], "item") else new[i]) for i in mine]
