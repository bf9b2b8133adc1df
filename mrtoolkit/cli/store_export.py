"""`mrtoolkit store export`: the features of one data set as a Parquet file."""

from __future__ import annotations

from pathlib import Path

from mrtoolkit.cli.output import check_writable
from mrtoolkit.cli.say import say
from mrtoolkit.cli.store import existing, name_list
from mrtoolkit.errors import ConfigError
from mrtoolkit.features.disk.disk import Disk
from mrtoolkit.features.labelled.parquet import write_parquet
from mrtoolkit.features.labelled.stored import data_like, stored_columns
from mrtoolkit.features.sizes import format_size


def command(*, path: Path, out: Path, data: str, names: str | None) -> None:
    """Write the file and say what is in it."""
    if out.is_dir():
        file = out / "features.parquet"
        msg = f"--out {str(out)!r} is a folder, but the features go to one Parquet file; give --out {file}."
        raise ConfigError(msg)
    check_writable(out.parent)
    disk = Disk(existing(path))
    axes, columns = stored_columns(disk, data_like(disk, data), name_list(names))
    write_parquet(out, axes, columns)
    count = sum(len(column.rows) for column in columns)
    say(f"{out.resolve()}: {count:,} columns of {len(axes.time):,} bars, {format_size(out.stat().st_size)}")
