"""Processes that work on one store until they are killed: a warm server forks them, kills them and says what it did.

Run as a script, the server reads requests, a JSON object a line, and answers each with one. It imports everything and
compiles the kernels first, and starts no thread, so that a worker begins with its work at once.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

import numpy as np  # noqa: E402 (found by the line above)
import xarray as xr  # noqa: E402
from store_checker import Feature, bars_of, make_channel, node_of, small_chunks  # noqa: E402

from mrtoolkit.errors import StoreError  # noqa: E402
from mrtoolkit.features import FeatureStore  # noqa: E402
from mrtoolkit.features.disk import files  # noqa: E402

LENGTHS = (120, 128, 129, 190, 200, 256, 300, 321, 350, 400, 448, 500, 560)
"""Of the histories, at, before and behind the edges of chunks of 64 bars."""


class Server:
    """The other end of the pipe."""

    def __init__(self) -> None:
        here = {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **here},
        )  # fmt: skip

    def run(self, path: Path, log: Path, jobs: list[str], *, seed: int, **how: Any) -> dict[str, Any]:
        """Run one worker a job, kill those that are not done, and return {"killed": number, "failed": [texts]}."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"path": str(path), "log": str(log), "jobs": jobs, "seed": seed, **how}
        print(json.dumps(request), file=self._process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        self._process.communicate("")


def acknowledged(log: Path) -> dict[int, set[Feature]]:
    """Return what the workers say was committed, by number of bars."""
    found: dict[int, set[Feature]] = {}
    for file in log.glob("*.log"):
        for line in file.read_text().splitlines():
            n_bars, features = json.loads(line)
            found.setdefault(n_bars, set()).update((name, tuple(labels)) for name, labels in features)
    return found


def add(path: Path, log: Path, rng: random.Random, lengths: list[int]) -> None:
    """Add features, through a search's calls and through Datasets."""
    store = FeatureStore(path)
    while True:
        n_bars, features = rng.choice(lengths), [_any_feature(rng) for _ in range(rng.randint(1, 5))]
        bars, nodes = bars_of(n_bars), nodes_of(features)
        how = rng.randrange(4)
        if how == 0:
            store.fetch(bars, nodes)
            store.persist(bars)
        elif how == 1:
            cached = FeatureStore().compute_batch(bars, nodes)
            store.cache_to_disk(cached)
        else:
            store.compute_batch(bars, nodes)
        _say(log, n_bars, features)
        if rng.random() < 0.2:
            store = FeatureStore(path)


def append(path: Path, log: Path, rng: random.Random, lengths: list[int]) -> None:
    """Give longer and longer bars the features of shorter ones."""
    while True:
        for n_bars in lengths[1:]:
            there = acknowledged(log)
            features = {f for n, features in there.items() if n < n_bars for f in features}
            if features:
                try:
                    FeatureStore(path).append(bars_of(n_bars))
                except StoreError:  # all that is shorter may be gone by now
                    if not (log / "pruned").exists():
                        raise
                if not (log / "pruned").exists():
                    _say(log, n_bars, sorted(features))
            time.sleep(rng.random() * 0.01)


def prune(path: Path, log: Path, rng: random.Random, lengths: list[int]) -> None:
    """Remove what longer bars have too."""
    (log / "pruned").touch()
    while True:
        time.sleep(rng.random() * 0.05)
        if path.exists():
            FeatureStore(path).prune()


def add_plainly(path: Path, log: Path, rng: random.Random, lengths: list[int]) -> None:
    """The control: what a plain writer does, `to_zarr(append_dim=...)`."""
    warnings.simplefilter("ignore")  # of Zarr, on the way times are kept
    for lookback in range(2, 14):
        feature: Feature = ("sma", (lookback,))
        values = FeatureStore().array(bars_of(lengths[0]), node_of(feature))
        row = xr.Dataset(
            {"sma": (("lookback", "time"), values[None])},
            coords={"lookback": np.array([float(lookback)]), "time": bars_of(lengths[0])["time"].values},
            attrs={"family": "sma", "pattern": "sma(P.lookback)", "parameters": ["lookback"], "outputs": []},
        )
        folder = path / "plain" / "sma@1"
        row.to_zarr(
            folder, **({"append_dim": "lookback"} if folder.exists() else {"encoding": {"sma": {"chunks": (1, 64)}}})
        )  # type: ignore[call-overload]
        _say(log, lengths[0], [feature])


def _any_feature(rng: random.Random) -> Feature:
    name = rng.choice(["ema", "ema", "rsi", "sma", "atr", "ema_of_rsi", "crash_channel"])
    return name, (rng.randint(2, 5), rng.randint(2, 5)) if name == "ema_of_rsi" else (rng.randint(2, 30),)


def nodes_of(features: list[Feature]) -> list[Any]:
    nodes = []
    for feature in features:
        node = node_of(feature)
        nodes += [node.upper, node.lower] if feature[0] == "crash_channel" else [node]
    return nodes


def _say(log: Path, n_bars: int, features: list[Feature]) -> None:
    with (log / f"{os.getpid()}.log").open("ab", buffering=0) as file:
        file.write(f"{json.dumps([n_bars, features])}\n".encode())


def steps(path: Path, log: Path, rng: random.Random, lengths: list[int]) -> None:
    """Add, append and prune once, always in the same steps."""
    store = FeatureStore(path)
    more: list[Feature] = [("ema", (4,)), ("rsi", (3,)), ("crash_channel", (5,)), ("ema", (6,))]
    store.compute_batch(bars_of(lengths[0]), nodes_of(more))
    _say(log, lengths[0], more)
    store.append(bars_of(lengths[1]))
    _say(log, lengths[1], [*FIRST, *more])
    (log / "pruned").touch()
    store.prune()
    (log / "done").touch()


FIRST: list[Feature] = [("ema", (3,)), ("ema", (5,)), ("crash_channel", (2,)), ("ema_of_rsi", (2, 3)), ("atr", (4,))]
JOBS = {"steps": steps, "add": add, "append": append, "prune": prune, "plain": add_plainly}


def _serve() -> None:
    small_chunks(_patch)
    make_channel()
    for n_bars in LENGTHS:
        bars_of(n_bars)
    warm = [("ema", (3,)), ("rsi", (3,)), ("sma", (3,)), ("atr", (3,)), ("crash_channel", (3,)), ("ema_of_rsi", (2, 3))]
    store = FeatureStore()
    for n_bars in LENGTHS[:2]:
        store.compute_batch(bars_of(n_bars), nodes_of(warm))  # type: ignore[arg-type]
    store.append(bars_of(LENGTHS[2]))
    for line in sys.stdin:
        print(json.dumps(_round(**json.loads(line))), flush=True)


def _round(
    path: str, log: str, jobs: list[str], seed: int, lengths: list[int], seconds: float, **how: Any
) -> dict[str, Any]:
    """Start the jobs, kill each worker at a random moment (0 seconds: let it end), and what takes its place as well."""
    rng = random.Random(seed)
    n_killed, failed = 0, []
    waiting = list(jobs) if how.get("again", True) else []
    workers = {_fork(job, path, log, rng.random(), lengths, **how): job for job in jobs}
    while workers:
        pid = rng.choice(list(workers))
        if seconds:
            time.sleep(rng.random() * seconds / len(jobs))
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        job = workers.pop(pid)
        n_killed += os.WIFSIGNALED(status)
        if not os.WIFSIGNALED(status) and os.WEXITSTATUS(status):
            failed.append((Path(log) / f"{pid}.error").read_text())
        if job in waiting:
            waiting.remove(job)
            workers[_fork(job, path, log, rng.random(), lengths, **how)] = job
    return {"killed": n_killed, "failed": failed}


def _fork(job: str, path: str, log: str, seed: float, lengths: list[int], **how: Any) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        if how.get("is_locked", True) is False:
            for module in ("disk.disk", "stock.prune", "claims"):
                _patch(f"mrtoolkit.features.{module}.exclusive", lambda path: nullcontext())
            _patch("mrtoolkit.features.claims.try_exclusive", lambda path: nullcontext(True))
        if "die_at" in how:
            _die_at(how["die_at"])
        warnings.simplefilter("error")
        JOBS[job](Path(path), Path(log), random.Random(seed), lengths)
    except BaseException:
        (Path(log) / f"{os.getpid()}.error").write_text(f"{job}: {traceback.format_exc()}")
        os._exit(1)
    os._exit(0)


def _die_at(n: int) -> None:
    """Have the process kill itself at the n-th change that it makes to the disk, half written where that is a write."""
    left = n

    def dying(change: Callable[..., Any], half: Callable[..., Any] | None = None) -> Callable[..., Any]:
        def changing(*given: Any, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                if half is not None:
                    half(*given)
                os.kill(os.getpid(), signal.SIGKILL)
            return change(*given, **named)

        return changing

    for name in ("replace", "rename", "link", "unlink", "rmdir", "mkdir"):
        setattr(os, name, dying(getattr(os, name)))
    files.write_parts = dying(
        files.write_parts, lambda file, parts: os.write(file, bytes(parts[0])[: len(parts[0]) // 2])
    )


def _patch(name: str, value: object) -> None:
    module, _, attribute = name.rpartition(".")
    setattr(import_module(module), attribute, value)


if __name__ == "__main__":
    _serve()
