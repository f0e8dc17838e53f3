"""What follows when an image on the way of a hop was relaxed: the hop is split, stands, or fails."""

from collections.abc import Sequence

import numpy as np
from pymatgen.core import Structure

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.errors import CalculationError
from anodeflow.structures.sites.adatom import AdatomDescription, describe_adatom
from anodeflow.structures.sites.hops import SurfaceNet
from anodeflow.structures.sites.minima import BASIN, SAME_ENERGY, push_directions
from anodeflow.studies.diffusion.document import Hop, SurfaceMinimum
from anodeflow.studies.diffusion.hop_search import HopSearch, surface_hop
from anodeflow.studies.shared.hops import MOST_SPLITS, close, end_verdict

Node = tuple[int, int, int]
"""A copy of a minimum on the surface, and its cell."""


def split_hop(search: HopSearch, index: int, image: int, relaxed: CalculationDoc) -> None:
    """Draw the conclusion from an image of a hop that was relaxed because it lay in a dip of the path.

    Where the image ended in a minimum of its own, known or new, the two parts of the hop are added, to be computed,
    unless they are copies of hops that are known; where it rolled to one of the ends, the hop stands as it is, unless
    the image lay below both ends or came to rest below that one (:func:`anodeflow.studies.shared.hops.end_verdict`):
    then it has failed. Where that, or no minimum at all, came of a dip that the potential alone has seen, DFT is to
    relax the whole path.

    Raises
    ------
    CalculationError
        If the image came to rest in no minimum of the adatom on the surface; the hop has failed then.
    """
    hop, dip, slab = search.hops[index], search.dip(index, image), search.adsorption.slab
    rest = describe_adatom(slab, relaxed.structure, hop.images[image][-1].coords)
    trouble = _trouble(search, index, relaxed, rest)
    if trouble and search.leave_to_dft(index):
        return
    if trouble:
        close(hop, "failed", f"{dip.words}: {trouble}")
        raise CalculationError(f"{search.adsorption.system}: minimum on hop {index}: {trouble}.")
    start, end, m, n = search.net().edge(surface_hop(hop))
    place = _known_minimum(search, relaxed, rest)
    if place in ((start, 0, 0), (end, m, n)):
        if not search.leave_to_dft(index):
            _judge_rolled(search, index, image, relaxed.energy, at_start=place == (start, 0, 0))
    elif place is None and search.no_minima and SurfaceNet(slab, search.no_minima).node_at(rest.final_position):
        _add_message(hop, f"{dip.words}, but its place is no minimum: pushed off it, the adatom leaves")
    else:
        _split(search, index, place or _add_minimum(search, relaxed, rest))


def _trouble(search: HopSearch, index: int, relaxed: CalculationDoc, rest: AdatomDescription) -> str:
    """Return why an image that was relaxed tells nothing of its hop; empty: it does."""
    if not relaxed.converged:
        return "its relaxation did not converge; run it again to go on"
    if rest.state not in ("stayed", "moved"):
        return f"the adatom has {rest.state}, so the hop is no hop over the surface"
    if search.splits[index] >= MOST_SPLITS:
        return f"the hop was split {MOST_SPLITS} times already: its path has too many minima to follow"
    return ""


def _known_minimum(search: HopSearch, relaxed: CalculationDoc, rest: AdatomDescription) -> Node | None:
    """Return the copy of a minimum in which the adatom came to rest; none: it is in none that is known."""
    net = search.net()
    place = net.node_at(rest.final_position)
    if place is None:
        near = net.node_at(rest.final_position, within=BASIN)
        if near is not None and abs(relaxed.energy - search.total_energy(net.minimum[near[0]])) < SAME_ENERGY:
            return near
    return place


def _judge_rolled(search: HopSearch, index: int, image: int, energy: float, at_start: bool) -> None:
    """Say of a hop whose image rolled to one of its ends whether it stands; `energy`: where that came to rest, eV."""
    hop = search.hops[index]
    # Not the minimum's energy: on this supercell the end of a hop may have another one by some 10 meV.
    end = search.total_energy(hop.initial)
    if not at_start:
        end = end + hop.profile[-1].energy if hop.profile else search.total_energy(hop.final)
    stands, words = end_verdict(search.dip(index, image), end - energy, "an end")
    if stands:
        _add_message(hop, words)
    else:
        close(hop, "failed", words)


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
    """Put two hops in the place of one, over a minimum on its way; those that are known are not computed again."""
    hop, net = search.hops[index], search.net()
    start, end, m, n = net.edge(surface_hop(hop))
    middle, i, j = place
    known = {
        edge: other.index for other in search.hops for way in net.copies(net.edge(surface_hop(other))) for edge in way
    }
    parts = []
    for edge in ((start, middle, i, j), (middle, end, m - i, n - j)):
        if edge not in known:
            number = search.add_hop(net.hop(edge), search.splits[index] + 1)
            known |= {other: number for way in net.copies(edge) for other in way}
        parts.append(known[edge])
    via = net.minimum[middle]
    close(hop, "split", f"minimum {via} ({search.minima[via].label}) lies on the way")
    hop.split_at, hop.split_into = via, sorted(set(parts))


def _add_message(hop: Hop, words: str) -> None:
    """Say more of a hop."""
    hop.message = f"{hop.message}; {words}" if hop.message else words


def _at(structure: Structure, position: Sequence[float]) -> Structure:
    """Return the structure with its last atom, the adatom, in the image at `position`."""
    moved = structure.copy()
    shift = np.asarray(position) - structure[-1].coords
    moved.translate_sites([len(moved) - 1], shift, frac_coords=False, to_unit_cell=False)
    return moved
