"""What the tests of damage, refusals, kills and many processes share."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from store_checker import make_channel, small_chunks

from mrtoolkit.indicators import registry


@pytest.fixture
def small_chunks_and_channel(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Chunks so small that few bars have many, and a user's indicator with two outputs, `crash_channel`."""
    small_chunks(monkeypatch.setattr)
    make_channel()
    yield
    registry._entries.pop("crash_channel", None)


@pytest.fixture
def reads_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on disk is read, however cheap it is to compute."""
    monkeypatch.setattr("mrtoolkit.features.costs._MARGIN", np.inf)
