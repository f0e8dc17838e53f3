"""Puts the symmetry of a slab where GPAW sees it: on the origin of the cell.

GPAW uses operations that keep the origin in place. An adatom on a fourfold hollow in the middle of the cell has eight
of them, but about itself, and GPAW finds two: it computes up to three times as many k-points. Shifted in the plane, so
that the point of highest symmetry is the origin, the slab has the same energy and forces for less work.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import spglib
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

_WHOLE = 1e-9  # a shift shorter than this (fraction of the cell) is none


def symmetric_origin(atoms: Atoms, labels: Iterable[int], tolerance: float) -> np.ndarray:
    """Return the point in the plane of a slab that most of its operations of symmetry leave in place.

    Parameters
    ----------
    atoms
        Slab, periodic along its first two vectors.
    labels
        A number for each atom; atoms of one element with different numbers are not each other's image.
    tolerance
        By how much positions of equivalent atoms may differ, Å.

    Returns
    -------
    numpy.ndarray
        Scaled coordinates (3,), the third 0; zeros where no point has more operations than the origin.
    """
    origin = np.zeros(3)
    if tuple(atoms.pbc) != (True, True, False):
        return origin
    kinds: dict[Any, int] = {}
    moments = atoms.get_initial_magnetic_moments()
    numbers = [
        kinds.setdefault(kind, len(kinds) + 1) for kind in zip(atoms.numbers, labels, moments.round(3), strict=True)
    ]
    positions = atoms.get_scaled_positions()
    found = spglib.get_symmetry((atoms.cell.array, positions, numbers), symprec=tolerance)
    if found is None:
        return origin
    operations = [
        (rotation[:2, :2], translation[:2])
        for rotation, translation in zip(found["rotations"], found["translations"], strict=True)
        if rotation[2, 2] == 1 and not rotation[2, :2].any() and not rotation[:2, 2].any()
    ]
    vectors = atoms.cell.array[:2]

    def kept(points: np.ndarray) -> np.ndarray:
        """Return for each point (N, 2) how many different rotations leave it in place."""
        leave: dict[bytes, np.ndarray] = {}
        for rotation, translation in operations:
            off = points @ rotation.T + translation - points
            still = np.linalg.norm((off - np.rint(off)) @ vectors, axis=1) < tolerance
            key = rotation.tobytes()
            leave[key] = leave.get(key, np.zeros(len(points), dtype=bool)) | still
        return np.sum(list(leave.values()), axis=0)

    # Axes and mirrors pass through atoms or half-way between two of them; the adatom, the last one, comes first.
    at = positions[::-1, :2] % 1.0
    middles = ((at[:, None] + at[None]) / 2)[np.triu_indices(len(at), 1)]
    halves = [middles + np.array(half) for half in ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5))]
    candidates = np.concatenate([np.zeros((1, 2)), at, *halves])
    order = kept(candidates)
    best = int(np.argmax(order))
    if order[best] > order[0]:
        origin[:2] = candidates[best]
    return origin


class FromOrigin(Calculator):
    """Hands atoms to GPAW shifted in the plane, so that their symmetry is about the origin, and its answers back.

    The shift is that of the first geometry: GPAW carries wave functions from one to the next.

    Parameters
    ----------
    inner
        GPAW's calculator; `inner.dft` and `inner.hooks` are its own.
    labels, tolerance
        As for :func:`symmetric_origin`; without a tolerance nothing is shifted.
    """

    implemented_properties = ["energy", "free_energy", "forces", "stress", "magmom", "magmoms"]  # noqa: RUF012

    def __init__(self, inner: Any, labels: Iterable[int], tolerance: float | None) -> None:
        super().__init__()
        self.inner = inner
        self._labels = list(labels)
        self._tolerance = tolerance
        self._shift: np.ndarray | None = None

    def shifted(self, atoms: Atoms) -> Atoms:
        """Return a copy of the atoms as GPAW sees them."""
        if self._tolerance is None:
            return atoms
        if self._shift is None:
            at = symmetric_origin(atoms, self._labels, self._tolerance)
            self._shift = -at @ atoms.cell.array if np.abs(at).max() > _WHOLE else np.zeros(3)
        moved = atoms.copy()
        moved.positions += self._shift
        return moved

    def calculate(
        self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = tuple(all_changes)
    ) -> None:
        """Compute what is asked for (called by ASE)."""
        super().calculate(atoms, properties, system_changes)
        moved = self.shifted(atoms)
        self.results = {
            "energy": self.inner.get_potential_energy(moved),
            "free_energy": self.inner.get_potential_energy(moved, force_consistent=True),
        }
        for name in properties:
            if name not in self.results:
                self.results[name] = self.inner.get_property(name, moved)
        if moved.get_initial_magnetic_moments().any():
            self.results["magmom"] = self.inner.get_property("magmom", moved)
