"""Colours and radii of the elements, the same in every picture: those of Jmol, sizes by covalent radii."""

import numpy as np
from ase.data import atomic_numbers, covalent_radii
from ase.data.colors import jmol_colors
from numpy.typing import NDArray


def colour(element: str) -> NDArray:
    """Return the RGB colour of an element, between 0 and 1."""
    return np.array(jmol_colors[atomic_numbers[element]])


def covalent_radius(element: str) -> float:
    """Return the covalent radius of an element, Å."""
    return float(covalent_radii[atomic_numbers[element]])


def radius(element: str) -> float:
    """Return the radius at which an atom is drawn, Å: smaller than a covalent one, so that the layers below show."""
    return max(0.8 * covalent_radius(element), 0.5)  # a hydride ion is no dot


def bonded(element: str, other: str, distance: float) -> bool:
    """Whether two atoms at this distance (Å) are drawn with a bond between them."""
    return 0.1 < distance < 1.3 * (covalent_radius(element) + covalent_radius(other))
