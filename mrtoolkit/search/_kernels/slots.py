"""A table of keys with open slots: which number a key has, and which of many keys come first."""

from __future__ import annotations

import numpy as np

from mrtoolkit._jit import kernel

_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2**64 over the golden ratio: Fibonacci hashing


@kernel(inline=True)
def slot_of(key, shift):
    """Return the first slot to look into, of 2 ** (64 - shift)."""
    return np.int64((np.uint64(key) * _ODD) >> shift)


@kernel
def put_numbers(keys, numbers, held, held_numbers, shift):
    """Give each key its number in a table of keys `held`, -1 where a slot is free; return how many were not there.

    `shift` (uint64) is 64 less the binary logarithm of the number of slots.
    """
    last, n_new = held.size - 1, 0
    for i in range(keys.size):
        slot = slot_of(keys[i], shift)
        while held[slot] != -1 and held[slot] != keys[i]:
            slot = (slot + 1) & last
        n_new += 1 if held[slot] == -1 else 0
        held[slot], held_numbers[slot] = keys[i], numbers[i]
    return n_new


@kernel
def find_numbers(keys, held, held_numbers, shift, out):
    """Write the number of each key in such a table, -1 for none."""
    last = held.size - 1
    for i in range(keys.size):
        slot = slot_of(keys[i], shift)
        while held[slot] != -1 and held[slot] != keys[i]:
            slot = (slot + 1) & last
        out[i] = held_numbers[slot] if held[slot] == keys[i] else -1


@kernel
def first_of_each(keys, slots, shift, out):
    """Write where each distinct key is first, ascending; return how many there are. `slots` is a table of -1."""
    last, n_found = slots.size - 1, 0
    for i in range(keys.size):
        slot = slot_of(keys[i], shift)
        while slots[slot] != -1 and keys[slots[slot]] != keys[i]:
            slot = (slot + 1) & last
        if slots[slot] == -1:
            slots[slot] = out[n_found] = i
            n_found += 1
    return n_found
