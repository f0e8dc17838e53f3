"""The Hessian of a potential where a calculation begins, for no more forces than its symmetry asks for."""

from collections.abc import Callable
from typing import Any

import numpy as np
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.backends.drivers.hessian import finite_difference_rows
from anodeflow.structures.geometry.symmetrise import completed_hessian, unlike_atoms


def potential_hessian(
    structure: Structure, calculator: Any, on_row: Callable[[int, int], None] | None = None
) -> np.ndarray:
    """Return the second derivatives of a potential's energy (3 n, 3 n), eV/Å², with the symmetry of the structure.

    Six force evaluations for each free atom of those that symmetry does not make alike.

    Parameters
    ----------
    structure
        Geometry, with its fixed coordinates: their rows and columns are zero.
    calculator
        ASE calculator of the potential.
    on_row
        Told after each coordinate: how many are done, of how many.
    """
    atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
    rows = finite_difference_rows(atoms, calculator, unlike_atoms(structure), on_row=on_row)
    return completed_hessian(structure, rows)
