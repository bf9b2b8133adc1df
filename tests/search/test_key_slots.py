"""Keys in open slots: a number each as in a dict, and the first place of each as a scan finds it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mrtoolkit.search.slots import Slots, first_places

KEYS = st.lists(st.integers(0, 12) | st.integers(0, 2**62), max_size=40)


@given(KEYS, st.sampled_from([np.int64, object]))
def test_each_key_is_first_where_a_scan_meets_it(keys, dtype):
    met: dict[int, int] = {}
    for place, key in enumerate(keys):
        met.setdefault(key, place)
    assert first_places(np.array(keys, dtype=dtype)).tolist() == sorted(met.values())


@given(st.lists(st.lists(st.integers(0, 12) | st.integers(0, 2**62), max_size=20, unique=True), max_size=5), KEYS)
def test_slots_hold_what_a_dict_does_and_grow(batches, wanted):
    slots, told, number = Slots(4), {}, 0
    for keys in batches:
        numbers = np.arange(number, number + len(keys))
        slots = slots.with_room(len(keys))
        slots.put(np.array(keys, dtype=np.int64), numbers)
        told |= dict(zip(keys, numbers.tolist(), strict=True))
        number += len(keys)
    wanted = [*wanted, *told]
    assert slots.find(np.array(wanted, dtype=np.int64)).tolist() == [told.get(key, -1) for key in wanted]
