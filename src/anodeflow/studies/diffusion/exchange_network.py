"""The network of an adatom that also stays in intermediate minima of exchanges, from which several ways lead on."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from pymatgen.core import Structure

from anodeflow.core.caveats import Caveat
from anodeflow.structures.sites.adatom import same_minimum
from anodeflow.structures.sites.exchanges import ExchangeNet
from anodeflow.studies.diffusion.exchanges import exchange_net, way_of
from anodeflow.studies.diffusion.hop_document import Hop, SurfaceMinimum
from anodeflow.studies.diffusion.network import Link, Network, has_barrier

SAME_PAIR = 0.5
"""How far the two atoms of a minimum on an exchange may be from those of another one that is the same, Å."""
Half = tuple[int, int, tuple[int, int]]
"""From a node to a node of a cell."""


def with_exchange_minima(
    network: Network, slab: Structure, minima: Sequence[SurfaceMinimum], hops: Sequence[Hop]
) -> Network:
    """Return the network with a node for each minimum that lies on the way of exchanges.

    Exchanges that share one share the way into it: as links of their own they would count that several times, and an
    adatom that goes back from there as one that got through. The way into it is half an exchange, and leads over the
    highest point before that minimum: where an image climbed to it on one exchange, by that one.

    Parameters
    ----------
    network
        Nodes and links of one cell, exchanges as one link each.
    slab
        Relaxed clean slab.
    minima, hops
        Of the document.
    """
    through = _through_minima(slab, minima, hops)
    if not through:
        return network
    exchanges = exchange_net(slab, list(minima))
    inverse = np.linalg.inv(network.vectors)
    nodes: list[np.ndarray] = []  # places (2, 2) of the two atoms, Å
    energies: list[float] = []
    halves: dict[Half, tuple[bool, Link]] = {}  # with whether an image climbed to its saddle

    def node_of(pair: np.ndarray, energy: float) -> tuple[int, np.ndarray]:
        """Return the node of a minimum with its atoms in these places, and its cell."""
        for index, known in enumerate(nodes):
            for other in (known, known[::-1]):
                cell = np.rint((pair - other).mean(axis=0) @ inverse)
                if np.linalg.norm(pair - other - cell @ network.vectors, axis=1).max() < SAME_PAIR:
                    energies[index] = min(energies[index], energy)
                    return len(network.energies) + index, cell
        nodes.append(pair)
        energies.append(energy)
        return len(network.energies) + len(nodes) - 1, np.zeros(2)

    def join(link: Link, climbed: bool) -> None:
        """Add half of an exchange, unless one is known that leads the same way: the lower one of those that climbed.

        Where no image climbed, the highest lies below the saddle.
        """
        key = (link.start, link.end, link.cell)
        other = halves.get(key)
        if other is None or (not climbed, link.saddle) < (not other[0], other[1].saddle):
            halves[key] = climbed, link

    for hop in through.values():
        assert hop.via is not None
        base = minima[hop.initial].energy
        before, behind = hop.saddles_about_via
        for way, pair in exchanges.images(way_of(exchanges, hop), hop.via.pair):
            node, cell = node_of(pair, base + hop.via.energy)
            middle = nodes[node - len(network.energies)].mean(axis=0) + cell @ network.vectors
            ends = (
                (way[0], np.zeros(2), before, hop.prefactor_forward),
                (way[1], np.array(way[2:4]), behind, hop.prefactor_reverse),
            )
            for end, there, (saddle, climbed), prefactor in ends:
                into = middle - exchanges.net.positions[end] - there @ network.vectors
                cell_from_end = (cell - there).astype(int)
                back = prefactor
                if prefactor is not None and network.entropies is not None:
                    # In equilibrium as many come back as go; the minimum's own entropy counts as none.
                    back = prefactor * float(np.exp(network.entropies[end]))
                for start, last, sign, attempts in ((end, node, 1, prefactor), (node, end, -1, back)):
                    m, n = sign * cell_from_end
                    x, y = sign * into
                    lead = (float(x), float(y))
                    half = Link(start, last, (int(m), int(n)), lead, hop.index, sign < 0, base + saddle, attempts)
                    join(half, climbed)
    return replace(
        network,
        energies=np.append(network.energies, energies),
        minimum=[*network.minimum, *[-1] * len(nodes)],
        links=[link for link in network.links if link.hop not in through] + [link for _, link in halves.values()],
        entropies=None if network.entropies is None else np.append(network.entropies, np.zeros(len(nodes))),
    )


def _through_minima(slab: Structure, minima: Sequence[SurfaceMinimum], hops: Sequence[Hop]) -> dict[int, Hop]:
    """Return, by index, the exchanges that lead through an intermediate minimum, which they have as their `via`."""
    found = {hop.index: hop for hop in hops if hop.via is not None and has_barrier(hop)}
    if not found:
        return {}
    return found | _over_known_minima(exchange_net(slab, list(minima)), minima, hops, list(found.values()))


def _over_known_minima(
    exchanges: ExchangeNet, minima: Sequence[SurfaceMinimum], hops: Sequence[Hop], through: Sequence[Hop]
) -> dict[int, Hop]:
    """Return, by index, the other exchanges whose paths lead over one of those minima, in a dip too shallow to tell."""
    inverse = np.linalg.inv(exchanges.net.vectors)
    known = [
        (pair, minima[hop.initial].energy + hop.via.energy, hop.via)
        for hop in through
        if hop.via is not None
        for _, pair in exchanges.images(way_of(exchanges, hop), hop.via.pair)
    ]
    found: dict[int, Hop] = {}
    for hop in hops:
        if hop.exchanged_with is None or hop.exchanged_at is None or hop.via is not None or not has_barrier(hop):
            continue
        start, nearest = np.array([minima[hop.initial].position[:2], hop.exchanged_at]), SAME_PAIR
        for image in range(1, len(hop.images) - 1):
            moved = hop.images[image].cart_coords - hop.images[0].cart_coords
            pair = start + moved[[-1, hop.exchanged_with], :2]
            for place, energy, via in known:
                for other in (place, place[::-1]):
                    cell = np.rint((pair - other).mean(axis=0) @ inverse) @ exchanges.net.vectors
                    apart = float(np.linalg.norm(pair - other - cell, axis=1).max())
                    if apart < nearest:
                        nearest, over = apart, energy - minima[hop.initial].energy
                        own = via.model_copy(update={"image": image, "energy": over, "pair": pair.tolist()})
                        found[hop.index] = hop.model_copy(update={"via": own})
    return found


def same_saddles(slab: Structure, minima: Sequence[SurfaceMinimum], hops: Sequence[Hop]) -> list[Caveat]:
    """Return which exchanges lead over the saddle of another hop, so that D(T) counts it more than once.

    Their paths fork behind it. Those that lead through an intermediate minimum are counted once, there.
    """
    through = _through_minima(slab, minima, hops)
    counted = [hop for hop in hops if has_barrier(hop) and hop.index not in through and hop.images]
    tops = {hop.index: hop.saddle_image for hop in counted}

    def same(one: Hop, other: Hop) -> bool:
        first, second = [minima[hop.initial].energy + hop.profile[tops[hop.index]].energy for hop in (one, other)]
        return same_minimum(one.images[tops[one.index]], other.images[tops[other.index]], first, second, slab)

    found = []
    for place, hop in enumerate(counted):
        others = [other for other in counted[:place] if hop.is_exchange or other.is_exchange]
        shared = next((other for other in others if same(hop, other)), None)
        if shared is not None:
            found.append(
                Caveat(
                    "same-saddle",
                    f"leads over the saddle of {shared.name}: their paths fork behind it, and D(T), which counts that "
                    "saddle for each of them, may be too large",
                ).of(hop.subject)
            )
    return found
