"""Conditions as rows of bits: comparisons of features first, then logic and shifts, 64 bars an operation.

A row's recipe is five integers (kind, a, b, flip_a, flip_b):

========== ==================================================================================================
comparison kinds 0 to 3 of `words`: of the operands at places a and b
AND, OR    of rows a and b, each of them turned over where its flip is -1
SHIFT      row a as it was b bars earlier, turned over where flip_a is -1; false before there is such a bar
CONSTANT   a is 1 at every bar, or 0
========== ==================================================================================================
"""

from __future__ import annotations

import numpy as np

from mrtoolkit._jit import kernel
from mrtoolkit.strategy._kernels.code_runs import (
    BY_LEFT,
    BY_NUMBERS,
    CODES_BYTES,
    compare_left,
    compare_right,
    find_runs,
)
from mrtoolkit.strategy._kernels.codes import AT_ONCE, compare_coded, lay_codes, room_for_codes
from mrtoolkit.strategy._kernels.words import (
    ALL,
    BITS,
    EQUAL,
    GREATER,
    GREATER_EQUAL,
    NONE,
    equal_64,
    greater_64,
    greater_equal_64,
    load,
    not_equal_64,
    prefetch,
    store_word,
)

AND, OR, SHIFT, CONSTANT = range(4, 8)
_NUMBER_BYTES = _WORD_BYTES = np.uint64(8)
_LINE_BYTES, _LINES_AT_ONCE = np.uint64(64), AT_ONCE * BITS // 8


@kernel
def compare(kind, left, right):
    """The bits of 64 comparisons of the numbers at two addresses."""
    if kind == GREATER:
        return greater_64(left, right)
    if kind == GREATER_EQUAL:
        return greater_equal_64(left, right)
    return equal_64(left, right) if kind == EQUAL else not_equal_64(left, right)


@kernel
def compare_words(kind, left, right, step_left, step_right, out, words):
    """Compare 64 numbers a word; an operand's step is the bytes of 64 numbers, or 0 where it is a constant.

    left, right, out : addresses
    """
    if kind == GREATER:  # nearly all of them; the others need no loop of their own
        for _ in range(words):
            store_word(out, greater_64(left, right))
            left += step_left
            right += step_right
            out += _WORD_BYTES
    else:
        for _ in range(words):
            store_word(out, compare(kind, left, right))
            left += step_left
            right += step_right
            out += _WORD_BYTES


@kernel
def compare_rest(kind, left, right, step_left, step_right, n, numbers):
    """The bits of the last n (fewer than 64) comparisons, without a look past the operands' ends.

    numbers : (2, 64), overwritten
    """
    for k in range(n):
        numbers[0, k] = load(left + (np.uint64(k) * _NUMBER_BYTES if step_left != NONE else NONE))
        numbers[1, k] = load(right + (np.uint64(k) * _NUMBER_BYTES if step_right != NONE else NONE))
    return compare(kind, np.uint64(numbers[0].ctypes.data), np.uint64(numbers[1].ctypes.data))


