"""A search that its user leads: more trials, looks into a box; taken down, and taken again when the search is."""

import random

import numpy as np
import pytest
from waiting import SOON, until

from mrtoolkit.errors import SpaceError, StudyError
from mrtoolkit.expressions import P
from mrtoolkit.search import loop
from mrtoolkit.search.dimensions import Categorical, Integer, Real
from mrtoolkit.search.events import BatchDone, LevelStarted, RegionFound, Steered
from mrtoolkit.search.level import Level
from mrtoolkit.search.loading import load_study
from mrtoolkit.search.optimizer import MultiResOptimizer, optimize
from mrtoolkit.search.space import Space
from mrtoolkit.search.steering import Steering, Wish

CROSS = Space(fast=Real(5, 50, step=0.5), slow=Integer(20, 200), where=P.fast < P.slow)
BOX = {"fast": (30, 40), "slow": (100, 150)}
WAYS = {
    "preset": {"trials": 120, "transition": "moving"},
    "textbook": {"levels": [Level("coarse", step=10, regions=1), Level("fine", labels=5)], "transition": "peak"},
    "listed": {"levels": [Level("all", grid={"fast": range(5, 51, 3), "slow": range(20, 201, 15)})], "trials": 100},
}


def value(p):
    return -((p["fast"] - 12) ** 2) - (p["slow"] - 42) ** 2 / 16


def log_of(study):
    return study.to_pandas().to_dict("records")


def same(study, other):
    return (
        log_of(study) == log_of(other)
        and study.regions == other.regions
        and study.steering == other.steering
        and study.levels[["level", "points", "reused", "run", "best"]].equals(
            other.levels[["level", "points", "reused", "run", "best"]]
        )
    )


def steered(plan, path=None, end=None, **words):
    """Return the study of a search led by a plan {after so many trials: what is then called on the search}."""
    left, searches = dict(plan), []

    def lead(event):
        if isinstance(event, BatchDone):
            for after in sorted(left):
                if event.trials >= after:
                    left.pop(after)(searches[0])

    optimizer = MultiResOptimizer(value, CROSS, study=path, on_event=lead, **words)
    searches.append(optimizer.start(pace=1))
    searches[0].pace = None
    study = searches[0].wait(SOON)
    for call in end or ():
        call(searches[0])
        searches[0].wait(SOON)
    return study


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(loop, "next_size", lambda *_: 10)


@pytest.mark.parametrize("words", WAYS.values(), ids=WAYS)
def test_the_next_batch_goes_where_the_user_looks(words):
    looked = []

    def look(search):
        looked.append(len(search.study))
        search.look_into(BOX, trials=20)

    study = steered({14: look}, **words)
    table = study.to_pandas().iloc[looked[0] : looked[0] + 20]
    assert table["fast"].between(*BOX["fast"]).all()
    assert table["slow"].between(*BOX["slow"]).all()
    assert (table["level"] == 0).all()
    assert study.steering == [
        {
            "after": looked[0],
            "trials": 20,
            "bounds": {"fast": [30.0, 40.0], "slow": [100, 150]},
            "stopped": False,
            "made": 20,
        }
    ]
    regions = [region for region in study.regions if region.level == 0]
    assert [region.index for region in regions] == list(range(len(regions)))
    assert set(table["region"]) == {next(r.index for r in regions if r.bounds["fast"] == (30.0, 40.0))}
    if "trials" in words:
        assert len(study) == words["trials"]


PLANS = {
    "looks": ({14: lambda s: s.look_into(BOX), 50: lambda s: s.look_into({"fast": (9, 14)}, trials=12)}, ()),
    "more": ({}, [lambda s: s.more(trials=40)]),
    "more twice, one on the way": ({25: lambda s: s.more(trials=30)}, [lambda s: s.more(trials=20)]),
    "a look at the end": ({}, [lambda s: s.look_into(BOX), lambda s: s.more(trials=15)]),
    "stopped and gone on": ({33: lambda s: s.stop()}, [lambda s: s.more(trials=40), lambda s: s.look_into(BOX)]),
    "all": (
        {12: lambda s: s.look_into(BOX), 40: lambda s: s.more(trials=25), 77: lambda s: s.stop()},
        [lambda s: s.look_into({"slow": (30, 60)}, trials=10), lambda s: s.more(trials=30)],
    ),
}


