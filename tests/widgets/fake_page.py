"""What a page of JupyterLab does with a board, in Python: opens it from its state, takes its messages, answers."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from bokeh.core.serialization import Buffer, Serialized
from bokeh.document import Document
from bokeh.models import ColumnDataSource


class FakeComm:
    """A comm that keeps what was sent."""

    opened: list[FakeComm] = []  # noqa: RUF012

    def __init__(self, **options: Any) -> None:
        self.comm_id = f"fake-{len(self.opened)}"
        self.data, self.buffers = options["data"], options.get("buffers") or []
        self.sent: list[tuple[dict[str, Any], list[bytes]]] = []
        self.is_closed = False
        self.opened.append(self)

    def on_msg(self, callback: Any) -> None:
        self.callback = callback

    def on_close(self, callback: Any) -> None:
        pass

    def send(self, data: Any = None, metadata: Any = None, buffers: Any = None) -> None:
        self.sent.append((data, [bytes(b) for b in buffers or []]))

    def close(self, *_: Any, **__: Any) -> None:
        self.is_closed = True
        self.callback = None


@pytest.fixture
def comms(monkeypatch):
    import comm

    monkeypatch.setattr(comm, "create_comm", FakeComm)
    monkeypatch.setattr(FakeComm, "opened", [])
    return FakeComm.opened


def _plain(value: Any) -> Any:
    return value if isinstance(value, str) else np.asarray(value, dtype=float).tolist()


def _written(document: Document) -> str:
    """Text of a document; a column is the same text as a list and as an array, in any order of columns."""
    for source in document.select({"type": ColumnDataSource}):
        source.data = {name: [_plain(value) for value in source.data[name]] for name in sorted(source.data)}
    return json.dumps(document.to_json(deferred=False)["roots"])


class Page:
    """One view of a board. Fails where BokehJS would have to guess: at a gap in the numbers."""

    def __init__(self, board: Any) -> None:
        self.board = board
        self.read = len(board.comm.sent)
        self.asks = 0
        self._show(json.loads(board.get_state()["picture"]))

    def _show(self, picture: dict[str, Any]) -> None:
        self.number, self.texts, self.labels = picture["number"], dict(picture["texts"]), dict(picture["labels"])
        self.document = Document.from_json(picture["document"])

    def say(self, **content: Any) -> None:
        """Send a message to Python, as a view does."""
        self.board._handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})

    def take(self) -> int:
        """Take what was sent since; return how many messages changed something."""
        news, self.read = self.board.comm.sent[self.read :], len(self.board.comm.sent)
        taken = 0
        for data, buffers in news:
            message = data.get("content", {})
            if message.get("kind") == "whole" and message["number"] > self.number:
                self._show(json.loads(message["picture"]))
            if message.get("kind") == "at" and message["number"] > self.number:
                self.asks += 1
                self.say(kind="ask", number=self.number)
            if message.get("kind") != "patch" or message["number"] <= self.number:
                continue
            if message["number"] != self.number + 1:
                self.asks += 1
                self.say(kind="ask", number=self.number)
                continue
            if message["patch"]:
                parts = [Buffer(i, data) for i, data in zip(message["buffers"], buffers, strict=True)]
                patch = json.loads(message["patch"])
                kept = {}  # BokehJS keeps the columns that an event does not name, bokeh in Python forgets them
                for event in patch["events"]:
                    if event["kind"] == "ColumnDataChanged" and event["cols"] is not None:
                        source = self.document.get_model_by_id(event["model"]["id"])
                        kept[source] = {n: v for n, v in source.data.items() if n not in event["cols"]}
                self.document.apply_json_patch(Serialized(patch, parts))
                for source, columns in kept.items():
                    source.data = dict(source.data) | columns
            self.texts |= message["texts"]
            self.labels |= message["labels"]
            self.number = message["number"]
            taken += 1
        return taken

    def same(self) -> bool:
        """Is what stands on the page what Python has?"""
        # read and written once more, each leaves out what was set to bokeh's own default
        with self.board.change():  # its own threads may be changing it
            said = [document.to_json(deferred=False) for document in (self.board.document, self.document)]
        ours, theirs = map(Document.from_json, said)
        return _written(ours) == _written(theirs)

    def columns(self) -> dict[str, list[Any]]:
        (source,) = self.document.select({"type": ColumnDataSource})
        return {name: list(values) for name, values in source.data.items()}
