"""Hops on which the adatom takes the place of an atom of the surface, which moves on instead."""

from functools import partial

import numpy as np
from pymatgen.core import Structure
from scipy.optimize import linear_sum_assignment

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.errors import InputError
from anodeflow.structures.geometry.positions import images_in_plane, largest_distance
from anodeflow.structures.sites.exchanges import ExchangeNet, Way, atom_at, exchanged
from anodeflow.structures.sites.hops import SurfaceNet
from anodeflow.structures.sites.path import carried_end, check_hop, guessed_end, path_symmetry
from anodeflow.studies.diffusion.hop_document import ExchangeMinimum, Hop, SurfaceMinimum
from anodeflow.studies.diffusion.hop_ends import HopEnds, hop_ends
from anodeflow.studies.diffusion.hop_search import HopSearch, surface_hop
from anodeflow.studies.shared.hop_rounds import Landing
from anodeflow.studies.shared.hops import Dip, add_message, close

AT_END = 0.5
"""How far an atom may be from where it is at an end of the exchange for an image to have come to rest there, Å."""
IN_PLACE = 1.2
"""How far an atom may be from the place of the clean surface that it is in, Å."""


def exchange_net(slab: Structure, minima: list[SurfaceMinimum]) -> ExchangeNet:
    """Return the atoms of a surface that an adatom in its minima touches, and the exchanges with them."""
    places = [minimum.position for minimum in minima]
    return ExchangeNet(slab, SurfaceNet(slab, places), places, minima[0].structure[-1].specie.symbol)


def way_of(net: ExchangeNet, hop: Hop) -> Way:
    """Return the way of an exchange of the document."""
    assert hop.exchanged_at is not None
    return net.way(surface_hop(hop), (hop.exchanged_at[0], hop.exchanged_at[1]))


def find_exchanges(search: HopSearch) -> None:
    """Add the exchanges between minima that are not known yet; they wait to be computed."""
    slab, net = search.adsorption.slab, exchange_net(search.adsorption.slab, search.minima)
    known = {way for hop in search.hops if hop.is_exchange for ways in net.copies(way_of(net, hop)) for way in ways}
    for found in net.exchanges():
        if net.way(found.hop, found.atom) not in known:
            index = search.add_hop(found.hop)
            hop = search.hops[index]
            hop.exchanged_at = list(found.atom)
            hop.exchanged_with = atom_at(slab, found.atom, search.adsorption.adsorbate)


def exchange_ends(search: HopSearch, index: int) -> HopEnds:
    """Return the ends of the copy of an exchange which suits the supercell best, as for a hop.

    Raises
    ------
    InputError
        If every copy ends at a periodic image of its start, or with a fixed atom: the supercell is too narrow.
    """
    slab, hop = search.adsorption.slab, search.hops[index]
    net = exchange_net(slab, search.minima)
    initial, minimum = search.minima[hop.initial].structure, search.minima[hop.final].structure
    found: list[tuple[tuple[bool, bool], HopEnds]] = []
    refused: InputError | None = None
    for way in net.starts(way_of(net, hop)):
        copy = net.as_exchange(way)
        try:
            check_hop(slab, copy.hop.displacement)
            atom = atom_at(slab, copy.atom, search.adsorption.adsorbate)
        except InputError as error:
            refused = error
            continue
        x, y = net.net.positions[way[0]] + copy.hop.displacement
        target = (float(x), float(y))
        carried = carried_end(slab, initial, minimum, target)
        end = carried or guessed_end(slab, initial, minimum, target)
        final, beside = exchanged(initial, end, atom, copy.atom)
        turned = carried is not None and hop.initial == hop.final
        symmetry = path_symmetry(slab, initial, final, atom, beside) if turned else None
        own = (target[0] - float(beside[0]), target[1] - float(beside[1]))
        ends = HopEnds(initial, final, carried is None, own, symmetry, copy.hop.displacement, atom, copy.atom)
        found.append(((carried is None, symmetry is None), ends))
    if not found:
        raise refused or InputError("the exchange leads to no copy of the minimum at its end.")
    return min(found, key=lambda each: each[0])[1]


