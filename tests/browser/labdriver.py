"""A real JupyterLab, started as a user starts it (`mrtoolkit lab`), in a real chromium."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
FOLDERS = {
    "JUPYTER_CONFIG_DIR": "config",
    "JUPYTER_RUNTIME_DIR": "runtime",
    "JUPYTER_DATA_DIR": "data",
    "JUPYTERLAB_SETTINGS_DIR": "settings",
    "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    "IPYTHONDIR": "ipython",
}
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},  # every cell is in the page, also those out of sight
}


def chromium_path() -> str | None:
    """Where chromium is, None where it is not."""
    return next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def lab_server(root: Path, state: Path, timeout: float = 60) -> Iterator[tuple[str, str]]:
    """`mrtoolkit lab` on `root`, with Jupyter's own folders under `state`; ended with everything that it started."""
    port, token = free_port(), uuid.uuid4().hex
    env = dict(os.environ)
    for name, folder in FOLDERS.items():
        (state / folder).mkdir(parents=True, exist_ok=True)
        env[name] = str(state / folder)
    for name, values in SETTINGS.items():
        path = state / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(values))
    command = "from mrtoolkit.cli.app import main; main()"
    lab = [sys.executable, "-c", command, "lab", "--no-browser", "--folder", str(root), "--"]
    passed = [
        "--allow-root",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={root}",
        "--LabApp.expose_app_in_browser=True",
    ]
    with (state / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*lab, *passed], stdout=log, stderr=subprocess.STDOUT, env=env, start_new_session=True
        )
        base = f"http://127.0.0.1:{port}"
        try:
            _wait_for(process, f"{base}/api/status?token={token}", state / "server.log", timeout)
            yield base, token
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def _wait_for(process: subprocess.Popen[bytes], url: str, log: Path, timeout: float) -> None:
    end = time.monotonic() + timeout
    while True:
        if process.poll() is not None:
            raise RuntimeError("JupyterLab ended: " + log.read_text()[-2000:])
        try:
            urllib.request.urlopen(url, timeout=2).read()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """Chromium without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS, headless=True)
        try:
            yield chromium
        finally:
            chromium.close()


class Lab:
    """One page of JupyterLab with one notebook; keeps what the console said and what was asked of other hosts."""

    def __init__(self, page: Any, base: str, token: str) -> None:
        self.page, self.base, self.token = page, base, token
        self.console: list[tuple[str, str]] = []
        self.external: list[str] = []
        own = (base, base.replace("http", "ws"), "data:", "blob:")
        page.on("console", lambda message: self.console.append((message.type, message.text)))
        page.on("pageerror", lambda error: self.console.append(("pageerror", str(error))))
        page.on("request", lambda request: None if request.url.startswith(own) else self.external.append(request.url))

    def open(self, path: str, timeout: int = 60_000) -> None:
        self.page.goto(f"{self.base}/lab/tree/{path}?token={self.token}&reset", timeout=timeout)
        self.page.wait_for_selector(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-Cell", timeout=timeout)
        self.page.wait_for_function(
            "() => window.jupyterapp && window.jupyterapp.shell.currentWidget"
            " && window.jupyterapp.shell.currentWidget.sessionContext",
            timeout=timeout,
        )

    def ready(self, timeout: int = 60_000) -> None:
        """Wait until the notebook's kernel is idle."""
        self.page.wait_for_function(
            "() => { const w = window.jupyterapp.shell.currentWidget;"
            " const k = w && w.sessionContext && w.sessionContext.session && w.sessionContext.session.kernel;"
            " return k && k.status === 'idle' && k.connectionStatus === 'connected'; }",
            timeout=timeout,
        )

    def run_all(self, timeout: int = 180_000) -> None:
        self.ready(timeout)
        self.page.evaluate(
            "() => { window.__done = 0;"
            " window.jupyterapp.commands.execute('notebook:run-all-cells').then(() => window.__done = 1) }"
        )
        self.page.wait_for_function("() => window.__done === 1", timeout=timeout)
        self.ready(timeout)

    def save(self) -> None:
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save').then(() => true)")
