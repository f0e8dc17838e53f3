"""The cheapest way of an adatom over a periodic network of minima, from cell to cell."""

import heapq
from collections.abc import Callable, Sequence

import numpy as np

from anodeflow.studies.diffusion.document import DiffusionPath, HopStep
from anodeflow.studies.diffusion.network import Link, Network

_SAME_LEVEL = 1e-4  # eV: saddles that differ by less are equally high

Cell = tuple[int, int]


def cheapest_path(
    network: Network, across: DiffusionPath | None = None, lowest: float | None = None
) -> DiffusionPath | None:
    """Return the cheapest way from a minimum to its copy in another cell.

    Among all such ways it is one whose highest saddle is the lowest; among those, one of the fewest hops; among
    those, the shortest. (The highest saddle is counted from the energy zero that all minima share, not from the
    way's own minima: whichever minimum an adatom starts from, it gets through where the pass is lowest.)

    Parameters
    ----------
    network
        Nodes and links of one cell.
    across
        A way found before: the new one leads in another direction.
    lowest
        Energy of the lowest minimum of the surface, eV, from which the barrier counts; none: that of the nodes. An
        intermediate minimum of an exchange is none of them, and may lie lower.

    Returns
    -------
    DiffusionPath or None
        It starts at its lowest minimum. None if no way leads to another cell (in another direction).
    """
    taken = (0, 0) if across is None else _cell_of(network, across.displacement)

    def leads_on(cell: Cell) -> bool:
        return cell != (0, 0) and (across is None or cell[0] * taken[1] != cell[1] * taken[0])

    for level in sorted({link.saddle for link in network.links}):
        links = [link for link in network.links if link.saddle <= level + _SAME_LEVEL]
        walks = [_shortest_walk(network, links, start, leads_on) for start in range(len(network.energies))]
        found = [walk for walk in walks if walk is not None]
        if found:
            zero = float(network.energies.min()) if lowest is None else lowest
            return _document(network, min(found, key=lambda each: each[0])[1], zero)
    return None


def _shortest_walk(
    network: Network, links: Sequence[Link], start: int, leads_on: Callable[[Cell], bool]
) -> tuple[tuple[int, float], list[Link]] | None:
    """Return the walk of the fewest hops, then of the least length, from a node to a copy of it (Dijkstra).

    The shortest walk that closes up to a lattice vector passes no node of the cell twice, since it could be cut there
    into two of which one leads on; so it has no more hops than there are nodes.
    """
    outgoing: dict[int, list[Link]] = {}
    for link in links:
        outgoing.setdefault(link.start, []).append(link)
    queue: list[tuple[tuple[int, float], int, int, Cell, list[Link]]] = [((0, 0.0), 0, start, (0, 0), [])]
    done: set[tuple[int, Cell]] = set()
    count = 0
    while queue:
        cost, _, node, cell, walk = heapq.heappop(queue)
        if node == start and leads_on(cell):
            return cost, walk
        if (node, cell) in done or cost[0] >= len(network.energies):
            continue
        done.add((node, cell))
        for link in outgoing.get(node, []):
            count += 1  # settles ties before two walks are compared
            there = (cell[0] + link.cell[0], cell[1] + link.cell[1])
            farther = (cost[0] + 1, round(cost[1] + float(np.hypot(*link.displacement)), 6))
            heapq.heappush(queue, (farther, count, link.end, there, [*walk, link]))
    return None


def _document(network: Network, walk: Sequence[Link], zero: float) -> DiffusionPath:
    """Return the walk, begun at its lowest minimum; its barrier counts from the lowest minimum of the surface.

    In equilibrium the adatom is where the energy is lowest, on the way or beside it, and has to come from there: so
    only this barrier is the slope of the diffusivity in an Arrhenius plot.
    """
    lowest = min(range(len(walk)), key=lambda i: network.energies[walk[i].start])
    walk = [*walk[lowest:], *walk[:lowest]]
    highest = max(walk, key=lambda link: link.saddle)
    displacement = np.sum([link.displacement for link in walk], axis=0)
    return DiffusionPath(
        start=network.minimum[walk[0].start],
        steps=[HopStep(hop=link.hop, reverse=link.reverse, displacement=list(link.displacement)) for link in walk],
        displacement=displacement.tolist(),
        barrier=float(highest.saddle - zero),
        limiting_hop=highest.hop,
    )


def _cell_of(network: Network, displacement: Sequence[float]) -> Cell:
    """Return the cell that a lattice vector (2,), Å, leads to."""
    m, n = np.rint(np.asarray(displacement) @ np.linalg.inv(network.vectors)).astype(int)
    return int(m), int(n)
