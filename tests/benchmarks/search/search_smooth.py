"""Smooth known functions as lattices whose optimum no coarse grid hits: the easy end of the comparison."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from search_truth import Truth, codes_of

import mrtoolkit as mrt

_HARTMANN_WEIGHTS = np.array([1.0, 1.2, 3.0, 3.2])
_HARTMANN_3 = (
    np.array([[3, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]]),
    1e-4 * np.array([[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]]),
)
_HARTMANN_6 = (
    np.array(
        [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
    ),
    1e-4
    * np.array(
        [
            [1312, 1696, 5569, 124, 8283, 5886],
            [2329, 4135, 8307, 3736, 1004, 9991],
            [2348, 1451, 3522, 2883, 3047, 6650],
            [4047, 8828, 8732, 5743, 1091, 381],
        ]
    ),
)


def branin(x: np.ndarray) -> np.ndarray:
    """Branin (1972): x in [-5, 10] by [0, 15], three optima of 0.397887."""
    a, b = x.T
    bowl = b - 5.1 / (4 * np.pi**2) * a**2 + 5 / np.pi * a - 6
    return bowl**2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(a) + 10


def hartmann(x: np.ndarray) -> np.ndarray:
    """Hartmann (1972) in 3 or 6 dimensions over the unit cube: -3.86278 and -3.32237."""
    widths, centres = _HARTMANN_3 if x.shape[1] == 3 else _HARTMANN_6
    apart = np.einsum("kj,pkj->pk", widths, (x[:, np.newaxis] - centres) ** 2)
    return -np.exp(-apart) @ _HARTMANN_WEIGHTS


def rosenbrock(x: np.ndarray) -> np.ndarray:
    """Rosenbrock (1960): a bent valley, 0 at (1, 1, ...)."""
    return np.sum(100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2, axis=1)


def rastrigin(x: np.ndarray) -> np.ndarray:
    """Rastrigin (1974), moved off the centre: 0 at (0.7, 0.7, ...), and local optima a distance of 1 apart."""
    y = x - 0.7
    return np.sum(y**2 - 10 * np.cos(2 * np.pi * y) + 10, axis=1)


@dataclass(frozen=True)
class Smooth:
    """A function to be minimised over a lattice; as a search's objective its negative is maximised."""

    name: str
    function: Callable[[np.ndarray], np.ndarray]
    space: mrt.Space

    def description(self) -> str:
        """What its truth depends on."""
        return f"{self.name} {self.space!r}"

    def truth(self) -> Truth:
        """Every point of the lattice."""
        points = self.space.decode(codes_of(self.space, 0, self.space.size)).to_numpy(dtype=np.float64)
        slices = np.array_split(points, max(1, len(points) // 100_000))
        return Truth(self.space, -np.concatenate([self.function(part) for part in slices]), self.space.size)


def _cube(dimensions: int, low: float, high: float, step: float) -> mrt.Space:
    return mrt.Space(**{f"x{j}": mrt.Real(low, high, step=step) for j in range(dimensions)})


SMOOTH = [
    Smooth("Branin", branin, mrt.Space(a=mrt.Real(-5, 10, step=0.07), b=mrt.Real(0, 15, step=0.07))),
    Smooth("Hartmann 3", hartmann, _cube(3, 0, 1, 0.027)),
    Smooth("Hartmann 6", hartmann, _cube(6, 0, 1, 0.1)),
    Smooth("Rosenbrock 2", rosenbrock, _cube(2, -2.0, 2.0, 0.0173)),
    Smooth("Rosenbrock 4", rosenbrock, _cube(4, -2.0, 2.0, 0.27)),
    Smooth("Rastrigin 2", rastrigin, _cube(2, -5.12, 5.12, 0.05)),
    Smooth("Rastrigin 3", rastrigin, _cube(3, -5.12, 5.12, 0.28)),
]
