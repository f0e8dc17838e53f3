"""Ways in which an adatom changes places with an atom of the surface: it takes that atom's place, which moves on."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pymatgen.core import Structure

from anodeflow.core.errors import InputError
from anodeflow.structures.geometry.positions import images_in_plane, is_free, placed
from anodeflow.structures.sites.contact import ContactSurface
from anodeflow.structures.sites.hops import SAME_PLACE, SurfaceHop, SurfaceNet
from anodeflow.structures.sites.path import image_at

Way = tuple[int, int, int, int, int, int, int]
"""An edge ``(i, j, m, n)`` of the net, and the atom that moves on: number k in its cell (u, v)."""


@dataclass(frozen=True)
class SurfaceExchange:
    """An exchange of an adatom, as one of its copies: that which starts at the initial minimum's own place.

    Attributes
    ----------
    hop
        From where to where the adatom's place moves; its `multiplicity` counts exchanges.
    atom
        Lateral place of the atom of the clean surface that the adatom takes, (2,), Å.
    """

    hop: SurfaceHop
    atom: tuple[float, float]


class ExchangeNet:
    """The atoms of a surface that adatoms in its minima touch, and the exchanges with them.

    An exchange leads from a minimum through an atom of the surface, of the adatom's element, to another minimum that
    touches the same atom: so no atom moves farther than to a neighbouring place, and the surface is the same
    afterwards. Atoms straight below the adatom have nowhere to go, and fixed ones do not move.

    Parameters
    ----------
    slab
        Clean slab (relaxed), in its supercell.
    net
        Minima of the adatom and their copies.
    places
        Position of the adatom in each minimum, Cartesian (n, 3), Å, as the net was made of.
    element
        The adatom.

    Attributes
    ----------
    others
        Elements of the other free atoms that an adatom touches: an exchange with them would change the surface.
    """

    def __init__(self, slab: Structure, net: SurfaceNet, places: list[list[float]], element: str) -> None:
        self.net = net
        self._inverse = np.linalg.inv(net.vectors)
        self.others: set[str] = set()
        self._atoms: list[np.ndarray] = []
        self._touched: dict[int, set[tuple[int, int, int]]] = {node: set() for node in range(len(net.minimum))}
        surface = ContactSurface(slab, element)
        for minimum, place in enumerate(np.asarray(places, dtype=float)):
            own = net.minimum.index(minimum)
            for atom, image in surface.neighbours(place):
                at = (slab[atom].coords + np.array([*image, 0]) @ slab.lattice.matrix)[:2]
                if not is_free(slab, atom) or np.linalg.norm(at - net.positions[own]) < SAME_PLACE:
                    continue
                if slab[atom].specie.symbol == element:
                    self._touch(own, at)
                else:
                    self.others.add(slab[atom].specie.symbol)

    def _touch(self, own: int, at: np.ndarray) -> None:
        """Note an atom that a minimum at its own place touches, for that place and all copies of both."""
        for turn, shift, images in self.net.operations():
            node, cell = images[own]
            moved = (at @ self._inverse) @ turn.T + shift - cell
            self._touched[node].add(self._numbered(moved))

    def _numbered(self, at: np.ndarray) -> tuple[int, int, int]:
        """Return the number of the atom at a place, in fractions of the cell, and its cell."""
        for number, known in enumerate(self._atoms):
            cell = np.rint(at - known)
            if np.linalg.norm((at - known - cell) @ self.net.vectors) < SAME_PLACE:
                return number, int(cell[0]), int(cell[1])
        home = at - np.floor(at + 1e-6)
        self._atoms.append(home)
        cell = np.rint(at - home)
        return len(self._atoms) - 1, int(cell[0]), int(cell[1])

    def place(self, way: Way) -> np.ndarray:
        """Return the lateral place (2,) of the atom of a way, Å."""
        return (self._atoms[way[4]] + np.array(way[5:])) @ self.net.vectors

    def way(self, hop: SurfaceHop, atom: tuple[float, float]) -> Way:
        """Return the way of an exchange's own copy.

        Raises
        ------
        InputError
            If no atom that its start touches is there.
        """
        edge = self.net.edge(hop)
        at = np.asarray(atom, dtype=float) @ self._inverse
        found = self._numbered(at)
        if found not in self._touched[edge[0]]:
            raise InputError(f"the adatom touches no atom at ({atom[0]:.2f}, {atom[1]:.2f}) Å that it could exchange.")
        return (*edge, *found)

    def images(self, way: Way, points: npt.ArrayLike = ()) -> list[tuple[Way, np.ndarray]]:
        """Return what each operation makes of a way, and of places (n, 2), Å, about it."""
        found = []
        i, j, *rest = way
        about = np.asarray(points, dtype=float).reshape(-1, 2) @ self._inverse
        for turn, shift, images in self.net.operations():
            (start, a), (end, b) = images[i], images[j]
            m, n = turn @ np.array(rest[:2]) + b - a
            atom = (self._atoms[rest[2]] + np.array(rest[3:])) @ turn.T + shift - a
            image = (start, end, int(m), int(n), *self._numbered(atom))
            found.append((image, (about @ turn.T + shift - a) @ self.net.vectors))
        return found

    def copies(self, way: Way) -> tuple[frozenset[Way], frozenset[Way]]:
        """Return the equivalent ways, one a cell: those run the same way, and those run backwards.

        The two sets are equal if symmetry turns the exchange round.
        """
        forward = {image for image, _ in self.images(way)}
        backward = {(j, i, -m, -n, k, u - m, v - n) for i, j, m, n, k, u, v in forward}
        return frozenset(forward), frozenset(backward)

    def starts(self, way: Way) -> list[Way]:
        """Return the equivalent ways that start at the own place of the minimum of the lower index."""
        ends = sorted(self.net.minimum[node] for node in way[:2])
        forward, backward = self.copies(way)
        own = self.net.minimum.index(ends[0])

        def first(each: Way) -> tuple[list[float], list[float]]:
            return (-np.round(self.net.displacement(each[:4]), 2)).tolist(), (-np.round(self.place(each), 2)).tolist()

        return sorted(
            (each for each in forward | backward if each[0] == own and self.net.minimum[each[1]] == ends[1]), key=first
        )

    def as_exchange(self, way: Way) -> SurfaceExchange:
        """Return the exchange whose own copy is this way, one of :meth:`starts`."""
        x, y = self.net.displacement(way[:4])
        u, v = self.place(way)
        minimum = self.net.minimum
        hop = SurfaceHop(minimum[way[0]], minimum[way[1]], (float(x), float(y)), len(self.starts(way)))
        return SurfaceExchange(hop, (float(u), float(v)))

    def exchanges(self) -> list[SurfaceExchange]:
        """Return the symmetry-distinct exchanges, those first that move the adatom's place least."""
        left: set[Way] = set()
        for start, atoms in self._touched.items():
            for k, u, v in atoms:
                for end, others in self._touched.items():
                    ways = ((start, end, u - b, v - c, k, u, v) for a, b, c in others if a == k)
                    left |= {way for way in ways if way[:4] != (start, start, 0, 0)}
        found = []
        while left:
            way = min(left, key=lambda w: (round(float(np.linalg.norm(self.net.displacement(w[:4]))), 2), w))
            forward, backward = self.copies(way)
            left -= forward | backward
            found.append(self.as_exchange(self.starts(way)[0]))
        return found


