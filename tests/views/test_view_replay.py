import json
import re

import numpy as np
import pytest

import mrtoolkit as mrt
from mrtoolkit.errors import StudyError
from mrtoolkit.search.region import Region
from mrtoolkit.views.canvas import Canvas
from mrtoolkit.views.picture import picture_png
from mrtoolkit.views.replay import player_code, replay
from mrtoolkit.views.replay_data import replay_data
from mrtoolkit.views.replay_stages import WHOLE, stages
from mrtoolkit.views.report import report
from mrtoolkit.views.report_text import title_of
from mrtoolkit.views.story import headline, search_story
from mrtoolkit.widgets.level_table import level_table

EVIL = "</script><script>window.broken = 1</script><img src=x onerror='window.broken = 1'>"


def data_of(page):
    found = re.findall(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)
    assert len(found) == 1
    return json.loads(found[0])


@pytest.fixture
def many(study_of):
    rng = np.random.default_rng(0)
    count = 100_000
    points = {"a": rng.random(count).round(3), "b": rng.random(count).round(3)}
    return study_of(points, rng.normal(size=count), np.sort(rng.integers(0, 3, count)))


def test_the_page_holds_every_trial_as_the_study_has_it(study, tmp_path):
    path = replay(study, tmp_path / "replay.html")
    page = path.read_text(encoding="utf-8")
    data = data_of(page)
    trials = study.trials
    assert data["count"] == len(study) == 110
    assert data["number"] == list(range(1, 111))
    assert data["x"] == trials["fast"].to_numpy().tolist()
    assert data["y"] == trials["slow"].to_numpy().tolist()
    np.testing.assert_allclose(data["value"], trials["value"].to_numpy(), rtol=1e-6)
    assert data["level"] == trials["level"].to_numpy().tolist()
    assert data["steps"][-1][1] == study.best.value
    assert data["best"]["words"] == "fast 12, slow 42"
    assert "Best sharpe 0.9000 at fast 12, slow 42, after 110 trials." in page
    assert len(page) < 120_000


def test_the_page_asks_nobody_for_anything_and_needs_no_bokeh(study, tmp_path):
    page = replay(study, tmp_path / "replay.html").read_text(encoding="utf-8")
    for word in ("http://", "https://", "<link", "@import", "url(", "Bokeh", "eval"):
        assert word not in page.replace("'unsafe-eval'", ""), word
    assert "'unsafe-eval'" not in page
    assert page.count("src=") == 1
    assert 'src="data:image/png;base64,' in page
    assert "default-src 'none'" in page


def test_the_plateau_and_the_honest_figures_are_those_that_the_study_prints(tmp_path):
    bars = mrt.data.simulate(bars=400, seed=1)
    backtest = mrt.Backtest(bars, mrt.Strategy(entry=mrt.ema(mrt.P.fast) > mrt.ema(mrt.P.slow)))
    space = mrt.Space(fast=mrt.Integer(3, 12), slow=mrt.Integer(15, 40))
    study = mrt.optimize(backtest, space, trials=60, seed=0)
    page = replay(study, tmp_path / "replay.html").read_text(encoding="utf-8")
    printed = repr(study)
    assert all(words in printed for words in ("deflated Sharpe ratio", "plateau", "buy and hold"))
    for line in printed.splitlines()[1:4]:
        for words in line.split("  "):
            assert words.strip() in page, words
    luck = next(line.strip() for line in printed.splitlines() if "deflated" in line)
    assert luck[1:] in page  # its first letter is a capital there
    assert study.stopped in page


def test_markup_in_names_cannot_leave_the_data(study_of, tmp_path):
    study = study_of({"n": [1, 2], "kind": [EVIL, "b"]}, [1, 2], [0, 0], names=[EVIL], objective=EVIL, stopped=EVIL)
    page = replay(study, tmp_path / "evil.html").read_text(encoding="utf-8")
    assert "<script>window.broken" not in page
    assert "<img src=x" not in page
    assert data_of(page)["objective"] == EVIL


