"""From features to rows on disk: what was computed, or what a Dataset brings back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from mrtoolkit.errors import StoreError
from mrtoolkit.expressions.nodes import Call
from mrtoolkit.features.costs import Costs
from mrtoolkit.features.disk.disk import Disk
from mrtoolkit.features.family import Axes, Family, Labels
from mrtoolkit.features.faults import cure_of
from mrtoolkit.features.key import FeatureKey, family_of, feature_key
from mrtoolkit.features.labelled.provenance import CURE, Provenance, axes_of_dataset, checked_rows
from mrtoolkit.features.limit import within_limit


@dataclass(slots=True)
class Rows:
    """Features of one family to be written: values (output, asset, time) and what they go on from (asset, state)."""

    family: Family
    values: dict[Labels, np.ndarray] = field(default_factory=dict)
    states: dict[Labels, np.ndarray] = field(default_factory=dict)


def rows_of(
    axes: Axes, rows: Mapping[FeatureKey, tuple[Call, np.ndarray, np.ndarray | None]], dtype: str
) -> list[Rows]:
    """Return features by family; those of code that has changed since they were computed are left out."""
    families: dict[str, Rows] = {}
    for key, (node, values, states) in rows.items():
        if feature_key(axes.fingerprint, node) != key:
            continue
        family, labels = family_of(node, dtype)
        into = families.setdefault(family.folder, Rows(family))
        into.values[labels] = values if family.outputs else values[None]
        if states is not None:
            into.states[labels] = states
    for into in families.values():  # plain readers find a slice of labels where these are sorted
        into.values = dict(sorted(into.values.items()))
    return list(families.values())


def write_rows(disk: Disk, axes: Axes, rows: Rows, costs: Costs, limit: int | None) -> int:
    """Write what is not there yet of one family, one commit, and return how many features were new.

    Where a limit of the disk is set, as many are written as fit.

    Raises
    ------
    OSError
        If the disk refuses.
    """
    ns_per_value = costs.ns_per_value(rows.family.folder)
    if limit is None:
        return disk.append(axes, rows.family, rows.values, ns_per_value, states=rows.states)
    commit = disk.commit(axes.fingerprint, rows.family)
    known = {} if commit is None else commit.slots
    new = {labels: values for labels, values in rows.values.items() if labels not in known}
    cost = commit.ns_per_bar if commit is not None and ns_per_value != ns_per_value else ns_per_value
    fitting = within_limit(disk, axes, rows.family, new, limit, ns_per_value=cost)
    return disk.append(axes, rows.family, fitting, ns_per_value, states=rows.states) if fitting else 0


def write_dataset(disk: Disk, features: xr.Dataset, costs: Costs, limit: int | None) -> int:
    """Write the features of a Dataset after a look at every digest, and return how many were new.

    Raises
    ------
    StoreError
        If anything in it is not as it was computed (nothing is written), or if the disk refuses.
    """
    if not isinstance(features, xr.Dataset):
        raise StoreError(f"cache_to_disk got a {type(features).__name__}, but needs a Dataset of features; {CURE}.")
    axes = axes_of_dataset(features)
    families: dict[str, tuple[Family, dict[str, dict[Labels, np.ndarray]]]] = {}
    for variable in features.data_vars.values():
        about = Provenance.of(variable)
        if about.family is None:
            continue  # an expression around indicators: made of features, and none itself
        commit = disk.commit(axes.fingerprint, about.family)
        rows = checked_rows(axes, variable, about, known=() if commit is None else commit.slots)
        families.setdefault(about.family.folder, (about.family, {}))[1][about.output] = rows
    whole = [Rows(family, _joined(family, outputs)) for family, outputs in families.values()]
    return write_families(disk, axes, whole, costs, limit)


def write_families(disk: Disk, axes: Axes, families: list[Rows], costs: Costs, limit: int | None) -> int:
    """Write several families and return how many features were new.

    Raises
    ------
    StoreError
        If the disk refuses.
    """
    try:
        n_new = sum(write_rows(disk, axes, rows, costs, limit) for rows in families)
        disk.refresh_tree()
    except OSError as error:
        message = f"features cannot be written to {disk.path} ({error}); {cure_of(error)}."
        raise StoreError(message) from error
    return n_new


def _joined(family: Family, outputs: Mapping[str, Mapping[Labels, np.ndarray]]) -> dict[Labels, np.ndarray]:
    """Return rows (output, asset, time) from the variables of a family, all of which must be there."""
    names = family.outputs or ("",)
    every = dict.fromkeys(labels for rows in outputs.values() for labels in rows)
    lacking = [name for name in names if name not in outputs or any(labels not in outputs[name] for labels in every)]
    if lacking:
        message = f"the features {family.name!r} lack the output {lacking[0]!r}, so they are not stored; {CURE}."
        raise StoreError(message)
    return {labels: np.stack([outputs[name][labels] for name in names]) for labels in every}
