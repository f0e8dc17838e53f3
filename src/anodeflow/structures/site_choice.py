"""Some of a slab's adsorption sites, chosen on the ideal slab and found again on a relaxed one."""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from pymatgen.core import Structure

from anodeflow.errors import InputError
from anodeflow.structures.sites import AdsorptionSite
from anodeflow.structures.slabs import SlabCell
from anodeflow.structures.symmetry import face_operations, surface_cell

NEAR = 0.5
"""How far, in the plane, a site of the relaxed slab may lie from the one that was chosen on the ideal slab, Å."""


class ChosenSite(BaseModel):
    """One chosen site of the ideal slab."""

    model_config = ConfigDict(frozen=True)

    number: int = Field(description="Number of the site on the ideal slab.")
    label: str = Field(description="Name by coordination.")
    neighbours: dict[str, int] = Field(description="Element -> number of the atoms touched.")
    place: tuple[float, float] = Field(description="Position in the plane, in vectors of the primitive surface cell.")


class SiteChoice(BaseModel):
    """Which sites of a surface are studied."""

    model_config = ConfigDict(frozen=True)

    chosen: list[ChosenSite] = Field(description="Sites to study.")
    left_out: list[str] = Field(description="Sites not to study, as `number (label)`.")

    @property
    def numbers(self) -> list[int]:
        """Numbers of the chosen sites."""
        return [site.number for site in self.chosen]


def choose_sites(
    cell: SlabCell, sites: Sequence[AdsorptionSite], wanted: Sequence[int | str], surface: str
) -> SiteChoice:
    """Choose sites by their number or by a part of their label.

    Parameters
    ----------
    cell
        Slab, as it was cut.
    sites
        All its sites.
    wanted
        Numbers (4) and parts of labels ("hollow"), as a user gives them.
    surface
        Name of the surface, for messages.

    Raises
    ------
    InputError
        If one of `wanted` names no site, or there is nothing wanted; the message lists the sites.
    """
    names = [f"{site.index} ({site.label})" for site in sites]
    chosen: set[int] = set()
    for wish in wanted:
        found = {site.index for site in sites if _meets(site, wish)}
        if not found:
            raise InputError(
                f"{wish!r} names no site of {surface}: choose from {', '.join(names)} "
                f"(for this surface alone: sites: {{{surface}: [...]}})."
            )
        chosen |= found
    if not chosen:
        raise InputError(f"no site of {surface} is chosen: choose from {', '.join(names)}, or say all.")
    inverse = np.linalg.inv(_primitive_vectors(cell))
    return SiteChoice(
        chosen=[
            ChosenSite(
                number=site.index,
                label=site.label,
                neighbours=site.neighbours,
                place=tuple((np.array(site.position[:2]) @ inverse).tolist()),
            )
            for site in sites
            if site.index in chosen
        ],
        left_out=[name for site, name in zip(sites, names, strict=True) if site.index not in chosen],
    )


def same_sites(
    choice: SiteChoice, cell: SlabCell, slab: Structure, sites: Sequence[AdsorptionSite]
) -> list[AdsorptionSite]:
    """Return the chosen sites among those of a relaxed slab, under the numbers that they were chosen by.

    Sites are the same by their number where both slabs have as many and those of the choice touch the same atoms;
    else a chosen site is the nearest one, symmetry copies counted, within 0.5 Å in the plane.

    Parameters
    ----------
    choice
        Made on the ideal slab; thickness, vacuum, width and lattice constant may be others.
    cell
        The slab as it was cut from the relaxed bulk.
    slab
        The same slab relaxed.
    sites
        All sites of `slab`.

    Returns
    -------
    list of AdsorptionSite
        Shorter than the choice where the relaxed slab has no such site any more.
    """
    if len(sites) == len(choice.chosen) + len(choice.left_out) and all(
        (sites[wish.number].label, sites[wish.number].neighbours) == (wish.label, wish.neighbours)
        for wish in choice.chosen
    ):
        return [sites[number] for number in choice.numbers]
    vectors = _primitive_vectors(cell)
    found: dict[int, AdsorptionSite] = {}
    for wish in choice.chosen:
        apart = _lateral_distances(slab, np.array(wish.place) @ vectors, sites)
        apart[[index for index, site in enumerate(sites) if site in found.values()]] = np.inf
        if apart.size and apart.min() < NEAR:
            found[wish.number] = sites[int(apart.argmin())]
    return [site.model_copy(update={"index": number}) for number, site in found.items()]


def _meets(site: AdsorptionSite, wish: int | str) -> bool:
    return site.index == wish if isinstance(wish, int) else wish.lower() in site.label.lower()


def _primitive_vectors(cell: SlabCell) -> np.ndarray:
    """Return the in-plane vectors (2, 2) of the primitive surface cell, Å, in the frame of the slab."""
    return np.linalg.inv(np.array(cell.supercell, dtype=float)) @ cell.structure.lattice.matrix[:2, :2]


def _lateral_distances(slab: Structure, point: np.ndarray, sites: Sequence[AdsorptionSite]) -> np.ndarray:
    """Return the distance in the plane (n,), Å, from a point to the nearest copy of each site."""
    primitive = surface_cell(slab)
    positions = np.array([[*point, 0.0], *(site.position for site in sites)])
    fractional = np.array(primitive.lattice.get_fractional_coords(positions))
    apart = []
    for rotation, translation in face_operations(primitive):
        copies = fractional[1:] @ rotation.T + translation
        ends = [np.column_stack([ends[:, :2], np.full(len(ends), 0.5)]) for ends in (fractional[:1], copies)]
        apart.append(np.array(primitive.lattice.get_all_distances(*ends))[0])
    return np.min(apart, axis=0)