def test_the_stages_say_in_words_where_each_level_looks_and_what_came_of_it(study_of):
    whole = Region(centre={}, level=0, index=0, bounds={"a": (1, 9), "b": (1, 9)})
    found = [
        Region(centre={"a": 2, "b": 5}, level=1, index=0, bounds={"a": (2, 3), "b": (5, 6)}),
        Region(centre={"a": 8, "b": 2}, level=1, index=1, bounds={"a": (8, 9), "b": (1, 2)}),
    ]
    a, b = [1, 9, 2, 3, 8, 9], [1, 9, 5, 6, 1, 2]
    names = ["coarse", "fine"]
    study = study_of({"a": a, "b": b}, np.arange(6.0), [0, 0, 1, 1, 1, 1], regions=[whole, *found], names=names)
    study.keys["levels"][1]["regions"] = 2
    coarse, fine = stages(search_story(study))
    assert coarse.words == "Level 1, coarse, looks everywhere, a from 1 to 9 and b from 1 to 9: 2 new trials."
    assert coarse.outcome == "Best so far 1.0000 at a 9, b 9."
    assert coarse.view == WHOLE
    assert fine.words == "Level 2, fine, looks into 2 regions, around a 2, b 5; a 8, b 2: 4 new trials."
    assert fine.outcome == "Best so far 5.0000 at a 9, b 2; before it was 1.0000."
    assert (coarse.first, coarse.last, fine.first, fine.last) == (1, 2, 3, 6)


def test_a_stage_with_one_round_of_boxes_shows_them_all(study):
    story = search_story(study)
    shown = stages(story)
    assert shown[0].view == WHOLE
    for stage in shown[1:]:
        box = story.boxes[story.boxes["level"] == stage.level].iloc[0]
        left, right, bottom, top = stage.view
        assert 0 <= left < float(story.x.share(box["left"])) < float(story.x.share(box["right"])) < right <= 1
        assert 0 <= bottom < float(story.y.share(box["bottom"])) < float(story.y.share(box["top"])) < top <= 1
    assert shown[2].view[1] - shown[2].view[0] < 0.2


def test_many_trials_are_thinned_and_said_so_and_the_best_is_kept(many, tmp_path):
    path = replay(many, tmp_path / "replay.html")
    assert path.stat().st_size < 500_000
    data = data_of(path.read_text(encoding="utf-8"))
    assert data["count"] == 100_000
    assert 2_000 < len(data["number"]) < 7_000
    assert f"{len(data['number']):,} of 100,000 trials are drawn" in data["note"]
    best = int(np.argmax(many.log.value))
    assert best + 1 in data["number"]
    assert data["steps"][-1][:2] == [best + 1, float(many.log.value[best])]
    assert sum(level["trials"] for level in data["levels"]) == 100_000
    held = np.array(data["number"]) - 1
    np.testing.assert_allclose(data["value"], many.log.value[held], rtol=1e-6)


def test_regions_that_somebody_asked_for_are_shown_as_such(study_of):
    asked = {"a": (2, 3), "b": (5, 6)}
    regions = [
        Region(centre={}, level=0, index=0, bounds={"a": (1, 9), "b": (1, 9)}),
        Region(centre={}, level=1, index=0, bounds=asked),
    ]
    study = study_of({"a": [1, 9, 2], "b": [1, 9, 5]}, [1, 2, 3], [0, 0, 1], regions=regions)
    assert [box[7] for box in replay_data(search_story(study))["boxes"]] == [0, 0]
    look = {"after": 2, "trials": 9, "bounds": {"a": [2, 3], "b": [5, 6]}, "stopped": False}
    study.notes["steering"] = [look, {"after": 3, "trials": 50, "bounds": None, "stopped": False}]
    assert "looks everywhere" in stages(search_story(study))[0].words
    data = replay_data(search_story(study))
    assert data["steering"] == [
        {"after": 2, "words": "a look into a 2 to 3, b 5 to 6"},
        {"after": 3, "words": "50 trials more"},
    ]
    assert [box[7] for box in data["boxes"]] == [0, 1]


@pytest.mark.parametrize(
    ("points", "values"),
    [
        ({"n": [1, 2, 3]}, [0.1, 0.2, 0.3]),
        ({"n": [1]}, [0.1]),
        ({"kind": ["ema", None, "sma"], "n": [1, 2, 3]}, [0.1, 0.2, np.nan]),
        ({"a": [1, 2], "b": [1, 2]}, [np.nan, np.nan]),
        ({"a": [1, 2], "b": [1, 2]}, [np.inf, 1.0]),
    ],
)
def test_every_kind_of_study_is_played(study_of, tmp_path, points, values):
    study = study_of(points, values, [0] * len(values), stopped="")
    data = data_of(replay(study, tmp_path / "r.html").read_text(encoding="utf-8"))
    assert data["count"] == len(values)
    assert "has not ended" in data["ending"]
    assert (data["best"] is None) == (not np.isfinite(np.array(values)).any())


