import shutil

import numpy as np
import pytest

import mrtoolkit as mrt
from mrtoolkit import P
from mrtoolkit.errors import StudyError
from mrtoolkit.search.cost import CostComparison
from mrtoolkit.views.equity import buy_and_hold, equity_data
from mrtoolkit.views.overlays import rule_features
from mrtoolkit.views.overview import overview
from mrtoolkit.views.report import report

EVIL = "</script><script>window.broken = 1</script><img src=x onerror='window.broken = 1'>"

TITLE = "[...Bokeh.documents[0].roots()[0].references()].find((model) => model.type === 'Title')"


@pytest.fixture(scope="module")
def real():
    bars = mrt.data.simulate(bars=400, seed=1)
    bars.attrs["name"] = "SIM"
    rule = mrt.Strategy(entry=(mrt.ema(P.fast) > mrt.ema(P.slow)) & (mrt.rsi(14) < 90))
    backtest = mrt.Backtest(bars, rule, costs=mrt.Costs(fee=0.001))
    space = mrt.Space(fast=mrt.Integer(3, 12), slow=mrt.Integer(15, 40), where=P.fast < P.slow)
    return mrt.optimize(backtest, space, trials=40, seed=0)


def test_a_real_study_says_all_that_it_must(real, tmp_path):
    cost = CostComparison(
        trials=40, search_seconds=0.5, recompute_seconds=5.0, lattice_points=260, is_exact=True,
        exhaustive_seconds=3.0, sample=20,
    )  # fmt: skip
    path = report(real, tmp_path / "study.html", cost=cost)
    assert path == tmp_path / "study.html"
    page = path.read_text(encoding="utf-8")
    for words in (
        "SIM: a search for sharpe",
        f"This study made {len(real)} trials on the same data",
        "biased upward",
        "Plateau, recommended",
        f"sharpe ({real.backtest.periods_per_year:,.1f} bars a year)",
        "(ema(P.fast) &gt; ema(P.slow)) &amp; (rsi(14) &lt; 90)",
        "fee 0.001",
        "at the next bar&#x27;s open",
        mrt.data.fingerprint(real.backtest.bars),
        f"mrtoolkit {mrt.__version__}" if hasattr(mrt, "__version__") else "Python 3",
        '<td class="number">5.0 s</td>',
    ):
        assert words in page, words
    assert len(page) < 2_500_000
    assert page.count('role="img" aria-label="') == 9
    for words in ("A dot a trial around each", "functional ANOVA", "Rank correlation"):
        assert words in page, words


def test_the_page_holds_nothing_to_be_fetched(real, tmp_path):
    page = report(real, tmp_path / "study.html").read_text(encoding="utf-8")
    own = page.replace(_library(page), "")
    for word in ("http://", "https://", "src=", "<link", "@import", "url("):
        assert word not in own, word
    assert "default-src 'none'" in own


def _library(page):
    start = page.index("<script>")
    return page[start : page.index("</script>", start)]


def test_buy_and_hold_beside_the_trial_is_the_benchmark_of_the_table(real):
    hold = equity_data(buy_and_hold(real.backtest))
    assert float(hold["equity"][-1]) - 1 == pytest.approx(real.benchmark["total_return"])
    assert float(hold["drawdown"].max()) == pytest.approx(real.benchmark["max_drawdown"])
    trial = real.backtest.trial(real.best.params)
    assert float(equity_data(trial)["equity"][-1]) - 1 == pytest.approx(real.best.metrics["total_return"])


def test_the_averages_of_a_rule_lie_on_the_price_and_its_rsi_does_not(real):
    found = rule_features(real.backtest, {"fast": 5, "slow": 20})
    assert list(found) == ["ema(5)", "ema(20)"]
    np.testing.assert_array_equal(found["ema(5)"], real.backtest.store.array(real.backtest.bars, mrt.ema(5)))


def test_an_overview_stacks_convergence_zoom_and_map(real):
    assert len(overview(real).children) == 3


