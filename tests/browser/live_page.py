"""What the browser tests of the live view share: cells, what to press, and what stands on the page."""

from __future__ import annotations

import contextlib
import json
import os
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from labdriver import Lab, chromium_path, write_notebook

IS_REQUIRED = bool(os.environ.get("MRTK_REQUIRE_BROWSER"))
SHOTS = os.environ.get("MRTK_SHOTS")
IN_BROWSER = [
    pytest.mark.browser,
    pytest.mark.skipif(
        chromium_path() is None and not IS_REQUIRED, reason="no chromium here (apt-get install chromium)"
    ),
]
READY = ".mrt-board[data-number] [data-slot=map] .bk-Figure"
SETUP = """
import threading, time
import mrtoolkit as mrt
from mrtoolkit import P
backtest = mrt.Backtest(mrt.data.sample("AAPL"), mrt.Strategy(entry=mrt.ema(P.fast) > mrt.ema(P.slow)),
                        costs=mrt.Costs(fee=0.001))
space = mrt.Space(fast=mrt.Integer(2, 60), slow=mrt.Integer(20, 200))
"""
START = """
search = mrt.MultiResOptimizer(backtest, space, objective="sharpe").start(pace="20 trials/s")
view = mrt.view(search)
view
"""
FAST = START.replace('"20 trials/s"', "None")
# what the button and the status say once Pause or Resume is done, for `press_until`
STANDS = "status.startsWith('Paused') && label === 'Resume'"
GOES = "!status.startsWith('Paused') && label === 'Pause'"
SEARCH_THREADS = "sum(t.name == 'mrtoolkit-search' for t in __import__('threading').enumerate())"
# press and wait until `is_done` of the page holds; milliseconds until the frame that shows it
_PRESS = """
([find, text, then]) => new Promise((answer, fail) => {
  const button = [...document.querySelectorAll(find)].find(b => b.innerText.trim() === text && b.offsetParent);
  if (!button) return fail(new Error(`no button ${text}`));
  const status = () => document.querySelector('[data-slot=status]').textContent;
  const label = () => button.innerText.trim();
  const before = status();
  const is_done = new Function('status', 'label', 'before', `return ${then}`);
  const began = performance.now();
  const late = setTimeout(() => fail(new Error(`not after 20 s: ${label()}, ${status()}`)), 20000);
  const seen = new MutationObserver(() => {
    if (!is_done(status(), label(), before)) return;
    seen.disconnect();
    clearTimeout(late);
    requestAnimationFrame(() => answer(performance.now() - began));
  });
  seen.observe(document.body, {subtree: true, childList: true, characterData: true, attributes: true});
  button.click();
})
"""
_ANSWER = """
() => new Promise(answer => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const began = performance.now();
  kernel.requestExecute({code: '1 + 1', store_history: false}).done.then(() => answer(performance.now() - began));
})
"""
_COUNT = """
() => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const heard = window.__heard = [];
  kernel.anyMessage.connect((_, {msg, direction}) => {
    const type = msg.header.msg_type;
    if (direction === 'recv' && (type.startsWith('comm') || type.includes('display_data')))
      heard.push([performance.now(), type]);
  });
}
"""


def cell(text: str) -> str:
    """A cell's text without the indentation it has in a test."""
    return textwrap.dedent(text).strip()


@contextlib.contextmanager
def opener(server: Any, name: str) -> Iterator[Callable[..., Lab]]:
    """Open notebooks of given cells, each in a page of its own that is gone at the end."""
    root, base, token, chromium = server
    opened = []

    def open_cells(*cells: str, width: int = 1400, height: int = 1500, **options: Any) -> Lab:
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        lab = Lab(context.new_page(), base, token)
        lab.name = f"{name}{len(opened) or ''}.ipynb"
        lab.path = root / lab.name
        write_notebook(lab.path, *cells)
        opened.append((lab, context))
        lab.open(lab.name)
        return lab

    try:
        yield open_cells
    finally:
        for lab, context in opened:
            shoot(lab, name)
            with contextlib.suppress(Exception):
                lab.page.evaluate("() => window.jupyterapp.shell.currentWidget?.sessionContext.shutdown()")
            context.close()


def shoot(lab: Lab, name: str) -> None:
    """Keep a screenshot where MRTK_SHOTS names a folder."""
    if SHOTS:
        Path(SHOTS).mkdir(parents=True, exist_ok=True)
        lab.page.screenshot(path=f"{SHOTS}/{name}.png")


def trials(lab: Lab) -> int:
    return int(lab.value("len(search.study)"))


def state(lab: Lab) -> str:
    return lab.value("search.state").strip("'")


def status(lab: Lab) -> str:
    return lab.page.locator("[data-slot=status]").last.inner_text()


def is_done(lab: Lab) -> bool:
    return status(lab).startswith("Done")


