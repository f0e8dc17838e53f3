"""The network on which an adatom diffuses: nodes and hops in one cell of the surface, with their energies."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pymatgen.core import Structure

from anodeflow.calculations.vibrations import log_product
from anodeflow.structures.sites.exchanges import ExchangeNet
from anodeflow.structures.sites.hops import SurfaceHop, SurfaceNet
from anodeflow.studies.diffusion.hop_document import Hop, SurfaceMinimum

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
    prefactor
        Attempt frequency of the hop from its start, 1/s; none: that of all hops which have none of their own.
    """

    start: int
    end: int
    cell: tuple[int, int]
    displacement: tuple[float, float]
    hop: int
    reverse: bool
    saddle: float
    prefactor: float | None = None


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
    entropies
        Vibrational entropy of each node over that of the first one, in units of the Boltzmann constant; none: all have
        the same.
    """

    vectors: np.ndarray
    energies: np.ndarray
    minimum: list[int]
    links: list[Link]
    entropies: np.ndarray | None = None


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
        forward, backward = _copies(slab, net, minima, hop)
        # Those along +x first: of equal ways the first is taken, and the hop's own copy is preferred alike.
        for way in sorted(forward | backward, key=lambda w: ((-_displacement(net, w).round(3)).tolist(), w)):
            x, y = _displacement(net, way)
            links.append(
                Link(
                    start=way[0],
                    end=way[1],
                    cell=(way[2], way[3]),
                    displacement=(float(x), float(y)),
                    hop=hop.index,
                    reverse=way not in forward,
                    saddle=saddle,
                    prefactor=hop.prefactor_forward if way in forward else hop.prefactor_reverse,
                )
            )
    energies = np.array([minima[index].energy for index in net.minimum])
    entropies = vibrational_entropies(minima)
    return Network(
        net.vectors,
        energies,
        net.minimum,
        links,
        None if entropies is None else np.array([entropies[index] for index in net.minimum]),
    )


def _displacement(net: SurfaceNet, way: tuple[int, ...]) -> np.ndarray:
    """Return the vector (2,) from start to end of an edge, or of an exchange, Å."""
    i, j, m, n = way[:4]
    return net.displacement((i, j, m, n))


def _copies(
    slab: Structure, net: SurfaceNet, minima: Sequence[SurfaceMinimum], hop: Hop
) -> tuple[frozenset[tuple[int, ...]], frozenset[tuple[int, ...]]]:
    """Return the copies of a hop in one cell, forward and backward; of an exchange one for each atom that moves on."""
    own = SurfaceHop(hop.initial, hop.final, (hop.displacement[0], hop.displacement[1]), hop.multiplicity)
    if hop.exchanged_at is None:
        return net.copies(net.edge(own))
    places = [minimum.position for minimum in minima]
    exchanges = ExchangeNet(slab, net, places, minima[0].structure[-1].specie.symbol)
    x, y = hop.exchanged_at
    return exchanges.copies(exchanges.way(own, (x, y)))


def vibrational_entropies(minima: Sequence[SurfaceMinimum]) -> list[float] | None:
    """Return the classical vibrational entropy of each minimum over that of the first, in Boltzmann constants.

    None unless the frequencies of all of them are known, and real: the adatom is then taken to be as likely in each as
    the energies say.
    """
    if not all(minimum.frequencies and min(minimum.frequencies) > 0 for minimum in minima):
        return None
    products = [log_product(minimum.frequencies) for minimum in minima]
    return [products[0] - product for product in products]


def has_barrier(hop: Hop) -> bool:
    """Whether a hop has a barrier that is good enough for paths and rates.

    Hops that failed or were split have none (the parts of the latter have), nor have those whose highest point is no
    saddle of first order; of paths that did not converge, those with forces up to 0.2 eV/Å are counted.
    """
    if hop.barrier_forward is None:
        return False
    return hop.state == "done" or (hop.state == "not converged" and (hop.max_force or 0.0) <= ROUGH)
