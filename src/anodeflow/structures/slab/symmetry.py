"""Symmetry of a slab that leaves its top face on top."""

import numpy as np
import spglib
from pymatgen.core import Lattice, Structure

from anodeflow.structures.bulk.host import SYMPREC, spglib_cell
from anodeflow.structures.slab.lateral import reduce_in_plane


def face_operations(slab: Structure) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the operations of the slab's space group that keep its top face on top.

    Returns
    -------
    list of (np.ndarray, np.ndarray)
        Rotation (3, 3) and translation (3,), for fractional coordinates: ``rotation @ x + translation``. Lattice
        translations of a smaller surface cell are among them.
    """
    found = spglib.get_symmetry(spglib_cell(slab), symprec=SYMPREC)
    if found is None:
        return [(np.eye(3, dtype=int), np.zeros(3))]
    return [
        (rotation, translation - [0, 0, round(translation[2])])
        for rotation, translation in zip(found["rotations"], found["translations"], strict=True)
        if rotation[2, 2] == 1 and abs(translation[2] - round(translation[2])) * slab.lattice.c < 2 * SYMPREC
    ]


def surface_cell(slab: Structure) -> Structure:
    """Return the primitive cell of the surface: the slab without its in-plane repetitions."""
    return _surface_cell(slab, face_operations(slab))


def _surface_cell(slab: Structure, operations: list[tuple[np.ndarray, np.ndarray]]) -> Structure:
    shifts = [t[:2] for r, t in operations if np.array_equal(r, np.eye(3))]
    if len(shifts) < 2:
        return slab
    around = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    vectors = np.array([np.add(t - np.floor(t), cell) for t in shifts for cell in around]) @ slab.lattice.matrix[:2]
    lengths = np.linalg.norm(vectors, axis=1)
    vectors = vectors[np.argsort(lengths.round(3), kind="stable")][np.count_nonzero(lengths < 1e-3) :]
    area = np.cross(slab.lattice.matrix[0], slab.lattice.matrix[1])[2] / len(shifts)
    second = next(v for v in vectors[1:] if abs(abs(np.cross(vectors[0], v)[2]) - area) < 0.1 * area)
    pair = np.array([vectors[0], second if np.cross(vectors[0], second)[2] > 0 else -second])
    lattice = Lattice(np.vstack([reduce_in_plane(pair) @ pair, slab.lattice.matrix[2]]), pbc=slab.lattice.pbc)
    fractional = lattice.get_fractional_coords(slab.cart_coords)
    same = lattice.get_all_distances(fractional, fractional) < 4 * SYMPREC
    first = [i for i in range(len(slab)) if not same[i, :i].any()]
    return Structure(lattice, [slab[i].specie for i in first], fractional[first])


def orbits(slab: Structure, points: np.ndarray, tolerance: float = 0.2) -> list[np.ndarray]:
    """Sort points into sets of equivalent ones, by the symmetry of the surface without its repetitions.

    (A supercell may have less symmetry than the surface itself: that makes no new sites.)

    Parameters
    ----------
    slab
        Slab with c along z.
    points
        Cartesian positions (n, 3), Å.
    tolerance
        How far a point may lie from the copy of another, Å.

    Returns
    -------
    list of np.ndarray
        Indices of the points of each orbit.
    """
    operations = face_operations(slab)
    cell = _surface_cell(slab, operations)
    fractional = cell.lattice.get_fractional_coords(points)
    same = np.zeros((len(points), len(points)), dtype=bool)
    for rotation, translation in operations if cell is slab else face_operations(cell):
        moved = fractional @ rotation.T + translation
        same |= cell.lattice.get_all_distances(moved, fractional) < tolerance
    left, found = list(range(len(points))), []
    while left:
        found.append(np.array([i for i in left if same[left[0], i] or i == left[0]]))
        left = [i for i in left if i not in found[-1]]
    return found
