"""Whether a relaxed ordering still stands on its parent lattice, and what it has become if not."""

from typing import Any, NamedTuple

import numpy as np
import spglib
from ase.spacegroup.symmetrize import refine_symmetry
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.core.errors import InputError
from anodeflow.structures.bulk.host import HostName, space_group
from anodeflow.structures.ordering.orderings import Ordering

LARGEST_DISPLACEMENT = 0.4
"""An atom further than this from its host site has left it, Å. (The shuffle from hcp to bcc is 0.55 Å in Li-Mg.)"""
_TOLERANCES = (0.1, 0.2, 0.3)
"""Tolerances in which a host is sought in a relaxed structure, Å."""
_NUMBERS: dict[int, tuple[HostName, int]] = {229: ("bcc", 1), 225: ("fcc", 1), 194: ("hcp", 2)}
_PRIMITIVE: dict[HostName, int] = dict(_NUMBERS.values())
_NOISE = 0.01
"""Symmetry that a relaxation has blurred by less than this is made exact, Å."""


class HostCheck(NamedTuple):
    """Whether a relaxed ordering still stands on its host.

    Attributes
    ----------
    survived
        The relaxed cell is a cell of the host (edges within 10 %, angles within 6°), no atom is further than
        `LARGEST_DISPLACEMENT` from its site, and the sites of hcp are still two of a primitive cell: where all of them
        are alike by translation, the crystal is a strained bcc or fcc, however near its atoms are to where they were.
    displacement
        Largest distance of an atom from its site of the strained host, Å.
    edges
        Edges of the strained host's conventional cell, Å; none where it is no such cell any more.
    """

    survived: bool
    displacement: float
    edges: tuple[float, float, float] | None


def host_survived(ordering: Ordering, relaxed: Structure) -> HostCheck:
    """Compare a relaxed ordering with its host; hcp that has turned into bcc fails by cell and by displacement.

    Parameters
    ----------
    ordering
        The ordering before its relaxation.
    relaxed
        The same atoms in the same order, relaxed with the cell.
    """
    move = relaxed.frac_coords - ordering.structure.frac_coords
    move -= np.rint(move)
    shift = (move - move.mean(axis=0)) @ relaxed.lattice.matrix
    far = float(np.linalg.norm(shift, axis=1).max())
    try:
        edges = np.linalg.norm(ordering.host.cell(relaxed), axis=1).tolist()
    except InputError:
        return HostCheck(False, far, None)
    primitive = spglib.find_primitive(_blind(relaxed), symprec=_TOLERANCES[0])
    stacked = primitive is None or len(primitive[2]) >= _PRIMITIVE[ordering.host.lattice]
    return HostCheck(far < LARGEST_DISPLACEMENT and stacked, far, (edges[0], edges[1], edges[2]))


def resembled_host(structure: Structure) -> HostName | None:
    """Return the parent lattice that a relaxed structure is nearest to; None: none within 0.3 Å.

    All atoms are taken for the same element.
    """
    blind = _blind(structure)
    for tolerance in _TOLERANCES:
        data = spglib.get_symmetry_dataset(blind, symprec=tolerance)
        primitive = spglib.find_primitive(blind, symprec=tolerance)
        if data is not None and primitive is not None and data.number in _NUMBERS:
            name, atoms = _NUMBERS[data.number]
            if len(primitive[2]) == atoms:
                return name
    return None


def _blind(structure: Structure) -> Any:
    """Return a structure as spglib takes it, all atoms of one element."""
    return structure.lattice.matrix, structure.frac_coords, [1] * len(structure)


def symmetrised(structure: Structure) -> Structure:
    """Return a structure with the symmetry that it has within 0.01 Å made exact, its atoms in the same order.

    Single precision of a potential blurs it, and codes that find no symmetry sample every k-point.
    """
    atoms: Any = AseAtomsAdaptor.get_atoms(structure, msonable=False)
    refine_symmetry(atoms, symprec=_NOISE)
    return Structure(Lattice(atoms.cell.array), structure.species, atoms.positions, coords_are_cartesian=True)


def ordering_name(structure: Structure, host: str) -> str:
    """Return what an ordering is called: hcp Amm2 10 atoms."""
    return f"{host} {space_group(structure)} {len(structure)} atoms"
