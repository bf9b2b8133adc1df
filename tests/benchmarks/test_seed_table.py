"""The method's two tables in a short form: all ways agree, and each computes as many features as its kind does."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent)]

from figures import IS_FULL  # noqa: E402 (found by the line above)
from seed_table import SHORT, Sizes, run  # noqa: E402


def test_ways_agree_and_count_their_features(capsys):
    sizes = Sizes() if IS_FULL else SHORT
    tables, long = run(sizes)
    for rows in tables.values():
        n = rows["search"].trials
        assert {row.trials for row in rows.values()} == {n}
        assert rows["pandas"].features == rows["loop"].features == 2 * n
        assert rows["cache"].features == 2 * sizes.labels
        assert rows["search"].features < 2 * sizes.labels
        assert rows["search"].bars_touched < rows["cache"].bars_touched < rows["loop"].bars_touched
    assert [row.bars for row in long] == [bars for bars, _ in sizes.histories]
    printed = capsys.readouterr().out
    assert printed.count("hold") == 2 * len(tables) + 2 + len(long) - 1
