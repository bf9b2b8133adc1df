"""Fields of whole numbers: a page reads "1e12" in a field for integers as 1, so they are fields of numbers."""

import ipywidgets
from growing_studies import empty_study, running

from mrtoolkit.search.dimensions import Integer, Real
from mrtoolkit.search.space import Space
from mrtoolkit.search.steering import MOST
from mrtoolkit.widgets.controls import Controls
from mrtoolkit.widgets.model import SearchModel


def test_what_a_field_shows_is_what_is_asked_for():
    told = []
    source = running(empty_study(Space(n=Integer(2, 60), share=Real(0.0, 1.0))))
    source.pace = None
    controls = Controls(SearchModel(source), source, lambda wish, value: told.append((wish, value)))
    field = controls._trials
    assert isinstance(field, ipywidgets.BoundedFloatText)  # its page reads 1e12 as a million million, and cuts that
    field.value = 1e12
    controls._more.click()
    field.value = 12.7
    assert field.value == 13
    controls._more.click()
    assert told == [("more", MOST), ("more", 13)]
    assert all(type(value) is int for _, value in told)
    low, high = controls._limits["n"]
    low.value, high.value = 3.6, 1e1
    assert low.value == 4
    controls._limits["share"][0].value = 0.25
    controls._look.click()
    assert told[-1] == ("look", {"n": (4, 10), "share": (0.25, 1.0)})
    assert [type(value) for value in told[-1][1]["n"]] == [int, int]
    low.value = float("inf")  # what a page makes of 1e999; the look itself refuses it
    controls._look.click()
    assert told[-1] == ("look", {"n": (float("inf"), 10), "share": (0.25, 1.0)})
