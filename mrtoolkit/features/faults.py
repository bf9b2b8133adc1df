"""Warnings of a store that goes on working although something is wrong with its disk."""

from __future__ import annotations


class DamagedFeatureWarning(UserWarning):
    """A feature on disk fails its checksum or is missing; it was not used and is computed again."""


class StoreWriteWarning(UserWarning):
    """Features could not be written (full disk, read-only folder); they stay in memory."""
