"""All copies of the minima of an adatom on a surface, and which of them are neighbours."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pymatgen.core import Structure

from anodeflow.structures.slab.symmetry import face_operations, surface_cell

SAME_PLACE = 0.3
"""Two places of an adatom nearer than this, in the plane, are one, Å."""
_ON_CIRCLE = 0.05  # part of the squared length by which a third minimum may lie outside the circle and still count

Edge = tuple[int, int, int, int]
"""From node i of a cell to node j of the cell (m, n): ``(i, j, m, n)``."""


@dataclass(frozen=True)
class SurfaceHop:
    """A hop of an adatom, as one of its copies: that which starts at the initial minimum's own place.

    Attributes
    ----------
    initial, final
        Indices of the minima where it starts and ends.
    displacement
        From start to end, in the plane, Å.
    multiplicity
        Equivalent hops that leave one copy of the initial minimum.
    """

    initial: int
    final: int
    displacement: tuple[float, float]
    multiplicity: int


class SurfaceNet:
    """The copies (nodes) of minima on a surface, in one cell of it, and what its symmetry does to them.

    Parameters
    ----------
    slab
        Clean slab (relaxed), c along z. The symmetry is that of the surface, without the slab's repetitions: it may
        hold operations that the supercell lacks (a √5 x √5 cell of a square face has no mirrors).
    places
        One position of the adatom per distinct minimum, Cartesian (n, 2) or (n, 3), Å; only x and y count.

    Attributes
    ----------
    vectors
        In-plane vectors (2, 2) of the primitive surface cell, one a row, Å.
    positions
        Lateral positions of the nodes (n, 2), Å; the first node of a minimum is the place that was given, moved onto
        a symmetry element that it is nearer to than 0.15 Å.
    minimum
        For each node the index of its minimum.
    """

    def __init__(self, slab: Structure, places: Sequence) -> None:
        cell = surface_cell(slab)
        self.vectors = cell.lattice.matrix[:2, :2]
        self._inverse = np.linalg.inv(self.vectors)
        self._turns = [(r[:2, :2], t[:2]) for r, t in face_operations(cell)]
        positions: list[np.ndarray] = []
        self.minimum: list[int] = []
        for index, place in enumerate(np.asarray(places, dtype=float)[:, :2]):
            orbit = self._orbit(place)
            positions += orbit
            self.minimum += [index] * len(orbit)
        self.positions = np.array(positions).reshape(-1, 2)
        self._operations: list[tuple[np.ndarray, np.ndarray, list[tuple[int, np.ndarray]]]] | None = None

    def multiplicity(self, minimum: int) -> int:
        """Return how many copies of a minimum one surface cell holds."""
        return self.minimum.count(minimum)

    def node_at(self, point: npt.ArrayLike, within: float = SAME_PLACE) -> tuple[int, int, int] | None:
        """Return the node nearest to a lateral position, ``(node, m, n)`` with its cell; none beyond `within`, Å."""
        shifts = (np.asarray(point, dtype=float)[:2] - self.positions) @ self._inverse
        cells = np.rint(shifts).astype(int)
        apart = np.linalg.norm((shifts - cells) @ self.vectors, axis=1)
        node = int(apart.argmin())
        if apart[node] > within:
            return None
        return node, int(cells[node, 0]), int(cells[node, 1])

    def displacement(self, edge: Edge) -> np.ndarray:
        """Return the vector (2,) from start to end of an edge, Å."""
        i, j, m, n = edge
        return self.positions[j] + np.array([m, n]) @ self.vectors - self.positions[i]

    def edge(self, hop: SurfaceHop) -> Edge:
        """Return the edge of a hop's own copy.

        Raises
        ------
        ValueError
            If it does not lead to a copy of its final minimum.
        """
        start = self.minimum.index(hop.initial)
        end = self.node_at(self.positions[start] + hop.displacement)
        if end is None or self.minimum[end[0]] != hop.final:
            raise ValueError(f"the hop {hop} leads to no copy of minimum {hop.final}")
        return (start, *end)

    def copies(self, edge: Edge) -> tuple[frozenset[Edge], frozenset[Edge]]:
        """Return the equivalent edges, one a cell: those run the same way, and those run backwards.

        The two sets are equal if symmetry turns the hop round.
        """
        forward = set()
        for turn, _, images in self.operations():
            (i, a), (j, b) = images[edge[0]], images[edge[1]]
            m, n = turn @ np.array(edge[2:]) + b - a
            forward.add((i, j, int(m), int(n)))
        backward = {(j, i, -m, -n) for i, j, m, n in forward}
        return frozenset(forward), frozenset(backward)

    def hop(self, edge: Edge) -> SurfaceHop:
        """Return the hop that an edge is a copy of; it starts at the minimum of the lower index."""
        return self.as_hop(self.starts(edge)[0])

    def starts(self, edge: Edge) -> list[Edge]:
        """Return the equivalent edges that start at the own place of the minimum where the hop starts."""
        ends = sorted(self.minimum[node] for node in edge[:2])
        forward, backward = self.copies(edge)
        own = self.minimum.index(ends[0])
        return sorted(
            (e for e in forward | backward if e[0] == own and self.minimum[e[1]] == ends[1]),
            key=lambda e: (-np.round(self.displacement(e), 2)).tolist(),
        )

    def as_hop(self, edge: Edge) -> SurfaceHop:
        """Return the hop whose own copy is this edge, one of :meth:`starts`."""
        x, y = self.displacement(edge)
        return SurfaceHop(self.minimum[edge[0]], self.minimum[edge[1]], (float(x), float(y)), len(self.starts(edge)))

    def hops(self) -> list[SurfaceHop]:
        """Return the symmetry-distinct hops between neighbouring minima, the shortest first.

        Neighbours are those of a Gabriel graph (Gabriel and Sokal, Syst. Zool. 18, 259 (1969)): a pair is left out if
        a third minimum lies in, or just outside, the circle that has the pair as its diameter, and is nearer to both
        than they are to each other. Such a pair is connected by shorter ones, so no minimum is cut off: the graph
        reaches from every cell to all others.
        """
        left = self._neighbours()
        found = []
        while left:
            edge = min(left, key=lambda e: (round(float(np.linalg.norm(self.displacement(e))), 2), e))
            forward, backward = self.copies(edge)
            left -= forward | backward
            found.append(self.hop(edge))
        return found

    def _neighbours(self) -> set[Edge]:
        """Return the edges of the Gabriel graph, both directions."""
        # No empty circle is wider than the sum of the two vectors of a reduced cell.
        reach = float(np.linalg.norm(self.vectors, axis=1).sum()) + 1e-6
        area = abs(np.linalg.det(self.vectors))
        around = [int(np.ceil(reach * np.linalg.norm(v) / area)) + 1 for v in self.vectors[::-1]]
        cells = np.array([(m, n) for m in range(-around[0], around[0] + 1) for n in range(-around[1], around[1] + 1)])
        nodes = np.tile(np.arange(len(self.positions)), len(cells))
        shifts = np.repeat(cells, len(self.positions), axis=0)
        points = self.positions[nodes] + shifts @ self.vectors
        edges = set()
        for i, start in enumerate(self.positions):
            near = np.flatnonzero(np.linalg.norm(points - start, axis=1) <= reach)
            squared = np.sum((points[near] - start) ** 2, axis=1)
            for place, length in zip(near, squared, strict=True):
                if length < 1e-6:
                    continue
                other = np.sum((points[near] - points[place]) ** 2, axis=1)
                between = (squared + other <= (1 + _ON_CIRCLE) * length) & (np.maximum(squared, other) < 0.999 * length)
                if not np.any(between & (np.minimum(squared, other) > 1e-6)):
                    edges.add((i, int(nodes[place]), int(shifts[place, 0]), int(shifts[place, 1])))
        return edges

    def _orbit(self, place: np.ndarray) -> list[np.ndarray]:
        """Return the distinct copies of a place in one cell, the place itself (put onto symmetry elements) first."""
        at = place @ self._inverse
        images = [turn @ at + shift for turn, shift in self._turns]

        def offset(image: np.ndarray, other: np.ndarray) -> np.ndarray:
            return image - other - np.rint(image - other)

        own = [d for d in (offset(image, at) for image in images) if np.linalg.norm(d @ self.vectors) < SAME_PLACE]
        at = at + np.mean(own, axis=0)
        found = [at]
        for turn, shift in self._turns:
            image = turn @ at + shift
            if all(np.linalg.norm(offset(image, other) @ self.vectors) > SAME_PLACE for other in found):
                found.append(image - np.floor(image + 1e-6))
        return [image @ self.vectors for image in found]

    def operations(self) -> list[tuple[np.ndarray, np.ndarray, list[tuple[int, np.ndarray]]]]:
        """Return what each operation does to places, in fractions of the cell, and to nodes.

        Returns
        -------
        list of tuple
            Rotation (2, 2) and translation (2,): ``rotation @ x + translation``; and for each node the node and the
            cell that it goes to.
        """
        if self._operations is None:
            self._operations = []
            for turn, shift in self._turns:
                moved = (self.positions @ self._inverse) @ turn.T + shift
                nodes = [self.node_at(point) for point in moved @ self.vectors]
                if None not in nodes:  # an operation that holds for the slab, but only nearly for the minima
                    images = [(node[0], np.array(node[1:])) for node in nodes if node is not None]
                    self._operations.append((turn, shift, images))
        return self._operations
