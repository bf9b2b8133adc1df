"""Under which condition a parameter was asked for, read from which trials have it: no study of Optuna's says it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

import numpy as np

from mrtoolkit.expressions.nodes import Comparison, Constant, Logic, Node, Parameter
from mrtoolkit.search.dimensions import Categorical, Dimension, Integer


def seen_conditions(
    dimensions: Mapping[str, Dimension], codes: np.ndarray, has: np.ndarray, is_whole: np.ndarray
) -> dict[str, Node]:
    """Return the conditions of the parameters that some trials lack, where another parameter tells these trials apart.

    That parameter is one of categories, or whole numbers up to or from one on; no other is looked at, as of many values
    that nobody chose on purpose some always tell trials apart.

    Parameters
    ----------
    dimensions : mapping of str to dimension
    codes : (trial, parameter) int
    has : (trial, parameter) bool
        Whether a trial has the parameter.
    is_whole : (trial,) bool
        False for a trial that failed or was cut short, perhaps before it asked for all its parameters.
    """
    names = list(dimensions)
    by_use = sorted(range(len(names)), key=lambda j: not isinstance(dimensions[names[j]], Categorical))
    found: dict[str, Node] = {}
    for j, name in enumerate(names):
        if has[is_whole, j].all():
            continue
        wider = [k for k in by_use if has[has[:, j], k].all() and has[:, k].sum() > has[:, j].sum()]
        rules = (_rule(names[k], dimensions[names[k]], *_sides(codes[:, k], has, j, k, is_whole)) for k in wider)
        rule = next((rule for rule in rules if rule is not None), None)
        if rule is not None:
            found[name] = rule
    return found


def _sides(
    codes: np.ndarray, has: np.ndarray, child: int, parent: int, is_whole: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels of a parameter at the trials that have another one, and at those that lack it."""
    return np.unique(codes[has[:, child]]), np.unique(codes[is_whole & has[:, parent] & ~has[:, child]])


def _rule(name: str, dimension: Dimension, inside: np.ndarray, outside: np.ndarray) -> Node | None:
    """Return what holds at some labels of a parameter and not at others; None where nothing simple does."""
    if not len(inside) or not len(outside) or np.isin(inside, outside).any():
        return None
    labels = dimension.decode(inside).tolist()
    if isinstance(dimension, Categorical):
        each: list[Node] = [Comparison("==", Parameter(name), Constant(label)) for label in labels]
        return reduce(lambda one, other: Logic("|", one, other), each)
    if not isinstance(dimension, Integer):
        return None
    if inside[0] > outside[-1]:
        return Comparison(">=", Parameter(name), Constant(labels[0]))
    return Comparison("<=", Parameter(name), Constant(labels[-1])) if inside[-1] < outside[0] else None
