"""The isolated atom that binding energies refer to."""

from functools import cache

from ase.data import atomic_numbers, ground_state_magnetic_moments
from pymatgen.core import Lattice, Structure

from anodeflow.core.errors import InputError

BOX = (12.0, 12.6, 13.2)
"""Edges of the box, Å: wide enough that Li's 2s does not reach its end, and of no symmetry that would keep a
self-consistent density spherical by accident."""


def isolated_atom(element: str, box: tuple[float, float, float] = BOX) -> Structure:
    """Return one atom with its ground-state magnetic moment in a box without periodicity.

    Parameters
    ----------
    element
        Chemical symbol.
    box
        Edges of the orthorhombic box, Å.

    Returns
    -------
    Structure
        One site with a `magmom` property (µB, Hund's rules, from ASE's table); ``lattice.pbc`` is false throughout.

    Raises
    ------
    InputError
        For a symbol that is no element.
    """
    if element not in atomic_numbers or element == "X":
        raise InputError(f"{element!r} is no chemical element: give a symbol such as Li.")
    moment = float(ground_state_magnetic_moments[atomic_numbers[element]])
    return Structure(
        _cell(*box),
        [element],
        [[0.5, 0.5, 0.5]],
        site_properties={"magmom": [moment]},
    )


@cache
def _cell(a: float, b: float, c: float) -> Lattice:
    return Lattice.orthorhombic(a, b, c, pbc=(False, False, False))
