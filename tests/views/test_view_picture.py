import base64
import io
import threading
import time

import numpy as np
import pytest
from PIL import Image

import mrtoolkit as mrt
from mrtoolkit.errors import StudyError
from mrtoolkit.maps.value_range import value_range
from mrtoolkit.search import study as study_module
from mrtoolkit.search.region import Region
from mrtoolkit.search.trial_log import TrialRows
from mrtoolkit.views.best_table import best_text
from mrtoolkit.views.canvas import plain, shortened, text_width
from mrtoolkit.views.picture import _LOOKS, picture_png
from mrtoolkit.views.picture_look import legend_items
from mrtoolkit.views.snapshot import snapshot
from mrtoolkit.views.still import held_still
from mrtoolkit.views.story import search_story, values_drawn
from mrtoolkit.views.theme import LEVELS
from mrtoolkit.views.theme import VERMILLION as THEME_VERMILLION
from mrtoolkit.views.ticks import tick_labels, ticks


def rows_of(codes, values):
    none, feasible = np.zeros(len(codes), dtype=int), np.ones(len(codes), dtype=bool)
    return TrialRows(
        codes=codes, level=none, region=none, value=values, feasible=feasible, metrics={"sharpe": values}, blocks={}
    )

VERMILLION, PURPLE = (0xD5, 0x5E, 0x00), (0xCC, 0x79, 0xA7)


def pixels(found):
    return np.asarray(Image.open(io.BytesIO(found)).convert("RGB"))


def places(image, colour):
    """Where a colour is, as the middles of its rows and columns."""
    return np.argwhere((image == colour).all(axis=-1))


@pytest.fixture
def noisy(study_of):
    rng = np.random.default_rng(0)
    count = 60_000
    points = {"a": rng.random(count).round(3), "b": rng.random(count).round(3)}
    values = -((points["a"] - 0.4) ** 2) + rng.normal(0, 0.1, count)
    return study_of(points, values, np.sort(rng.integers(0, 3, count)), feasible=rng.random(count) > 0.1)


