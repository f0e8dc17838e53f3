"""How far the energy of a saddle is from what it would be at rest, by a potential's second derivatives.

A climb ends when the largest force is below its threshold. On soft metals what such a force is still worth may be more
than 0.01 eV: with Hessian H and forces F the energy lies F·H⁻¹·F / 2 over that of the saddle, where the negative mode
counts negative. Li on Li(001), six layers, GPAW climbing from the saddle of SevenNet: 0.105 eV were expected and then
0.020, where the rest of the climb brought 0.088 and 0.014, and 0.006 were left.

This file imports ASE and numpy alone.
"""

from pathlib import Path
from typing import Any, Self

import numpy as np
from ase import Atoms

from anodeflow.backends.drivers.hessian import free_coordinates, read_hessian

_SOFTEST = 0.05  # eV/Å²: softer directions are taken for as stiff
_NEGATIVE = -0.01  # eV/Å²
_FARTHEST, _NEAR = 0.2, 0.1
"""Å: with an atom farther from its place at the saddle the potential is not harmonic, and may well not be."""
_SHORTEST = 1e-6  # Å: what moved less teaches nothing
_KNOWN = 0.003  # eV: a change of the energy that was told to this


class SaddleRest:
    """Tells, geometry after geometry of a climb, how far its energy is from that of the saddle.

    Parameters
    ----------
    hessian
        At or near the first geometry, (3 N, 3 N), symmetric, eV/Å²; each step teaches it.
    free
        (3 N,), which coordinates may change.

    Attributes
    ----------
    expected
        Energy of the last geometry over that of the saddle, eV, whether anything has shown it to be right or not. None
        without exactly one negative curvature, or where an atom would have to move by 0.2 Å or more.
    """

    def __init__(self, hessian: np.ndarray, free: np.ndarray) -> None:
        self.free, self.hessian = free, hessian[np.ix_(free, free)]
        self.last: tuple[np.ndarray, np.ndarray, float, float | None] | None = None
        self.expected: float | None = None

    @classmethod
    def beside(cls, steps_file: Path, image: Atoms) -> Self | None:
        """Return what tells it of the climb of an image recorded in a file; none without a Hessian beside that."""
        hessian = read_hessian(steps_file, 3 * len(image))
        return None if hessian is None else cls(hessian, free_coordinates(image))

    def after(self, positions: Any, forces: Any, energy: float) -> float | None:
        """Return the energy of a geometry over that of the saddle, eV, where it is known; and learn from it.

        Parameters
        ----------
        positions, forces
            (N, 3), Å and eV/Å.
        energy
            eV, of which these are the forces.

        Returns
        -------
        float or None
            None where nothing can be said: no step was made yet, or what was expected before it and after it differ
            from what it brought by 3 meV or more; or an atom lies 0.1 Å or more from its place at the saddle.
        """
        place, force = np.ravel(positions)[self.free], np.ravel(forces)[self.free]
        if self.last is not None:
            self.hessian = _learned(self.hessian, place - self.last[0], self.last[1] - force)
        self.expected, farthest = self._over(force)
        proven = False
        if self.last is not None and self.last[3] is not None and self.expected is not None:
            proven = abs((self.last[2] - energy) - (self.last[3] - self.expected)) < _KNOWN
        self.last = place, force, energy, self.expected
        return self.expected if proven and farthest < _NEAR else None

    def _over(self, force: np.ndarray) -> tuple[float | None, float]:
        """Return the energy over the saddle, eV, and how far it is away, Å."""
        curvatures, modes = np.linalg.eigh(self.hessian)
        if int(np.sum(curvatures < _NEGATIVE)) != 1:
            return None, np.inf
        soft = np.where(curvatures < _NEGATIVE, -_SOFTEST, _SOFTEST)
        held = np.where(np.abs(curvatures) < _SOFTEST, soft, curvatures)
        along = modes.T @ force
        farthest = float(np.abs(modes @ (along / held)).max())
        return (float(np.sum(along**2 / held) / 2) if farthest < _FARTHEST else None), farthest


class ClimbEnd:
    """Says when a climb ends before its forces are below their threshold.

    Parameters
    ----------
    rest
        What tells how far the saddle is; none: the forces alone decide.
    settings
        With `energy_tolerance` (eV) it ends as soon as its energy is known to be no farther from the saddle's; with
        `evaluations` after so many.

    Attributes
    ----------
    left
        Energy of the image over that of the saddle where it ended so, eV; none: it did not, or nothing is known.
    """

    def __init__(self, rest: SaddleRest | None, settings: dict[str, Any]) -> None:
        self.rest = rest
        self.left: float | None = None
        self.tolerance, self.most = settings.get("energy_tolerance"), settings.get("evaluations")
        self.seen: list[bytes] = []

    def reached(self, image: Atoms) -> bool:
        """Return whether the climb ends with this geometry, which has been evaluated."""
        place = image.get_positions()
        if self.rest is None or (self.tolerance is None and self.most is None) or place.tobytes() in self.seen:
            return False
        self.seen.append(place.tobytes())
        energy = image.get_potential_energy(force_consistent=True)
        told = self.rest.after(place, image.get_forces(apply_constraint=False), energy)
        if told is not None and self.tolerance is not None and abs(told) < self.tolerance:
            self.left = told
            return True
        if self.most is not None and len(self.seen) >= self.most:
            self.left = self.rest.expected
            return True
        return False


def _learned(hessian: np.ndarray, step: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Return a Hessian with which a step changes the gradient by `change`, eV/Å, whatever the sign of curvatures.

    J. M. Bofill, J. Comput. Chem. 15, 1 (1994): between the symmetric update of rank one and Powell's.
    """
    lack, length = change - hessian @ step, float(step @ step)
    size, along = float(lack @ lack), float(lack @ step)
    if np.abs(step).max() < _SHORTEST or size == 0.0:
        return hessian
    share = along**2 / (size * length)
    powell = (np.outer(lack, step) + np.outer(step, lack)) / length - along * np.outer(step, step) / length**2
    murtagh = np.outer(lack, lack) * (along / (size * length))  # `share` times lack lackᵀ / along, finite at along = 0
    return np.asarray(hessian + murtagh + (1 - share) * powell)