def test_markup_in_names_and_attributes_stays_text(study_of, bars_of, tmp_path):
    averages = mrt.choose(P.kind, {EVIL: mrt.ema(P.fast), "b": mrt.sma(P.fast)})
    bars = bars_of(source=EVIL, name=EVIL, licence=EVIL)
    backtest = mrt.Backtest(bars, mrt.Strategy(entry=averages > 1.0))
    points = {"fast": [2, 3], "kind": [EVIL, "b"]}
    study = study_of(points, [1, 2], [0, 0], names=[EVIL], objective=EVIL, stopped=EVIL, evaluator=backtest)
    page = report(study, tmp_path / "evil.html", title=EVIL).read_text(encoding="utf-8")
    assert "<script>window.broken" not in page
    assert "<img" not in page
    assert "&lt;/script&gt;&lt;script&gt;window.broken" in page


def test_a_missing_folder_and_a_folder_are_refused_before_anything_is_written(real, tmp_path):
    with pytest.raises(StudyError, match="there is no folder .*none.*; make it first"):
        report(real, tmp_path / "none" / "study.html")
    with pytest.raises(StudyError, match="that is a folder; name a file in it"):
        report(real, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_study_without_trials_is_refused_before_anything_is_written(study_of, tmp_path):
    with pytest.raises(StudyError, match="holds 0 trials"):
        report(study_of({"n": []}, [], []), tmp_path / "study.html")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_earlier_report_and_no_draft(real, tmp_path, monkeypatch):
    path = tmp_path / "study.html"
    path.write_text("earlier", encoding="utf-8")
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError("disk is full")))
    with pytest.raises(OSError, match="disk is full"):
        report(real, path)
    assert path.read_text(encoding="utf-8") == "earlier"
    assert [p.name for p in tmp_path.iterdir()] == ["study.html"]


@pytest.mark.parametrize(
    ("points", "values"), [({"n": [1, 2]}, [0.1, 0.2]), ({"a": [1], "b": [2]}, [0.3]), ({"a": [1, 2]}, [np.nan] * 2)]
)
def test_small_and_empty_valued_studies_are_reported(study_of, tmp_path, points, values):
    page = report(study_of(points, values, [0] * len(values)), tmp_path / "s.html").read_text(encoding="utf-8")
    known = np.isfinite(values).any()
    assert ("No trial has a value and satisfies the constraints" in page) == (not known)
    assert "no backtest at hand" in page


def test_several_assets_are_reported_by_the_first(tmp_path):
    bars = mrt.data.simulate(bars=200, assets=3, seed=2)
    rule = mrt.Strategy(entry=mrt.sma(P.n) > mrt.close)
    study = mrt.optimize(mrt.Backtest(bars, rule), mrt.Space(n=mrt.Integer(3, 30)), trials=10, seed=0)
    page = report(study, tmp_path / "s.html").read_text(encoding="utf-8")
    assert "The first asset is drawn" in page


@pytest.mark.browser
def test_the_report_opens_offline_and_draws_every_figure(real, tmp_path):
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    path = report(real, tmp_path / "study.html", title=EVIL)
    asked, said = [], []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for scheme in ("light", "dark"):
            page = browser.new_page(color_scheme=scheme)
            page.on("request", lambda request: asked.append(request.url))
            page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
            page.on("pageerror", lambda fault: said.append(str(fault)))
            page.goto(path.as_uri())
            page.wait_for_function("window.Bokeh && Bokeh.documents.length > 0 && Bokeh.documents[0].is_idle")
            assert page.locator("figure canvas").count() >= 9
            assert page.evaluate("window.broken") is None
            ink = {"light": "#3c424b", "dark": "#c8cdd5"}[scheme]
            page.wait_for_function(f"{TITLE}.text_color === '{ink}'")
        browser.close()
    assert set(asked) == {path.as_uri()}
    assert said == []
