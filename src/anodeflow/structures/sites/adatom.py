"""What became of an adatom during its relaxation, and whether two relaxations ended in the same minimum."""

from typing import Literal

import numpy as np
from pydantic import BaseModel, Field
from pymatgen.core import Structure

from anodeflow.structures.geometry.positions import images_in_plane, placed
from anodeflow.structures.sites.contact import ContactSurface
from anodeflow.structures.sites.sites import FREE, site_label
from anodeflow.structures.slab.symmetry import face_operations

AdatomState = Literal["stayed", "moved", "sunk", "exchanged", "desorbed"]
"""Where the relaxation left the adatom.

stayed: near the site where it was put; moved: on the surface, at another place; sunk: below the outermost
atoms of the surface; exchanged: a surface atom has come up in its stead; desorbed: bound to nothing.
"""
MOVED = 0.5
"""Lateral displacement beyond which an adatom with other neighbours than before has moved, Å."""
SUNK = 0.3
"""Height over the outermost atoms below which an adatom that came down by more than `FALL` has sunk, Å."""
FALL = 1.0
"""Least change of height of a sunk adatom (down) or of a surface atom that came up in its stead, Å."""
DESORBED = 1.4
"""Distance to the nearest atom, in touching distances, beyond which an adatom is free."""


class AdatomDescription(BaseModel):
    """An adatom at rest on a slab."""

    final_position: tuple[float, float, float] = Field(
        description="Where it came to rest, Cartesian, the image nearest to its start, Å."
    )
    final_label: str = Field(description="Name of the site where it came to rest, as of `AdsorptionSite`.")
    coordination: int = Field(description="Number of its neighbours.")
    neighbours: dict[str, int] = Field(description="Element -> number of neighbours.")
    height: float = Field(description="Height over the mean plane of the outermost surface atoms, Å.")
    displacement: float = Field(description="Lateral distance from its start, minimum image, Å.")
    state: AdatomState = Field(description="stayed, moved, sunk, exchanged or desorbed.")


def describe_adatom(slab: Structure, relaxed: Structure, initial_position) -> AdatomDescription:
    """Describe an adatom after its relaxation.

    Parameters
    ----------
    slab
        Clean slab (relaxed), with the cell and the order of atoms of `relaxed`.
    relaxed
        Slab with the adatom, its last atom, at rest.
    initial_position
        Where the adatom was put, Cartesian (3,), Å.

    Returns
    -------
    AdatomDescription
        Its `state` is the first that applies: *desorbed*, no atom within 1.4 touching distances; *exchanged*, an
        atom of the slab came up by more than 1 Å and stands higher than the adatom; *sunk*, it stands less than
        0.3 Å over the outermost atoms and came down by more than 1 Å; *moved*, it went more than 0.5 Å sideways
        and has other neighbours than it had; else *stayed*.
    """
    adsorbate = relaxed[-1].specie.symbol
    start = np.array(initial_position, dtype=float)
    final = start + images_in_plane(slab.lattice, relaxed[-1].coords - start)
    moves = images_in_plane(slab.lattice, relaxed.cart_coords[:-1] - slab.cart_coords)
    beneath = placed(slab, slab.cart_coords + moves)
    surface = ContactSurface(beneath, adsorbate)
    free = surface.nearest_ratio(final) > DESORBED
    touched = [] if free else surface.neighbours(final)
    elements = [slab[i].specie.symbol for i, _ in touched]

    outermost = _outermost(slab)
    risen = moves[:, 2] > FALL
    level = beneath.cart_coords[outermost & ~risen, 2]
    height = float(final[2] - (level if len(level) else beneath.cart_coords[outermost, 2]).mean())
    displacement = float(np.linalg.norm((final - start)[:2]))
    state: AdatomState = "stayed"
    if free:
        state = "desorbed"
    elif np.any(risen & (beneath.cart_coords[:, 2] > final[2])):
        state = "exchanged"
    elif height < SUNK and final[2] < start[2] - FALL:
        state = "sunk"
    elif displacement > MOVED and set(touched) != set(ContactSurface(slab, adsorbate).neighbours(start)):
        state = "moved"
    return AdatomDescription(
        final_position=(float(final[0]), float(final[1]), float(final[2])),
        final_label=FREE if free else site_label(surface, final),
        coordination=len(touched),
        neighbours={element: elements.count(element) for element in sorted(set(elements))},
        height=height,
        displacement=displacement,
        state=state,
    )


def same_minimum(
    a: Structure,
    b: Structure,
    energy_a: float,
    energy_b: float,
    slab: Structure,
    energy_tolerance: float = 0.01,
    distance_tolerance: float = 0.3,
) -> bool:
    """Tell whether two relaxed adsorption structures are the same minimum, up to the symmetry of the slab.

    Parameters
    ----------
    a, b
        Slab with adatom, both in the cell of `slab`.
    energy_a, energy_b
        Their energies, eV.
    slab
        Clean slab, whose in-plane symmetry counts.
    energy_tolerance
        Largest difference of the energies, eV.
    distance_tolerance
        How far an atom of one may lie from its counterpart in the other, Å.

    Returns
    -------
    bool
        True if some operation takes every atom of `a` near to an atom of `b` of its element. Which atom was the
        adatom does not matter: an atom that changed places with one of its own kind makes the same minimum.
    """
    if abs(energy_a - energy_b) > energy_tolerance or a.composition != b.composition:
        return False
    different = np.not_equal.outer([s.specie.Z for s in a], [s.specie.Z for s in b])
    for rotation, translation in face_operations(slab):
        moved = a.frac_coords @ rotation.T + translation
        apart = slab.lattice.get_all_distances(moved, b.frac_coords)
        apart[different] = np.inf
        partner = apart.argmin(axis=1)
        # Atoms are much further apart than the tolerance, so the nearest one is the only candidate.
        if apart.min(axis=1).max() < distance_tolerance and len(set(partner)) == len(b):
            return True
    return False


def _outermost(slab: Structure) -> np.ndarray:
    """Whether atoms belong to the outermost plane: from the top down to the first gap wider than 0.3 Å."""
    heights = slab.cart_coords[:, 2]
    descending = np.sort(heights)[::-1]
    gaps = np.flatnonzero(-np.diff(descending) > 0.3)
    return heights >= descending[gaps[0] if len(gaps) else -1] - 1e-9
