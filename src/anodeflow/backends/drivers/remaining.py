"""The energy that a relaxation would still gain, by a potential's Hessian that learns from every step.

Near a minimum with Hessian H and forces F it is F·H⁻¹·F / 2. A potential knows H well enough to tell it before the
forces have vanished: most of what DFT spends on a relaxation goes into its last few meV.

This file imports ASE and numpy alone.
"""

from pathlib import Path
from typing import Any, Self

import numpy as np
from ase import Atoms

from anodeflow.backends.drivers.hessian import free_coordinates, hessian_file

_SOFTEST = 0.05  # eV/Å²: softer directions are taken for as stiff, since a harmonic gain says nothing of them
_SHORTEST = 1e-6  # Å: what moved less teaches nothing


class RemainingEnergy:
    """Tells, geometry after geometry, what a relaxation would still gain.

    The Hessian is corrected as in BFGS by the forces of each new geometry, without the floor that keeps the optimiser's
    steps short. Curvatures count by their amount: along a negative one the energy to gain is unknown, and at least so
    much.

    Parameters
    ----------
    hessian
        Of a potential, (3 N, 3 N), symmetric, eV/Å².
    free
        (3 N,), which coordinates may change.
    """

    def __init__(self, hessian: np.ndarray, free: np.ndarray) -> None:
        self.free = free
        self.hessian = hessian[np.ix_(free, free)]
        self.last: tuple[np.ndarray, np.ndarray] | None = None

    @classmethod
    def beside(cls, steps_file: Path, atoms: Atoms) -> Self | None:
        """Return what tells it for the relaxation of `atoms` recorded in a file; none without a Hessian beside that."""
        try:
            hessian = np.load(hessian_file(steps_file))
        except (OSError, ValueError, EOFError):
            return None
        return cls(hessian, free_coordinates(atoms)) if hessian.shape == (3 * len(atoms),) * 2 else None

    def after(self, positions: Any, forces: Any) -> float:
        """Return the energy that is still to be gained from a geometry, and learn from it.

        Parameters
        ----------
        positions, forces
            (N, 3), Å and eV/Å.

        Returns
        -------
        float
            eV per cell, not negative.
        """
        place, force = np.ravel(positions)[self.free], np.ravel(forces)[self.free]
        if self.last is not None:
            self._learn(place - self.last[0], force - self.last[1])
        self.last = (place, force)
        values, vectors = np.linalg.eigh(self.hessian)
        return float(np.sum((vectors.T @ force) ** 2 / np.maximum(np.abs(values), _SOFTEST)) / 2)

    def _learn(self, step: np.ndarray, change: np.ndarray) -> None:
        """Correct the Hessian so that it gives the change of the forces along a step."""
        along, curved = step @ change, self.hessian @ step
        expected = step @ curved
        tiny = _SOFTEST * float(step @ step) / 10
        if np.abs(step).max() > _SHORTEST and min(abs(along), abs(expected)) > tiny:
            self.hessian = self.hessian - np.outer(change, change) / along - np.outer(curved, curved) / expected
