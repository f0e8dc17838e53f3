"""Common cells of two surface lattices: which supercells of both are nearly the same, and how they must be strained.

The pairs of supercells of nearly equal area are those of the method of A. Zur and T. C. McGill, J. Appl. Phys. 55, 378
(1984). They are compared as they are laid upon each other, by a turn but never by a
reflection (which would make the mirror image of a crystal), and over all reduced pairs of vectors, so that no match is
missed where two vectors have nearly the same length or a right angle is nearly one.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Literal

import numpy as np
from scipy.linalg import polar, sqrtm

from anodeflow.structures.slab.lateral import hermite_forms, reduce_in_plane

Rows = tuple[tuple[float, ...], ...]
Strained = Literal["metal", "alloy", "shared"]

_SMALL = [np.reshape(entries, (2, 2)) for entries in product((-1, 0, 1), repeat=4)]
# The reduced pairs of vectors of one lattice differ by one of these.
_TURNS = np.array([m for m in _SMALL if m[0, 0] * m[1, 1] - m[0, 1] * m[1, 0] == 1])
# Largest principal strain of one lattice against the other, over the von Mises strain, at most: 1.73 times as large
# where the other principal strain is half of it.
_PRINCIPAL: dict[Strained, float] = {"metal": 1.75, "alloy": 2.5, "shared": 4.0}

_EQUAL = 1e-6
"""Strains that differ by less are equal: of such cells of one area the widest is taken."""
_WIDER = 1e-3
"""By how much, a fraction, a cell is wider than another."""


@dataclass(frozen=True)
class LatticeMatch:
    """Two supercells that are laid upon each other.

    Attributes
    ----------
    alloy, metal
        Supercells in units of the lattices' primitive vectors, integer (2, 2).
    cell
        The common cell, (2, 2), vectors as rows, the first along x, Å.
    alloy_deformation, metal_deformation
        Deformation gradients F (2, 2) of both sides, turn included, for rows: ``cell = supercell @ F``.
    """

    alloy: np.ndarray
    metal: np.ndarray
    cell: np.ndarray
    alloy_deformation: np.ndarray
    metal_deformation: np.ndarray

    @property
    def strain(self) -> float:
        """Von Mises strain of the side that has more of it (a fraction)."""
        strains = (green_lagrange(self.alloy_deformation), green_lagrange(self.metal_deformation))
        return max(float(von_mises(strain)) for strain in strains)

    @property
    def area(self) -> float:
        """Area of the common cell, Å²."""
        return float(abs(np.linalg.det(self.cell)))

    @property
    def width(self) -> float:
        """Length of the shortest lattice vector of the common cell, Å."""
        return float(np.linalg.norm(reduce_in_plane(self.cell) @ self.cell, axis=1).min())


def green_lagrange(deformation: np.ndarray) -> np.ndarray:
    """Return the Green-Lagrange strain (F^T F - 1) / 2 of deformation gradients (..., 2, 2) for row vectors.

    Its axes are those of the deformed crystal, turned with it.
    """
    return (np.swapaxes(deformation, -1, -2) @ deformation - np.eye(2)) / 2


def von_mises(strain: np.ndarray) -> np.ndarray:
    """Return the von Mises strain of strains in the plane (..., 2, 2), the height being kept.

    It is the square root of 2/3 of the summed squares of the deviatoric strain in three dimensions, as in pymatgen.
    """
    trace = np.trace(strain, axis1=-2, axis2=-1)
    return np.sqrt(2 / 3 * np.maximum((strain**2).sum(axis=(-2, -1)) - trace**2 / 3, 0))


def lattice_matches(
    alloy: np.ndarray,
    metal: np.ndarray,
    atoms: tuple[int, int],
    max_atoms: int,
    max_strain: float,
    min_width: float = 0.0,
    strained: Strained = "metal",
) -> list[LatticeMatch]:
    """Find the common cells of two surface lattices.

    Parameters
    ----------
    alloy, metal
        Primitive lattice vectors in the plane, (2, 2), as rows, both of positive handedness, Å.
    atoms
        Atoms of both sides in their primitive cells.
    max_atoms
        Most atoms of the common cell.
    max_strain
        Largest von Mises strain (a fraction).
    min_width
        Least length of the shortest vector of the common cell, Å.
    strained
        Side that is deformed; shared: the metal halfway to the alloy, and the alloy the other half.

    Returns
    -------
    list of LatticeMatch
        The one of least strain for every pair of supercell areas, of several of that the widest, in order of the number
        of atoms.
    """
    rows = tuple(tuple(map(tuple, lattice.tolist())) for lattice in (alloy, metal))
    return list(_matches(*rows, atoms, max_atoms, max_strain, min_width, strained))


@lru_cache(maxsize=32)
def _matches(
    alloy_rows: Rows,
    metal_rows: Rows,
    atoms: tuple[int, int],
    max_atoms: int,
    max_strain: float,
    min_width: float,
    strained: Strained,
) -> list[LatticeMatch]:
    """As :func:`lattice_matches`, found once: a check and a plan ask for the same ones."""
    alloy, metal = np.array(alloy_rows), np.array(metal_rows)
    areas = [abs(np.linalg.det(lattice)) for lattice in (alloy, metal)]
    largest = max_atoms / (atoms[0] / areas[0] + atoms[1] / areas[1])
    # A biaxial strain e has the von Mises strain 2/3 e and changes areas by 2 e.
    spread = (8 if strained == "shared" else 4) * max_strain
    tolerance = spread * max(areas[0] / areas[1], areas[1] / areas[0])
    reduced: dict[tuple[int, int], np.ndarray] = {}
    found = []
    for counts in like_areas((areas[0], areas[1]), tolerance, largest * (1 + spread) + max(areas)):
        if counts[0] * atoms[0] + counts[1] * atoms[1] > max_atoms:
            continue
        for side, (lattice, count) in enumerate(zip((alloy, metal), counts, strict=True)):
            if (side, count) not in reduced:
                reduced[side, count] = _supercells(lattice, hermite_forms(count))
        pair = _best(alloy, metal, reduced[0, counts[0]], reduced[1, counts[1]], max_strain, min_width, strained)
        if pair is not None:
            found.append((counts[0] * atoms[0] + counts[1] * atoms[1], pair))
    return [match for _, match in sorted(found, key=lambda item: (item[0], item[1].strain))]


def like_areas(areas: tuple[float, float], tolerance: float, largest: float) -> list[tuple[int, int]]:
    """Return how many cells of two lattices have nearly the same area.

    Their sets are pymatgen's (``pymatgen.analysis.interfaces.zsl.ZSLGenerator``), whose import takes 1.5 s of reading
    tables of bonds.

    Parameters
    ----------
    areas
        Areas of one cell each.
    tolerance
        Most by which the ratio of the numbers may differ from that of the areas, either way round.
    largest
        Area that neither supercell reaches.
    """
    one, other = (np.arange(1, int(np.ceil(largest / area))) for area in areas)
    ratios = other / one[:, None]
    alike = np.abs(areas[0] / areas[1] - ratios) < tolerance
    alike |= np.abs(areas[1] / areas[0] - 1 / ratios) < tolerance
    return [(int(one[i]), int(other[j])) for i, j in np.argwhere(alike)]


def _supercells(lattice: np.ndarray, forms: np.ndarray) -> np.ndarray:
    """Return the supercells (n, 2, 2) in reduced vectors, one of those that a turn of the lattice makes equal."""
    cells = np.array([reduce_in_plane(form @ lattice) @ form for form in forms])
    vectors = cells @ lattice
    metric = (vectors @ np.swapaxes(vectors, 1, 2)).reshape(-1, 4)[:, [0, 1, 3]]
    _, first = np.unique(metric.round(5), axis=0, return_index=True)
    return cells[np.sort(first)]


def _best(
    alloy: np.ndarray,
    metal: np.ndarray,
    alloy_cells: np.ndarray,
    metal_cells: np.ndarray,
    max_strain: float,
    min_width: float,
    strained: Strained,
) -> LatticeMatch | None:
    """Return the pair of supercells of two given areas that needs the least strain, the widest of several."""
    # Both lengths of a reduced pair are properties of its lattice, which strain changes a little only.
    stretch = np.sqrt(1 + 2 * _PRINCIPAL[strained] * max_strain)
    lengths = [
        np.sort(np.linalg.norm(cells @ lattice, axis=2), axis=1)
        for cells, lattice in ((alloy_cells, alloy), (metal_cells, metal))
    ]
    ratios = lengths[0][:, None] / lengths[1][None]
    alike = np.all((ratios < stretch) & (ratios > 1 / stretch), axis=2)
    alike &= (lengths[0][:, 0] > min_width / stretch)[:, None]
    first, second = np.nonzero(alike)
    if not len(first):
        return None
    bases = np.einsum("uij,njk->nuik", _TURNS, metal_cells)
    deformations = np.linalg.inv(bases @ metal)[second] @ (alloy_cells @ alloy)[first][:, None]
    strains = _shared_out(deformations, strained)
    possible = np.argwhere(strains <= max_strain)
    best, least = None, 0.0
    for pair, turn in possible[np.argsort(strains[tuple(possible.T)], kind="stable")]:
        if best is not None and strains[pair, turn] > least + _EQUAL:
            break
        match = _laid_together(alloy, metal, alloy_cells[first[pair]], bases[second[pair], turn], strained)
        if match.width < min_width - 1e-6:
            continue
        if best is None:
            best, least = match, strains[pair, turn]
        elif match.width > best.width * (1 + _WIDER):  # else rounding of their strains would choose
            best = match
    return best


def _shared_out(deformations: np.ndarray, strained: Strained) -> np.ndarray:
    """Return the von Mises strain of the side that has more of it, for deformations (..., 2, 2) of metal to alloy."""
    metric = np.swapaxes(deformations, -1, -2) @ deformations
    half_trace = np.trace(metric, axis1=-2, axis2=-1) / 2
    apart = np.sqrt(np.maximum(half_trace**2 - np.linalg.det(metric), 0))
    squares = np.stack([half_trace - apart, half_trace + apart], axis=-1)  # of the principal stretches
    sides = {"metal": [squares], "alloy": [1 / squares], "shared": [np.sqrt(squares), 1 / np.sqrt(squares)]}
    return np.max([von_mises((side[..., None] - 1) / 2 * np.eye(2)) for side in sides[strained]], axis=0)


def _laid_together(
    alloy: np.ndarray, metal: np.ndarray, alloy_cell: np.ndarray, metal_cell: np.ndarray, strained: Strained
) -> LatticeMatch:
    """Return the common cell of two supercells, its first vector along x."""
    alloy_vectors, metal_vectors = alloy_cell @ alloy, metal_cell @ metal
    if strained == "metal":
        cell = alloy_vectors
    elif strained == "alloy":
        cell = metal_vectors
    else:
        _, stretch = polar(np.linalg.solve(metal_vectors, alloy_vectors), side="left")
        cell = metal_vectors @ np.real(sqrtm(stretch))
    x = cell[0] / np.linalg.norm(cell[0])
    cell = cell @ np.array([x, [-x[1], x[0]]]).T
    return LatticeMatch(
        alloy=alloy_cell,
        metal=metal_cell,
        cell=cell,
        alloy_deformation=np.linalg.solve(alloy_vectors, cell),
        metal_deformation=np.linalg.solve(metal_vectors, cell),
    )
