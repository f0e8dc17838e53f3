"""A vacancy in a stack of layers: which atoms may hop into it, and whether a relaxation kept the hop."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from pymatgen.core import Structure
from scipy.optimize import linear_sum_assignment

from anodeflow.structures.geometry.positions import is_free, minimum_images, steps_between

REACH = 1.35
"""How far a neighbour of the vacancy may be, in units of the structure's median nearest-neighbour distance.

The second shell of bcc (1.155 times as far as the first) is inside, that of fcc (1.414) and the third of bcc outside.
"""
ROOM = 10.0
"""Distance between a vacancy and its image from which on barriers of its hops change little, Å."""
_ALIKE = 0.05
"""Atoms whose distances to those around them agree so well are equivalent, Å."""
_PUSH = 0.05  # Å
_GOLDEN_ANGLE = np.pi * (3 - 5**0.5)
_AROUND = 2.5  # nearest-neighbour distances: how far around an atom its surroundings are looked at


def narrow_for_hops(width: float) -> str | None:
    """Return what is to be said of barriers where a vacancy and its image are `width` (Å) apart; none: it is enough."""
    if width >= ROOM - 0.05:
        return None
    return (
        f"a vacancy {width:.1f} Å from its image leaves its hops too little room: barriers need {ROOM:g} Å (one hop of "
        "bulk Cu by EMT, across the middle of films: 0.72 eV with 6.7 Å and 0.85 eV with 7.2 Å, 0.77 and 0.82 eV with "
        "10 Å, 0.80 eV in the bulk), while energies of its stops agreed to 2 meV"
    )


def next_layer(layer: int) -> int:
    """Return the number of the next layer on the way from the alloy into the metal: -2, -1, 1, 2 ..."""
    return layer + 1 if layer != -1 else 1


def remove_atom(structure: Structure, atom: int) -> Structure:
    """Return the structure without one atom; the others keep their order and site properties."""
    left = structure.copy()
    left.remove_sites([atom])
    return left


def hop_into(structure: Structure, atom: int, vacancy: npt.ArrayLike) -> Structure:
    """Move one atom into the vacancy.

    Parameters
    ----------
    structure
        Structure with the vacancy; not changed.
    atom
        Index of the atom.
    vacancy
        Cartesian position (3,), Å; of its periodic images the one nearest to the atom is taken.

    Returns
    -------
    Structure
        All atoms in the same order, with their site properties.
    """
    moved = structure.copy()
    step = minimum_images(structure, np.asarray(vacancy)[None] - structure[atom].coords)[0]
    moved.translate_sites([atom], step, frac_coords=False, to_unit_cell=False)
    return moved


def released(structure: Structure, layers: Sequence[int]) -> Structure | None:
    """Free the alloy and hold the metal's last layer instead, so that still nothing drifts.

    An interface is often relaxed with the alloy's outermost layer held; a vacancy in that layer would be rigid.

    Parameters
    ----------
    structure
        Interface.
    layers
        Layer of each atom; metal 1, 2 ..., alloy -1, -2 ...

    Returns
    -------
    Structure or None
        None if no atom of the alloy is held.
    """
    if all(is_free(structure, atom) for atom, layer in enumerate(layers) if layer < 0):
        return None
    free = structure.copy()
    free.add_site_property("selective_dynamics", [[layer != max(layers)] * 3 for layer in layers])
    return free


def shaken(structure: Structure) -> Structure:
    """Push every free atom off its place by up to 0.05 Å along each axis, always in the same way.

    A relaxation that starts where symmetry balances the forces may end on a saddle: so the vacancy would seem to stop
    where it does not. A push of 0.02 Å was seen to leave it there, one of 0.05 Å to reach a minimum 60 meV lower.
    """
    moved = structure.copy()
    # Multiples of an irrational angle: no atom is pushed as another one is, and no random numbers are needed.
    pushes = _PUSH * np.sin(_GOLDEN_ANGLE * np.arange(1, 3 * len(structure) + 1)).reshape(-1, 3)
    for atom, push in enumerate(pushes):
        if is_free(structure, atom):
            moved.translate_sites([atom], push, frac_coords=False, to_unit_cell=False)
    return moved


def neighbours(
    structure: Structure, vacancy: npt.ArrayLike, element: str, atoms: Sequence[int]
) -> list[tuple[int, float]]:
    """Return those of `atoms` that may hop into the vacancy, of each set of equivalent ones the first.

    Parameters
    ----------
    structure
        Relaxed structure with the vacancy.
    vacancy
        Cartesian position (3,), Å.
    element
        Element of the atoms that are looked for.
    atoms
        Indices of the atoms that come into question: those of one layer.

    Returns
    -------
    list of (int, float)
        Index and distance to the vacancy, Å, nearest first. Atoms that are held fixed are left out: they cannot hop.
    """
    to_vacancy = _distances(structure, vacancy)
    near = [
        atom
        for atom in sorted(atoms, key=lambda atom: (to_vacancy[atom].round(3), atom))
        if to_vacancy[atom] <= REACH * nearest_distance(structure)
        and structure[atom].specie.symbol == element
        and is_free(structure, atom)
    ]
    return [(atom, float(to_vacancy[atom])) for atom in inequivalent(structure, near, vacancy)]


def inequivalent(structure: Structure, atoms: Sequence[int], vacancy: npt.ArrayLike | None = None) -> list[int]:
    """Return of each set of equivalent atoms the first, in the order of `atoms`.

    Equivalent are atoms with the same distances (to 0.05 Å) to the vacancy and to the atoms of each element around
    them, up to 2.5 nearest-neighbour distances.
    """
    to_vacancy = np.zeros(len(structure)) if vacancy is None else _distances(structure, vacancy)
    found: list[int] = []
    known: list[np.ndarray] = []
    for atom, around in zip(atoms, signatures(structure, atoms), strict=True):
        signature = np.concatenate([[to_vacancy[atom]], around])
        if not any(np.abs(other - signature).max() < _ALIKE for other in known):
            known.append(signature)
            found.append(atom)
    return found


def signatures(structure: Structure, atoms: Sequence[int]) -> list[np.ndarray]:
    """Return for each of `atoms` what is alike for equivalent ones.

    It is their atomic number and the sorted distances to the atoms of each element, Å; those beyond 2.5
    nearest-neighbour distances count as that.
    """
    numbers = np.array([site.specie.Z for site in structure])
    apart = np.minimum(structure.distance_matrix, _AROUND * nearest_distance(structure))
    kinds = sorted(set(numbers))
    return [
        np.concatenate([[numbers[atom]], *(np.sort(apart[atom][numbers == kind]) for kind in kinds)]) for atom in atoms
    ]


def nearest_distance(structure: Structure) -> float:
    """Return the median distance between an atom and its nearest neighbour, Å."""
    apart = structure.distance_matrix.copy()
    np.fill_diagonal(apart, np.inf)
    return float(np.median(apart.min(axis=1)))


def outcome(
    before: Structure, relaxed: Structure, atom: int | None = None, vacancy: npt.ArrayLike | None = None
) -> tuple[Literal["arrived", "returned", "rearranged"], str]:
    """Tell whether a relaxation left the vacancy where it was put.

    Parameters
    ----------
    before
        Structure from which the atom hopped; without a hop, the start of the relaxation.
    relaxed
        The relaxed structure after it, atoms in the same order.
    atom, vacancy
        The atom that hopped and the position (3,), Å, that it hopped into; none: nothing hopped.

    Returns
    -------
    state
        arrived; returned: the atom is nearer to where it came from; rearranged: it is in neither place, or another
        atom went more than half of a nearest-neighbour distance away.
    str
        What happened, for people; empty for arrived.
    """
    moved = np.linalg.norm(steps_between(before, relaxed), axis=1)
    limit = nearest_distance(before) / 2
    others = moved.copy()
    if atom is not None and vacancy is not None:
        away = float(np.linalg.norm(minimum_images(before, relaxed[atom].coords[None] - np.asarray(vacancy))[0]))
        if moved[atom] < away:
            return "returned", f"the atom went back to {moved[atom]:.2f} Å from where it came from"
        if away > limit:
            return "rearranged", f"the atom came to rest {away:.2f} Å from the vacancy that it hopped into"
        others[atom] = 0.0
    farthest = int(np.argmax(others))
    if others[farthest] > limit:
        name = f"{before[farthest].specie.symbol} {farthest}"
        return "rearranged", f"another atom ({name}) went {others[farthest]:.2f} Å away in the relaxation"
    return "arrived", ""


def occupied_places(places: Structure, relaxed: Structure) -> list[int] | None:
    """Return which place each atom is in: the atoms share the places so that they are as near to them as they can be.

    Parameters
    ----------
    places
        A structure with a site more than there are atoms.
    relaxed
        The atoms.

    Returns
    -------
    list of int or None
        Index in `places` for each atom; one is left over, the vacancy. None where an atom is further than half of a
        nearest-neighbour distance from its place: it is in none of them.
    """
    count = len(places)
    steps = (places.cart_coords[None] - relaxed.cart_coords[:, None]).reshape(-1, 3)
    apart = np.linalg.norm(minimum_images(places, steps), axis=1).reshape(len(relaxed), count)
    atoms, taken = linear_sum_assignment(apart**2)
    if apart[atoms, taken].max() > nearest_distance(places) / 2:
        return None
    return [int(place) for place in taken]


def _distances(structure: Structure, point: npt.ArrayLike) -> np.ndarray:
    """Return the distance of each atom (n,) to a Cartesian point, Å."""
    return np.linalg.norm(minimum_images(structure, structure.cart_coords - np.asarray(point)), axis=1)
