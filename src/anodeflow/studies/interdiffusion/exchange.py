"""Exchange of an atom of the alloy with an atom of the metal, a chosen number of planes away from the interface."""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, Field
from pymatgen.core import Structure

from anodeflow.core.errors import InputError
from anodeflow.structures.geometry.positions import images_in_plane, is_free, minimum_images
from anodeflow.studies.vacancy.geometry import inequivalent, signatures

_ALIKE = 0.05
"""Pairs whose distances to each other and to all around them agree so well are equivalent, Å."""
_SEED = 2021
"""Of the random choice of pairs, which is so always the same."""


class Exchange(BaseModel):
    """Which two atoms change places."""

    depth: int = Field(description="Plane of the metal, 1 at the interface.")
    sample: int = Field(description="Which of several pairs of atoms at that depth, from 1.")
    alloy_atom: int = Field(description="Index of the atom of the alloy.")
    metal_atom: int = Field(description="Index of its partner.")
    lateral: float = Field(description="Distance between them in the plane, Å.")

    @property
    def step(self) -> str:
        """Name of its calculation: depth 3, or depth 3, sample 2."""
        return f"depth {self.depth}" + (f", sample {self.sample}" if self.sample > 1 else "")

    @property
    def step_back(self) -> str:
        """Name of the calculation with the two atoms put back."""
        return f"{self.step} and back"


def check_depth(depth: int, layers: int, name: str) -> None:
    """Refuse a depth that the metal does not have.

    Raises
    ------
    InputError
        If `depth` is no plane of a metal with `layers` planes; `name` says of which interface.
    """
    if not 1 <= depth <= layers:
        raise InputError(
            f"{name}: there is no depth {depth}, the metal has {layers} layers: lower depth, or raise metal_layers."
        )


def find_exchanges(
    structure: Structure, layer: Sequence[int], element: str, depth: int, samples: int, name: str
) -> list[Exchange]:
    """Find pairs of atoms that change places when an atom of the alloy moves into a plane of the metal.

    Sample after sample takes another atom of the alloy (`moving_atoms`), the same at every depth, so that energies of
    one sample differ by where the atom has gone only. The first sample's partner is the atom of another element
    nearest to it in the plane; those of others are chosen at random, always in the same way, so that no two pairs are
    equivalent: neither their distance nor what is around them agrees.

    Parameters
    ----------
    structure
        Interface, metal on top.
    layer
        Plane of each atom: metal 1, 2 ... away from the interface, alloy -1, -2 ...
    element
        Element that moves.
    depth
        Plane of the metal that it moves to.
    samples
        How many pairs to return; fewer where there are no more that differ.
    name
        Name of the interface, for messages.

    Raises
    ------
    InputError
        If the alloy has no such element, or the metal no such plane, or that plane nothing else, or it is held.
    """
    elements = [site.specie.symbol for site in structure]
    movers = moving_atoms(structure, layer, element, name)
    check_depth(depth, max(layer), name)
    partners = [i for i, number in enumerate(layer) if number == depth and elements[i] != element]
    if not partners:
        raise InputError(
            f"{name}: layer {depth} of the metal holds nothing but {element}, so there is nothing to exchange it "
            "with: choose an element of the alloy that the metal is not made of."
        )
    free = [i for i in partners if is_free(structure, i)]
    if not free:
        raise InputError(
            f"{name}: layer {depth} of the metal is held fixed, so nothing can be exchanged there: lower depth, or "
            "raise metal_layers."
        )
    lateral = {mover: _lateral_distances(structure, mover, free) for mover in movers}
    nearest = free[int(np.lexsort((np.array(free), lateral[movers[0]].round(3)))[0])]
    mixed = np.random.default_rng(_SEED + depth).permutation(free).tolist()
    orders = [[nearest, *(i for i in mixed if i != nearest)], *(mixed for _ in movers[1:])]
    around = dict(zip([*movers, *free], signatures(structure, [*movers, *free]), strict=True))
    found: list[Exchange] = []
    known: list[np.ndarray] = []
    turn = 0
    while len(found) < samples and any(orders):
        mover, left = movers[turn % len(movers)], orders[turn % len(movers)]
        turn += 1
        while left:
            partner = left.pop(0)
            apart = np.linalg.norm(minimum_images(structure, structure[partner].coords[None] - structure[mover].coords))
            pair = np.concatenate([[apart], around[mover], around[partner]])
            if all(np.abs(pair - other).max() > _ALIKE for other in known):
                known.append(pair)
                distance = float(lateral[mover][free.index(partner)])
                found.append(
                    Exchange(
                        depth=depth,
                        sample=len(found) + 1,
                        alloy_atom=mover,
                        metal_atom=partner,
                        lateral=distance,
                    )
                )
                break
    return found


def moving_atoms(structure: Structure, layer: Sequence[int], element: str, name: str) -> list[int]:
    """Return the atoms that may move, in the order in which samples take them.

    They are those of the element in the alloy's plane that holds it and is nearest to the interface: first the one
    nearest to the metal, then others that are not equivalent to it or each other, then the rest.

    Raises
    ------
    InputError
        If the alloy has no such element.
    """
    elements = [site.specie.symbol for site in structure]
    planes = [number for number, symbol in zip(layer, elements, strict=True) if number < 0 and symbol == element]
    if not planes:
        there = ", ".join(sorted({e for e, n in zip(elements, layer, strict=True) if n < 0}))
        raise InputError(f"{name}: the alloy holds no {element} that could move, only {there}: choose another element.")
    candidates = [i for i, number in enumerate(layer) if number == max(planes) and elements[i] == element]
    heights = structure.cart_coords[candidates, 2].round(2)
    first = candidates[int(np.argmax(heights))]
    mixed = np.random.default_rng(_SEED).permutation([i for i in candidates if i != first]).tolist()
    distinct = inequivalent(structure, [first, *mixed])
    return [*distinct, *(i for i in mixed if i not in distinct)]


def _lateral_distances(structure: Structure, atom: int, others: Sequence[int]) -> np.ndarray:
    """Return the distances in the plane (n,) of an atom to the nearest images of others, Å; heights do not count."""
    across = (structure.cart_coords[list(others)] - structure[atom].coords) * [1, 1, 0]
    return np.linalg.norm(images_in_plane(structure.lattice, across), axis=1)


def exchanged(structure: Structure, first: int, second: int) -> Structure:
    """Return the structure with two atoms in each other's place; done twice, it is as it was.

    Elements and magnetic moments change places; which places are fixed does not.
    """
    moved = structure.copy()
    moved.replace(first, structure[second].species, properties=structure[first].properties)
    moved.replace(second, structure[first].species, properties=structure[second].properties)
    if "magmom" in structure.site_properties:
        moments = list(structure.site_properties["magmom"])
        moments[first], moments[second] = moments[second], moments[first]
        moved.add_site_property("magmom", moments)
    return moved
