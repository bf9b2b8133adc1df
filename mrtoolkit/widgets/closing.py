"""Widgets hold a comm each until they are closed; ipywidgets closes neither what is in a box nor its layout."""

from __future__ import annotations

from typing import Any


def close_all(*widgets: Any) -> None:
    """Close widgets, what is in them, and their layouts and styles."""
    for widget in widgets:
        close_all(*getattr(widget, "children", ()))
        for part in (getattr(widget, "layout", None), getattr(widget, "style", None), widget):
            if part is not None:
                part.close()
