"""Lateral shifts of the two sides of an interface against each other: which differ, and which to try first.

A shift by a lattice vector of either crystal leaves the interface as it was. So shifts differ only within the cell of
the lattice that the vectors of both span together, which is smaller than the surface cell of either.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from pymatgen.core import Structure

from anodeflow.structures.geometry.positions import placed
from anodeflow.structures.sites.contact import free_radius
from anodeflow.structures.slab.lateral import reduce_in_plane

CLOSEST_POINTS = 0.5
"""Shifts closer than this are not told apart, Å."""
CLOSEST_START = 0.8
"""Atoms across an interface start at least this times the mean of both crystals' nearest distances apart."""
_REACH = 6.0  # how far atoms of the other side decide whether two shifts are the same, Å
_FINE = 0.25  # spacing of the shifts among which the best packed one is sought, Å


@dataclass(frozen=True)
class Shift:
    """A lateral shift of the metal.

    Attributes
    ----------
    displacement
        Cartesian x and y, (2,), Å.
    copies
        How many shifts of the grid are equivalent to it, itself included.
    """

    displacement: np.ndarray
    copies: int


def shift_cell(alloy_supercell: np.ndarray, metal_supercell: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Return the cell within which lateral shifts differ.

    Parameters
    ----------
    alloy_supercell, metal_supercell
        The interface's cell in units of both primitive surface cells, integer (2, 2).
    cell
        The interface's cell, (2, 2), vectors as rows, Å.

    Returns
    -------
    np.ndarray
        Its vectors, (2, 2), as rows, reduced, Å.
    """
    whole = round(abs(np.linalg.det(alloy_supercell))) * round(abs(np.linalg.det(metal_supercell)))
    rows = np.rint(whole * np.concatenate([np.linalg.inv(alloy_supercell), np.linalg.inv(metal_supercell)]))
    vectors = _integer_basis(rows.astype(int)) / whole @ np.asarray(cell)
    return reduce_in_plane(vectors) @ vectors


def shift_metal(structure: Structure, side: Sequence[str], displacement: np.ndarray) -> Structure:
    """Return the interface with its metal shifted by (2,), Å, in the plane, and lifted where atoms would overlap."""
    moved = structure.copy()
    metal = [index for index, where in enumerate(side) if where == "metal"]
    moved.translate_sites(metal, [*displacement, 0.0], frac_coords=False, to_unit_cell=False)
    return _lifted(moved, side)


def _lifted(structure: Structure, side: Sequence[str]) -> Structure:
    """Return the interface with its metal so high that no two atoms across it start too close.

    The gap between two planes ignores what lies on what: on top of each other, atoms at a distance that is right for
    hollows overlap. The vacuum stays as it is.
    """
    where = np.array(side)
    first, second, images, apart = structure.get_neighbor_list(_REACH)
    nearest = [apart[(where[first] == name) & (where[second] == name)] for name in ("alloy", "metal")]
    if not all(len(distances) for distances in nearest):
        return structure
    least = CLOSEST_START * (nearest[0].min() + nearest[1].min()) / 2
    close = (where[first] == "alloy") & (where[second] == "metal") & (apart < least - 1e-6)
    if not close.any():
        return structure
    cart = structure.cart_coords
    vectors = cart[second[close]] + images[close] @ structure.lattice.matrix - cart[first[close]]
    lift = float((np.sqrt(least**2 - (vectors[:, :2] ** 2).sum(axis=1)) - vectors[:, 2]).max())
    matrix = structure.lattice.matrix.copy()
    matrix[2, 2] += lift
    return placed(structure, cart + np.outer(where == "metal", [0, 0, lift]), matrix)


def best_packed(structure: Structure, side: Sequence[str], vectors: np.ndarray) -> np.ndarray:
    """Return the shift (2,), Å, at which the two sides fit best as soft spheres of their metallic radii.

    It needs no calculation, and a scan that passes through it never starts with atoms on top of each other only.
    """
    counts = [ceil(np.linalg.norm(vector) / _FINE) for vector in vectors]
    pairs, touching, _ = _cross_pairs(structure, side, _REACH + float(np.linalg.norm(vectors, axis=1).sum()))
    best, least = np.zeros(2), np.inf
    for i in range(counts[0]):
        for j in range(counts[1]):
            shift = (i / counts[0], j / counts[1]) @ vectors
            apart = np.linalg.norm(pairs + np.append(shift, 0), axis=1)
            repulsion = float(((touching / np.maximum(apart, 0.1)) ** 12).sum())
            if repulsion < least * (1 - 1e-6):
                best, least = shift, repulsion
    return best


def distinct_shifts(
    structure: Structure, side: Sequence[str], vectors: np.ndarray, grid: tuple[int, int]
) -> list[Shift]:
    """Return the shifts of a grid that lead to different interfaces; the first one is no shift at all.

    Parameters
    ----------
    structure, side
        The interface, and the side of each atom.
    vectors
        Cell of the shifts, see `shift_cell`.
    grid
        Points along its two vectors, fewer where they would lie closer than 0.5 Å.

    Notes
    -----
    Two shifts count as equivalent when all distances of up to 6 Å between atoms of both sides are the same, by pairs
    of elements: that finds the symmetry that both sides share without having to know it.
    """
    counts = [
        min(points, max(1, ceil(np.linalg.norm(vector) / CLOSEST_POINTS)))
        for points, vector in zip(grid, vectors, strict=True)
    ]
    pairs, _, kinds = _cross_pairs(structure, side, _REACH + float(np.linalg.norm(vectors, axis=1).sum()))
    found: list[tuple[np.ndarray, np.ndarray, int]] = []
    for i in range(counts[0]):
        for j in range(counts[1]):
            shift = (i / counts[0], j / counts[1]) @ vectors
            apart = np.linalg.norm(pairs + np.append(shift, 0), axis=1)
            mark = _fingerprint(apart, kinds)
            for index, (other, seen, copies) in enumerate(found):
                if np.allclose(mark, other, atol=1e-3):
                    found[index] = (other, seen, copies + 1)
                    break
            else:
                found.append((mark, shift, 1))
    return [Shift(shift, copies) for _, shift, copies in found]


def _fingerprint(apart: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Return numbers that are the same for the same sets of distances: a smooth sum over each pair of elements."""
    near = apart < _REACH
    # Weights fade to nothing at the reach, so that a pair that crosses it does not matter.
    weights = (1 - (apart[near] / _REACH) ** 2) ** 3
    powers = [weights * (2 / np.maximum(apart[near], 0.1)) ** power for power in (0, 2, 4, 8)]
    return np.array([np.bincount(kinds[near], weights=term, minlength=kinds.max(initial=0) + 1) for term in powers])


def _cross_pairs(structure: Structure, side: Sequence[str], reach: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return vectors (n, 3) from alloy to metal atoms, their touching distances, and the pair of elements of each."""
    where = np.array(side)
    first, second, images, _ = structure.get_neighbor_list(reach)
    across = (where[first] == "alloy") & (where[second] == "metal")
    first, second, images = first[across], second[across], images[across]
    vectors = structure.cart_coords[second] + images @ structure.lattice.matrix - structure.cart_coords[first]
    elements = [site.specie.symbol for site in structure]
    names = sorted(set(elements))
    radii = np.array([free_radius(name) for name in names])
    number = np.array([names.index(element) for element in elements])
    touching = radii[number[first]] + radii[number[second]]
    return vectors, touching, number[first] * len(names) + number[second]


def _integer_basis(rows: np.ndarray) -> np.ndarray:
    """Return two rows that span, over the integers, the same lattice as `rows` (n, 2): their Hermite normal form."""
    left = [row for row in rows.tolist() if any(row)]
    basis = []
    for column in range(2):
        while len(leading := [row for row in left if row[column]]) > 1:  # Euclid's algorithm
            pivot = min(leading, key=lambda row: abs(row[column]))
            for row in left:
                if row is not pivot and row[column]:
                    factor = row[column] // pivot[column]
                    row[:] = [x - factor * y for x, y in zip(row, pivot, strict=True)]
        basis.append(leading[0])
        left = [row for row in left if row is not leading[0] and any(row)]
    return np.array(basis)
