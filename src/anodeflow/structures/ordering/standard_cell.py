"""Compact cells of crystals that decorate a parent lattice, with the host's axes known in them."""

import numpy as np
from pymatgen.core import Lattice, Structure

from anodeflow.structures.bulk.host import HostLattice, plane_in_cell
from anodeflow.structures.slab.lateral import upright
from anodeflow.structures.slab.planes import primitive_cell, surface_cell

_SHIFTS = np.array([(i, j) for i in range(-9, 10) for j in range(-9, 10)], dtype=float)
"""How often each in-plane vector is added to the one out of the plane to find the shortest."""
_SAME = 1e-6  # Å


def standard_cell(crystal: Structure, host: HostLattice) -> tuple[Structure, HostLattice]:
    """Choose a compact primitive cell, and say where the host's axes are in it.

    A cubic host has three axes that the ordering makes different: that one is called c whose plane has the
    smallest surface cell, with the shortest vectors. The cell is the one with a and b in that plane where its
    angles are decent, else Niggli's.

    Parameters
    ----------
    crystal
        Crystal in a primitive cell; it must still stand on its host.
    host
        Its parent lattice, and this cell in terms of it.

    Returns
    -------
    Structure, HostLattice
        The same atoms, unturned and sorted by element, in the new cell; and that cell in terms of the host.

    Raises
    ------
    InputError
        If `crystal` is no cell of its host any more.
    ValueError
        If `crystal` is not in a primitive cell.
    """
    turns = range(1 if host.lattice == "hcp" else 3)
    axes = np.array(host.axes)
    choices = [HostLattice(lattice=host.lattice, axes=np.roll(axes, n, axis=1).tolist()) for n in turns]
    primitive, *_ = primitive_cell(crystal)
    planes = [plane_in_cell(crystal, (0, 0, 1), "host", choice) for choice in choices]
    cells = [surface_cell(crystal, primitive, plane) @ primitive for plane in planes]
    best = min(range(len(cells)), key=lambda n: _size(cells[n]))
    rotation = upright(cells[best])
    a, b, c = cells[best] @ rotation @ rotation.T
    if abs(abs(np.dot(np.cross(a, b), c)) / crystal.volume - 1) > 1e-6:
        raise ValueError(f"{crystal.formula} is not in a primitive cell")
    steps = c + _SHIFTS[:, :1] * a + _SHIFTS[:, 1:] * b
    lengths = np.linalg.norm(steps, axis=1)
    # Of those that are equally short the first one by one norm, so that the choice is the same on every machine.
    shortest = steps[lengths < lengths.min() + _SAME]
    lattice = Lattice([a, b, min(shortest, key=np.linalg.norm)])
    if max(abs(angle - 90) for angle in lattice.angles) > 35:
        lattice = crystal.lattice.get_niggli_reduced_lattice()
    return in_cell(crystal, lattice, choices[best])


def _size(cell: np.ndarray) -> tuple[float, float]:
    """Return the area of the surface cell (a, b) of vectors (3, 3) and the sum of its lengths, Å² and Å, rounded."""
    turned = cell @ upright(cell)
    lattice = Lattice(turned)
    return round(lattice.volume / float(turned[2, 2]), -1), round(lattice.a + lattice.b, 1)


def in_cell(crystal: Structure, lattice: Lattice, host: HostLattice) -> tuple[Structure, HostLattice]:
    """Describe `crystal` by other lattice vectors of the same lattice.

    Parameters
    ----------
    crystal
        Crystal, in the cell that `host` is for.
    lattice
        Other vectors, unturned, that span the same lattice.
    host
        Its parent lattice.

    Returns
    -------
    Structure, HostLattice
        The crystal in the new cell, sorted by element, and that cell in terms of the host.
    """
    moved = Structure(
        lattice, crystal.species, crystal.cart_coords, to_unit_cell=True, coords_are_cartesian=True
    ).get_sorted_structure()
    axes = np.rint(24 * np.linalg.solve(host.cell(crystal).T, lattice.matrix.T).T) / 24
    return moved, HostLattice(lattice=host.lattice, axes=(axes + 0.0).tolist())
