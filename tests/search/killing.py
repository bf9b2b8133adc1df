"""Searches that are killed, and gone on with: run as a program, it forks a child for each kill.

``python killing.py FOLDER NAME FIRST STEP`` kills a search between any two operations on files (the FIRST, the FIRST
+ STEP, ...: a write is cut in half), looks at what is left, goes on with it, and prints what was not as in a
search that nobody killed. ``python killing.py --search PATH WORKERS LOG`` is one search that its parent kills.
"""

import os
import sys
import time
from pathlib import Path

TRIALS = 90


def value(p):
    if p["fast"] == 11.0:
        raise ValueError("eleven")
    return -((p["fast"] - 12) ** 2) - (p["slow"] - 42) ** 2 / 16


def slow_value(p):
    time.sleep(0.004)
    return value(p)


def search(path=None, function=value, **words):
    from mrtoolkit.expressions import P
    from mrtoolkit.search import loop
    from mrtoolkit.search.dimensions import Integer, Real
    from mrtoolkit.search.optimizer import optimize
    from mrtoolkit.search.space import Space

    loop._FIRST_BATCH = 10
    loop.next_size = lambda *_: 10
    space = Space(fast=Real(5, 50, step=0.5), slow=Integer(20, 200), where=P.fast < P.slow)
    return optimize(function, space, trials=TRIALS, study=path, transition="moving", **words)


def text_of(study):
    """Return all that must be the same."""
    table = study.to_pandas().to_csv()
    rows = study.levels[["level", "points", "reused", "run", "best"]].to_csv()
    return "\n".join([table, rows, repr(study.regions), repr(sorted(study.failures.items())), study.stopped])


class Knife:
    """Ends the process at the operation on files of a number; a write is cut in half."""

    EVENTS = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.link")

    def __init__(self, last):
        from mrtoolkit.features.disk import files

        self.left = last
        self.has_cut = False
        writev = files._writev

        def cut(file, parts):
            if self.counts():
                os.write(file, (whole := b"".join(bytes(part) for part in parts))[: len(whole) // 2])
                os._exit(9)
            return writev(file, parts)

        files._writev = cut
        sys.addaudithook(self.hook)

    def counts(self):
        self.left -= 1
        return self.left < 0

    def hook(self, event, words):
        if event == "open":
            mode, flags = words[1], words[2]
            is_write = (isinstance(mode, str) and set(mode) & set("wxa+")) or (flags & (os.O_WRONLY | os.O_RDWR))
            if not is_write:
                return
        elif event not in self.EVENTS:
            return
        if self.counts():
            os._exit(9)


def in_child(function, *words):
    """Call a function in a fork of this process and return how that ended."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            function(*words)
            code = 0
        finally:
            sys.stdout.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_search(path, last):
    Knife(last)
    search(path)


def look_and_go_on(path, wanted):
    from mrtoolkit.search.loading import load_study
    from mrtoolkit.search.study_paths import journal_path

    table = wanted.split("\n")
    if path.exists():
        left = load_study(path, backtest=value)
        if left.to_pandas().to_csv().split("\n")[: len(left) + 1] != table[: len(left) + 1]:
            print("other trials were left", flush=True)
    study = search(path)
    if text_of(study) != wanted:
        print("other trials were made", flush=True)
    if text_of(load_study(path, backtest=value)) != wanted:
        print("other trials were saved", flush=True)
    beside = [entry.name for entry in path.parent.iterdir() if entry != path]
    if beside or journal_path(path).exists():
        print("left over", beside, flush=True)


def main():
    folder, name, first, step = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    wanted = text_of(search())
    last, n_kills = first, 0
    while True:
        path = Path(folder) / f"{last}" / name
        path.parent.mkdir()
        ended = in_child(killed_search, path, last)
        if ended not in (0, 9):
            print("the search ended by", ended)
        if in_child(look_and_go_on, path, wanted):
            print("going on failed after", last)
        if ended == 0:
            break
        last, n_kills = last + step, n_kills + 1
    print("kills", n_kills)


if __name__ == "__main__":
    if sys.argv[1] == "--search":
        made = search(sys.argv[2], slow_value, workers=int(sys.argv[3]))
        Path(sys.argv[4]).write_text(text_of(made))
    else:
        main()
