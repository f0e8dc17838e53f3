"""k-points, fixed atoms, the middle of the vacuum: what every code with plane waves or grids wants to know."""

import itertools
import math

import numpy as np
import spglib
from ase import Atoms
from pymatgen.core import Structure

from anodeflow.structures.geometry.positions import fixed_coordinates


def kpoint_grid(structure: Structure, spacing: float) -> list[int]:
    """Return the smallest grid with at most `spacing` (Å⁻¹, 2π included) between k-points; 1 along no period."""
    lengths = structure.lattice.reciprocal_lattice.abc
    # 1e-6: a cell a hair smaller than another must not get one point more
    return [
        max(1, math.ceil(length / spacing - 1e-6)) if periodic else 1
        for length, periodic in zip(lengths, structure.lattice.pbc, strict=True)
    ]


def irreducible_kpoints(structure: Structure, spacing: float) -> int:
    """Return how many k-points (times spins) of the grid are left by symmetry and time reversal."""
    grid = kpoint_grid(structure, spacing)
    cell = (structure.lattice.matrix.tolist(), structure.frac_coords.tolist(), list(structure.atomic_numbers))
    mapping, _ = spglib.get_ir_reciprocal_mesh(grid, cell, is_shift=[0, 0, 0])
    return len(set(mapping.tolist())) * (2 if has_spin(structure) else 1)


def time_reversal_kpoints(grid: list[int]) -> list[tuple[float, float, float, int]]:
    """Return the Γ-centred grid without the half that time reversal gives: fractional coordinates and weights.

    The weights add up to the number of points of the grid.
    """
    points = []
    for index in itertools.product(*(range(count) for count in grid)):
        mirror = tuple(-i % count for i, count in zip(index, grid, strict=True))
        if index <= mirror:
            x, y, z = (i / count - (2 * i > count) for i, count in zip(index, grid, strict=True))
            points.append((x, y, z, 1 if index == mirror else 2))
    return points


def fixed_atoms(structure: Structure) -> list[int]:
    """Return for each atom a number that tells which of its directions are free (7: all, 0: none)."""
    found: list[int] = (~fixed_coordinates(structure) @ (1, 2, 4)).tolist()
    return found


def has_spin(structure: Structure) -> bool:
    """Return whether an atom of the structure begins with a magnetic moment."""
    return any(structure.site_properties.get("magmom") or [])


def is_slab(structure: Structure) -> bool:
    """Return whether the structure is periodic along its first two vectors only."""
    return tuple(structure.lattice.pbc) == (True, True, False)


def middle_of_vacuum(atoms: Atoms) -> float:
    """Return where the vacuum of a slab is farthest from all atoms, a fraction of the third cell vector."""
    heights = np.sort(atoms.get_scaled_positions(wrap=False)[:, 2] % 1.0)
    gaps = np.diff(np.append(heights, heights[0] + 1.0))
    widest = int(np.argmax(gaps))
    return float((heights[widest] + gaps[widest] / 2) % 1.0)