def test_the_same_study_gives_the_same_bytes_and_a_small_file(study):
    light = picture_png(study)
    assert light == picture_png(study)
    assert light[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(light) <= 60_000
    assert pixels(light).shape[1] == 1_000
    dark = picture_png(study, theme="dark")
    assert len(dark) <= 60_000
    assert pixels(light)[0, 0].tolist() == [255, 255, 255]
    assert pixels(dark)[0, 0].tolist() == [0x14, 0x17, 0x1B]


def test_many_trials_are_a_small_file_too(noisy):
    assert len(picture_png(noisy)) <= 60_000


def test_the_star_is_drawn_where_the_best_trial_is(study):
    """The map's own frame says where its pixels are: the best, (12, 42), must be where the star's colour is."""
    image = pixels(picture_png(study))
    frame = places(image, (0xD5, 0xDA, 0xE0))
    rows, counts = np.unique(frame[frame[:, 1] > 520][:, 0], return_counts=True)
    top, bottom = rows[counts > 300][[0, -1]]
    columns, counts = np.unique(frame[frame[:, 1] > 520][:, 1], return_counts=True)
    left, right = columns[counts > 200][[0, -1]]
    story = search_story(study)
    x, y = story.place(story.best)
    assert (x, y) == (12.0, 42.0)
    at = left + float(story.x.share(x)) * (right - left), bottom - float(story.y.share(y)) * (bottom - top)
    inside = places(image[top:bottom, left:right], VERMILLION) + np.array([top, left])
    assert abs(inside[:, 1].mean() - at[0]) < 1.5
    assert abs(inside[:, 0].mean() - at[1]) < 2.5  # a star's middle is a little above that of its area
    assert image[round(at[1]), round(at[0])].tolist() == list(VERMILLION)


def test_the_plateau_has_its_own_mark_only_where_it_is_another_trial(study_of):
    rng = np.random.default_rng(1)
    rows = np.array([(a, b) for a in range(10) for b in range(10)])
    hill = -((rows[:, 0] - 3.0) ** 2) - (rows[:, 1] - 3.0) ** 2
    peak = np.where((rows == [9, 9]).all(axis=1), 5.0, hill)
    both = study_of({"a": rows[:, 0], "b": rows[:, 1]}, peak, [0] * 100)
    assert dict(both.plateau.params) != dict(both.best.params)
    assert len(places(pixels(picture_png(both)), PURPLE)) > 60
    same = study_of({"a": [1, 2], "b": [1, 2]}, rng.random(2), [0, 0])
    assert len(places(pixels(picture_png(same)), PURPLE)) == 0


def test_what_nobody_tried_is_paper(study_of):
    corner = study_of({"a": [1, 2, 1, 2, 40], "b": [1, 1, 2, 2, 40]}, [1, 2, 3, 4, 5], [0] * 5)
    image = pixels(picture_png(corner))
    assert (image[120:200, 560:640] == 255).mean() > 0.95  # top left of the map: 30 labels from every trial


def test_a_trial_of_a_category_colours_nothing_of_the_next_one(study_of):
    """Three categories tried on the left, the middle one nowhere else: right of it is paper, up to its borders."""
    kinds, numbers = ["a"] * 9 + ["b", "b"] + ["c"] * 9, [*range(0, 81, 10), 0, 10, *range(0, 81, 10)]
    study = study_of({"n": numbers, "kind": kinds}, np.linspace(1, 2, 20), [0] * 20)
    story = search_story(study, "n", "kind")
    assert (story.y.low, story.y.high) == (-0.5, 2.5)
    image = pixels(picture_png(study, x="n", y="kind"))
    frame = places(image, (0xD5, 0xDA, 0xE0))
    rows, counts = np.unique(frame[frame[:, 1] > 520][:, 0], return_counts=True)
    top, bottom = rows[counts > 300][[0, -1]]
    columns, counts = np.unique(frame[frame[:, 1] > 520][:, 1], return_counts=True)
    left, right = columns[counts > 200][[0, -1]]
    column = left + round(float(story.x.share(65)) * (right - left))  # between two trials, whose points would be paper
    is_paper = (image[top + 2 : bottom - 1, column] == 255).all(axis=-1)
    third = len(is_paper) / 3
    assert np.flatnonzero(is_paper)[[0, -1]] == pytest.approx([third, 2 * third], abs=2.5)
    assert is_paper.mean() == pytest.approx(1 / 3, abs=0.02)


def test_boxes_asked_for_by_hand_have_another_colour_than_levels_that_were_added():
    asked = {"after": 40, "trials": 20, "bounds": {"a": [6, 20], "b": [50, 80]}, "stopped": False}
    space = mrt.Space(a=mrt.Integer(0, 60), b=mrt.Integer(0, 100))
    study = mrt.optimize(lambda p: p["a"] + p["b"], space, trials=80, seed=0, steering=[asked])
    story = search_story(study)
    assert story.boxes["is_steered"].any()
    found = dict(item[:2] for item in legend_items(story, _LOOKS["light"]))
    assert found["dotted"] == THEME_VERMILLION != LEVELS[-1]  # as in the live view, whose legend has added levels last


@pytest.mark.parametrize("width", [320, 390, 679, 680, 1000, 1600])
def test_every_width_is_kept(study, width):
    assert pixels(picture_png(study, width=width)).shape[1] == width


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    ("points", "values"),
    [
        ({"n": [1, 2, 3]}, [0.1, 0.2, 0.3]),
        ({"n": [1]}, [0.1]),
        ({"kind": ["ema", "sma"]}, [0.1, np.nan]),
        ({"kind": ["ema", None, "sma"], "n": [1, 2, 3]}, [0.1, 0.2, np.nan]),
        ({"kind": ["ema", "sma"], "other": ["a", "b"]}, [0.1, 0.2]),
        ({"a": [1, 2], "b": [1, 2]}, [np.nan, np.nan]),
        ({"a": [1, 2], "b": [1, 2]}, [np.inf, 1.0]),
        ({"a": [1, 1], "b": [1, 2], "c": [3, 4]}, [2.0, 2.0]),
        ({"naïve中": [1, 2], "b" * 200: [1, 2]}, [2.0, 1e12]),
    ],
)
def test_every_kind_of_study_has_a_picture(study_of, points, values, theme):
    assert len(picture_png(study_of(points, values, [0] * len(values)), theme=theme)) <= 60_000


