"""`BatchPlan`: what a batch will compute, how much memory it takes at its peak and how long, before it runs."""

from __future__ import annotations

from dataclasses import dataclass

from mrtoolkit.features.sizes import format_size
from mrtoolkit.features.stock.tables import TableColumn, html_lines, html_table, text_table

_WIDTH = 100
_HOW = {
    "long": "event: from bits to trades of the whole account, two look-ups each",
    "events": "event: from signal to stop to exit, bar by bar nowhere",
    "dense": "dense: every bar of every trial",
    "function": "dense: a position function, every bar of every trial",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPlan:
    """What a batch will compute; prints as a table, in a notebook as HTML.

    Attributes
    ----------
    n_trials : int
        Exact where `is_counted` says so.
    n_bars, n_assets : int
    engine : str
        "event" or "dense".
    kinds : tuple of str
        How the trials are run: "long", "events", "dense", "function".
    features : int
        Distinct indicators with their parameters, those inside others too.
    to_compute, in_memory, on_disk : int
        Of these, the ones that are there and the ones that are not.
    conditions : int
        Distinct comparisons and their combinations: rows of bits, or of bytes for the dense engine.
    spans, slices : int
        Pieces whose features are in memory together, and pieces of those that a thread takes at once.
    threads : int
    memory_limit : int
        Bytes that features and what is worked in may take together: the store's, 16 MiB at least.
    feature_bytes, work_bytes, result_bytes : int
        Parts of the peak: what the store will hold more than now, what is worked in, what is returned.
    peak_bytes : int
        Memory that the batch adds at its highest to what the process holds now. Kernels that are still to be compiled
        are not in it.
    block_bytes : int
        What `blocks(points)` returns more.
    disk_bytes : int
        What a search, or `persist`, would write of new features, before it is packed.
    feature_seconds, trial_seconds : float
    n_sampled : int
        Of a space of more than 1,000,000 points: how many of them, drawn at random, all but the number of trials is
        estimated from (of a space without constraints the number of features is exact too); 0 where none is.
    is_counted : bool
        The number of trials is no estimate.
    """

    n_trials: int
    n_bars: int
    n_assets: int
    engine: str
    kinds: tuple[str, ...]
    features: int
    to_compute: int
    in_memory: int
    on_disk: int
    conditions: int
    spans: int
    slices: int
    threads: int
    memory_limit: int
    feature_bytes: int
    work_bytes: int
    result_bytes: int
    block_bytes: int
    disk_bytes: int
    feature_seconds: float
    trial_seconds: float
    n_sampled: int = 0
    is_counted: bool = True

    @property
    def is_sample(self) -> bool:
        """Whether the counts are estimated from some of the points."""
        return self.n_sampled > 0

    @property
    def peak_bytes(self) -> int:
        """Memory that the batch adds at its highest."""
        return self.feature_bytes + self.work_bytes + self.result_bytes

    @property
    def seconds(self) -> float:
        """How long it should take."""
        return self.feature_seconds + self.trial_seconds

    def __repr__(self) -> str:
        return "\n".join([self._headline(), *self._basis(), text_table(self._columns(), _WIDTH)])

    def _repr_html_(self) -> str:
        return html_lines([self._headline(), *self._basis()]) + html_table(self._columns())

    def _headline(self) -> str:
        assets = f" of {self.n_assets:,} assets" if self.n_assets > 1 else ""
        about = "" if self.is_counted else "about "
        trials = f"{about}{self.n_trials:,} {_s('trial', self.n_trials)}"
        return f"plan of {trials} over {self.n_bars:,} bars{assets}"

    def _basis(self) -> list[str]:
        """What the numbers rest on where that is not every point."""
        if not self.n_sampled:
            return []
        points = _s("point", self.n_sampled)
        return [f"estimated from {self.n_sampled:,} {points} of {self.n_trials:,}, drawn at random"]

    def _columns(self) -> list[TableColumn]:
        rows = self._rows()
        return [
            TableColumn(head="what", cells=tuple(row[0] for row in rows), is_text=True),
            TableColumn(head="how much", cells=tuple(row[1] for row in rows)),
            TableColumn(head="of which", cells=tuple(row[2] for row in rows), is_text=True, wraps=True, narrowest=20),
        ]

    def _rows(self) -> list[tuple[str, str, str]]:
        there = [(self.in_memory, "in memory"), (self.on_disk, "on disk"), (self.to_compute, "to compute")]
        parts = (
            f"{format_size(self.feature_bytes)} features, {format_size(self.work_bytes)} to work in, "
            f"{format_size(self.result_bytes)} results"
        )
        times = f"{_time(self.feature_seconds)} features, {_time(self.trial_seconds)} trials"
        cut = f"{self.slices:,} {_s('slice', self.slices)} on {self.threads} {_s('thread', self.threads)}"
        rows = [
            ("features", f"{self.features:,}", ", ".join(f"{n:,} {where}" for n, where in there if n)),
            ("conditions", f"{self.conditions:,}", "distinct ones"),
            ("cut into", f"{self.spans:,} {_s('span', self.spans)}", cut),
            ("peak memory", format_size(self.peak_bytes), parts),
            ("held under", format_size(self.memory_limit), "features and what is worked in, as the store's memory="),
            ("block statistics", format_size(self.block_bytes), "more, if you ask backtest.blocks(points) for them"),
            ("disk", format_size(self.disk_bytes), "new features, where a search or persist() writes them"),
            ("time", _time(self.seconds), times),
            ("engine", self.engine, "; ".join(_HOW[kind] for kind in self.kinds)),
        ]
        return [row for row in rows if row[0] != "disk" or self.disk_bytes]


def _s(word: str, n: int) -> str:
    return word if n == 1 else f"{word}s"


def _time(seconds: float) -> str:
    if seconds < 1.0:
        return f"{1e3 * seconds:.2g} ms" if seconds < 0.0995 else f"{1e3 * seconds:.0f} ms"
    if seconds < 120.0:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:,.0f} min" if seconds < 7_200.0 else f"{seconds / 3_600:,.1f} h"
