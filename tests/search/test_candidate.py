"""The best and the plateau as values: their number, their parameters, and which of these matter."""

import mrtoolkit as mrt
from mrtoolkit import P
from mrtoolkit.views.report_text import candidates_part, header_part
from mrtoolkit.views.story import headline, search_story
from mrtoolkit.widgets.model import SearchModel

SPACE = mrt.Space(kind=mrt.Categorical(["flat", "sloped"]), slope=mrt.Integer(1, 9, only=P.kind == "sloped"))


def worth(point):
    return 5.0 if point["kind"] == "flat" else float(point["slope"] % 5)


def searched():
    return mrt.optimize(worth, SPACE, trials=10, seed=0)


def test_a_candidate_knows_its_trial_and_what_it_came_to():
    study = searched()
    for found in (study.best, study.plateau):
        assert study.space.point(study.log.codes[found.trial]) == found.params
        assert study.log.value[found.trial] == found.value
        assert study.log.trial_at(study.log.codes[found.trial]) == found.trial
    few = mrt.optimize(worth, SPACE, trials=4, seed=0)
    assert few.log.trial_at(SPACE.encode({"kind": "sloped", "slope": 2})[0]) == -1
    assert study.best.value == 5.0


def test_what_does_not_matter_at_the_best_is_nowhere_said_of_it():
    study = searched()
    assert study.best.params == {"kind": "flat", "slope": 1}  # what the evaluator was asked
    assert study.best.active == {"kind": "flat"}
    assert study.best.shown == {"kind": "flat", "slope": "-"}
    assert headline(search_story(study)) == "Best value 5.0000 at kind flat, after 10 trials"
    assert SearchModel(study).status.endswith("best value 5 at kind flat")
    assert "kind flat<" in header_part(study, "A search")
    assert '<td class="number">-</td>' in candidates_part(study)
