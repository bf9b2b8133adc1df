"""What a store did so far."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """Counts since the store was opened in this process; a feature with several outputs counts once.

    Attributes
    ----------
    computed : int
        Features computed.
    memory_hits, disk_hits : int
        Features found there instead.
    evicted : int
        Features that left memory, or never fitted, because of its limit.
    """

    computed: int
    memory_hits: int
    disk_hits: int
    evicted: int
