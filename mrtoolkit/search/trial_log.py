"""The log of trials: growing arrays, a column a metric, in the order evaluated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrtoolkit.search.objective import best_index, ranking, scores
from mrtoolkit.search.places import Places
from mrtoolkit.search.slots import first_places
from mrtoolkit.search.space import Space

_BLOCK = "block:"
_FIXED = ("codes", "level", "region", "value", "feasible")
_ROOM = 1_024  # trials; what is not written to takes no memory


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRows:
    """Some trials of a log, a row each.

    Attributes
    ----------
    codes : (trial, dimension) int64
        Lattice codes.
    level, region : (trial,) int64
    value : (trial,) float64
    feasible : (trial,) bool
    metrics : mapping of name to (trial,) float64
    blocks : mapping of name to (trial, block) float32
    """

    codes: np.ndarray
    level: np.ndarray
    region: np.ndarray
    value: np.ndarray
    feasible: np.ndarray
    metrics: Mapping[str, np.ndarray]
    blocks: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.codes)

    def check(self) -> None:
        """Refuse columns that have not a row a trial.

        Raises
        ------
        ValueError
            For columns of different lengths, or of more dimensions than they have.
        """
        flat = (self.level, self.region, self.value, self.feasible, *self.metrics.values())
        square = (self.codes, *self.blocks.values())
        if any(v.shape != (len(self),) for v in flat) or any(v.ndim != 2 or len(v) != len(self) for v in square):
            raise ValueError("columns of different lengths")

    def take(self, rows: np.ndarray | slice) -> TrialRows:
        """Return some of the rows; of a slice without a copy."""
        return TrialRows(
            codes=self.codes[rows],
            level=self.level[rows],
            region=self.region[rows],
            value=self.value[rows],
            feasible=self.feasible[rows],
            metrics={name: values[rows] for name, values in self.metrics.items()},
            blocks={name: values[rows] for name, values in self.blocks.items()},
        )


class TrialLog:
    """Trials of one search. It only grows, and a batch is in it as a whole or not at all, whenever it is interrupted.

    Parameters
    ----------
    space : Space
    direction : {"maximize", "minimize"}
    metrics : sequence of str
        Columns beside the fixed ones.
    """

    def __init__(self, space: Space, direction: str, metrics: Sequence[str]) -> None:
        self._space = space
        self._direction = direction
        self.metric_names = tuple(metrics)
        self._size = 0
        self._columns: dict[str, np.ndarray] = {
            "codes": np.empty((0, len(space)), dtype=np.int64),
            "keys": space.keys(np.empty((0, len(space)), dtype=np.int64)),
            "level": np.empty(0, dtype=np.int64),
            "region": np.empty(0, dtype=np.int64),
            "value": np.empty(0),
            "feasible": np.empty(0, dtype=bool),
            "score": np.empty(0),
        }
        self._metric_columns = {name: _metric(name) for name in self.metric_names}
        self._columns |= {column: np.empty(0) for column in self._metric_columns.values()}
        self._block_columns: tuple[str, ...] = ()
        self._n_room = 0
        self._places = Places(space)

    def __len__(self) -> int:
        return self._size

    @property
    def codes(self) -> np.ndarray:
        """Lattice codes, (trial, dimension) int64."""
        return self._column("codes")

    @property
    def keys(self) -> np.ndarray:
        """One number a point, in the order of its labels, (trial,)."""
        return self._column("keys")

    @property
    def level(self) -> np.ndarray:
        """The level at which each trial was evaluated, (trial,) int64."""
        return self._column("level")

    @property
    def region(self) -> np.ndarray:
        """The region of that level, -1 for a point that nobody asked for, (trial,) int64."""
        return self._column("region")

    @property
    def value(self) -> np.ndarray:
        """The objective, (trial,) float64."""
        return self._column("value")

    @property
    def feasible(self) -> np.ndarray:
        """Whether all constraints are satisfied, (trial,) bool."""
        return self._column("feasible")

    @property
    def score(self) -> np.ndarray:
        """What trials are compared by: higher is better, -inf never wins, (trial,) float64."""
        return self._column("score")

    @property
    def metrics(self) -> dict[str, np.ndarray]:
        """The metrics by name, each (trial,) float64."""
        return {name: self._column(column) for name, column in self._metric_columns.items()}

    @property
    def blocks(self) -> dict[str, np.ndarray]:
        """Statistics per block of time by name, each (trial, block) float32; empty where the evaluator gives none."""
        return {name[len(_BLOCK) :]: self._column(name) for name in self._block_columns}

    @property
    def nbytes(self) -> int:
        """Bytes of the trials so far."""
        return sum(column[: self._size].nbytes for column in self._columns.values())

    @property
    def rows(self) -> TrialRows:
        """All columns that say what came of the trials, without a copy. A log that grows leaves them as they are."""
        size, columns = self._size, dict(self._columns)  # both once: another thread may be adding trials
        views = {name: column[:size] for name, column in columns.items()}
        for view in views.values():
            view.flags.writeable = False
        return TrialRows(
            **{name: views[name] for name in _FIXED},
            metrics={name: views[_metric(name)] for name in self.metric_names},
            blocks={name[len(_BLOCK) :]: view for name, view in views.items() if name.startswith(_BLOCK)},
        )

    def add_new(self, rows: TrialRows) -> np.ndarray:
        """Add those of some trials whose points are not in the log, of equal points the first; return which."""
        keys = self._space.keys(rows.codes)
        first = first_places(keys)
        new = first[self.find(keys[first]) < 0]
        if len(new) == 0:
            return new
        found = rows if len(new) == len(rows) else rows.take(new)
        self.append(found)
        return new

    def append(self, rows: TrialRows, keys: np.ndarray | None = None) -> None:
        """Add trials that the log has not, whose points have these keys; of metrics that they lack NaN."""
        size, end = self._size, self._size + len(rows)
        keys = self._space.keys(rows.codes) if keys is None else keys
        columns: dict[str, Any] = {
            "codes": rows.codes,
            "keys": keys,
            "level": rows.level,
            "region": rows.region,
            "value": rows.value,
            "feasible": rows.feasible,
            "score": scores(rows.value, rows.feasible, self._direction),
        }
        for name, column in self._metric_columns.items():
            columns[column] = rows.metrics.get(name, np.nan)
        for column in self._block_columns:
            columns[column] = np.nan
        for name, values in rows.blocks.items():
            columns[_BLOCK + name] = values
        self._make_room(columns, end)
        for column, values in columns.items():
            self._columns[column][size:end] = values
        self._places.put(keys, np.arange(size, end))
        self._size = end  # from here on the batch counts

    def find(self, keys: np.ndarray) -> np.ndarray:
        """Return the trial of each key, -1 for a point that has not been evaluated."""
        found = self._places.find(keys)
        found[found >= self._size] = -1  # of a batch that was interrupted
        if self._size:
            found[self._columns["keys"][found] != keys] = -1  # likewise, and its rows are another batch's by now
        return found

    def trial_at(self, codes: np.ndarray) -> int:
        """Return the trial of one point, codes (dimension,); -1 where it has not been evaluated."""
        return int(self.find(self._space.keys(codes[np.newaxis]))[0])

    def best(self, trials: np.ndarray | None = None) -> int | None:
        """Return the best trial (of some, or of all), None where none has a value that counts."""
        if trials is None:
            score = self.score
            return best_index(score, self._columns["keys"][: len(score)])  # another thread may be adding trials
        found = best_index(self.score[trials], self.keys[trials])
        return None if found is None else int(trials[found])

    def best_score(self) -> float:
        """Return the score of the best trial, -inf where none counts."""
        return float(self.score.max()) if self._size else -np.inf

    def ranking(self, first: int | None = None) -> np.ndarray:
        """Return the trials that count, best first; or the `first` of them."""
        return ranking(self.score, self.keys, first)

    def _column(self, name: str) -> np.ndarray:
        view = self._columns[name][: self._size]
        view.flags.writeable = False
        return view

    def _make_room(self, new: Mapping[str, Any], needed: int) -> None:
        """Have room for `needed` rows in all columns, those copied to twice their length that are full."""
        if needed <= self._n_room and all(name in self._columns for name in new):
            return
        for name, values in new.items():
            column = self._columns.get(name)
            if column is None:  # of block statistics, which the trials before have not
                column = np.empty((max(_ROOM, needed), *np.shape(values)[1:]), dtype=np.float32)
                column[: self._size] = np.nan
            elif len(column) < needed:
                larger = np.empty((max(_ROOM, 2 * len(column), needed), *column.shape[1:]), dtype=column.dtype)
                larger[: self._size] = column[: self._size]
                column = larger
            self._columns[name] = column
        self._block_columns = tuple([name for name in self._columns if name.startswith(_BLOCK)])
        self._n_room = min(map(len, self._columns.values()))


def _metric(name: str) -> str:
    return f"metric:{name}"


def rows_of(columns: Mapping[str, np.ndarray], rows: np.ndarray, n: int) -> dict[str, np.ndarray]:
    """Return some of `n` rows of each column; where it is all of them, as usual, without a copy."""
    return {
        name: values if len(rows) == n == np.shape(values)[0] else np.asarray(values)[rows]
        for name, values in columns.items()
    }
