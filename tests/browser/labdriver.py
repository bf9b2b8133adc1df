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
SETTINGS: dict[str, dict[str, Any]] = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},  # every cell is in the page, also those out of sight
}


# how the page hands the kernel what a widget says: "disabled", "perComm", or "perCommTarget" as JupyterLab has it
if os.environ.get("MRTOOLKIT_LAB_COMMS"):
    SETTINGS["apputils-extension/kernels-settings"] = {"commsOverSubshells": os.environ["MRTOOLKIT_LAB_COMMS"]}


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
    checkout = str(Path(__file__).parents[2])  # the kernels import what is tested, not what is installed
    env = os.environ | {"PYTHONPATH": os.pathsep.join([checkout, *filter(None, [os.environ.get("PYTHONPATH")])])}
    for name, folder in FOLDERS.items():
        (state / folder).mkdir(parents=True, exist_ok=True)
        env[name] = str(state / folder)
    for name, values in SETTINGS.items():
        path = state / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
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

    def open(self, path: str, timeout: int = 60_000, *, is_new: bool = True) -> None:
        """Open a notebook; `is_new=False` as after a reload, with what the page stood at."""
        self.page.goto(f"{self.base}/lab/tree/{path}?token={self.token}{'&reset' * is_new}", timeout=timeout)
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
        self.start_all(timeout)
        self.page.wait_for_function("() => window.__done === 1", timeout=timeout)
        self.ready(timeout)

    def start_all(self, timeout: int = 180_000) -> None:
        """Run all cells, without waiting for their end."""
        self.ready(timeout)
        self.page.evaluate(
            "() => { window.__done = 0;"
            " window.jupyterapp.commands.execute('notebook:run-all-cells').then(() => window.__done = 1) }"
        )

    def command(self, name: str, **arguments: Any) -> None:
        """Run one of JupyterLab's commands, as its menu does."""
        self.page.evaluate(
            "([n, a]) => window.jupyterapp.commands.execute(n, a).then(() => true)", [name, arguments]
        )

    def save(self) -> None:
        self.command("docmanager:save")

    def theme(self, name: str) -> None:
        """Switch to "light" or "dark"."""
        self.command("apputils:change-theme", theme=f"JupyterLab {name.title()}")
        self.page.wait_for_function(
            "want => document.body.dataset.jpThemeLight === want", arg="true" if name == "light" else "false"
        )

    def restart(self) -> None:
        """Restart the kernel, without the question whether one wants to."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
        self.ready()

    def value(self, expression: str) -> str:
        """Evaluate in the notebook's own kernel, after the cells that wait; the text of the value."""
        return self.page.evaluate(
            "async ([expression]) => {"
            " const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;"
            " const future = kernel.requestExecute({code: '', silent: true, store_history: false,"
            "  user_expressions: {v: expression}});"
            " const v = (await future.done).content.user_expressions.v;"
            " return v.status === 'ok' ? v.data['text/plain'] : `${v.ename}: ${v.evalue}`; }",
            [expression],
        )

    def columns(self) -> list[dict[str, list[float]]]:
        """The columns of every source of every figure on the page, oldest figure first."""
        return self.page.evaluate(
            "() => Object.values(globalThis.__mrt_bokeh ?? {}).flatMap(B => B.require('document').documents)"
            " .flatMap(d => [...d._all_models.values()]).filter(m => m.type === 'ColumnDataSource')"
            " .map(m => Object.fromEntries(Object.entries("
            "   m.data instanceof Map ? Object.fromEntries(m.data) : m.data).map(([k, v]) => [k, Array.from(v)])))"
        )

    def errors(self) -> list[str]:
        """What went wrong in the page."""
        return [text for kind, text in self.console if kind == "pageerror" or "Cannot send" in text]


def until(condition: Any, seconds: float = 10) -> Any:
    """Wait for a true value and return it."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s; last: {value!r}")
        time.sleep(0.05)
    return value


def write_notebook(path: Path, *cells: str) -> None:
    """A notebook of these code cells, never run."""
    import nbformat

    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    notebook.cells = [nbformat.v4.new_code_cell(cell.strip()) for cell in cells]
    nbformat.write(notebook, path)
