"""One JupyterLab and one chromium a module, a page and a notebook of its own a test."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    from labdriver import browser, lab_server

    root = tmp_path_factory.mktemp("live")
    with lab_server(root, tmp_path_factory.mktemp("state")) as (base, token), browser() as chromium:
        yield root, base, token, chromium


@pytest.fixture
def open_lab(server, request):
    from live_page import opener

    with opener(server, request.node.name) as open_cells:
        yield open_cells
