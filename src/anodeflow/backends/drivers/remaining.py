"""The energy that a relaxation would still gain, by a potential's Hessian that learns from every step.

Near a minimum with Hessian H and forces F it is F·H⁻¹·F / 2. A potential knows H well enough to tell it before the
forces have vanished: most of what DFT spends on a relaxation goes into its last few meV.

This file imports ASE and numpy alone.
"""

from pathlib import Path
from typing import Any, Self

import numpy as np
from ase import Atoms

from anodeflow.backends.drivers.hessian import START, free_coordinates, read_hessian

_SOFTEST = 0.05  # eV/Å²: softer directions are taken for as stiff
_SHORTEST = 1e-6  # Å: what moved less teaches nothing
_LONGEST = 0.2  # Å: as far as a mode is followed where nothing has shown that it is harmonic
_FACTOR = 2  # by which a curvature may be wrong
_FARTHEST = 0.1  # Å: with an atom farther from its place at the minimum the well is not harmonic


class RemainingEnergy:
    """Tells, geometry after geometry, what a relaxation would still gain.

    The Hessian is corrected as in BFGS by the forces of each new geometry, without the floor that keeps the optimiser's
    steps short.

    Parameters
    ----------
    hessian
        Of a potential, (3 N, 3 N), symmetric, eV/Å².
    free
        (3 N,), which coordinates may change.
    proven
        Whether the potential has proven itself elsewhere (it learned from the code that computes here). Else its
        Hessian is believed once a step has shown it to be right.
    """

    def __init__(self, hessian: np.ndarray, free: np.ndarray, proven: bool = False) -> None:
        self.free, self.proven = free, proven
        self.hessian = hessian[np.ix_(free, free)]
        self.last: tuple[np.ndarray, np.ndarray] | None = None
        self.expected = 0.0
        """What the Hessian expects to be gained from the last geometry, eV, whether it has shown itself right or not:
        no atom may move 0.2 Å or more along one of its modes for that."""

    @classmethod
    def beside(cls, steps_file: Path, atoms: Atoms) -> Self | None:
        """Return what tells it for the relaxation of `atoms` recorded in a file; none without a Hessian beside that."""
        hessian = read_hessian(steps_file, 3 * len(atoms))
        if hessian is None:
            return None
        return cls(hessian, free_coordinates(atoms), steps_file.with_name(START).is_file())

    def after(self, positions: Any, forces: Any) -> float | None:
        """Return the energy that is still to be gained from a geometry, and learn from it.

        Parameters
        ----------
        positions, forces
            (N, 3), Å and eV/Å.

        Returns
        -------
        float or None
            eV per cell, not negative. None where nothing can be said: no step was made yet; along the last one the
            energy curves down, or the Hessian had the curvature wrong by more than a factor of two; or an atom lies
            0.1 Å or more from where the Hessian has the minimum, so that the relaxation may well leave this valley.
        """
        place, force = np.ravel(positions)[self.free], np.ravel(forces)[self.free]
        right = self.proven if self.last is None else self._learn(place - self.last[0], force - self.last[1])
        self.last = (place, force)
        values, vectors = np.linalg.eigh(self.hessian)
        along, stiff = vectors.T @ force, np.maximum(np.abs(values), _SOFTEST)
        ways = np.minimum(np.abs(along) / stiff, _LONGEST)
        self.expected = float(np.sum(ways * (np.abs(along) - stiff * ways / 2)))
        step = np.zeros(len(self.free))
        step[self.free] = vectors @ (along / stiff)
        near = float(np.linalg.norm(step.reshape(-1, 3), axis=1).max()) < _FARTHEST
        return float(np.sum(along**2 / stiff) / 2) if right and near else None

    def _learn(self, step: np.ndarray, change: np.ndarray) -> bool:
        """Correct the Hessian by the change of the forces along a step; return whether it had told about that much."""
        if np.abs(step).max() < _SHORTEST:
            return self.proven
        along, curved = float(step @ change), self.hessian @ step
        expected, least = float(step @ curved), _SOFTEST / 5 * float(step @ step)
        if -along < least:
            return False
        if expected > least:
            self.hessian = self.hessian - np.outer(change, change) / along - np.outer(curved, curved) / expected
        return expected / _FACTOR < -along < expected * _FACTOR
