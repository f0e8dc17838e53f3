"""Where an image on the way of a hop came to rest: at an end, in a minimum that splits the hop, or off the surface."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from pymatgen.core import Structure

from anodeflow.calculations.document import CalculationDoc
from anodeflow.structures.sites.adatom import AdatomDescription, describe_adatom
from anodeflow.structures.sites.hops import SurfaceNet
from anodeflow.structures.sites.minima import BASIN, SAME_ENERGY, push_directions
from anodeflow.studies.diffusion.hop_document import SurfaceMinimum
from anodeflow.studies.diffusion.hop_search import HopSearch, known_edges, surface_hop
from anodeflow.studies.shared.hop_rounds import Landing
from anodeflow.studies.shared.hops import MOST_SPLITS, add_message, close

Node = tuple[int, int, int]
"""A copy of a minimum on the surface, and its cell."""


def landed(search: HopSearch, index: int, image: int, relaxed: CalculationDoc) -> Landing:
    """Return where an image of a hop's path came to rest.

    In a minimum of its own, known or new, the two parts of the hop are added, to be computed, unless they are copies of
    hops that are known. It tells nothing where the adatom has left the surface, or the hop was split often enough.
    """
    hop, dip, slab = search.hops[index], search.dip(index, image), search.adsorption.slab
    rest = describe_adatom(slab, relaxed.structure, hop.images[image][-1].coords)
    if rest.state not in ("stayed", "moved"):
        return Landing(trouble=f"the adatom has {rest.state}, so the hop is no hop over the surface")
    if search.splits[index] >= MOST_SPLITS:
        return Landing(trouble=f"the hop was split {MOST_SPLITS} times already: its path has too many minima to follow")
    start, end, m, n = search.net().edge(surface_hop(hop))
    place = _known_minimum(search, relaxed, rest)
    if place in ((start, 0, 0), (end, m, n)):
        return Landing(end="an end", lower=_end_energy(search, index, at_start=place == (start, 0, 0)) - relaxed.energy)
    if place is None and search.no_minima and SurfaceNet(slab, search.no_minima).node_at(rest.final_position):
        words = f"{dip.words}, but its place is no minimum: pushed off it, the adatom leaves"
        return Landing(between=partial(add_message, hop, words))
    return Landing(between=lambda: _split(search, index, place or _add_minimum(search, relaxed, rest)))


def _known_minimum(search: HopSearch, relaxed: CalculationDoc, rest: AdatomDescription) -> Node | None:
    """Return the copy of a minimum in which the adatom came to rest; none: it is in none that is known."""
    net = search.net()
    place = net.node_at(rest.final_position)
    if place is None:
        near = net.node_at(rest.final_position, within=BASIN)
        if near is not None and abs(relaxed.energy - search.total_energy(net.minimum[near[0]])) < SAME_ENERGY:
            return near
    return place


def _end_energy(search: HopSearch, index: int, at_start: bool) -> float:
    """Return the total energy of an end of a hop, eV."""
    hop = search.hops[index]
    start = search.total_energy(hop.initial)
    if at_start:
        return start
    # Not the minimum's energy: on this supercell the end of a hop may have another one by some 10 meV.
    return start + hop.profile[-1].energy if hop.profile else search.total_energy(hop.final)


def _add_minimum(search: HopSearch, relaxed: CalculationDoc, rest: AdatomDescription) -> Node:
    """Add the minimum in which the adatom came to rest; return its copy there."""
    position = list(rest.final_position)
    if push_directions(search.adsorption.slab, position, hollow=True):  # symmetry may have held it there
        search.suspects.append(len(search.minima))
    search.minima.append(
        SurfaceMinimum(
            index=len(search.minima),
            site=None,
            label=rest.final_label,
            position=position,
            energy=relaxed.energy - search.zero,
            multiplicity=1,
            structure=_at(relaxed.structure, rest.final_position),
        )
    )
    place = search.net().node_at(rest.final_position)
    assert place is not None
    return place


def _split(search: HopSearch, index: int, place: Node) -> None:
    """Put two hops in the place of one, over an intermediate minimum; those that are known are not computed again."""
    hop, net = search.hops[index], search.net()
    start, end, m, n = net.edge(surface_hop(hop))
    middle, i, j = place
    known = known_edges(net, search.hops)
    parts = []
    for edge in ((start, middle, i, j), (middle, end, m - i, n - j)):
        if edge not in known:
            number = search.add_hop(net.hop(edge), search.splits[index] + 1)
            known |= {other: number for way in net.copies(edge) for other in way}
        parts.append(known[edge])
    via = net.minimum[middle]
    close(hop, "split", f"minimum {via} ({search.minima[via].label}) lies on the way")
    hop.split_at, hop.split_into = via, sorted(set(parts))


def _at(structure: Structure, position: Sequence[float]) -> Structure:
    """Return the structure with its last atom, the adatom, in the image at `position`."""
    moved = structure.copy()
    shift = np.asarray(position) - structure[-1].coords
    moved.translate_sites([len(moved) - 1], shift, frac_coords=False, to_unit_cell=False)
    return moved
