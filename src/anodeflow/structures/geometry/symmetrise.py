"""Symmetry that a code has lost in rounding, given back: DFT computes a symmetric geometry with fewer k-points.

A machine-learned potential computes in single precision. What it relaxes from an adatom on a fourfold axis is off that
axis by 0.001 Å: too far for a DFT code to see the symmetry (GPAW: 0.0001 Å), and of no meaning.
"""

import numpy as np
import spglib
from pymatgen.core import Structure

from anodeflow.structures.geometry.positions import fixed_coordinates, minimum_images, placed

_EXACT = 1e-3  # Å: tolerance for geometries that are symmetric but for the rounding of files
_NOISE = (0.04, 0.004)  # Å: tolerances, one after the other, for saddles on a path that is calm to 0.05 eV/Å
_BROKEN = 0.05
"""Where giving the symmetry back would move an atom by more, the relaxation has left it for good, Å."""

Operation = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Cartesian rotation (3, 3), translation (3,) in Å, and for each atom the one that comes to its place."""


def with_symmetry_of(start: Structure, positions: np.ndarray) -> np.ndarray:
    """Return Cartesian positions (n, 3), Å, of a relaxation with the symmetry that its start had.

    As they are if the relaxation broke that symmetry. Which atoms are fixed, and magnetic moments, count.
    """
    steps = positions - start.cart_coords
    found = operations(start, _EXACT)
    mean = np.mean([steps[order] @ rotation.T for rotation, _, order in found], axis=0)
    if np.linalg.norm(mean - steps, axis=1).max() > _BROKEN:
        return positions
    return start.cart_coords + mean


def symmetrised(structure: Structure) -> Structure:
    """Return a structure with the symmetry that it has to within 0.04 Å; fixed coordinates stay as they are."""
    fixed = fixed_coordinates(structure)
    positions = structure.cart_coords
    for tolerance in _NOISE:
        current = placed(structure, positions)
        steps = []
        for rotation, translation, order in operations(current, tolerance):
            away = minimum_images(current, positions[order] @ rotation.T + translation - positions)
            # The translation that was found is as rough as the geometry; fixed atoms know it exactly.
            known = fixed.all(axis=1) if fixed.all(axis=1).any() else np.ones(len(positions), dtype=bool)
            steps.append(away - away[known].mean(axis=0))
        positions = np.where(fixed, positions, positions + np.mean(steps, axis=0))
    return placed(structure, positions)


def symmetrised_direction(structure: Structure, direction: np.ndarray) -> np.ndarray:
    """Return a direction (n, 3) in the space of all atoms that each symmetry keeps or turns round, of unit length.

    Operations that turn it another way are left out.
    """
    turned = [direction[order] @ rotation.T for rotation, _, order in operations(structure, _EXACT)]
    along = [float(np.vdot(each, direction)) for each in turned]
    mean = np.mean([np.sign(c) * each for c, each in zip(along, turned, strict=True) if abs(c) > 0.9], axis=0)
    return mean / np.linalg.norm(mean)


def symmetrised_hessian(structure: Structure, hessian: np.ndarray) -> np.ndarray:
    """Return second derivatives of the energy (3 n, 3 n), eV/Å², with the symmetry of the structure they belong to.

    Under each operation, rotation R, block (a, b) is R times the block of the atoms that come to their places times Rᵀ.
    """
    count = len(structure)
    blocks = hessian.reshape(count, 3, count, 3)
    turned = [
        np.einsum("ij,ajbk,lk->aibl", rotation, blocks[order][:, :, order], rotation)
        for rotation, _, order in operations(structure, _EXACT)
    ]
    return np.mean(turned, axis=0).reshape(hessian.shape)


def unlike_atoms(structure: Structure) -> list[int]:
    """Return one atom of each set of atoms that symmetry makes alike, by their numbers."""
    return sorted({int(min(alike)) for alike in zip(*_orders(structure), strict=True)})


def completed_hessian(structure: Structure, rows: np.ndarray) -> np.ndarray:
    """Return second derivatives (3 n, 3 n), eV/Å², from those rows that belong to unlike atoms.

    Parameters
    ----------
    structure
        The structure they belong to.
    rows
        (3 n, 3 n); only the rows of :func:`unlike_atoms` count.
    """
    count, known = len(structure), unlike_atoms(structure)
    blocks, found = rows.reshape(count, 3, count, 3), np.zeros((count, 3, count, 3))
    times = np.zeros(count)
    for rotation, _, order in operations(structure, _EXACT):
        for atom in np.flatnonzero(np.isin(order, known)):
            found[atom] += np.einsum("ij,jbk,lk->ibl", rotation, blocks[order[atom]][:, order], rotation)
            times[atom] += 1
    hessian = (found / times[:, None, None, None]).reshape(rows.shape)
    return symmetrised_hessian(structure, (hessian + hessian.T) / 2)


def _orders(structure: Structure) -> list[np.ndarray]:
    return [order for _, _, order in operations(structure, _EXACT)]


def operations(structure: Structure, tolerance: float) -> list[Operation]:
    """Return the symmetry operations of a structure, to within a tolerance (Å), the identity among them.

    Atom a stands, up to a lattice vector, where the operation puts atom ``order[a]``.
    """
    moments = structure.site_properties.get("magmom", [None] * len(structure))
    kinds: list[tuple] = [
        (site.species_string, tuple(fixed), round(moment or 0.0, 3))
        for site, fixed, moment in zip(structure, fixed_coordinates(structure).tolist(), moments, strict=True)
    ]
    numbers = [kinds.index(kind) for kind in kinds]
    cell, fractional = structure.lattice.matrix, structure.frac_coords
    found = spglib.get_symmetry((cell.tolist(), fractional.tolist(), numbers), symprec=tolerance)
    if found is None:
        return [(np.eye(3), np.zeros(3), np.arange(len(structure)))]
    result = []
    for rotation, translation in zip(found["rotations"], found["translations"], strict=True):
        apart = structure.lattice.get_all_distances(fractional, fractional @ rotation.T + translation)
        apart[np.not_equal.outer(numbers, numbers)] = np.inf
        turn = cell.T @ rotation @ np.linalg.inv(cell.T)
        result.append((turn, translation @ cell, apart.argmin(axis=1)))
    return result
