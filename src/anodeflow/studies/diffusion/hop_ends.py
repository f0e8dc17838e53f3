"""The ends of a hop on the supercell, and what follows when one, or an image on the way, was relaxed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pymatgen.core import Structure

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.errors import CalculationError, InputError
from anodeflow.structures.sites.adatom import describe_adatom
from anodeflow.structures.sites.hops import SurfaceHop, SurfaceNet
from anodeflow.structures.sites.minima import BASIN, SAME_ENERGY, push_directions
from anodeflow.structures.sites.path import (
    carried_end,
    check_hop,
    guessed_end,
    path_symmetry,
    relaxed_end,
)
from anodeflow.structures.sites.path_symmetry import PathSymmetry
from anodeflow.studies.diffusion.document import Hop, SurfaceMinimum
from anodeflow.studies.diffusion.hop_search import HopSearch, surface_hop
from anodeflow.studies.shared.hops import MOST_SPLITS, close, end_verdict

LEFT = 0.5
"""How far from its minimum, in the plane, an adatom may come to rest at the end of a hop, Å."""
OTHER_ENERGY = 0.05
"""By how much the energy of one minimum may differ between its copies on a supercell, eV."""


@dataclass(frozen=True)
class HopEnds:
    """Two ends of a hop on the supercell.

    Attributes
    ----------
    initial, final
        Structures, atoms in the same order, each in the image next to where it starts.
    guessed
        Whether `final` is a guess that must be relaxed.
    target
        Lateral position of the adatom at the end, Å.
    symmetry
        Operation that turns the hop round, if there is one.
    """

    initial: Structure
    final: Structure
    guessed: bool
    target: tuple[float, float]
    symmetry: PathSymmetry | None


def hop_ends(search: HopSearch, index: int) -> HopEnds:
    """Return the ends of a hop; sets its displacement to that of the copy which suits the supercell best.

    Among the copies that leave the initial minimum, one whose end an operation of the supercell makes from the relaxed
    minimum comes first, then one that symmetry turns round, then one that is not nearer to the end's periodic image.

    Raises
    ------
    InputError
        If every copy ends at a periodic image of its start: the supercell is too narrow.
    """
    net, slab, hop = search.net(), search.adsorption.slab, search.hops[index]
    initial, minimum = search.minima[hop.initial].structure, search.minima[hop.final].structure
    found: list[tuple[tuple[bool, bool, bool], SurfaceHop, HopEnds]] = []
    refused: InputError | None = None
    for edge in net.starts(net.edge(surface_hop(hop))):
        copy = net.as_hop(edge)
        try:
            check_hop(slab, copy.displacement)
        except InputError as error:
            refused = error
            continue
        x, y = net.positions[edge[0]] + copy.displacement
        target = (float(x), float(y))
        final = carried_end(slab, initial, minimum, target)
        symmetry = path_symmetry(slab, initial, final) if final is not None and hop.initial == hop.final else None
        ends = HopEnds(initial, final or guessed_end(slab, initial, minimum, target), final is None, target, symmetry)
        around = ends.final[-1].distance(initial[-1]) < np.linalg.norm(copy.displacement) - 0.1
        found.append(((final is None, symmetry is None, bool(around)), copy, ends))
    if not found:
        raise refused or InputError(f"the hop leads to no copy of minimum {hop.final}.")
    _, chosen, ends = min(found, key=lambda each: each[0])
    hop.displacement = list(chosen.displacement)
    return ends


def finish_end(search: HopSearch, index: int, ends: HopEnds, relaxed: CalculationDoc) -> Structure:
    """Return the end of a hop from the relaxation of its guess.

    Raises
    ------
    CalculationError
        If it did not converge, or the adatom has left the minimum that was meant.
    """
    hop = search.hops[index]
    what = f"{search.adsorption.system}: end of hop {index}"
    advice = "choose a min_width whose supercell has the symmetry of the surface"
    if not relaxed.converged:
        raise CalculationError(f"{what}: its relaxation did not converge; run it again to go on.")
    final = relaxed_end(ends.initial, relaxed.structure, ends.target)
    away = float(np.linalg.norm(final[-1].coords[:2] - ends.target))
    if away > LEFT:
        raise CalculationError(
            f"{what}: the adatom left minimum {hop.final} and came to rest {away:.2f} Å from it: {advice}."
        )
    other = relaxed.energy - search.total_energy(hop.final)
    if abs(other) > OTHER_ENERGY:
        raise CalculationError(
            f"{what}: the adatom came to rest {other:+.3f} eV from minimum {hop.final}, in another state: {advice}."
        )
    return final


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
    hop, dip = search.hops[index], search.dip(index, image)
    what = f"{search.adsorption.system}: minimum on hop {index}"
    slab = search.adsorption.slab
    rest = describe_adatom(slab, relaxed.structure, hop.images[image][-1].coords)
    trouble = ""
    if not relaxed.converged:
        trouble = "its relaxation did not converge; run it again to go on"
    elif rest.state not in ("stayed", "moved"):
        trouble = f"the adatom has {rest.state}, so the hop is no hop over the surface"
    elif search.splits[index] >= MOST_SPLITS:
        trouble = f"the hop was split {MOST_SPLITS} times already: its path has too many minima to follow"
    if trouble and search.leave_to_dft(index):
        return
    if trouble:
        close(hop, "failed", f"{dip.words}: {trouble}")
        raise CalculationError(f"{what}: {trouble}.")
    net = search.net()
    start, end, m, n = net.edge(surface_hop(hop))
    place = net.node_at(rest.final_position)
    if place is None:
        near = net.node_at(rest.final_position, within=BASIN)
        if near is not None and abs(relaxed.energy - search.total_energy(net.minimum[near[0]])) < SAME_ENERGY:
            place = near
    if place in ((start, 0, 0), (end, m, n)):
        if search.leave_to_dft(index):
            return
        # Not the minimum's energy: on this supercell the end of a hop may have another one by some 10 meV.
        energy = search.total_energy(hop.initial)
        if place != (start, 0, 0):
            energy = energy + hop.profile[-1].energy if hop.profile else search.total_energy(hop.final)
        stands, words = end_verdict(dip, energy - relaxed.energy, "an end")
        if stands:
            _add_message(hop, words)
        else:
            close(hop, "failed", words)
        return
    if place is None and search.no_minima and SurfaceNet(slab, search.no_minima).node_at(rest.final_position):
        _add_message(hop, f"{dip.words}, but its place is no minimum: pushed off it, the adatom leaves")
        return
    if place is None:
        position = list(rest.final_position)
        if push_directions(slab, position, hollow=True):  # symmetry may have held it there
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
        net = search.net()
        place = net.node_at(rest.final_position)
        assert place is not None
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
    hop.split_into = sorted(set(parts))


def _add_message(hop: Hop, words: str) -> None:
    """Say more of a hop."""
    hop.message = f"{hop.message}; {words}" if hop.message else words


def _at(structure: Structure, position: Sequence[float]) -> Structure:
    """Return the structure with its last atom, the adatom, in the image at `position`."""
    moved = structure.copy()
    shift = np.asarray(position) - structure[-1].coords
    moved.translate_sites([len(moved) - 1], shift, frac_coords=False, to_unit_cell=False)
    return moved
