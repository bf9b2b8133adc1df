"""The records of a store: families and data sets, read once and looked at again when they change."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path

from mrtoolkit.errors import warn_caller
from mrtoolkit.features.disk.chunks import DamagedChunkError
from mrtoolkit.features.disk.commit import RECORD, Commit, Signature, read_commit, signature_of
from mrtoolkit.features.disk.generation import Generation, generation_of, read_generation
from mrtoolkit.features.family import Family
from mrtoolkit.features.faults import DamagedFeatureWarning


class Records:
    """What is committed in a store's folder, as of now: a `stat` tells whether a known record is still the one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._commits: dict[Path, Commit] = {}
        self._generations: dict[Path, tuple[Signature, Generation]] = {}
        self._folders: dict[tuple[str, Family], Path] = {}
        self._told: set[Hashable] = set()

    def folder(self, data: str, family: Family) -> Path:
        """Return where a family of a data set is, or would be."""
        folder = self._folders.get((data, family))
        if folder is None:
            folder = self._folders[data, family] = self.path / data / family.folder
        return folder

    def commit(self, data: str, family: Family) -> Commit | None:
        """Return what is committed of a family for these bars and this code, None for nothing."""
        found = self._commit_in(self.folder(data, family))
        return found if found is not None and found.family == family else None

    def commits(self, data: str | None = None) -> list[tuple[str, Commit]]:
        """Return (fingerprint, commit) of every family, of one data set or of all."""
        folders = [f for f in self._generation_folders() if data in (None, f.name)]
        try:
            paths = [(f.name, p) for f in folders if f.is_dir() for p in sorted(f.iterdir()) if "@" in p.name]
        except OSError:
            return []
        found = [(name, self._commit_in(path)) for name, path in paths if not path.name.endswith(".partial")]
        return [(name, commit) for name, commit in found if commit is not None]

    def generations(self) -> list[Generation]:
        """Return the data sets that the store has features of, in no order that means anything."""
        found = [self._generation_in(folder) for folder in self._generation_folders()]
        return [generation for generation in found if generation is not None]

    def is_known(self, generation: Generation) -> bool:
        """Whether a data set's own record is whole."""
        return self.path / generation.fingerprint in self._generations

    def keep(self, commit: Commit) -> None:
        """Take a commit that was just made as known."""
        self._commits[commit.path] = commit

    def forget(self, folder: Path) -> None:
        """Know nothing of a family any more."""
        self._commits.pop(folder, None)

    def is_same_build(self, commit: Commit) -> bool:
        """Whether a family still has these features in these slots; it may have got more."""
        if signature_of(commit.path) == commit.signature:
            return True
        now = self._commit_in(commit.path)
        return now is not None and now.build == commit.build

    def tell_damage(self, what: Hashable, message: str) -> None:
        """Warn of a damaged feature or family, once for each `what`."""
        if what not in self._told:
            self._told.add(what)
            warn_caller(message, DamagedFeatureWarning)

    def _commit_in(self, folder: Path) -> Commit | None:
        signature = signature_of(folder)
        if signature is None:
            if folder.is_dir() and signature_of(folder) is None and folder.is_dir():
                message = f"the record {folder / RECORD} is missing; its features are computed again."
                self.tell_damage((folder, signature), message)
            return None
        known = self._commits.get(folder)
        if known is not None and known.signature == signature:
            return known
        try:
            commit = read_commit(folder, signature)
        except DamagedChunkError as error:
            if signature_of(folder) is None:
                return None  # removed meanwhile
            name = folder.name.partition("@")[0]
            message = (
                f"the features {name!r} in {folder} are damaged ({error}); they are not used, and computed again where "
                "they are asked for."
            )
            self.tell_damage((folder, signature), message)
            return None
        self._commits[folder] = commit
        return commit

    def _generation_in(self, folder: Path) -> Generation | None:
        signature = signature_of(folder)
        known = self._generations.get(folder)
        if known is not None and known[0] == signature:
            return known[1]
        generation = None if signature is None else read_generation(folder)
        if signature is not None and generation is not None:
            self._generations[folder] = (signature, generation)
            return generation
        found = [generation_of(commit) for _, commit in self.commits(folder.name)]
        if (now := read_generation(folder)) is not None or not any(found):
            return now
        self._generations.pop(folder, None)
        message = f"the record {folder / RECORD} is missing or damaged; the next write of these data makes it anew."
        self.tell_damage((folder, signature), message)
        return next(filter(None, found))

    def _generation_folders(self) -> list[Path]:
        try:
            return sorted(p for p in self.path.iterdir() if p.is_dir() and not p.is_symlink())
        except OSError:
            return []
