"""The same atoms at other positions: new structures, minimum images, what is fixed, how far atoms are apart."""

from typing import Any

import numpy as np
import numpy.typing as npt
from ase.geometry import find_mic
from pymatgen.core import Lattice, Structure


def placed(structure: Structure, positions: npt.ArrayLike, cell: npt.ArrayLike | None = None) -> Structure:
    """Return the structure with its atoms elsewhere, in the periodic images that the positions name.

    Parameters
    ----------
    structure
        Gives species, site properties, periodicity and, unless `cell` is given, the lattice.
    positions
        Cartesian positions (n, 3), Å.
    cell
        Lattice vectors (3, 3), Å, one a row.
    """
    lattice = structure.lattice if cell is None else Lattice(np.asarray(cell), pbc=structure.lattice.pbc)
    return Structure(
        lattice,
        structure.species_and_occu,
        np.asarray(positions, dtype=float),
        coords_are_cartesian=True,
        site_properties=structure.site_properties,
    )


def holding_fixed(structure: Structure, positions: npt.ArrayLike) -> Structure:
    """Return the structure with its atoms at Cartesian positions (n, 3), Å; fixed coordinates stay as they are."""
    return placed(structure, np.where(fixed_coordinates(structure), structure.cart_coords, positions))


def unwrapped(reference: Structure, structure: Structure) -> Structure:
    """Return `structure` with every atom in the periodic image that is nearest to where it is in `reference`."""
    return placed(structure, reference.cart_coords + steps_between(reference, structure))


def fixed_coordinates(structure: Structure) -> np.ndarray:
    """Return (n, 3) which coordinates are fixed by `selective_dynamics`; an atom without flags is free."""
    free: Any = structure.site_properties.get("selective_dynamics") or [None] * len(structure)
    return ~np.array([[True] * 3 if flags is None else list(flags) for flags in free], dtype=bool).reshape(-1, 3)


def free_directions(structure: Structure) -> list[list[bool]] | None:
    """Return for each atom its three flags of `selective_dynamics`, new lists; none: nothing is said of fixed atoms."""
    if structure.site_properties.get("selective_dynamics") is None:
        return None
    found: list[list[bool]] = (~fixed_coordinates(structure)).tolist()
    return found


def is_free(structure: Structure, atom: int) -> bool:
    """Whether an atom may move in all directions (`selective_dynamics`)."""
    flags = structure.site_properties.get("selective_dynamics")
    return flags is None or flags[atom] is None or all(flags[atom])


def minimum_images(structure: Structure, vectors: npt.ArrayLike) -> np.ndarray:
    """Return the shortest periodic images (..., 3) of vectors, Å, in the directions that `lattice.pbc` names."""
    return _shortest(structure.lattice, vectors, structure.lattice.pbc)


def images_in_plane(lattice: Lattice, vectors: npt.ArrayLike) -> np.ndarray:
    """Return the shortest images (..., 3) of vectors, Å, by lattice vectors in the plane of a slab.

    Whatever `lattice.pbc` says, for documents of others may call a slab periodic along its vacuum. ASE's search holds
    in oblique cells too, where rounding fractional coordinates errs.
    """
    return _shortest(lattice, vectors, (True, True, False))


def steps_between(structure: Structure, other: Structure) -> np.ndarray:
    """Return the vectors (n, 3), Å, by the shortest way, from each atom to the same one of another structure."""
    return minimum_images(structure, other.cart_coords - structure.cart_coords)


def largest_distance(structure: Structure, other: Structure) -> float:
    """Return how far the atom is that differs most between two structures of the same atoms, Å."""
    return float(np.linalg.norm(steps_between(structure, other), axis=1).max())


def _shortest(lattice: Lattice, vectors: npt.ArrayLike, pbc: tuple[bool, bool, bool]) -> np.ndarray:
    given = np.asarray(vectors, dtype=float)
    return np.asarray(find_mic(given.reshape(-1, 3), lattice.matrix, pbc=pbc)[0]).reshape(given.shape)


def image_distance(lattice: Lattice) -> float:
    """Return the distance between an atom and its nearest image in the plane, Å."""
    a, b = lattice.matrix[:2]
    return float(min((vector @ vector) ** 0.5 for vector in (a, b, a + b, a - b)))
