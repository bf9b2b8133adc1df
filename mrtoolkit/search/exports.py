"""A study as tables that other programs read: CSV and Parquet."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from mrtoolkit.errors import StudyError
from mrtoolkit.search.dimensions import Categorical
from mrtoolkit.search.plain_json import plain_json

if TYPE_CHECKING:
    from mrtoolkit.search.study import Study

_KEY = b"mrtoolkit"


def constants(study: Study) -> dict[str, Any]:
    """Return what is the same for all trials, as plain JSON."""
    found: dict[str, Any] = plain_json(
        {
            "objective": study.objective,
            "direction": study.direction,
            "seed": study.seed,
            "trials": len(study),
            "stopped": study.stopped,
            "space": study.space.to_dict(),
            "constraints": list(study.keys.get("constraints", ())),
        }
    )
    return found


def trial_table(study: Study, columns: Sequence[str]) -> pd.DataFrame:
    """Return what `Study.to_pandas` does: the parameters, some columns of the log, and the metrics."""
    log = study.log.rows  # as they are now: the log may grow meanwhile
    table = study.space.decode(log.codes)
    active = study.space.active(log.codes) if study.space.has_conditions else None
    for j, name in enumerate(study.space):
        if active is not None and not active[:, j].all():  # a label there would bias whoever groups by it
            is_whole = pd.api.types.is_integer_dtype(table[name])
            table[name] = (table[name].astype("Int64") if is_whole else table[name]).where(active[:, j])
    for name in columns:
        table[name] = getattr(log, name).copy()
    for name, values in log.metrics.items():
        if name != "value":
            table[name] = values.copy()
    table.attrs.update(constants(study))
    return table.rename_axis("trial")


def write_csv(study: Study, path: str | Path) -> Path:
    """Write `Study.to_pandas` as CSV: a row a trial, numbers in full, nothing for None and NaN."""
    table = study.to_pandas()
    return _whole(path, "csv", lambda beside: table.to_csv(beside))


def write_parquet(study: Study, path: str | Path) -> Path:
    """Write `Study.to_pandas` as Parquet: a column each, of one type; the constants as JSON in the file's metadata.

    Categories of several types (``[1.5, "auto"]``) are written as their text, None as null.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = study.to_pandas().reset_index()
    columns = {
        str(name): pa.array(_plain_column(study, str(name), table[name]), from_pandas=True) for name in table.columns
    }
    arrow = pa.table(columns)
    metadata: Mapping[bytes, bytes] = {_KEY: json.dumps(constants(study)).encode()}
    arrow = arrow.replace_schema_metadata(metadata)
    return _whole(path, "parquet", lambda beside: pq.write_table(arrow, beside))


def _plain_column(study: Study, name: str, column: pd.Series) -> Any:
    """Return a column of one type: numbers, texts, truth values, each with null for None."""
    if name not in study.space or not isinstance(study.space[name], Categorical):
        return column if column.dtype == "Int64" else column.to_numpy()
    column = column.where(column.notna(), None)
    kinds = {type(value) for value in study.space[name].labels if value is not None}
    if kinds <= {int, float} or len(kinds) == 1:
        return column.to_list()
    return [None if pd.isna(value) else str(value) for value in column]


def _whole(path: Any, kind: str, write: Callable[[Path], Any]) -> Path:
    """Write a file beside its place, then move it there."""
    if not isinstance(path, str | os.PathLike) or not str(path):
        raise StudyError(f"the path is {path!r}; give a text or a Path, as in 'trials.{kind}'.")
    target = Path(path)
    beside = target.with_name(f".{target.name}.partial")
    if not target.parent.is_dir():
        raise StudyError(
            f"the trials were to be written to {str(target)!r}, but there is no folder {str(target.parent)!r}; make it "
            "first or choose another."
        )
    try:
        write(beside)
        beside.replace(target)
    except OSError as error:
        raise StudyError(f"the trials could not be written to {target} ({error.strerror or error}).") from error
    finally:
        if beside.is_file():
            beside.unlink()
    return target
