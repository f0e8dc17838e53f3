"""Bands of images: one that keeps its symmetry, and a single image that climbs along a given direction.

This file imports ASE and numpy alone: it runs inside a code's own process.
"""

from typing import Any

import numpy as np
from ase import Atoms
from ase.mep import NEB

from anodeflow.backends.drivers.saddle_rest import ClimbEnd


class Band(NEB):
    """A band whose forces obey the symmetry that turns it round, if it has one.

    Without this, a path with two equal saddles would lose its symmetry: only one of them climbs.
    """

    def __init__(self, images: list[Atoms], symmetry: dict[str, Any] | None, spring_constant: float) -> None:
        super().__init__(images, k=spring_constant, climb=False, method="improvedtangent")
        self.symmetry = symmetry
        self.end: ClimbEnd | None = None

    def rests(self, residual: float, threshold: float) -> bool:
        """Return whether the band is where it shall be: calm (eV/Å), or a climb that may end before it is."""
        if self.climb and residual < threshold:
            return True
        return self.end is not None and self.end.reached(self.images[1])

    def get_forces(self) -> np.ndarray:
        """Return the forces (interior images * atoms, 3), eV/Å, those of the climbing half taken over to the other."""
        forces = super().get_forces().reshape(self.nimages - 2, self.natoms, 3)
        if self.symmetry is None:
            return forces.reshape(-1, 3)
        rotation, permutation = np.array(self.symmetry["rotation"]), self.symmetry["permutation"]
        turned = forces[::-1, permutation] @ rotation.T
        half = len(forces) // 2
        if self.imax - 1 < len(forces) - half:
            forces[len(forces) - half :] = turned[len(forces) - half :]
        else:
            forces[:half] = turned[:half]
        if len(forces) % 2:
            forces[half] = (forces[half] + turned[half]) / 2
        return forces.reshape(-1, 3)


class Climber(Band):
    """One image that climbs along a fixed direction, down in all others: to a saddle that is nearly known.

    The force along the direction is turned round. What vanishes then is the whole force, so the direction decides
    whether the image gets to the saddle, not where the saddle is.
    """

    def __init__(self, images: list[Atoms], symmetry: dict[str, Any] | None, tangent: np.ndarray) -> None:
        if len(images) != 3:
            raise ValueError(f"one image climbs along a given direction, not {len(images) - 2}")
        super().__init__(images, symmetry, 0.0)
        self.climb, self.tangent = True, tangent

    def get_forces(self) -> np.ndarray:
        """Return the forces (atoms, 3), eV/Å, that lead to the saddle; with a symmetry, those that keep to it."""
        image = self.images[1]
        forces = image.get_forces(apply_constraint=True)
        self.emax = image.get_potential_energy()  # ASE's optimisers ask the band for it
        forces = forces - 2 * np.vdot(forces, self.tangent) * self.tangent
        if self.symmetry is None:
            return forces
        rotation, permutation = np.array(self.symmetry["rotation"]), self.symmetry["permutation"]
        return (forces + forces[permutation] @ rotation.T) / 2