def press(lab: Lab, text: str) -> None:
    lab.page.get_by_role("button", name=text, exact=True).click()


def press_until(lab: Lab, text: str, then: str, find: str = ".mrt-controls button") -> float:
    """Milliseconds from the press of a button to the frame in which `then` of `status`, `label`, `before` holds."""
    return float(lab.page.evaluate(_PRESS, [find, text, then]))


def answer_ms(lab: Lab) -> float:
    """Milliseconds until another cell has answered."""
    return float(lab.page.evaluate(_ANSWER))


def count_messages(lab: Lab) -> None:
    """Begin to count what the kernel sends to widgets and outputs."""
    lab.page.evaluate(_COUNT)


def messages(lab: Lab) -> list[tuple[float, str]]:
    """When (ms) and what came since the count began."""
    return [(at, kind) for at, kind in lab.page.evaluate("() => window.__heard")]


def most_in_a_second(at: list[float]) -> int:
    """The most messages within any second."""
    return max((sum(start <= other < start + 1000 for other in at) for start in at), default=0)


def drag(lab: Lab, slot: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw over a figure, from and to fractions of its slot."""
    box = lab.page.locator(f"[data-slot={slot}]").last.bounding_box()
    at = [(box["x"] + u * box["width"], box["y"] + v * box["height"]) for u, v in (start, end)]
    lab.page.mouse.move(*at[0])
    lab.page.mouse.down()
    for k in range(1, 6):
        lab.page.mouse.move(*(a + (b - a) * k / 5 for a, b in zip(*at, strict=True)))
    lab.page.mouse.up()


def click_trial(lab: Lab, which: str) -> None:
    """Click the first trial on the first map for which `which` of its place, `x` and `y`, holds."""
    lab.page.locator("[data-slot=map]").first.scroll_into_view_if_needed()
    lab.page.mouse.click(*lab.page.evaluate(_TRIAL, which))


def as_json(lab: Lab, expression: str) -> Any:
    """A value of the kernel that JSON can hold."""
    text = lab.value(f"__import__('json').dumps({expression})")
    return json.loads(text[1:-1].replace("\\\\", "\\").replace("\\'", "'"))


# where a trial stands on the page
_TRIAL = """
which => { for (const B of Object.values(globalThis.__mrt_bokeh)) for (const view of B.index.roots) {
  if (!view.el.closest('[data-slot=map]')) continue;
  const box = view.el.getBoundingClientRect(), {x_scale, y_scale} = view.frame;
  const source = view.model.renderers.map(r => r.data_source).find(s => s.data.trial ?? s.data.get?.('trial'));
  const columns = source.data instanceof Map ? Object.fromEntries(source.data) : source.data;
  const is_wanted = new Function('x', 'y', `return ${which}`);
  const i = Array.from(columns.x).findIndex((x, k) => is_wanted(x, columns.y[k]));
  return [box.x + x_scale.compute(columns.x[i]), box.y + y_scale.compute(columns.y[i])] } }
"""
# every source of the newest boards: what the page holds, by the model's name
_SOURCES = """
() => Object.fromEntries(Object.values(globalThis.__mrt_bokeh ?? {}).flatMap(B => B.require('document').documents)
  .flatMap(d => [...d._all_models.values()]).filter(m => m.type === 'ColumnDataSource')
  .map(m => [m.id, Object.fromEntries(Object.entries(m.data instanceof Map ? Object.fromEntries(m.data) : m.data)
    .map(([k, v]) => [k, Array.from(v, e => typeof e === 'object' && e !== null ? Array.from(e) : e)]))]))
"""
_IN_PYTHON = """
def sources_of(board):
    import json
    import numpy as np
    from bokeh.models import ColumnDataSource
    plain = lambda values: [v.ravel().tolist() if isinstance(v, np.ndarray) else v for v in values]
    text = json.dumps({m.id: {k: plain(list(v)) if not isinstance(v, np.ndarray) or v.ndim > 1 else v.tolist()
                              for k, v in m.data.items()} for m in board.document.models
                       if isinstance(m, ColumnDataSource)}, default=lambda v: v.item())
    open(f"{board.model_id}.json", "w").write(text)
    return f"{board.model_id}.json"
"""


def sources_on_page(lab: Lab) -> dict[str, dict[str, list[Any]]]:
    """The columns of every source on the page, by the source's name."""
    return lab.page.evaluate(_SOURCES)


def sources_in_python(lab: Lab, board: str) -> dict[str, dict[str, list[Any]]]:
    """The columns of every source of a board in the kernel, by the source's name."""
    lab.value(f"exec({_IN_PYTHON!r}, globals())")
    name = lab.value(f"sources_of({board})").strip("'")
    return json.loads((lab.path.parent / name).read_text())
