"""Which relaxed adsorption sites may be minima of their own."""

from collections.abc import Sequence
from typing import Literal

from pymatgen.core import Structure

from anodeflow.structures.sites.hops import SurfaceNet
from anodeflow.structures.sites.minima import BASIN, SAME_ENERGY
from anodeflow.studies.adsorption.document import AdsorbedSite, AdsorptionDoc

Reason = Literal["saddle", "merged", "sunk", "exchanged", "desorbed", "not converged"]


def candidates(adsorption: AdsorptionDoc) -> tuple[list[AdsorbedSite], dict[int, Reason]]:
    """Sort the relaxed sites of an adsorption study into possible minima and others.

    Parameters
    ----------
    adsorption
        Document of the study.

    Returns
    -------
    list of AdsorbedSite
        Sites whose adatom rests on the surface, each minimum once, the lowest first. Among two whose adatoms rest at
        equivalent places of the surface (of the surface, not of the supercell) the lower one is kept; likewise among
        two less than 1 Å and 20 meV apart.
    dict
        Number of each other site and why it is no minimum of its own.
    """
    rejected: dict[int, Reason] = {}
    kept: list[AdsorbedSite] = []
    for site in sorted(adsorption.sites, key=lambda site: site.binding_energy):
        if site.state in ("sunk", "exchanged", "desorbed"):
            rejected[site.site] = site.state
        elif not site.converged:
            rejected[site.site] = "not converged"
        elif _known(adsorption.slab, kept, site):
            rejected[site.site] = "merged"
        else:
            kept.append(site)
    return kept, rejected


def _known(slab: Structure, kept: Sequence[AdsorbedSite], site: AdsorbedSite) -> bool:
    """Whether a site is the minimum of one that is kept, or its adatom rests at a copy of its place on the surface."""
    if not kept:
        return False
    if _group(site) in {_group(other) for other in kept}:
        return True
    net = SurfaceNet(slab, [other.structure[-1].coords for other in kept])
    if net.node_at(site.structure[-1].coords) is not None:
        return True
    near = net.node_at(site.structure[-1].coords, within=BASIN)
    return near is not None and site.binding_energy - kept[net.minimum[near[0]]].binding_energy < SAME_ENERGY


def _group(site: AdsorbedSite) -> int:
    """Return the number of the site that stands for all those of its minimum."""
    return site.site if site.merged_into is None else site.merged_into
