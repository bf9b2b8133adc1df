"""How the tests of running searches wait: asleep, so that the search's thread has the processor, and not for ever."""

import time

SOON = 200.0  # seconds that nothing takes unless it hangs, not on a machine that stood still for minutes either


def until(is_so):
    end = time.monotonic() + SOON
    while not is_so():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.001)
