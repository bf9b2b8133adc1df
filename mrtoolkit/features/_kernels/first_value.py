"""Where a series begins, and whether it has every value from there on."""

from __future__ import annotations

from mrtoolkit._jit import kernel

_CHUNK = 1024  # bars looked at before the answer may be given: 8 KiB, so that the loop within is one vector reduction


@kernel
def first_value(x):
    """The first index at which `x` (time,) has a value, its length where it has none; O(leading NaN)."""
    for t in range(x.size):
        if x[t] == x[t]:
            return t
    return x.size


@kernel
def is_whole(x, first):
    """Whether `x` (time,) has no NaN from `first` on; O(bars up to the first gap), at the speed of memory."""
    start = first
    while start < x.size:
        part = x[start : start + _CHUNK]
        missing = 0
        for t in range(part.size):  # without a branch, for a branch would compare one number at a time
            missing |= part[t] != part[t]
        if missing:
            return False
        start += _CHUNK
    return True


@kernel
def survey(values, first):
    """Write where each row of (row, time) begins into `first` (row,); whether all of them are whole from there on."""
    whole = True
    for k in range(values.shape[0]):
        first[k] = first_value(values[k])
        whole = whole and is_whole(values[k], first[k])
    return whole


@kernel
def find_firsts(values, first):
    """Write where each row of (row, time) begins into `first` (row,), as `survey` does."""
    for k in range(values.shape[0]):
        first[k] = first_value(values[k])


@kernel
def survey_rows(values, is_sure, first, whole):
    """The same of rows of one asset, each for itself; where it `is_sure` that all of them are whole, nobody looks."""
    for k in range(values.shape[0]):
        first[k, 0] = first_value(values[k])
        whole[k] = is_sure or is_whole(values[k], first[k, 0])
