"""What a store did so far."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """Counts since the store was opened in this process; a feature with several outputs counts once.

    Attributes
    ----------
    computed : int
        Features that were nowhere, computed over all bars.
    memory_hits, disk_hits : int
        Features found there instead.
    evicted : int
        Features that left memory, or never fitted, because of its limit.
    recomputed : int
        Features on disk that were computed anew, as that was cheaper than reading them.
    extended : int
        Features that went on from where an older data set stopped, over the new bars alone.
    ahead, ahead_used : int
        Of those computed: by a search before it asked for them; and of these, the ones that it asked for later. The
        others were computed for nothing, on cores that had nothing else to do.
    """

    computed: int
    memory_hits: int
    disk_hits: int
    evicted: int
    recomputed: int = 0
    extended: int = 0
    ahead: int = 0
    ahead_used: int = 0

    @property
    def misses(self) -> int:
        """Features that were found nowhere when they were asked for."""
        return self.computed - self.ahead
