"""What a user's function wrote as targets."""

from __future__ import annotations

from mrtoolkit._jit import kernel


@kernel
def count_numbers(target, first):
    """How many targets (time,) are numbers from bar `first` on, and how many are infinite; a loop without a branch."""
    before = numbers = finite = 0
    for t in range(target.size):
        value = target[t]
        before += (t < first) & (value == value)
        numbers += value == value
        finite += value - value == 0.0
    return numbers - before, numbers - finite