def atom_at(slab: Structure, place: tuple[float, float], element: str) -> int:
    """Return the index of the outermost atom of an element at a lateral place (2,), Å, of a clean slab.

    Raises
    ------
    InputError
        If there is none.
    """
    goal = np.array([*place, 0.0])
    apart = images_in_plane(slab.lattice, slab.cart_coords - goal)[:, :2]
    there = [
        index
        for index, away in enumerate(np.linalg.norm(apart, axis=1))
        if away < SAME_PLACE and slab[index].specie.symbol == element
    ]
    if not there:
        raise InputError(f"the slab has no {element} at ({place[0]:.2f}, {place[1]:.2f}) Å.")
    return max(there, key=lambda index: slab[index].coords[2])


def exchanged(
    initial: Structure, final: Structure, atom: int, place: tuple[float, float]
) -> tuple[Structure, np.ndarray]:
    """Return the end of an exchange from that of a hop between the same minima.

    Parameters
    ----------
    initial, final
        Ends of the hop of the adatom alone (the last atom), the same atoms in the same order; the adatom at the end in
        the image that the hop leads to.
    atom
        Index of the atom whose place the adatom takes.
    place
        Lateral place of its copy that the adatom takes, (2,), Å.

    Returns
    -------
    Structure
        As `final`, with that atom where the adatom was and the adatom in its place. Both go to the images that the
        exchange leads to; in a narrow cell other ones may be nearer.
    numpy.ndarray
        Vector (3,) from the atom to that copy of it, a translation of the slab, Å: so much farther than the atom is
        the adatom's place at the end.
    """
    beside = image_at(initial, initial[atom].coords, place) - initial[atom].coords
    positions = np.array(final.cart_coords)
    positions[-1] = image_at(initial, final[atom].coords, place)
    positions[atom] = final[-1].coords - beside
    return placed(initial, positions), beside
