"""A structure with its atoms elsewhere."""

from typing import Any

from pymatgen.core import Lattice, Structure


def placed(structure: Structure, positions: Any, cell: Any = None) -> Structure:
    """Return `structure` with its atoms at Cartesian positions (N, 3), Å, and with another cell (3, 3) if given."""
    lattice = structure.lattice if cell is None else Lattice(cell, pbc=structure.lattice.pbc)
    return Structure(
        lattice,
        structure.species,
        positions,
        coords_are_cartesian=True,
        site_properties=structure.site_properties,
    )
