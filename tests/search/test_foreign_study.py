"""Somebody else's search as a study: its trials, its best, what failed and what was cut short."""

import math

import numpy as np
import pytest

import mrtoolkit as mrt
from mrtoolkit.errors import StudyError
from mrtoolkit.search.foreign_study import as_study
from mrtoolkit.views.picture_look import Look, legend_items
from mrtoolkit.views.replay_data import replay_data
from mrtoolkit.views.story import search_story
from mrtoolkit.widgets.convergence_chart import ConvergenceChart
from mrtoolkit.widgets.model import SearchModel
from mrtoolkit.widgets.trial_look import look_at, look_texts

optuna = pytest.importorskip("optuna")
optuna.logging.set_verbosity(optuna.logging.ERROR)


def made(function, n=60, **words):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1), **words)
    study.optimize(function, n_trials=n, catch=(ValueError,))
    return study


def mixed(trial):
    x = trial.suggest_float("x", 0, 1)
    n = trial.suggest_int("n", 2, 20, step=2)
    trial.suggest_float("lr rate", 1e-5, 1, log=True)
    if trial.suggest_categorical("kind", ["a", None, True]) == "a":
        trial.suggest_float("depth", 0, 2, step=0.25)
    if trial.number % 7 == 3:
        raise ValueError("no price")
    if trial.number % 7 == 4:
        trial.report(99.0, 1)
        raise optuna.TrialPruned
    return n - (x - 0.3) ** 2


def test_a_study_of_ours_is_itself():
    study = mrt.optimize(lambda p: p["x"], mrt.Space(x=mrt.Integer(1, 9)), trials=9)
    assert as_study(study) is study


def test_its_trials_its_best_what_failed_and_what_was_cut_short(tmp_path):
    theirs = made(mixed, direction="maximize")
    study = as_study(theirs)
    assert list(study.space) == ["x", "n", "lr_rate", "kind", "depth"]
    table = study.to_pandas()
    states = [trial.state.name for trial in theirs.trials]
    assert len(table) == 60
    assert table["x"].tolist() == pytest.approx([trial.params["x"] for trial in theirs.trials], abs=1e-6)
    assert table["n"].tolist() == [trial.params["n"] for trial in theirs.trials]
    assert table["lr_rate"].tolist() == pytest.approx([t.params["lr rate"] for t in theirs.trials], rel=0.01)
    assert table["kind"].tolist() == [trial.params["kind"] for trial in theirs.trials]
    assert table["feasible"].tolist() == [state == "COMPLETE" for state in states]
    assert study.best.value == theirs.best_value  # 99 was cut short
    assert int(np.argmax(study.log.score)) == theirs.best_trial.number
    assert sorted(study.failures) == [i for i, state in enumerate(states) if state == "FAIL"]
    assert study.failures[3]
    assert [math.isnan(value) for value in table["value"]] == [state == "FAIL" for state in states]
    assert study.levels["run"].tolist() == [60]
    assert "60 trials" in repr(study)
    assert mrt.report(study, tmp_path / "r.html").exists()


def test_of_several_objectives_the_front_is_theirs():
    def two(trial):
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        return x * y, x + y**2

    theirs = made(two, directions=["maximize", "minimize"])
    study = as_study(theirs)
    assert study.front.index.tolist() == [trial.number for trial in theirs.best_trials]


def test_minimized_and_named_like_our_columns():
    theirs = made(lambda trial: trial.suggest_int("level", 1, 30) + trial.suggest_float("class", 2, 2))
    study = as_study(theirs)
    assert list(study.space) == ["level_", "class_"]
    assert study.best.value == theirs.best_value
    assert study.direction == "minimize"


def test_what_is_no_study_or_has_no_trial_is_refused():
    with pytest.raises(StudyError, match="int is no study"):
        as_study(3)
    with pytest.raises(StudyError, match="no finished trial"):
        as_study(optuna.create_study())


def branching(trial):
    kind = trial.suggest_categorical("kind", ["svm", "tree", None])
    layers = trial.suggest_int("layers", 1, 4)
    widths = [trial.suggest_int(f"width_{i}", 1, 64) for i in range(layers)]
    if trial.number % 9 == 4:
        raise ValueError("no price")
    if kind in ("svm", "tree"):
        c = trial.suggest_float("c", 1e-3, 10, log=True)
        if trial.number % 9 == 5:
            raise optuna.TrialPruned
        if kind == "tree":
            return trial.suggest_int("depth", 1, 9)
        return c
    return sum(widths)


