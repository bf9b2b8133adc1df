"""How a search is to be run: its levels, budgets, seed, and when to stop."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from mrtoolkit.errors import SpaceError, StudyError, check_count, nearest
from mrtoolkit.evaluation import Evaluator
from mrtoolkit.features.sizes import parse_size
from mrtoolkit.search.events import Listener
from mrtoolkit.search.level import WHOLE, Level, as_levels, levels
from mrtoolkit.search.objective import Goal
from mrtoolkit.search.plain_json import plain_json
from mrtoolkit.search.space import Space
from mrtoolkit.search.transitions.names import as_transition
from mrtoolkit.search.transitions.protocol import Transition

_PRESET_TRIALS = 400


class SearchOptions(TypedDict, total=False):
    """The rarer words of a search.

    Attributes
    ----------
    target : float, optional
        The search ends when the best objective has reached this; it is looked at after each round of a level and every
        256 trials.
    memory : int or str, optional
        As in "1 GiB": no batch begins once the trials kept and the features computed take so many bytes.
    tolerance : float
        A level that raises the best objective by no more than this (in the objective's units) brings no improvement; 0.
    patience : int, optional
        Levels in a row without improvement after which the search stops. Default: 2 for the preset levels; levels
        that you list are all run.
    transition : {"moving", "gp", "gp+moving", "peak"} or Transition, optional
        From a level to the regions of the next. Default: "peak", the textbook's zoom, for levels with a grid, a step or
        labels; for those with a budget alone "moving" where a trial of the first level costs under 2 ms, else
        "gp+moving".
    workers : int, optional
        Processes that call a function for the points of a batch, see `Workers`; it changes no trial. A backtest has
        threads of its own (MRTOOLKIT_THREADS), whatever this is.
    on_event : callable, or several
        Called with every event (`LevelStarted`, `BatchDone`, ...).
    steering : sequence of mappings, optional
        Of another study (`study.steering`): where its user sent it, and how much more it was given; taken here at the
        same trials.
    """

    target: float | None
    memory: int | str | None
    tolerance: float
    patience: int | None
    transition: str | Transition | None
    workers: int | None
    on_event: Listener | Iterable[Listener] | None
    steering: Sequence[Mapping[str, Any]] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A search's settings, checked against its space."""

    levels: tuple[Level, ...]
    trials: int | None
    seconds: float | None
    seed: int
    tolerance: float
    patience: int | None
    transition: Transition
    target: float | None = None
    memory: int | None = None
    is_timed: bool = False
    """Whether the levels after the first follow from the seconds and from what the first one's trials cost."""
    workers: int = 1

    @classmethod
    def checked(
        cls, space: Space, *, levels: Any, trials: Any, seconds: Any, seed: Any, options: SearchOptions
    ) -> Settings:
        """Return the settings, or say which one has no meaning."""
        for word, count in (("trials", trials), ("patience", options.get("patience"))):
            if count is not None:
                check_count(word, count, StudyError)
        if seconds is not None:
            _check_number("seconds", seconds, above=True)
        target, memory = options.get("target"), options.get("memory")
        if target is not None and not (_is_number(target) and math.isfinite(target)):
            raise StudyError(f"target={target!r} was asked for; it must be a finite number, or None.")
        tolerance = options.get("tolerance", 0.0)
        _check_number("tolerance", tolerance, above=False)
        check_count("seed", seed, StudyError, minimum=0)
        patience = options.get("patience", 2 if levels is None else None)
        is_timed = levels is None and trials is None and seconds is not None
        if levels is None and trials is None and not is_timed:
            trials = _PRESET_TRIALS
        checked = as_levels(_preset(space, trials or _PRESET_TRIALS) if levels is None else levels, space)
        return cls(
            levels=checked,
            trials=None if trials is None else int(trials),
            seconds=None if seconds is None else float(seconds),
            seed=int(seed),
            tolerance=float(tolerance),
            patience=patience,
            transition=as_transition(options.get("transition"), checked),
            target=None if target is None else float(target),
            memory=None if memory is None else parse_size(memory),
            workers=int(options.get("workers") or 1),
            is_timed=is_timed and len(checked) > 1,
        )


def search_keys(evaluator: Evaluator, space: Space, goal: Goal, settings: Settings) -> dict[str, Any]:
    """Return what decides which trials a search makes; budgets of trials and time only decide how far it goes."""
    describe = getattr(settings.transition, "to_dict", None)
    transition = describe() if describe is not None else {"transition": type(settings.transition).__qualname__}
    keys: dict[str, Any] = plain_json(
        {
            "evaluator": evaluator.to_dict(),
            "space": space.to_dict(),
            "levels": [level.to_dict() for level in settings.levels[: 1 if settings.is_timed else None]],
            **({"levels_follow": "seconds"} if settings.is_timed else {}),
            **goal.to_dict(),
            "seed": settings.seed,
            "transition": transition,
        }
    )
    return keys


def differences(saved: Any, asked: Any, name: str = "") -> list[str]:
    """Return what differs between two sets of keys: 'space.dimensions.fast.high: 50 there, 60 here'."""
    if isinstance(saved, dict) and isinstance(asked, dict):
        found = []
        for key in dict.fromkeys([*saved, *asked]):
            part = f"{name}.{key}" if name else str(key)
            found += differences(saved.get(key), asked.get(key), part)
        return found
    if isinstance(saved, list) and isinstance(asked, list) and len(saved) == len(asked):
        return [
            text for i, pair in enumerate(zip(saved, asked, strict=True)) for text in differences(*pair, f"{name}[{i}]")
        ]
    return [] if saved == asked else [f"{name}: {_short(saved)} there, {_short(asked)} here"]


def check_fit(evaluator: Evaluator, space: Any) -> None:
    """Refuse a space whose parameters are not those of the evaluator, or are named like its metrics."""
    if not isinstance(space, Space):
        msg = (
            f"the search was given {type(space).__name__} as its space; write mrt.Space(fast=mrt.Integer(5, 50), ...)."
        )
        raise SpaceError(msg)
    params, metrics = evaluator.params, evaluator.metrics
    for name in space:
        if name in metrics:
            raise SpaceError(f"a parameter is named {name!r}, as a metric is; rename it.")
    if not params:
        return
    lacking = [name for name in params if name not in space]
    if lacking:
        name = lacking[0]
        cure = (
            f"add {name}=mrt.Integer(...), mrt.Real(...) or mrt.Categorical([...]) to the space, or give it one value "
            "in what is searched"
        )
        msg = f"what is searched uses the parameter {name!r}, which the space lacks{nearest(name, space)}; {cure}."
        raise SpaceError(msg)
    unused = [name for name in space if name not in params]
    if unused:
        name = unused[0]
        has = ", ".join(params)
        msg = (
            f"the space has the parameter {name!r}, which is none of what is searched"
            f"{nearest(name, params)}; that uses {has}."
        )
        raise SpaceError(msg)


def _preset(space: Space, trials: int) -> list[Level]:
    n_points = space.count().n
    if n_points <= trials:
        return [Level(WHOLE, budget=max(1, n_points))]
    return levels(trials=trials, count=min(3, trials))


def _check_number(name: str, value: Any, *, above: bool) -> None:
    is_number = _is_number(value) and math.isfinite(value)
    if not is_number or value < 0 or (above and value == 0):
        msg = f"{name}={value!r} was asked for; it must be a number {'above 0' if above else 'of 0 or more'}."
        raise StudyError(msg)


def _is_number(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, numbers.Real)


def _short(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
