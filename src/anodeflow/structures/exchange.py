"""Exchange of an atom of the alloy with an atom of the metal, a chosen number of planes away from the interface."""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, Field
from pymatgen.core import Structure

from anodeflow.errors import InputError
from anodeflow.structures.vacancy import is_free

_DISTINCT = 0.1  # lateral distances that differ by more are of different sites, Å


class Exchange(BaseModel):
    """Which two atoms change places."""

    depth: int = Field(description="Plane of the metal, 1 at the interface.")
    sample: int = Field(description="Which of several partners in that plane, from 1.")
    alloy_atom: int = Field(description="Index of the atom of the alloy.")
    metal_atom: int = Field(description="Index of its partner.")
    lateral: float = Field(description="Distance between them in the plane, Å.")

    @property
    def step(self) -> str:
        """Name of its calculation: depth 3, or depth 3, sample 2."""
        return f"depth {self.depth}" + (f", sample {self.sample}" if self.sample > 1 else "")


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
    """Find the atoms that change places when an atom of the alloy moves into a plane of the metal.

    The atom that moves is the same for every depth, so that energies at two depths differ by where it has gone only:
    of the alloy's planes that hold the element the one nearest to the interface, in it the atom nearest to the metal.
    Its partner is the atom of another element nearest to it in the plane.

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
        How many partners in the plane to return, at different lateral distances; fewer where there are no more.
    name
        Name of the interface, for messages.

    Raises
    ------
    InputError
        If the alloy has no such element, the metal no such plane, or the plane nothing but the element, or it is held.
    """
    elements = [site.specie.symbol for site in structure]
    alloy_atom = moving_atom(structure, layer, element, name)
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
    partners = free
    start = structure[alloy_atom].frac_coords
    across = structure.frac_coords[partners] - start
    # Images in the neighbouring cells count; heights do not.
    shifts = np.array([(i, j, 0) for i in (-1, 0, 1) for j in (-1, 0, 1)])
    moves = (across[:, None] - np.round(across)[:, None] * [1, 1, 0] + shifts) @ structure.lattice.matrix
    lateral = np.linalg.norm(moves[..., :2], axis=2).min(axis=1)
    found: list[Exchange] = []
    for place in np.lexsort((partners, lateral.round(3))):
        distance = float(lateral[place])
        if all(abs(distance - other.lateral) > _DISTINCT for other in found):
            found.append(
                Exchange(
                    depth=depth,
                    sample=len(found) + 1,
                    alloy_atom=alloy_atom,
                    metal_atom=partners[place],
                    lateral=distance,
                )
            )
        if len(found) == samples:
            break
    return found


def moving_atom(structure: Structure, layer: Sequence[int], element: str, name: str) -> int:
    """Return the index of the atom that moves; see `find_exchanges`.

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
    return candidates[int(np.argmax(heights))]


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
