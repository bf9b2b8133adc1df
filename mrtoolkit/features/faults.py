"""Warnings of a store that goes on working although something is wrong with its disk."""

from __future__ import annotations

import errno


class DamagedFeatureWarning(UserWarning):
    """A feature on disk fails its checksum or is missing; it was not used and is computed again."""


class StoreWriteWarning(UserWarning):
    """Features could not be written (full disk, read-only folder); they stay in memory."""


def cure_of(error: OSError) -> str:
    """Return what to do where a folder refuses to be written to."""
    if error.errno in (errno.EACCES, errno.EPERM):
        return "ask for the right to write there, or choose another folder"
    if error.errno == errno.EROFS:
        return "its file system is read-only, so choose another folder"
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return "free space, or choose another folder"
    return "choose another folder"