def ends_of(search: HopSearch, index: int) -> HopEnds:
    """Return the ends of a hop, be it of the adatom alone or an exchange."""
    return exchange_ends(search, index) if search.hops[index].is_exchange else hop_ends(search, index)


def take_ends(search: HopSearch, index: int) -> HopEnds:
    """Return the ends of a hop, which from now on stands for the copy that they are of."""
    hop, ends = search.hops[index], ends_of(search, index)
    hop.displacement = list(ends.displacement)
    if ends.exchanged_at is not None:
        hop.exchanged_at, hop.exchanged_with = list(ends.exchanged_at), ends.atom
    return ends


def exchange_landed(search: HopSearch, index: int, image: int, relaxed: CalculationDoc) -> Landing:
    """Return where an image on the way of an exchange came to rest.

    At one of its ends; with one adatom in another minimum, where the exchange is one of other exchanges and hops, one
    after the other; or in a minimum of its own, in which no atom is in the place of the one that left. The exchange
    keeps that one, and its barrier is still that of the highest image.
    """
    hop, dip = search.hops[index], search.dip(index, image)
    ends = hop.images[0], hop.images[-1]
    apart = [largest_distance(end, relaxed.structure) for end in ends]
    if min(apart) < AT_END:
        start = search.total_energy(hop.initial)
        last = start + hop.profile[-1].energy if hop.profile else search.total_energy(hop.final)
        return Landing(end="an end", lower=(start if apart[0] <= apart[1] else last) - relaxed.energy)
    place = lone_adatom(search.adsorption.slab, relaxed.structure)
    node = None if place is None else search.net().node_at(place)
    if node is not None:
        return Landing(between=partial(_passes, search, index, search.net().minimum[node[0]]))
    return Landing(between=partial(_take_minimum, search, index, dip, relaxed))


def lone_adatom(slab: Structure, structure: Structure) -> np.ndarray | None:
    """Return where the one atom is that is in no place of the clean slab, Cartesian (3,), Å.

    None where another number of atoms is. Which atoms are in which places does not matter.
    """
    apart = slab.lattice.get_all_distances(slab.frac_coords, structure.frac_coords)
    apart[np.not_equal.outer([s.specie.Z for s in slab], [s.specie.Z for s in structure])] = 1e3
    places, atoms = linear_sum_assignment(apart**2)
    if apart[places, atoms].max() > IN_PLACE:
        return None
    (left,) = set(range(len(structure))) - set(atoms.tolist())
    return np.array(structure[left].coords)


def _passes(search: HopSearch, index: int, via: int) -> None:
    """Note that an exchange leads through a minimum that is known: its parts are exchanges and hops of their own."""
    hop = search.hops[index]
    close(hop, "split", f"minimum {via} ({search.minima[via].label}) lies on the way")
    hop.split_at = via


def _take_minimum(search: HopSearch, index: int, dip: Dip, relaxed: CalculationDoc) -> None:
    """Keep an intermediate minimum which is none of an adatom; of a potential's path DFT is to have its say."""
    if search.leave_to_dft(index):
        return
    hop, slab = search.hops[index], search.adsorption.slab
    assert hop.exchanged_with is not None
    assert hop.exchanged_at is not None
    start, other = search.minima[hop.initial], hop.exchanged_with
    moves = [
        relaxed.structure[-1].coords - start.structure[-1].coords,
        relaxed.structure[other].coords - slab[other].coords,
    ]
    places = np.array([start.position[:2], hop.exchanged_at]) + images_in_plane(slab.lattice, np.array(moves))[:, :2]
    energy = relaxed.energy - search.total_energy(hop.initial)
    hop.via = ExchangeMinimum(image=dip.image, energy=energy, pair=places.tolist(), structure=relaxed.structure)
    words = (
        f"leads through a minimum {energy:.3f} eV above its start in which no atom is in the place of the one that left"
    )
    add_message(hop, words)
