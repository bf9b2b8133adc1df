"""Paths that a user gives, of this machine's own folders and files."""

from __future__ import annotations

import errno
import os
import re
from os import PathLike
from pathlib import Path

from mrtoolkit.errors import StoreError

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")  # Path("s3://x") has one slash; a drive has one letter


def store_folder(path: str | PathLike[str]) -> Path:
    """Return the absolute path of a store's folder, there or not.

    Raises
    ------
    StoreError
        If it is no path, the address of something elsewhere, or a name that the file system does not take.
    """
    if not isinstance(path, str | PathLike):
        raise StoreError(
            f"the path of a FeatureStore is {path!r} ({type(path).__name__}), but must be that of a folder, as in "
            "'features.zarr'; leave it out for memory alone (memory='256 MiB' limits that)."
        )
    cure = "give a local folder, as in 'features.zarr'"
    folder = _local(path, "a feature store", cure)
    try:
        folder = folder.expanduser().absolute()
        folder.exists()
    except RuntimeError as error:
        raise StoreError(f"{str(path)!r} cannot be the folder of a feature store ({error}); {cure}.") from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            name = f"{str(path)[:60]!r}... of {len(str(path)):,} letters"
            raise StoreError(f"{name} is too long a name for the folder of a feature store; {cure}.") from error
    return folder


def parquet_file(path: object) -> Path:
    """Return the path of a Parquet file, there or not.

    Raises
    ------
    StoreError
        If it is no path, or the address of something elsewhere.
    """
    if not isinstance(path, str | PathLike):
        message = f"the path {path!r} ({type(path).__name__}) must be that of a file, as in 'features.parquet'."
        raise StoreError(message)
    return _local(path, "a file of features", "give a local file, as in 'features.parquet'")


def _local(path: str | PathLike[str], what: str, cure: str) -> Path:
    text = str(os.fspath(path))
    if "://" in text or _ADDRESS.match(text):
        raise StoreError(f"{text!r} is an address, but {what} lies on this machine; {cure}.")
    if "\0" in text:
        raise StoreError(f"{text!r} has a NUL character in it, so it cannot be the path of {what}; {cure}.")
    return Path(path)