@pytest.mark.parametrize("words", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_steered_gone_on_with_and_made_again_it_makes_the_same_trials(words, plan, tmp_path, monkeypatch):
    path = tmp_path / "s.zarr"
    whole = steered(plan[0], path=path, end=plan[1], **words)
    assert whole.steering
    assert same(load_study(path), whole)
    monkeypatch.setattr(loop, "next_size", lambda *_: 7)
    again = optimize(value, CROSS, steering=whole.steering, **words)
    assert same(again, whole)
    assert same(MultiResOptimizer(value, CROSS, steering=whole.steering, **words).start().wait(SOON), whole)
    resumed = MultiResOptimizer(value, CROSS, study=path, **words)
    assert same(resumed.optimize(), whole)
    assert same(load_study(path), whole)


@pytest.mark.parametrize("plan", ["looks", "all"])
def test_killed_after_any_batch_a_steered_search_goes_on_to_the_same_trials(plan, tmp_path):
    words = WAYS["preset"]
    whole = steered(*[PLANS[plan][0]], end=PLANS[plan][1], **words)
    n_batches = 0
    for kill in range(1, 40, 2 if plan == "all" else 1):
        path = tmp_path / f"{kill}.zarr"
        first = MultiResOptimizer(value, CROSS, study=path, steering=whole.steering, **words)
        for _ in range(kill):
            codes = first.next_codes(10)
            if len(codes) == 0:
                break
            first.record(codes, [value(p) for p in CROSS.points(codes)])
            first.saved._writer.wait()
        if first.is_done:
            break
        n_batches += 1
        left = load_study(path)  # as a kill would leave it
        assert log_of(left) == log_of(whole)[: len(left)]
        assert left.stopped == ""
        assert same(optimize(value, CROSS, study=path, **words), whole)
    assert n_batches > 5


def test_a_look_is_on_disk_before_its_first_trial(tmp_path):
    path = tmp_path / "s.zarr"
    search = MultiResOptimizer(value, CROSS, study=path, trials=120, transition="moving").start(pace=100)
    until(lambda: len(search.study) >= 12)
    search.pause()
    until(lambda: search.state == "paused")
    search.look_into(BOX)
    until(lambda: search.study.steering)
    search.optimizer.saved._writer.wait()
    left = load_study(path)
    assert left.steering == search.study.steering
    assert len(left) == len(search.study)
    search.resume()
    assert [wish["made"] for wish in left.steering] == [0]
    assert [{**wish, "made": 0} for wish in search.wait(SOON).steering] == left.steering


def test_a_finished_study_on_disk_is_given_more_trials(tmp_path, monkeypatch):
    path, words = tmp_path / "s.zarr", WAYS["preset"]
    first = optimize(value, CROSS, study=path, **words)
    counts, evaluate_all = [], loop.evaluate_all
    monkeypatch.setattr(loop, "evaluate_all", lambda *parts: counts.append(len(parts[2])) or evaluate_all(*parts))
    search = MultiResOptimizer(value, CROSS, study=path, **words).start()
    search.more(trials=50)
    study = search.wait(SOON)
    assert len(study) == 170
    assert sum(counts) == 50
    assert log_of(study)[:120] == log_of(first)
    assert study.levels["level"].tolist() == ["coarse", "medium", "fine", "more 1"]
    assert same(load_study(path), study)
    third = MultiResOptimizer(value, CROSS, study=path, **words).start()
    third.wait(SOON)
    third.more(trials=10)
    assert len(third.wait(SOON)) == 180
    assert same(load_study(path), third.study)
    assert load_study(path).stopped == third.study.stopped != ""


def test_events_say_where_it_was_sent():
    events = []
    search = MultiResOptimizer(value, CROSS, trials=60, transition="moving", on_event=events.append).start()
    search.wait(SOON)
    n = len(events)
    search.look_into(BOX, trials=16)
    study = search.wait(SOON)
    assert search.state == "done"
    found = [event for event in events[n:] if isinstance(event, Steered)]
    assert [event.region for event in found] == [study.regions[-1]]
    assert any(isinstance(event, RegionFound) for event in events[n:])
    assert [event.name for event in events[n:] if isinstance(event, LevelStarted)] == ["look 1"]
    assert study.levels["run"].tolist()[-1] == 16


def test_the_textbook_s_zoom_goes_on_by_moving_regions_where_it_sees_nothing_new():
    search = MultiResOptimizer(value, CROSS, **WAYS["textbook"]).start()
    n = len(search.wait(SOON))
    search.more(trials=100)
    assert len(search.wait(SOON)) == n + 100


MIXED = Space(
    kind=Categorical(["sma", "ema", "wma"]), fast=Integer(5, 50), rate=Real(1e-4, 1.0, log=True), x=Real(0, 1)
)


@pytest.mark.parametrize(
    ("bounds", "wanted"),
    [
        ({"fast": (20, 8)}, {"fast": (8, 20)}),
        ({"fast": (-100, 7.4)}, {"fast": (5, 7)}),
        ({"fast": (50, 50)}, {"fast": (49, 50)}),
        ({"fast": np.array([10.2, 10.3])}, {"fast": (10, 11)}),
        ({"kind": "ema"}, {"kind": ("ema", "ema")}),
        ({"kind": ("wma", "sma")}, {"kind": ("sma", "wma")}),
    ],
)
def test_a_box_is_put_on_the_lattice(bounds, wanted):
    search = MultiResOptimizer(lambda p: p["x"], MIXED, trials=30).start()
    search.wait(SOON)
    search.look_into(bounds, trials=3)
    study = search.wait(SOON)
    assert study.steering[-1]["bounds"] == {name: list(pair) for name, pair in wanted.items()}
    new = study.to_pandas().iloc[30:]
    assert len(new) == 3
    for name, (low, high) in wanted.items():
        codes = MIXED[name].encode(new[name].tolist())
        assert (codes >= MIXED[name].encode([low])[0]).all()
        assert (codes <= MIXED[name].encode([high])[0]).all()


@pytest.mark.parametrize(
    ("bounds", "says"),
    [
        ({}, "give the bounds of one parameter"),
        (None, "give the bounds of one parameter"),
        ({"fats": (5, 20)}, r"'fats', which the space lacks \(did you mean 'fast'"),
        ({"fast": 5}, "give its low and its high end"),
        ({"fast": (5, 6, 7)}, "give its low and its high end"),
        ({"fast": (5, "x")}, "give two numbers"),
        ({"fast": (5, float("nan"))}, "give two numbers"),
        ({"fast": (60, 70)}, "the space has it from 5 to 50"),
        ({"kind": ("ema", "hma")}, "'hma'; its categories are"),
    ],
)
def test_a_box_that_is_none_is_refused_before_anything_changes(bounds, says):
    search = MultiResOptimizer(lambda p: p["x"], MIXED, trials=30).start()
    search.wait(SOON)
    with pytest.raises(SpaceError, match=says):
        search.look_into(bounds)
    assert search.study.steering == []
    assert search.state == "done"


def test_a_box_without_a_new_point_is_refused():
    search = MultiResOptimizer(value, CROSS, trials=60, transition="moving").start()
    search.wait(SOON)
    with pytest.raises(SpaceError, match="no point satisfies where="):
        search.look_into({"fast": (45, 50), "slow": (20, 30)})
    search.look_into({"fast": (10, 11), "slow": (40, 42)})
    search.wait(SOON)
    with pytest.raises(SpaceError, match="points have all been evaluated"):
        search.look_into({"fast": (10, 11), "slow": (40, 42)})


@pytest.mark.parametrize("trials", [0, -1, 2.5, True, "ten"])
def test_trials_that_are_no_count_are_refused(trials):
    search = MultiResOptimizer(value, CROSS, trials=60, transition="moving").start()
    search.wait(SOON)
    for call in (lambda: search.more(trials=trials), lambda: search.look_into(BOX, trials=trials)):
        with pytest.raises(StudyError, match="trials"):
            call()
    assert search.study.steering == []


def test_a_study_says_how_many_trials_were_made_of_those_asked_for(tmp_path):
    """A box of 28 points gives no more; what a look takes of the trials of another wish is none of that one's."""
    path, words = tmp_path / "s.zarr", WAYS["preset"]
    small = {"fast": (30, 33), "slow": (100, 103)}  # seven labels by four
    looks = {14: lambda s: s.look_into(small, trials=45), 30: lambda s: s.more(trials=40)}

    def led(search):
        search.more(trials=30)
        search.look_into({"fast": (9, 14)}, trials=12)

    study = steered(looks, path=path, end=[led], **words)
    asked = [wish["trials"] for wish in study.steering]
    made = [wish["made"] for wish in study.steering]
    assert asked == [45, 40, 30, 12]
    table = study.to_pandas()
    is_small = table["fast"].between(30, 33) & table["slow"].between(100, 103)
    after = study.steering[0]["after"]
    assert made[0] == is_small.iloc[after : after + 28].sum() <= 28
    assert made[1:] == [40, 18, 12]
    assert len(study) == 120 + 40 + 30
    assert load_study(path).steering == study.steering
    again = optimize(value, CROSS, steering=study.steering, **words)
    assert same(again, study)
    assert again.notes == study.notes


def test_wishes_of_an_older_study_are_read_and_a_wish_given_up_has_made_nothing():
    study = optimize(value, CROSS, **WAYS["preset"])
    old = {"after": 60, "trials": 5, "bounds": None, "stopped": False}
    study.notes["steering"] = [old]
    assert study.steering == [old | {"made": None}]
    given_up = steered({20: lambda s: s.more(trials=500), 30: lambda s: s.stop()}, end=[lambda s: s.more(trials=7)])
    assert [wish["made"] for wish in given_up.steering] == [0, 7]


def test_a_study_is_not_gone_on_with_as_if_it_had_been_steered_otherwise(tmp_path):
    path, words = tmp_path / "s.zarr", WAYS["preset"]
    whole = steered(PLANS["looks"][0], path=path, **words)
    other = [whole.steering[0] | {"trials": 3}]
    with pytest.raises(StudyError, match="not as steering= says"):
        MultiResOptimizer(value, CROSS, study=path, steering=other, **words)
    assert same(optimize(value, CROSS, study=path, **words), whole)


@pytest.mark.parametrize("wrong", ["x", [3], [{"after": 1}], [{"after": -1, "trials": 3}], [{"after": 1, "trials": 0}]])
def test_a_steering_that_is_none_is_refused(wrong):
    with pytest.raises(StudyError, match="steering="):
        MultiResOptimizer(value, CROSS, trials=60, steering=wrong)


@pytest.mark.parametrize("seed", range(4))
def test_led_at_random_moments_a_search_is_made_again_from_what_was_taken_down(seed, tmp_path):
    rng = random.Random(seed)
    words = WAYS["preset"]
    search = MultiResOptimizer(value, CROSS, study=tmp_path / "s.zarr", **words).start(pace=2000)
    for _ in range(8):
        what = rng.choice(["look", "look", "more", "stop", "pause", "rest"])
        low = rng.uniform(5, 40)
        if what == "look":
            search.look_into({"fast": (low, low + 8)}, trials=rng.randint(1, 30))
        elif what == "more":
            search.more(trials=rng.randint(1, 40))
        elif what == "stop":
            search.stop()
        elif what == "pause":
            search.pause()
            search.resume()
        if rng.random() < 0.3:
            search.wait(SOON)
    study = search.wait(SOON)
    assert same(optimize(value, CROSS, steering=study.steering, **words), study) or study.is_interrupted
    assert same(load_study(tmp_path / "s.zarr"), study)
    if study.is_interrupted:
        again = optimize(value, CROSS, steering=study.steering, **words)
        assert log_of(again)[: len(study)] == log_of(study)


def test_half_of_a_look_has_the_best_s_labels_of_the_other_parameters():
    space = Space(a=Integer(0, 100), b=Integer(0, 100), c=Integer(0, 100), d=Integer(0, 100))
    search = MultiResOptimizer(lambda p: -abs(p["c"] - 20) - abs(p["d"] - 70) - p["a"], space, trials=60).start()
    best = search.wait(SOON).best.params
    search.look_into({"a": (40, 60), "b": (40, 60)}, trials=30)
    new = search.wait(SOON).to_pandas().iloc[60:]
    assert len(new) == 30
    assert new["a"].between(40, 60).all()
    at_best = (new["c"] == best["c"]) & (new["d"] == best["d"])
    assert 8 <= at_best.sum() <= 15
    assert new["c"].max() - new["c"].min() > 60


def test_more_trials_after_the_clock_ended_a_search_are_taken_there_again_by_one_without_a_clock():
    notes = {}
    steering = Steering(CROSS, notes, None)
    steering.add(Wish(after=5, trials=10))
    assert steering.at_end(8, by_itself=False) == Wish(after=5, trials=10)
    again = Steering(CROSS, {}, notes["steering"])
    assert not again.is_stopped(7)
    assert again.is_stopped(8)
    steering.add(Wish(after=18, trials=10))
    steering.at_end(18, by_itself=True)
    assert not notes["steering"][1]["stopped"]


def test_more_than_anybody_can_wait_for_is_refused_and_changes_nothing():
    search = MultiResOptimizer(value, CROSS, trials=20).start()
    search.wait(30)
    for wish in (lambda n: search.more(trials=n), lambda n: search.look_into(BOX, trials=n)):
        with pytest.raises(StudyError, match="trials is 1,000,000,000,000, but one wish may be for 10,000,000"):
            wish(10**12)
    assert len(search.wait(30)) == 20
    assert search.study.steering == []
    with pytest.raises(StudyError, match="10,000,000 at most"):
        MultiResOptimizer(value, CROSS, trials=20, steering=[{"after": 3, "trials": 10**12}])


def test_trials_that_wait_for_the_end_are_said_and_count_in_the_time_left():
    search = MultiResOptimizer(value, CROSS, trials=40).start(pace="20 trials/s")
    until(lambda: len(search.study) > 2)
    search.pause()
    until(lambda: search.state == "paused")
    assert search.progress().more == 0
    search.more(trials=200)
    search.more(trials=100)
    search.look_into(BOX)  # is done before the end, in the place of others
    until(lambda: search.progress().more == 300)
    assert search.progress().seconds_left > 0.9 * 300 / 20  # on a busy machine more
    search.pace = None
    search.resume()
    study = search.wait(SOON)
    assert sum(wish["made"] for wish in study.steering if wish["bounds"] is None) == 300
    assert search.progress().more == 0
