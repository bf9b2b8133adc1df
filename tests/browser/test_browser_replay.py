"""The replay plays in a real browser, offline, to the end, with hands and with keys."""

from __future__ import annotations

import time
from contextlib import contextmanager

import pytest

pytest.importorskip("playwright", reason="playwright is not installed (pip install playwright)")
from labdriver import browser
from live_page import IN_BROWSER

import mrtoolkit as mrt
from mrtoolkit.cli.demo import LEVELS, textbook_backtest, textbook_space

pytestmark = IN_BROWSER

PLAYER = "document.querySelector('.replay').replay"
STAR = """canvas => {
  const bytes = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let found = 0;
  for (let i = 0; i < bytes.length; i += 4) found += bytes[i] === 0xD5 && bytes[i + 1] === 0x5E && bytes[i + 2] === 0;
  return found;
}"""
# lengths of the runs of the colour of a box that was asked for, in the row of pixels that has most runs of it
DASHES = """canvas => {
  const {width, height} = canvas, bytes = canvas.getContext("2d").getImageData(0, 0, width, height).data;
  let found = [];
  for (let y = 0; y < height; y++) {
    const runs = [0];
    for (let x = 0; x < width; x++) {
      const i = 4 * (y * width + x);
      if (bytes[i] === 0xD5 && bytes[i + 1] === 0x5E && bytes[i + 2] === 0x00) runs[runs.length - 1]++;
      else if (runs[runs.length - 1]) runs.push(0);
    }
    if (runs.length > found.length) found = runs.filter(n => n);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def study():
    """The textbook's search: 110 trials, the best with a Sharpe ratio of 1.0134."""
    return mrt.optimize(textbook_backtest("AAPL"), textbook_space(), levels=LEVELS)


@pytest.fixture(scope="module")
def chromium():
    with browser() as found:
        yield found


@contextmanager
def opened(chromium, path, **options):
    """A page, which at the end has asked for nothing but itself and complained of nothing."""
    asked, said = [], []
    page = chromium.new_context(offline=True, **options).new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda fault: said.append(str(fault)))
    page.goto(path.as_uri())
    wait_for(page, f"{PLAYER} !== undefined")
    yield page
    assert {url for url in asked if not url.startswith("data:")} == {path.as_uri()}
    assert said == []
    page.context.close()


def wait_for(page, condition, seconds=30.0):
    """Playwright's own waiting evaluates text in the page, which the page's policy refuses."""
    until = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < until, condition
        page.wait_for_timeout(30)


def trial(page):
    return int(page.locator(".now b").first.inner_text().replace(",", ""))


def test_a_search_plays_by_itself_to_the_best_that_the_study_has(study, chromium, tmp_path):
    with opened(chromium, mrt.views.replay(study, tmp_path / "r.html")) as page:
        page.locator("select").select_option("8")
        wait_for(page, f"{PLAYER}.state.at > 20")
        wait_for(page, f"!{PLAYER}.state.playing && {PLAYER}.state.at === {len(study)}")
        assert trial(page) == len(study) == 110
        assert page.locator(".now b").nth(1).inner_text() == f"{study.best.value:.4f}"
        words = page.locator(".caption p").inner_text()
        assert "Recommended is the plateau" in words
        assert study.stopped.rstrip(".") in words
        assert page.get_by_role("button", name="Play the search").is_visible()
        assert "1.0134" in page.get_by_role("img").first.get_attribute("aria-label")
        assert all(page.locator("canvas").nth(i).evaluate(STAR) > 50 for i in (0, 1))


def test_keys_step_by_trial_and_by_level_and_stop(study, chromium, tmp_path):
    with opened(chromium, mrt.views.replay(study, tmp_path / "r.html"), reduced_motion="reduce") as page:
        assert trial(page) == 110  # who wants no motion gets the end, and nothing moves by itself
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
        wait_for(page, "document.querySelector('.now b').textContent === '1'")
        page.keyboard.press("Shift+ArrowRight")
        wait_for(page, "document.querySelector('.now b').textContent === '16'")
        assert "Level 2, medium, looks into 1 region" in page.locator(".caption p").inner_text()
        assert page.locator("tr[aria-current=step] th").inner_text() == "medium"
        page.keyboard.press(" ")
        wait_for(page, f"{PLAYER}.state.at > 17")
        page.keyboard.press(" ")
        assert page.evaluate(f"{PLAYER}.state.playing") is False
        page.locator("input[type=range]").fill("103")
        wait_for(page, "document.querySelector('.now b').textContent === '103'")
        assert "Level 3, fine" in page.locator(".caption p").inner_text()
        assert page.evaluate(f"{PLAYER}.state.view[1] - {PLAYER}.state.view[0]") < 0.2  # the map has zoomed in


def test_what_was_asked_for_by_hand_is_said_when_it_was_asked(study, chromium, tmp_path):
    asked = {"after": 20, "trials": 9, "bounds": {"fast": [6.0, 8.0], "slow": [50, 58]}, "stopped": False}
    led = mrt.optimize(textbook_backtest("AAPL"), textbook_space(), trials=60, seed=0, steering=[asked])
    with opened(chromium, mrt.views.replay(led, tmp_path / "r.html"), reduced_motion="reduce") as page:
        for at, is_said in ((23, True), (10, False)):
            page.evaluate(f"{PLAYER}.seek({at})")
            wait_for(page, f"document.querySelector('.now b').textContent === '{at}'")
            words = page.locator(".caption p").inner_text()
            assert ("Asked for by hand: a look into fast 6 to 8, slow 50 to 58." in words) == is_said
        page.evaluate(f"{PLAYER}.seek(23)")
        wait_for(page, "document.querySelector('.now b').textContent === '23'")
        dashes = page.locator("canvas").nth(1).evaluate(DASHES)
        assert len(dashes) >= 4
        assert max(dashes) <= 7  # pixels of a screen of one pixel a point


@pytest.mark.parametrize("width", [390, 800, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_runs_over_the_page_at_any_width(study, chromium, tmp_path, width, scheme):
    path = mrt.views.replay(study, tmp_path / "r.html")
    with opened(chromium, path, viewport={"width": width, "height": 900}, color_scheme=scheme) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.keyboard.press("End")
        wait_for(page, f"{PLAYER}.state.at === 110")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_no_table_of_the_report_is_cut_off_in_a_window_of_800_pixels(study, chromium, tmp_path):
    path = mrt.report(study, tmp_path / "report.html")
    with opened(chromium, path, viewport={"width": 800, "height": 900}) as page:
        tables = "[...document.querySelectorAll('.scroll')].filter(e => e.offsetParent)"
        assert page.evaluate(f"{tables}.length") >= 3
        cut = f"{tables}.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.getAttribute('aria-label'))"
        assert page.evaluate(cut) == []
