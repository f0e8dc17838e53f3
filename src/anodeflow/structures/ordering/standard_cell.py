"""Compact cells of crystals that decorate a parent lattice, with the host's axes known in them."""

import numpy as np
from pymatgen.core import Lattice, Structure

from anodeflow.structures.bulk.host import HostLattice, plane_in_cell
from anodeflow.structures.slab.planes import stack_planes


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
    stacks = [stack_planes(crystal, plane_in_cell(crystal, (0, 0, 1), "host", choice)) for choice in choices]
    sizes = [(round(s.crystal.volume / s.period, -1), round(sum(s.crystal.lattice.abc[:2]), 1)) for s in stacks]
    best = sizes.index(min(sizes))
    stack = stacks[best]
    a, b, c = stack.vectors @ stack.rotation.T
    if abs(abs(np.dot(np.cross(a, b), c)) / crystal.volume - 1) > 1e-6:
        raise ValueError(f"{crystal.formula} is not in a primitive cell")
    steps = [c + i * a + j * b for i in range(-9, 10) for j in range(-9, 10)]
    lattice = Lattice([a, b, min(steps, key=np.linalg.norm)])
    if max(abs(angle - 90) for angle in lattice.angles) > 35:
        lattice = crystal.lattice.get_niggli_reduced_lattice()
    return in_cell(crystal, lattice, choices[best])


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
