"""A table that prints all of its columns, however narrow the terminal."""

from __future__ import annotations

from typing import Any

import pandas as pd


class Table(pd.DataFrame):
    """A DataFrame whose print hides no column; what is selected of it is a plain one."""

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    def __repr__(self) -> str:
        with pd.option_context("display.max_columns", None):  # in several blocks where they do not fit
            return super().__repr__()


def as_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the same table, printed whole."""
    table = Table(frame)
    table.attrs.update(frame.attrs)
    return table
