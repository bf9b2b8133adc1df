"""What writes a growing study: a thread, one piece at a time, behind the search."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from mrtoolkit.search.journal import Journal
from mrtoolkit.search.storage import StudyFile, commit_study
from mrtoolkit.search.study_lock import WRITER
from mrtoolkit.search.study_paths import journal_path
from mrtoolkit.search.trial_log import TrialRows


class StudyWriter:
    """Writes a study whole, or appends to its journal. `wait` comes before each next piece, and says what went wrong.

    Parameters
    ----------
    path : Path
        Whose lock is held.
    """

    def __init__(self, path: Path) -> None:
        self.commit = ""
        self._path = path
        self._journal: Journal | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._pending: Future[None] | None = None

    @property
    def can_append(self) -> bool:
        """Whether there is a study of this format that a journal can belong to."""
        return self._journal is not None

    def go_on(self, commit: str) -> None:
        """Append to the study that is there."""
        self.commit, self._journal = commit, Journal(journal_path(self._path), commit)

    def append(self, rows: TrialRows, said: Mapping[str, Any]) -> None:
        """Begin to append a batch."""
        assert self._journal is not None  # noqa: S101 - for the type checker
        self._begin(self._journal.append, rows, said)

    def write(self, file: StudyFile) -> None:
        """Begin to write the study whole."""
        self._begin(self._write, file)

    def remove_journal(self) -> None:
        """Remove a journal whose trials are all in arrays: its writer was killed before it could."""
        with suppress(OSError):
            journal_path(self._path).unlink(missing_ok=True)

    def wait(self) -> None:
        """Wait for what is being written.

        Raises
        ------
        OSError
            If it could not be written.
        """
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def close(self) -> None:
        """Wait for what is being written, however it ends, and close what is open."""
        with suppress(OSError):
            self.wait()
        if self._thread is not None:
            self._thread.shutdown()
            self._thread = None
        if self._journal is not None:
            self._journal.close()

    def _begin(self, write: Callable[..., None], *words: Any) -> None:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix=WRITER)
        self._pending = self._thread.submit(write, *words)

    def _write(self, file: StudyFile) -> None:
        commit = commit_study(file, self._path)
        if self._journal is not None:
            self._journal.close()
        self.go_on(commit)