def test_scales_by_factors_and_twelve_parameters_have_a_picture():
    space = mrt.Space(rate=mrt.Real(1e-4, 1.0, log=True), n=mrt.Integer(1, 512, log=True))
    study = mrt.optimize(lambda p: -abs(p["rate"] - 0.01) - abs(p["n"] - 8), space, trials=30, seed=0)
    assert search_story(study).x.is_log
    assert len(picture_png(study)) <= 60_000
    many = mrt.Space(**{f"p{i}": mrt.Integer(0, 9) for i in range(12)})
    study = mrt.optimize(lambda p: -sum(p.values()), many, trials=30, seed=0)
    assert len(picture_png(study, x="p3", y="p11")) <= 60_000


def test_a_parameter_can_be_chosen_and_an_unknown_one_is_refused(study):
    assert picture_png(study, x="slow", y="fast") != picture_png(study)
    with pytest.raises(StudyError, match="this study's parameters are fast, slow"):
        picture_png(study, x="fats")


@pytest.mark.parametrize(
    ("options", "words"),
    [({"theme": "drak"}, "'light' and 'dark'"), ({"width": 100}, "from 320 to 3,000"), ({"width": 1e3}, "width")],
)
def test_what_cannot_be_drawn_is_refused_with_what_can(study, options, words):
    with pytest.raises(StudyError, match=words):
        picture_png(study, **options)


def test_a_study_without_trials_is_refused(study_of):
    with pytest.raises(StudyError, match="holds 0 trials"):
        picture_png(study_of({"n": []}, [], []))


def test_a_search_that_runs_meanwhile_is_drawn_as_it_is(study_of):
    study = study_of({"a": [1, 2], "b": [1, 2]}, [0.1, 0.2], [0, 0], stopped="")
    rng, ended = np.random.default_rng(0), threading.Event()

    def grow():
        while not ended.is_set():
            study.log.append(rows_of(rng.integers(0, 2, (7, 2)), rng.random(7)))
            time.sleep(0.001)  # else the log grows to millions, and each picture of it takes seconds

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        for _ in range(5):
            assert picture_png(study, width=400)
            assert best_text(study, 2).endswith("trials.")
    finally:
        ended.set()
        thread.join()


def test_a_study_held_still_grows_no_more_and_is_equal(study_of):
    region = Region(centre={}, level=0, index=0, bounds={"a": (1, 2), "b": (1, 2)})
    study = study_of({"a": [1, 2], "b": [1, 2]}, [0.1, 0.2], [0, 0], regions=[region], stopped="")
    still = held_still(study)
    assert still is not study
    assert held_still(still) is still  # there is nothing to copy
    assert still.to_pandas().equals(study.to_pandas())
    assert still.regions == study.regions
    assert still.rows == study.rows
    study.log.append(rows_of(np.array([[0, 1]]), np.ones(1)))
    assert (len(still), len(study)) == (2, 3)


def test_a_study_that_has_ended_is_held_still_too_with_what_it_was_asked_already(study_of):
    study = study_of({"a": [1, 2], "b": [1, 2]}, [0.1, 0.2], [0, 0])
    assert study.stopped
    study._benchmark = {"value": 0.05}  # as a file tells it, of a study without its bars
    still = held_still(study)
    study.log.append(rows_of(np.array([[0, 1]]), np.ones(1)))  # gone on with by more()
    assert (len(still), len(study)) == (2, 3)
    assert still.benchmark == study.benchmark == {"value": 0.05}
    assert still.best.value == 0.2


def with_room(ends):
    room = 0.08 * (ends[1] - ends[0])
    return ends[0] - room, ends[1] + room


def test_boxes_say_when_they_were_first_looked_into(study):
    boxes = search_story(study).boxes
    assert boxes["first"].tolist() == [1, 17, 103]
    assert boxes["is_last"].all()


