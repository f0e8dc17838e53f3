"""Some of a slab's adsorption sites, chosen on the ideal slab and found again on a relaxed one."""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from pymatgen.core import Structure

from anodeflow.core.errors import InputError
from anodeflow.structures.sites.environment import environment, similarity
from anodeflow.structures.sites.hollow_names import general_name, same_label
from anodeflow.structures.sites.sites import AdsorptionSite
from anodeflow.structures.slab.slabs import SlabCell

ALIKE = 0.97
"""Least similarity of the surroundings of a site on the relaxed slab and of the one chosen on the ideal slab.

Strain of 3 % or the relaxation of an alloy leave 0.99; a bridge and the hollow beside it have 0.9 to 0.95.
"""


class ChosenSite(BaseModel):
    """One chosen site of the ideal slab."""

    model_config = ConfigDict(frozen=True)

    number: int = Field(description="Number of the site on the ideal slab.")
    label: str = Field(description="Name, as of `AdsorptionSite`.")
    neighbours: dict[str, int] = Field(description="Element -> number of the atoms touched.")
    surroundings: dict[str, list[float]] = Field(description="Element -> distances of the atoms around it, Å.")


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
        Numbers (4) and parts of labels ("hollow"), as a user gives them. fcc and hcp hollows are threefold ones, too.
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
    return SiteChoice(
        chosen=[
            ChosenSite(
                number=site.index,
                label=site.label,
                neighbours=site.neighbours,
                surroundings=environment(cell.structure, np.array(site.position)),
            )
            for site in sites
            if site.index in chosen
        ],
        left_out=[name for site, name in zip(sites, names, strict=True) if site.index not in chosen],
    )


def same_sites(choice: SiteChoice, slab: Structure, sites: Sequence[AdsorptionSite]) -> list[AdsorptionSite]:
    """Return the chosen sites among those of a relaxed slab, under the numbers that they were chosen by.

    Sites are the same by their number where both slabs have as many and those of the choice touch the same atoms (and
    no fcc hollow has become an hcp one, nor the other way round); else a chosen site is the one with the most similar
    surroundings. (Positions would not do: the cell of a bulk that relaxed a little differently may have other vectors.)

    Parameters
    ----------
    choice
        Made on the ideal slab; thickness, vacuum, width and lattice constant may be others.
    slab
        The relaxed slab.
    sites
        All sites of `slab`.

    Returns
    -------
    list of AdsorptionSite
        Shorter than the choice where the relaxed slab has no such site any more.
    """
    if len(sites) == len(choice.chosen) + len(choice.left_out) and all(
        same_label(sites[wish.number].label, wish.label) and sites[wish.number].neighbours == wish.neighbours
        for wish in choice.chosen
    ):
        return [sites[number] for number in choice.numbers]
    if not sites:
        return []
    from scipy.optimize import linear_sum_assignment

    there = [environment(slab, np.array(site.position)) for site in sites]
    alike = np.array([[similarity(wish.surroundings, seen) for seen in there] for wish in choice.chosen])
    pairs = zip(*linear_sum_assignment(-alike), strict=True)
    return [
        sites[found].model_copy(update={"index": choice.chosen[wish].number})
        for wish, found in pairs
        if alike[wish, found] >= ALIKE
    ]


def _meets(site: AdsorptionSite, wish: int | str) -> bool:
    if isinstance(wish, int):
        return site.index == wish
    return any(wish.lower() in name.lower() for name in (site.label, general_name(site.label)))