def test_the_report_plays_the_search_too(study, tmp_path):
    page = report(study, tmp_path / "study.html").read_text(encoding="utf-8")
    assert data_of(page) == json.loads(json.dumps(replay_data(search_story(study))))
    assert page.count(player_code()) == 1
    assert 'data-starts="no"' in page


def test_a_path_that_is_none_and_a_study_without_trials_are_refused(study, study_of, tmp_path):
    with pytest.raises(StudyError, match="the replay was to be written to .* but that is a folder"):
        replay(study, tmp_path)
    with pytest.raises(StudyError, match="holds 0 trials"):
        replay(study_of({"n": []}, [], []), tmp_path / "r.html")
    with pytest.raises(StudyError, match="a study was to be shown"):
        replay(None, tmp_path / "r.html")
    assert list(tmp_path.iterdir()) == []


def test_a_trial_is_not_placed_on_an_axis_that_does_not_matter_there():
    space = mrt.Space(
        kind=mrt.Categorical(["a", "b"]), n=mrt.Integer(1, 9, only=mrt.P.kind == "a"), m=mrt.Integer(1, 9)
    )
    found = mrt.optimize(lambda p: p["m"] + (p["kind"] == "b"), space, trials=60)
    story, is_there = search_story(found, "n", "m"), (found.to_pandas()["kind"] == "a").to_numpy()
    assert np.isfinite(story.points["x"]).tolist() == is_there.tolist()
    assert np.isfinite(story.points["y"]).all()
    data = replay_data(story)
    assert [x is not None for x in data["x"]] == is_there.tolist()
    assert data["best"]["x"] is None
    assert data["best"]["words"] == "kind b, m 9"
    shown, other = picture_png(found, x="n", y="m"), picture_png(found, x="kind", y="m")
    assert shown != other  # both are drawn
    assert replay_data(search_story(found, "kind", "m"))["best"]["x"] == 1.0


def test_it_says_how_many_trials_have_no_place_on_its_map():
    space = mrt.Space(
        kind=mrt.Categorical(["a", "b"]), n=mrt.Integer(1, 9, only=mrt.P.kind == "a"), m=mrt.Integer(1, 9)
    )
    found = mrt.optimize(lambda p: p["m"] + (p["kind"] == "b"), space, trials=60)
    count = int((found.to_pandas()["kind"] == "b").sum())
    note = replay_data(search_story(found, "n", "m"))["note"]
    assert f"{count} trials without both n and m are not on the map." in note
    assert "without both" not in replay_data(search_story(found, "kind", "m"))["note"]


def test_its_table_has_the_heads_of_the_live_one(study):
    live = re.findall(r"<th scope=.col.[^>]*>(.*?)</th>", level_table([], "sharpe"))
    heads = re.search(r"const heads = \[(.*?)\];", player_code())
    shown = re.findall(r'"(.*?)"', heads[1])
    assert shown[-1] == "Best "
    assert [*shown[:-1], "Best sharpe"] == [name for name in live if name in {*shown, "Best sharpe"}]


def test_a_very_long_name_is_cut_where_it_is_said(study_of):
    long, value = "m" * 300, "v" * 300
    study = study_of({long: [1, 2], "kind": [value, "b"]}, [1, 2], [0, 0], names=["n" * 300], objective="o" * 300)
    data, story = replay_data(search_story(study)), search_story(study)
    texts = [stage["words"] + stage["outcome"] for stage in data["stages"]]
    for words in (data["ending"], *texts, headline(story), title_of(study), data["best"]["words"]):
        assert max(map(len, words.split())) <= 60


def test_a_picture_draws_no_mark_at_a_place_that_is_none(monkeypatch):
    places = []
    for name in ("shape", "dot"):
        monkeypatch.setattr(Canvas, name, lambda self, at, *looks, **more: places.append(at))
    space = mrt.Space(
        kind=mrt.Categorical(["a", "b"]), n=mrt.Integer(1, 9, only=mrt.P.kind == "a"), m=mrt.Integer(1, 9)
    )
    picture_png(mrt.optimize(lambda p: p["m"] + (p["kind"] == "b"), space, trials=60), x="n", y="m")
    assert places
    assert np.isfinite(np.array(places)).all()
