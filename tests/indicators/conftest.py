"""What a test registers is gone after it."""

import pytest

from mrtoolkit.indicators import registry


@pytest.fixture(autouse=True)
def registry_as_before(monkeypatch):
    monkeypatch.setattr(registry, "_entries", dict(registry._entries))
