"""The atoms of a periodic slab that a picture in three dimensions shows: one cell with the adatom in its middle."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure

from anodeflow.report.colours import bonded

_EDGE = 0.04
"""Atoms this close to the edge of the cell (fraction) are shown on both sides of it."""


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """Atoms around one point, each with the number of the atom that it is an image of.

    Attributes
    ----------
    species
        Elements.
    positions
        Cartesian positions (N, 3), Å.
    indices
        Numbers of the atoms in the structure (N,).
    centre
        Place in `positions` of the atom in the middle.
    corners
        Corners of the cell's base in the plane of the lowest atom, in order (4, 3), Å.
    """

    species: list[str]
    positions: NDArray
    indices: NDArray
    centre: int
    corners: NDArray

    @property
    def bonds(self) -> list[tuple[int, int]]:
        """Pairs (atom in the middle, neighbour)."""
        distances = np.linalg.norm(self.positions - self.positions[self.centre], axis=1)
        kinds = zip(self.species, distances, strict=True)
        return [(self.centre, n) for n, (e, d) in enumerate(kinds) if bonded(self.species[self.centre], e, d)]


def around_adatom(structure: Structure, middle: NDArray | None = None) -> Neighbourhood:
    """Return one cell of a slab with its adatom, the last atom, in the middle.

    Parameters
    ----------
    structure
        Slab, the third cell vector across the vacuum.
    middle
        Cartesian position (3,) that stands in the middle of the cell instead of the adatom, Å: on a path all images
        need the same one.
    """
    lattice = structure.lattice
    fractions = structure.frac_coords.copy()
    centre = fractions[-1] if middle is None else lattice.get_fractional_coords(middle)
    fractions[:, :2] += np.round(centre[:2] - fractions[:, :2])
    # The gap of the vacuum may lie anywhere: atoms go to the side of the adatom where the slab is.
    heights = np.sort(np.mod(fractions[:, 2], 1.0))
    gaps = np.diff(np.append(heights, heights[0] + 1.0))
    bottom = heights[int(np.argmax(gaps))] + gaps.max() / 2
    fractions[:, 2] = np.mod(fractions[:, 2] - bottom, 1.0) + bottom
    fractions[:, 2] += np.round(structure.frac_coords[-1, 2] - fractions[-1, 2])

    found, indices = [], []
    for index, fraction in enumerate(fractions):
        for i in (-1, 0, 1):
            for j in (-1, 0, 1):
                image = fraction + np.array([i, j, 0])
                if np.all(np.abs(image[:2] - centre[:2]) <= 0.5 + _EDGE) and (
                    i == j == 0 or index < len(structure) - 1
                ):
                    found.append(image)
                    indices.append(index)
    positions = lattice.get_cartesian_coords(np.array(found))
    floor = fractions[:, 2].min()
    square = [[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]
    corners = lattice.get_cartesian_coords([[*(centre[:2] + corner), floor] for corner in np.array(square)])
    return Neighbourhood(
        species=[structure[index].specie.symbol for index in indices],
        positions=positions,
        indices=np.array(indices),
        centre=indices.index(len(structure) - 1),
        corners=corners,
    )