def test_a_trial_far_below_the_others_is_left_at_the_edge_and_counted(study_of):
    values = np.r_[-1e6, np.linspace(0, 1, 40)]
    low, high, beyond = values_drawn(search_story(study_of({"n": np.arange(41)}, values, [0] * 41)))
    assert beyond == 1
    assert -20 < low < 0 < 1 < high < 2
    assert (low, high) == pytest.approx(with_room(value_range(values, is_maximized=True)))  # as the live figure


@pytest.mark.parametrize(
    ("values", "words", "short"),
    [
        ([0.0, 0.25, 0.5], ["0", "0.25", "0.50"], ["0", "0.25", "0.50"]),
        ([0.0, 20_000.0], ["0", "20,000"], ["0", "20k"]),
        ([-2.5e6, 0.0, 5e6], ["−2,500,000", "0", "5,000,000"], ["−2.5M", "0", "5M"]),
        ([1e-3, 1e-2, 0.1, 1.0], ["0.001", "0.01", "0.1", "1"], ["0.001", "0.01", "0.1", "1"]),
        ([-1e-6, 0.0], ["−1e−06", "0"], ["−1e−06", "0"]),
    ],
)
def test_ticks_are_as_short_as_their_place(values, words, short):
    assert tick_labels(values) == words
    assert tick_labels(values, is_short=True) == short


@pytest.mark.parametrize("ends", [(0.0, 1.0), (-3e7, 2.0), (1e-9, 2e-9), (5.0, 5.1)])
@pytest.mark.parametrize("count", [2, 5, 9])
def test_ticks_are_few_even_and_within_the_ends(ends, count):
    found = ticks(*ends, count)
    assert 1 <= len(found) <= count + 1
    assert ends[0] <= found[0] <= found[-1] <= ends[1]
    np.testing.assert_allclose(np.diff(found), np.diff(found)[:1].repeat(len(found) - 1) if len(found) > 1 else [])


def test_words_are_written_in_the_letters_that_there_are():
    assert plain("−1 – naïve 中") == "-1 - naive ?"
    assert text_width(shortened("a long parameter " * 9, 120)) <= 121


def test_the_table_of_the_best_marks_the_plateau_and_says_why_it_ended(study_of):
    study = study_of({"a": [1, 2, 3], "b": [4, 5, 6]}, [0.1, 0.3, 0.2], [0, 0, 1], names=["coarse", "fine"])
    assert best_text(study, 2).splitlines() == [
        "The best 2 of 3 trials, by sharpe (maximize)",
        "   sharpe  a  b  level",
        "1  0.3000  2  5  coarse  plateau",
        "2  0.2000  3  6  fine",
        "It stopped: all levels were run",
    ]
    assert best_text(study).count("plateau") == 1
    none = study_of({"a": [1, 2]}, [np.nan, np.nan], [0, 0])
    assert "so none is the best" in best_text(none)
    assert "0 trials" in best_text(study_of({"a": []}, [], []))


def test_a_snapshot_is_a_picture_and_a_table(study, study_of):
    bundle = snapshot(study)
    assert set(bundle) == {"image/png", "text/plain"}
    assert base64.b64decode(bundle["image/png"]) == picture_png(study)
    assert bundle["text/plain"] == best_text(study)
    assert set(snapshot(study_of({"n": []}, [], []))) == {"text/plain"}


def test_without_its_plateau_nobody_looks_for_it(study, monkeypatch):
    monkeypatch.setattr(type(study), "plateau", property(lambda _: 1 / 0))
    bundle = snapshot(study, with_plateau=False)
    assert base64.b64decode(bundle["image/png"]) == picture_png(study, with_plateau=False)
    assert bundle["text/plain"] == best_text(study, with_plateau=False)
    assert "plateau" not in bundle["text/plain"]


def test_a_snapshot_looks_for_the_plateau_once(study, monkeypatch):
    calls = []
    found = study_module.plateau_trial
    monkeypatch.setattr(study_module, "plateau_trial", lambda *parts: calls.append(1) or found(*parts))
    monkeypatch.setattr(study, "_plateau", (-1, None))
    assert snapshot(study)["text/plain"].count("plateau") == 1
    assert calls == [1]
