"""Where a ball that rolls over a slab comes to touch it: radii, neighbours and contact points.

The centre of the ball, the adsorbate, moves on a landscape over the plane: its maxima lie on top of atoms, its
saddles over bridges, its minima in hollows. They are found exactly, as the highest points of single contact
spheres, of the circles in which two of them meet, and as the points in which three meet.
"""

import warnings
from itertools import combinations

import numpy as np
from ase.data import atomic_numbers, covalent_radii
from pymatgen.core import Element, Structure
from scipy.spatial import cKDTree

from anodeflow.structures.geometry.positions import images_in_plane

NEIGHBOUR_TOLERANCE = 1.10
"""An atom is a neighbour up to this times the shortest distance, both in units of the touching distance.

The second shell of bcc, 1.155 times as far as the first, must stay out.
"""

_OVERLAP = 0.05  # Å by which a contact point may lie inside another contact sphere: nearly flat hollows
_MERGE = 0.12  # contact points closer than this, in touching distances, are one site


def free_radius(element: str) -> float:
    """Return the radius of an adsorbate, Å: metallic (12 neighbours) for metals, covalent for the others."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No data available for metallic_radius")  # then it has a covalent one
        metallic = Element(element).metallic_radius
    return float(metallic or covalent_radii[atomic_numbers[element]])


def touching_distances(slab: Structure, adsorbate: str) -> np.ndarray:
    """Return the distance from each atom of `slab` at which `adsorbate` touches it, (n,), Å.

    That is the adsorbate's own radius plus half the mean nearest-neighbour distance of the atom's element in
    this slab: so Li is as big as it is in Li metal (1.5 Å) or in LiH (1.0 Å), and no table has to know.
    """
    elements = np.array([site.specie.symbol for site in slab])
    apart = slab.distance_matrix
    np.fill_diagonal(apart, min(slab.lattice.abc[:2]))
    nearest = apart.min(axis=1)
    radius = {element: nearest[elements == element].mean() / 2 for element in np.unique(elements)}
    return np.array([radius[element] for element in elements]) + free_radius(adsorbate)


class ContactSurface:
    """The landscape on which the centre of an adsorbate touches the top face of a slab.

    Parameters
    ----------
    slab
        Slab with c along z and the studied face on top.
    adsorbate
        Element of the adsorbate.
    """

    def __init__(self, slab: Structure, adsorbate: str) -> None:
        self.slab = slab
        touching = touching_distances(slab, adsorbate)
        self.reach = float(touching.max())
        a, b = slab.lattice.matrix[:2]
        area = np.linalg.norm(np.cross(a, b))
        n, m = (int(np.ceil(2 * self.reach * np.linalg.norm(v) / area)) + 1 for v in (b, a))
        cells = np.array([(i, j) for i in range(-n, n + 1) for j in range(-m, m + 1)])
        heights = slab.cart_coords[:, 2]
        near = np.flatnonzero(heights > heights.max() - 2 * self.reach)
        # The arrays below run over the atoms near the face and their images in the plane.
        self.index = np.tile(near, len(cells))
        self.image = np.repeat(cells, len(near), axis=0)
        self.atoms = slab.cart_coords[self.index] + self.image @ slab.lattice.matrix[:2]
        self.distances = touching[self.index]
        self._tree = cKDTree(self.atoms)

    def height(self, lateral: np.ndarray) -> float:
        """Height of the landscape at a lateral position (2,), Å: there the ball touches the first atom."""
        below = self.distances**2 - np.sum((self.atoms[:, :2] - lateral) ** 2, axis=1)
        touched = below >= 0
        return float((self.atoms[touched, 2] + np.sqrt(below[touched])).max())

    def neighbours(self, position: np.ndarray) -> list[tuple[int, tuple[int, int]]]:
        """Return the atoms next to a position (3,): their index in the slab and the cell of their image."""
        ratio = np.linalg.norm(self.atoms - position, axis=1) / self.distances
        close = np.flatnonzero(ratio <= NEIGHBOUR_TOLERANCE * ratio.min())
        return [(int(self.index[i]), (int(self.image[i, 0]), int(self.image[i, 1]))) for i in close]

    def corners(self, position: np.ndarray) -> int:
        """Return how many neighbours a position stands between.

        In a deep hollow the atom straight below comes as near as the atoms around: it is a neighbour, but the
        hollow on bcc (001) is fourfold all the same.
        """
        around = len(self.around(position))
        return around if around > 2 else len(self.neighbours(position))

    def around(self, position: np.ndarray) -> np.ndarray:
        """Return the numbers in `atoms` of the neighbours of a position, less what is straight below or above it."""
        ratio = np.linalg.norm(self.atoms - position, axis=1) / self.distances
        close = ratio <= NEIGHBOUR_TOLERANCE * ratio.min()
        aside = np.linalg.norm(self.atoms[:, :2] - position[:2], axis=1) > 0.2 * self.reach
        return np.flatnonzero(close & aside)

    def nearest_ratio(self, position: np.ndarray) -> float:
        """Return the distance to the nearest atom in units of the touching distance."""
        return float((np.linalg.norm(self.atoms - position, axis=1) / self.distances).min())

    def below(self, position: np.ndarray) -> str | None:
        """Return the element of the atom straight below a position, if one lies within two touching distances."""
        away = self.atoms - position
        column = (np.linalg.norm(away[:, :2], axis=1) < 0.2 * self.reach) & (away[:, 2] > -2 * self.reach)
        if not column.any():
            return None
        return self.slab[int(self.index[column][away[column, 2].argmax()])].specie.symbol

    def points(self) -> np.ndarray:
        """Return all contact points (tops, bridges, hollows) of one cell of the slab, (n, 3), Cartesian, Å.

        Points that nearly coincide are one: a hollow swallows the bridges and tops beside it.
        """
        exposed = self._exposed()
        pairs = self._touching(exposed)
        kept = np.empty((0, 3))
        for candidates in (self._hollows(pairs), self._bridges(pairs), self._tops(exposed)):
            candidates = candidates[self._free(candidates)]
            candidates = candidates[~self._beside(candidates, kept)]
            kept = np.concatenate([kept, self._merged(candidates)])
        return kept

    def _free(self, points: np.ndarray) -> np.ndarray:
        """Whether points lie outside the contact spheres of all atoms, less an overlap."""
        free = np.ones(len(points), dtype=bool)
        if len(points):
            near = cKDTree(points).sparse_distance_matrix(self._tree, self.reach, output_type="ndarray")
            free[near["i"][near["v"] < self.distances[near["j"]] - _OVERLAP]] = False
        return free

    def _exposed(self) -> np.ndarray:
        """Atoms whose contact sphere is not wholly covered by others: the ball can touch them."""
        k = np.arange(400)  # a Fibonacci spiral on the upper half of a unit sphere
        z, angle = (k + 0.5) / len(k), k * np.pi * (3 - np.sqrt(5))
        sphere = np.stack([np.cos(angle) * np.sqrt(1 - z**2), np.sin(angle) * np.sqrt(1 - z**2), z], axis=1)
        seen = []
        for i in np.flatnonzero(np.all(self.image == 0, axis=1)):
            away, own = self.atoms - self.atoms[i], self.distances[i]
            square = np.sum(away**2, axis=1)
            meets = (square > 1e-6) & (square < (self.distances + own) ** 2)
            # Generous: an atom may touch the ball in a hollow's deepest point only, between the directions tried.
            nearest = self.distances[meets] - 0.25
            # The law of cosines: how far along its direction another atom may lie before it is nearer than that.
            farthest = (own**2 + square[meets] - nearest**2) / (2 * own)
            if np.any(np.all(sphere @ away[meets].T <= farthest, axis=1)):
                seen.append(self.index[i])
        return np.flatnonzero(np.isin(self.index, seen))

    def _tops(self, exposed: np.ndarray) -> np.ndarray:
        home = exposed[np.all(self.image[exposed] == 0, axis=1)]
        return self.atoms[home] + self.distances[home, None] * [0, 0, 1]

    def _touching(self, exposed: np.ndarray) -> list[tuple[int, np.ndarray]]:
        """For each exposed atom of the home cell: the exposed atoms whose contact spheres meet its own."""
        found = []
        for i in exposed[np.all(self.image[exposed] == 0, axis=1)]:
            apart = np.linalg.norm(self.atoms[exposed] - self.atoms[i], axis=1)
            meets = (apart > 1e-6) & (apart < self.distances[exposed] + self.distances[i])
            found.append((int(i), exposed[meets]))
        return found

    def _bridges(self, pairs: list[tuple[int, np.ndarray]]) -> np.ndarray:
        """Highest points of the circles in which two contact spheres meet, where they are saddles."""
        points = []
        for i, others in pairs:
            axis = self.atoms[others] - self.atoms[i]
            apart = np.linalg.norm(axis, axis=1)
            axis /= apart[:, None]
            along = (apart**2 + self.distances[i] ** 2 - self.distances[others] ** 2) / (2 * apart)
            upwards = [0, 0, 1] - axis[:, 2:] * axis
            length = np.linalg.norm(upwards, axis=1)
            level = (length > 1e-3) & (abs(along) < self.distances[i])
            axis, along, upwards, length = axis[level], along[level], upwards[level], length[level]
            radius = np.sqrt(self.distances[i] ** 2 - along**2)
            tops = self.atoms[i] + along[:, None] * axis + (radius / length)[:, None] * upwards
            from_i = tops[:, :2] - self.atoms[i, :2]
            from_other = tops[:, :2] - self.atoms[others[level], :2]
            # Between the two atoms the landscape falls off to either side; elsewhere it only slopes.
            points.append(tops[np.sum(from_i * from_other, axis=1) < 0])
        return np.concatenate(points)

    def _hollows(self, pairs: list[tuple[int, np.ndarray]]) -> np.ndarray:
        """Upper points in which three contact spheres meet, where they are minima."""
        points = []
        for i, others in pairs:
            triples = np.array(list(combinations(others, 2)))
            if not len(triples):
                continue
            x, y = self.atoms[triples[:, 0]] - self.atoms[i], self.atoms[triples[:, 1]] - self.atoms[i]
            r0, (r1, r2) = self.distances[i] ** 2, self.distances[triples.T] ** 2
            # The line common to the planes of the two circles, then its points on the first sphere.
            normal = np.cross(x, y)
            square = np.sum(normal**2, axis=1)
            good = square > 1e-3
            x, y, normal, square, r1, r2 = x[good], y[good], normal[good], square[good], r1[good], r2[good]
            normal *= np.where(normal[:, 2:] < 0, -1, 1)
            p = (np.sum(x**2, axis=1) + r0 - r1)[:, None] / 2
            q = (np.sum(y**2, axis=1) + r0 - r2)[:, None] / 2
            foot = np.cross(p * y - q * x, np.cross(x, y)) / square[:, None]
            left = r0 - np.sum(foot**2, axis=1)
            meets = left > 0
            foot, normal, square, left = foot[meets], normal[meets], square[meets], left[meets]
            rise = foot + normal * np.sqrt(left / square)[:, None]
            inside = _inside(rise[:, :2], x[meets][:, :2], y[meets][:, :2])
            points.append(self.atoms[i] + rise[inside])
        return np.concatenate(points) if points else np.empty((0, 3))

    def _apart(self, points: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Minimum-image distances between two sets of points, Å."""
        lattice = self.slab.lattice
        return lattice.get_all_distances(lattice.get_fractional_coords(points), lattice.get_fractional_coords(others))

    def _beside(self, points: np.ndarray, kept: np.ndarray) -> np.ndarray:
        if not len(points) or not len(kept):
            return np.zeros(len(points), dtype=bool)
        return self._apart(points, kept).min(axis=1) < _MERGE * self.reach

    def _merged(self, points: np.ndarray) -> np.ndarray:
        """Replace points that nearly coincide, images included, by the contact point in their middle."""
        merged: list[np.ndarray] = []
        while len(points):
            near = self._apart(points[:1], points)[0] < _MERGE * self.reach
            middle = points[0] + images_in_plane(self.slab.lattice, points[near] - points[0]).mean(axis=0)
            merged.append(np.array([*middle[:2], self.height(middle[:2])]))
            points = points[~near]
        return np.array(merged).reshape(-1, 3)


def _inside(point: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Whether points lie in (or, for a nearly right angle, just outside) the triangles 0, x, y of the plane."""
    area = x[:, 0] * y[:, 1] - x[:, 1] * y[:, 0]
    area = np.where(abs(area) < 1e-9, np.inf, area)
    u = (point[:, 0] * y[:, 1] - point[:, 1] * y[:, 0]) / area
    v = (x[:, 0] * point[:, 1] - x[:, 1] * point[:, 0]) / area
    return (u > -0.02) & (v > -0.02) & (u + v < 1.02) & np.isfinite(area)