@kernel
def compare_block(rows, runs, others, places, steps, codes, words, out, row_bytes, ahead, ties):
    """Write some words of comparisons from the address `out` on, the next row's so many bytes behind.

    Addresses in the place of rows of arrays: counting references to them took as long as to compare them.

    codes : (operand, bar) uint16, contiguous, begins at the first word
    words : the first, and one past the last
    ahead : addresses of operands whose next words are coded after this, which memory can bring meanwhile
    ties : (row + 1,) int64, overwritten
    """
    start, n = np.uint64(words[0]), words[1] - words[0]
    codes_at, n_lines, line = np.uint64(codes.ctypes.data), ahead.size * _LINES_AT_ONCE, 0
    lines_a_row = -(-n_lines // max(rows.shape[0], 1))
    others_at, ties_at, n_ties = np.uint64(others.ctypes.data), np.uint64(ties.ctypes.data), 0
    for r in range(runs.shape[0]):
        first, last, how = runs[r, 0], runs[r, 1], runs[r, 2]
        for _ in range(min(lines_a_row * (last - first), n_lines - line)):
            prefetch(ahead[line // _LINES_AT_ONCE] + np.uint64(line % _LINES_AT_ONCE) * _LINE_BYTES)
            line += 1
        place, room = out + np.uint64(first) * row_bytes, ties_at + np.uint64(n_ties) * _WORD_BYTES
        if how == BY_NUMBERS:
            for k in range(first, last):
                a, b = rows[k, 1], rows[k, 2]
                left, right = places[a] + start * steps[a], places[b] + start * steps[b]
                compare_words(rows[k, 0], left, right, steps[a], steps[b], out + np.uint64(k) * row_bytes, n)
        elif n == AT_ONCE:
            own = codes_at + np.uint64(rows[first, 1 if how == BY_LEFT else 2]) * CODES_BYTES
            at = others_at + np.uint64(first) * _WORD_BYTES
            if how == BY_LEFT:
                n_ties += compare_left(own, codes_at, at, place, row_bytes, last - first, room, first)
            else:
                n_ties += compare_right(own, codes_at, at, place, row_bytes, last - first, room, first)
        else:
            for k in range(first, last):
                ties[n_ties] = k
                n_ties += 1
    for t in range(n_ties):  # the values decide; or there are too few words for a run
        k = ties[t]
        a, b = rows[k, 1], rows[k, 2]
        left, right = places[a] + start * steps[a], places[b] + start * steps[b]
        codes_a, codes_b = codes_at + np.uint64(a) * CODES_BYTES, codes_at + np.uint64(b) * CODES_BYTES
        compare_coded(codes_a, codes_b, left, right, out + np.uint64(k) * row_bytes, n)


@kernel
def compare_rows(rows, places, steps, groups, first, last, n_bars, bits):
    """Write words [first, last) of comparisons into `bits` (row, word), whose first word is word `first`."""
    whole = min(last, n_bars >> 6)
    n_groups = groups.max() + 1 if groups.size > 0 else 0
    codes = room_for_codes(places.size if n_groups > 0 else 0)
    coded = places[groups >= 0] if n_groups > 0 else places[:0]
    runs, others = np.empty((rows.shape[0], 3), np.int64), np.empty(rows.shape[0], np.uint64)
    runs = runs[: find_runs(rows, groups, runs, others)]
    ties = np.empty(rows.shape[0] + 1, np.int64)
    out, row_bytes = np.uint64(bits.ctypes.data), np.uint64(bits.strides[0])
    for start in range(first, whole, AT_ONCE):
        stop = min(start + AT_ONCE, whole)
        if n_groups > 0:
            lay_codes(places, groups, n_groups, start << 6, (stop - start) << 6, codes)
        ahead = coded[: coded.size if stop + AT_ONCE <= whole else 0] + np.uint64(stop * BITS) * _NUMBER_BYTES
        here = out + np.uint64(start - first) * _WORD_BYTES
        compare_block(rows, runs, others, places, steps, codes, (start, stop), here, row_bytes, ahead, ties)
    if whole < last:
        numbers = np.full((2, BITS), np.nan)
        for k in range(rows.shape[0]):
            a, b = rows[k, 1], rows[k, 2]
            left = places[a] + np.uint64(whole) * steps[a]
            right = places[b] + np.uint64(whole) * steps[b]
            n = n_bars - (whole << 6)
            bits[k, whole - first] = compare_rest(rows[k, 0], left, right, steps[a], steps[b], n, numbers)


@kernel
def shift_row(source, flip, periods, first, bits):
    """Write words of a row as it was `periods` bars earlier; `source` has it from bar 0 on."""
    words, within = periods >> 6, np.uint64(periods & 63)
    for w in range(bits.size):
        place = first + w - words
        low = source[place] ^ flip if place >= 0 else NONE
        before = source[place - 1] ^ flip if place >= 1 else NONE
        bits[w] = low << within | (before >> (np.uint64(64) - within) if within != NONE else NONE)


@kernel
def combine_rows(rows, n_compared, first, last, origin, bits):
    """Write words [first, last) of all rows but the first `n_compared`, each from rows above it.

    The first word of `bits` (row, word) is word `origin`.
    """
    a, z = first - origin, last - origin
    for k in range(n_compared, rows.shape[0]):
        kind, left, right = rows[k, 0], rows[k, 1], rows[k, 2]
        flip_left, flip_right = np.uint64(rows[k, 3]), np.uint64(rows[k, 4])
        if kind == AND:
            for w in range(a, z):
                bits[k, w] = (bits[left, w] ^ flip_left) & (bits[right, w] ^ flip_right)
        elif kind == OR:
            for w in range(a, z):
                bits[k, w] = (bits[left, w] ^ flip_left) | (bits[right, w] ^ flip_right)
        elif kind == SHIFT:  # needs all words before: `origin` is 0
            shift_row(bits[left], flip_left, right, first, bits[k, a:z])
        else:
            bits[k, a:z] = ALL if left == 1 else NONE


@kernel
def fill_rows(rows, n_compared, places, steps, groups, first, last, origin, n_bars, bits):
    """Write words [first, last) of all rows into `bits` (row, word), whose first word is word `origin`.

    Parameters
    ----------
    rows : (row, 5) int64
        Recipes; the first `n_compared` are comparisons, and a row uses rows above it alone.
    places : (operand,) uint64
        Addresses of (time,) float64 arrays, or of 64 equal numbers.
    steps : (operand,) uint64
        Bytes from one word's numbers to the next one's: 512, or 0 for a constant.
    groups : (operand,) int64
        Operands of one group are compared by codes (`codes.py`), those of group -1 are not; empty for none at all.
    n_bars : int
        Length of the arrays; bits from there on mean nothing.
    """
    compare_rows(rows[:n_compared], places, steps, groups, first, last, n_bars, bits[:, first - origin :])
    combine_rows(rows, n_compared, first, last, origin, bits)
