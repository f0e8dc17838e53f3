"""Adsorption sites of a slab: all symmetry-distinct ones, named by how many atoms the adsorbate touches."""

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from pymatgen.core import Structure

from anodeflow.structures.geometry.positions import fixed_coordinates
from anodeflow.structures.sites.contact import ContactSurface
from anodeflow.structures.sites.hollow_names import GENERAL, stacked_name
from anodeflow.structures.sites.stacking import hollow_stacking
from anodeflow.structures.slab.symmetry import orbits

_NAMES = {
    1: "onefold top",
    2: "bridge",
    3: GENERAL,
    4: "fourfold hollow",
    5: "fivefold hollow",
    6: "sixfold hollow",
}
HOLLOWS = frozenset({"hollow", "fcc hollow", "hcp hollow", *(_NAMES.get(n, f"{n}-fold hollow") for n in range(3, 25))})
"""All names of hollows, those of documents made before they told how many atoms are touched among them."""
FREE = "free"
"""Name of the place of an atom that touches nothing."""


class AdsorptionSite(BaseModel):
    """A place where an adsorbate touches the top face of a slab."""

    model_config = ConfigDict(frozen=True)

    index: int = Field(description="Number of the site among those of the slab, from 0.")
    label: str = Field(
        description="Name by coordination: onefold top, bridge, fourfold hollow ...; of hollows of close-packed faces "
        "by their stacking: fcc hollow, hcp hollow."
    )
    coordination: int = Field(description="Number of atoms that the adsorbate touches.")
    neighbours: dict[str, int] = Field(description="Element -> number of the atoms touched.")
    below: str | None = Field(
        description="Element of the atom straight below a hollow; none: it is open (an fcc hollow)."
    )
    position: tuple[float, float, float] = Field(description="Cartesian position of the adsorbate, Å.")
    multiplicity: int = Field(description="Number of equivalent sites in the slab's cell.")


def site_label(surface: ContactSurface, position: np.ndarray) -> str:
    """Return the name of a site: by its coordination, and hollows of close-packed faces by their stacking.

    Parameters
    ----------
    surface
        Face, without the adatom.
    position
        Of the adatom, Cartesian (3,), Å.
    """
    coordination = surface.corners(position)
    stacking = hollow_stacking(surface, position) if coordination == 3 else None
    if stacking:
        return stacked_name(stacking)
    return _NAMES.get(coordination, f"{coordination}-fold hollow" if coordination else FREE)


def find_sites(slab: Structure, adsorbate: str) -> list[AdsorptionSite]:
    """Find the symmetry-distinct adsorption sites of the top face.

    Sites are the tops, saddles and minima of the surface on which a ball, the adsorbate, touches the slab's
    atoms (`contact.ContactSurface`), so they depend on the atoms at the face alone: not on the vacuum, nor on
    where the slab stands in its cell, nor on site properties.

    Parameters
    ----------
    slab
        Slab with c along z, studied face on top.
    adsorbate
        Element of the adatom.

    Returns
    -------
    list of AdsorptionSite
        By rising coordination. Each stands where the adatom touches its nearest atoms: at the sum of its metallic
        (non-metals: covalent) radius and half of the neighbour's nearest-neighbour distance in the slab.
    """
    key = slab.lattice.matrix.tobytes(), slab.cart_coords.tobytes(), str(slab.species), str(slab.site_properties)
    if (*key, adsorbate) not in _FOUND:
        if len(_FOUND) >= _MOST_KEPT:
            _FOUND.clear()
        _FOUND[*key, adsorbate] = _found(slab, adsorbate)
    return list(_FOUND[*key, adsorbate])


_FOUND: dict[tuple[object, ...], list[AdsorptionSite]] = {}
"""Sites of the slabs that were looked at: the variants of a convergence test ask for the same ones again and again."""
_MOST_KEPT = 4096


def _found(slab: Structure, adsorbate: str) -> list[AdsorptionSite]:
    surface = ContactSurface(slab, adsorbate)
    points = surface.points()
    middle = slab.lattice.get_cartesian_coords([0.5, 0.5, 0])[:2]
    found = []
    for members in orbits(slab, points):
        # Of the equivalent ones, that in the middle of the cell, for pictures.
        orbit = points[members]
        apart = np.linalg.norm(orbit[:, :2] - middle, axis=1).round(2)
        position = orbit[np.lexsort((orbit[:, 0].round(2), orbit[:, 1].round(2), apart))[0]]
        touched = [slab[i].specie.symbol for i, _ in surface.neighbours(position)]
        found.append(
            AdsorptionSite(
                index=0,
                label=site_label(surface, position),
                coordination=len(touched),
                neighbours={element: touched.count(element) for element in sorted(set(touched))},
                below=surface.below(position) if len(touched) > 2 else None,
                position=tuple(position.tolist()),
                multiplicity=len(members),
            )
        )
    found.sort(key=lambda site: (site.coordination, str(site.neighbours), site.below or ""))
    return [site.model_copy(update={"index": index}) for index, site in enumerate(found)]


def add_adsorbate(slab: Structure, site: AdsorptionSite, adsorbate: str, magmom: float | None = None) -> Structure:
    """Put an adatom on a slab.

    Parameters
    ----------
    slab
        Clean slab; its `selective_dynamics` and `magmom` are kept, other site properties are not.
    site
        Where to put it.
    adsorbate
        Element of the adatom.
    magmom
        Initial magnetic moment of the adatom, µB; none: 0 where the slab has moments, else no spin polarisation.

    Returns
    -------
    Structure
        Slab with the adatom, which is free to move, as its last atom.
    """
    properties: dict[str, list] = {"selective_dynamics": [*(~fixed_coordinates(slab)).tolist(), [True] * 3]}
    moments = slab.site_properties.get("magmom")
    if magmom is not None or any(moments or []):
        properties["magmom"] = [*(moments or [0.0] * len(slab)), magmom or 0.0]
    return Structure(
        slab.lattice,
        [*slab.species_and_occu, adsorbate],  # shared: taking elements makes a Composition of each again
        np.vstack([slab.cart_coords, site.position]),
        coords_are_cartesian=True,
        site_properties=properties,
    )
