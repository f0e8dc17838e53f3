"""The network on which an adatom diffuses: nodes and hops in one cell of the surface, with their energies."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pymatgen.core import Structure

from anodeflow.schemas.diffusion import Hop, SurfaceMinimum
from anodeflow.structures.hops import SurfaceHop, SurfaceNet

ROUGH = 0.2
"""Largest force on a band, eV/Å, up to which the barrier of a path that did not converge is taken for an estimate."""


@dataclass(frozen=True)
class Link:
    """One way from a node of a cell to a node of the same or another cell.

    Attributes
    ----------
    start, end
        Nodes.
    cell
        Cell (m, n) of the end, that of the start being (0, 0).
    displacement
        From start to end, in the plane, Å.
    hop
        Index of the hop that this is a copy of.
    reverse
        Whether it runs from the hop's end to its start.
    saddle
        Energy of the saddle, on the scale of the nodes' energies, eV.
    """

    start: int
    end: int
    cell: tuple[int, int]
    displacement: tuple[float, float]
    hop: int
    reverse: bool
    saddle: float


@dataclass(frozen=True)
class Network:
    """Nodes and links of one cell of the surface; every link is there in both directions.

    Attributes
    ----------
    vectors
        In-plane vectors (2, 2) of the cell, one a row, Å.
    energies
        Energy of each node, eV.
    minimum
        For each node the index of its minimum.
    links
        All links that start in the cell.
    """

    vectors: np.ndarray
    energies: np.ndarray
    minimum: list[int]
    links: list[Link]


def build_network(slab: Structure, minima: Sequence[SurfaceMinimum], hops: Sequence[Hop]) -> Network:
    """Return the network of the hops whose barrier is known (:func:`has_barrier`).

    The saddle of a hop is its initial minimum's energy plus its forward barrier, so that both directions meet at one
    energy and detailed balance holds.

    Parameters
    ----------
    slab
        Relaxed clean slab.
    minima, hops
        Of the document; `Hop.initial` and `Hop.final` are indices in `minima`.
    """
    net = SurfaceNet(slab, [minimum.position for minimum in minima])
    links = []
    for hop in hops:
        if hop.barrier_forward is None or not has_barrier(hop):
            continue
        saddle = minima[hop.initial].energy + hop.barrier_forward
        own = SurfaceHop(hop.initial, hop.final, (hop.displacement[0], hop.displacement[1]), hop.multiplicity)
        forward, backward = net.copies(net.edge(own))
        # Those along +x first: of equal ways the first is taken, and the hop's own copy is preferred alike.
        for edge in sorted(forward | backward, key=lambda e: (-net.displacement(e).round(3)).tolist()):
            x, y = net.displacement(edge)
            links.append(
                Link(
                    start=edge[0],
                    end=edge[1],
                    cell=(edge[2], edge[3]),
                    displacement=(float(x), float(y)),
                    hop=hop.index,
                    reverse=edge not in forward,
                    saddle=saddle,
                )
            )
    energies = np.array([minima[index].energy for index in net.minimum])
    return Network(net.vectors, energies, net.minimum, links)


def has_barrier(hop: Hop) -> bool:
    """Whether a hop has a barrier that is good enough for paths and rates.

    Hops that failed or were split have none (the parts of the latter have); of paths that did not converge, those with
    forces up to 0.2 eV/Å are counted.
    """
    return hop.barrier_forward is not None and (hop.state == "done" or (hop.max_force or 0.0) <= ROUGH)
