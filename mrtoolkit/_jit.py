"""The one `kernel` decorator: numba, compiled at first use, cached once for the whole package.

numba's own file cache looks at the file of the outermost function alone, so machine code built from an edited
helper would live on. Here the cache folder bears a digest of every kernel file of the package (and of the
compiler's versions and the processor): an edit anywhere starts a new folder, and nothing stale can be found.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, overload

import llvmlite
import llvmlite.binding
import numba
import numpy as np
import platformdirs
from numba.core.caching import CompileResultCacheImpl, FunctionCache
from numba.core.codegen import get_host_cpu_features

from mrtoolkit._compiling import watch_compiling

_PACKAGE = Path(__file__).resolve().parent
_KEPT_FOLDERS = 8  # checkouts and processors that may share one home without compiling in turns
_FAST_MATH = frozenset({"reassoc", "contract"})  # `fastmath=True` lets the compiler delete an isnan


@overload
def kernel(function: Callable[..., Any]) -> Any: ...
@overload
def kernel(*, fastmath: bool = ..., inline: bool = ...) -> Callable[[Callable[..., Any]], Any]: ...
def kernel(function: Callable[..., Any] | None = None, *, fastmath: bool = False, inline: bool = False) -> Any:
    """Make a function of arrays and scalars a kernel: machine code, built at its first call and kept on disk.

    Parameters
    ----------
    function : callable
        In a file of a `_kernels` folder; calls nothing but NumPy and other kernels.
    fastmath : bool
        Let sums be reassociated and products be fused (never more than that: NaN and infinities keep their
        meaning). Results then differ in the last bits between processors.
    inline : bool
        Paste the kernel into each caller, for helpers too small to be worth a call.

    Returns
    -------
    numba dispatcher
        Without the GIL, with NumPy's division. Give it read-only inputs (`read_only`): numba compiles
        read-only and writable arrays apart, and the feature store's arrays are read-only.
    """
    if function is None:
        return lambda wrapped: kernel(wrapped, fastmath=fastmath, inline=inline)  # type: ignore[call-overload]
    options: dict[str, Any] = {"fastmath": set(_FAST_MATH)} if fastmath else {}
    options["inline"] = "always" if inline else "never"
    dispatcher = numba.njit(nogil=True, error_model="numpy", **options)(function)
    if _cache_folder() is not None and not inline:
        dispatcher._cache = _cache_of(function)  # noqa: SLF001 (numba has no public way to choose the folder)
    return dispatcher


def read_only(values: np.ndarray) -> np.ndarray:
    """Return a float64, C-contiguous, read-only view of `values` (a copy only where it has to be one)."""
    view = np.ascontiguousarray(values, dtype=np.float64).view()
    view.flags.writeable = False
    return view


def is_compiled(*kernels: Any) -> bool:
    """Whether these kernels (none given: any at all) are compiled on disk for this code and processor."""
    folder = _cache_folder()
    if folder is None:
        return False
    if not kernels:
        return any(folder.glob("*.nbc"))
    names = (_cache_of(dispatcher.py_func).file_stem for dispatcher in kernels)
    return all(any(folder.glob(f"{name}.*.nbc")) for name in names)


@cache
def target_features() -> frozenset[str]:
    """What the processor can do that kernels are compiled for: this machine's, unless numba's environment says less.

    `NUMBA_CPU_NAME=generic`, `NUMBA_CPU_FEATURES` and `NUMBA_DISABLE_AVX` do. An instruction that the target has not
    got does not merely run slower: LLVM ends the process.
    """
    asked = numba.config.CPU_FEATURES  # type: ignore[attr-defined]
    flags = get_host_cpu_features() if asked is None else asked  # type: ignore[no-untyped-call]
    return frozenset(flag[1:] for flag in flags.split(",") if flag.startswith("+"))


@cache
def code_digest() -> str:
    """Digest of every kernel file of the package, of the compiler's versions and of the processor's name."""
    digest = hashlib.blake2b(digest_size=10)
    for path in sorted([*_PACKAGE.rglob("_kernels/*.py"), Path(__file__).resolve()]):
        digest.update(path.relative_to(_PACKAGE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    processor = numba.config.CPU_NAME or llvmlite.binding.get_host_cpu_name()  # type: ignore[attr-defined]
    compiler = (numba.__version__, llvmlite.__version__, processor, *sorted(target_features()))
    digest.update("\0".join(compiler).encode())
    return digest.hexdigest()


@cache
def _cache_folder() -> Path | None:
    """Folder of this code's machine code, made and proven writable; None where there is no such place."""
    root = Path(os.environ.get("MRTOOLKIT_CACHE_DIR") or platformdirs.user_cache_dir("mrtoolkit", appauthor=False))
    folder = root / "kernels" / code_digest()
    try:
        is_new = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
        os.utime(folder)
    except (OSError, RuntimeError):  # a read-only or absent home: compile for this process alone
        return None
    if is_new:
        _prune(folder)
    return folder


def _prune(current: Path) -> None:
    """Remove the folders of old code, all but the most recently used ones."""
    try:
        others = [path for path in current.parent.iterdir() if path.is_dir() and path != current]
        others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    except OSError:  # another process prunes at this moment
        return
    for path in others[_KEPT_FOLDERS - 1 :]:
        shutil.rmtree(path, ignore_errors=True)


class _Locator:
    """Tells numba where a kernel's machine code lies; the folder's name is its proof of freshness."""

    def __init__(self, function: Callable[..., Any], file: str) -> None:
        self._py_file = file  # numba reads it for its warnings
        self._part = function.__module__

    @classmethod
    def from_function(cls, function: Callable[..., Any], file: str) -> _Locator:
        return cls(function, file)

    def get_cache_path(self) -> str:
        return str(_cache_folder())

    def ensure_cache_path(self) -> None:
        Path(self.get_cache_path()).mkdir(parents=True, exist_ok=True)

    def get_source_stamp(self) -> str:
        return code_digest()

    def get_disambiguator(self) -> str:
        return hashlib.blake2b(self._part.encode(), digest_size=4).hexdigest()


class _KernelCacheImpl(CompileResultCacheImpl):
    _locator_classes = [_Locator]  # noqa: RUF012 (numba's own attribute)


class _KernelCache(FunctionCache):
    """numba's function cache in our folder; a damaged or unwritable file means compiling, never failing."""

    _impl_class = _KernelCacheImpl

    @property
    def file_stem(self) -> str:
        return str(self._impl.filename_base)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]
        except Exception:  # a torn file can raise anything while it is read
            with contextlib.suppress(OSError):
                self.flush()  # type: ignore[no-untyped-call]
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        with contextlib.suppress(
            OSError
        ):  # disk full, folder removed: this process has its code, the next compiles again
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]


def _cache_of(function: Callable[..., Any]) -> _KernelCache:
    return _KernelCache(function)  # type: ignore[no-untyped-call]


watch_compiling(is_kept=lambda: _cache_folder() is not None)