def test_a_parameter_that_only_some_branches_have_matters_only_there():
    theirs = made(branching, direction="maximize", n=90)
    study = as_study(theirs)
    conditions = {name: getattr(study.space[name].only, "key", None) for name in study.space}
    assert conditions == {
        "kind": None, "layers": None, "width_0": None,
        "width_1": "P.layers >= 2", "width_2": "P.layers >= 3", "width_3": "P.layers >= 4",
        "c": '(P.kind == "svm") | (P.kind == "tree")', "depth": 'P.kind == "tree"',
    }  # fmt: skip
    for i, trial in enumerate(theirs.trials):
        if trial.state.name == "COMPLETE":
            assert study.space.active_point(study.log.codes[i]).keys() == trial.params.keys()
    assert study.best.active.keys() == theirs.best_params.keys()
    assert "depth" not in theirs.best_params
    said = SearchModel(study).status
    assert "depth" not in said
    assert said.endswith(study.stopped.rstrip("."))
    states = [trial.state.name for trial in theirs.trials]
    pruned, failed = states.count("PRUNED"), states.count("FAIL")
    assert study.stopped == f"90 trials of an Optuna study, {pruned} pruned and {failed} failed."
    assert min(pruned, failed) > 0


def test_what_came_or_went_for_no_reason_that_is_seen_has_no_condition():
    def later(trial):
        x = trial.suggest_float("x", 0, 1)
        return x + (trial.suggest_float("y", 0, 1) if trial.number >= 30 else 0.0)

    study = as_study(made(later))
    assert not study.space.has_conditions
    assert study.to_pandas()["y"].tolist()[:30] == [0.0] * 30


def test_a_trial_that_breaks_a_constraint_of_theirs_does_not_count():
    study = optuna.create_study(direction="maximize")
    for x, broken in ((1.0, -1.0), (3.0, 0.5), (2.0, 0.0)):  # above 0 it is broken
        trial = optuna.trial.create_trial(
            params={"x": x}, distributions={"x": optuna.distributions.FloatDistribution(0.0, 4.0)}, value=x,
            system_attrs={"constraints": (broken,)},
        )  # fmt: skip
        study.add_trial(trial)
    ours = as_study(study)
    assert ours.log.feasible.tolist() == [True, False, True]
    assert ours.best.value == 2.0


def test_of_two_that_tell_the_trials_apart_the_category_is_the_condition():
    study, depth = optuna.create_study(), optuna.distributions.FloatDistribution(0.0, 1.0)
    known = {
        "side": optuna.distributions.IntDistribution(1, 2),
        "kind": optuna.distributions.CategoricalDistribution(["a", "b"]),
    }
    for params in ({"side": 1, "kind": "a", "depth": 0.5}, {"side": 2, "kind": "b"}):
        own = known | ({"depth": depth} if "depth" in params else {})
        study.add_trial(optuna.trial.create_trial(params=params, distributions=own, value=1.0))
    assert as_study(study).space["depth"].only.key == 'P.kind == "a"'


def bounded(trial):
    x = trial.suggest_float("x", 0, 1)
    trial.set_user_attr("over", x - 0.5)
    if trial.number % 5 == 2 and trial.study.user_attrs.get("prunes"):
        trial.report(x, 1)
        raise optuna.TrialPruned
    return x


@pytest.mark.filterwarnings("ignore:.*constraints_func:FutureWarning")
@pytest.mark.parametrize(
    ("is_bounded", "prunes", "words", "said"),
    [
        (False, True, "pruned", "It was pruned."),
        (True, False, "breaks a constraint", "It breaks a constraint."),
        (True, True, "does not count", "It does not count."),
    ],
)
def test_why_a_trial_does_not_count_is_said_as_it_is(is_bounded, prunes, words, said):
    rule = {"constraints_func": lambda trial: [trial.user_attrs.get("over", -1.0)]} if is_bounded else {}
    search = optuna.create_study(sampler=optuna.samplers.NSGAIISampler(seed=1, **rule))
    search.set_user_attr("prunes", prunes)
    search.optimize(bounded, n_trials=30)
    study = as_study(search)
    assert 0 < np.count_nonzero(~study.log.feasible) < 30
    model = SearchModel(study)
    chart = ConvergenceChart(model)
    chart.update("light")
    legends = [chart.figure.legend, mrt.views.convergence(study).legend]
    for legend in legends:
        shown = {item.label.value for item in legend.items}
        assert shown & {"pruned", "breaks a constraint", "does not count"} == {words}
    look = Look(paper="", ink="", soft="", line="", band="", rim="", none="")
    story = search_story(study)
    assert replay_data(story)["notCounted"] == words
    assert [text for kind, _, text in legend_items(story, look) if kind == "cross"] == [words]
    trial = int(np.flatnonzero(~study.log.feasible)[0])
    assert said in look_texts(study, look_at(study, trial))["status"]
