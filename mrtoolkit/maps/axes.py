"""Which two parameters a map is of, where nobody says so or only one."""

from __future__ import annotations

import numpy as np

from mrtoolkit.errors import StudyError
from mrtoolkit.maps.scale import Scale
from mrtoolkit.search.dimensions import Categorical, Dimension
from mrtoolkit.search.space import Space

_EXAMPLES = 512


def map_params(space: Space, codes: np.ndarray, x: str | None = None, y: str | None = None) -> tuple[str, str | None]:
    """Return the two parameters of a map: those named, else those that vary and matter in the most points.

    For the second the points count in which it matters together with the first. Of equal ones, to a tenth of the
    points, numbers come before categories, and then the first. The second is None for a space of one parameter.

    Parameters
    ----------
    space : Space
    codes : (point, dimension)
        The trials, or points as a search will try them (`examples`).
    x, y : str, optional

    Raises
    ------
    StudyError
        If both are the same parameter, or one is no parameter of the space.
    """
    for name in (x, y):
        if name is not None:
            Scale.of(space, name)
    if x is not None and x == y:
        msg = f"x and y are both {x!r}, which makes a line and not a map; name two different parameters."
        raise StudyError(msg)
    active = space.active(codes) if space.has_conditions else np.ones(codes.shape, dtype=bool)

    def chosen(other: str | None) -> str:
        beside = np.ones(len(codes), dtype=bool) if other is None else active[:, space.params.index(other)]

        def rank(name: str) -> tuple[bool, bool, int, bool]:
            place = space.params.index(name)
            own = codes[active[:, place] & beside, place]
            tenths = round(10 * len(own) / len(codes))
            return len(own) == 0, bool((own == own[:1]).all()), -tenths, has_categories(space[name])

        return min((name for name in space if name != other), key=rank)

    x = x or chosen(y)
    return x, y or (chosen(x) if len(space) > 1 else None)


def examples(space: Space) -> np.ndarray:
    """Return points as a search of a space may try them, (point, dimension): without conditions its corners will do."""
    found = space.sample(_EXAMPLES) if space.has_conditions else np.empty((0, len(space)), dtype=np.int64)
    return found if len(found) else np.array([[0] * len(space), [size - 1 for size in space.sizes]])


def has_categories(dimension: Dimension) -> bool:
    """Whether a dimension is a list of anything but numbers; flags are none."""
    return isinstance(dimension, Categorical) and dimension.decode(np.zeros(1, dtype=int)).dtype.kind not in "if"
