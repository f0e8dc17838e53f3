"""Atomic planes of a crystal along a surface normal, and the distinct ways to end the crystal between them."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import spglib
from pymatgen.core import Element, Structure

from anodeflow.structures.bulk.host import SYMPREC, coprime, spglib_cell
from anodeflow.structures.slab.lateral import reduce_in_plane, upright

# Planes closer than this are one buckled plane; the smaller values serve planes of high index, which lie dense.
_BUCKLING = (0.3, 0.15, 0.05, 0.01)


@dataclass(frozen=True)
class Plane:
    """One atomic plane of the periodic stack."""

    height: float  # mean height over the origin, Å
    elements: tuple[str, ...]
    positions: np.ndarray  # (n, 3), Cartesian with z along the normal, Å
    gap: float  # to the next plane above, Å

    @property
    def formula(self) -> str:
        """Composition of the plane in the primitive surface cell, electropositive elements first: Li2Mg3."""
        order = sorted(set(self.elements), key=lambda element: Element(element).X)
        counts = {element: self.elements.count(element) for element in order}
        return "".join(f"{element}{n if n > 1 else ''}" for element, n in counts.items())


@dataclass(frozen=True)
class Stack:
    """A crystal seen along a plane's normal: its primitive surface cell and the planes of one period.

    z is the outward normal, x lies along the first in-plane vector. `planes` are sorted upwards.
    """

    vectors: np.ndarray  # (3, 3) rows a, b (in the plane) and c (one period up), Å
    planes: list[Plane]
    crystal: Structure  # the same cell, for symmetry
    rotation: np.ndarray  # (3, 3), turns Cartesian rows of the bulk into those of the stack

    @property
    def period(self) -> float:
        """Height of one period, Å."""
        return float(self.vectors[2, 2])


@dataclass(frozen=True)
class Face:
    """A termination: the crystal `stack` cut above its plane number `top`."""

    stack: Stack
    top: int

    @property
    def plane(self) -> Plane:
        """The outermost plane."""
        return self.stack.planes[self.top]


def stack_planes(bulk: Structure, miller: tuple[int, int, int]) -> Stack:
    """Look at `bulk` along the normal of a plane.

    Parameters
    ----------
    bulk
        Crystal; reduced to its primitive cell first, so that the surface cell is primitive too.
    miller
        Indices in the cell of `bulk`; their sign says which way is up.

    Notes
    -----
    Atoms are grouped into planes at gaps wider than 0.3 Å along the normal, so that a buckled plane of a
    relaxed alloy stays one; where the planes lie denser than that, the tolerance is lowered until they part.
    """
    lattice, fractional, numbers = primitive_cell(bulk)
    turn = surface_cell(bulk, lattice, miller)
    vectors = turn @ lattice
    rotation = upright(vectors)
    crystal = Structure(vectors @ rotation, numbers.tolist(), fractional @ np.linalg.inv(turn))
    return Stack(crystal.lattice.matrix, _group(crystal), crystal, rotation)


def primitive_cell(bulk: Structure) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return lattice vectors (3, 3), Å, fractional coordinates (n, 3) and atomic numbers (n) of a primitive cell."""
    primitive: Any = spglib.standardize_cell(spglib_cell(bulk), to_primitive=True, no_idealize=True, symprec=SYMPREC)
    if primitive is None:
        primitive = spglib_cell(bulk)
    lattice, fractional, numbers = (np.asarray(part) for part in primitive)
    return lattice, fractional, numbers


def surface_cell(bulk: Structure, lattice: np.ndarray, miller: tuple[int, int, int]) -> np.ndarray:
    """Return integer combinations (3, 3) of primitive vectors: a and b, the shortest in a plane, and c out of it.

    Parameters
    ----------
    bulk
        Crystal in whose cell the plane is indexed.
    lattice
        (3, 3) vectors of its primitive cell, Å.
    miller
        Indices of the plane; their sign says which way is up.
    """
    factor = round(abs(np.linalg.det(bulk.lattice.matrix) / np.linalg.det(lattice)))
    in_bulk = np.rint(factor * np.linalg.solve(bulk.lattice.matrix.T, lattice.T).T)
    turn = _unimodular(coprime(in_bulk @ np.array(miller)))
    turn[:2] = reduce_in_plane((turn @ lattice)[:2]) @ turn[:2]
    return turn


def terminations(up: Stack, down: Stack) -> list[Face]:
    """List the symmetry-distinct terminations of a crystal, from both of its sides.

    Two faces are the same when an operation of the crystal's space group takes the half crystal below the one
    to the half crystal below the other. Faces with the widest gap outside come first, then by formula and
    height; so the first one is the natural cleavage.

    Parameters
    ----------
    up, down
        The crystal along the normal (h, k, l) and along (-h, -k, -l).
    """
    rotations, translations = _operations(up.crystal)
    flat = np.all(rotations[:, 2, :2] == 0, axis=1)
    shifts = [(r[2, 2], t[2] * up.period) for r, t in zip(rotations[flat], translations[flat], strict=True)]
    faces: list[Face] = []
    for face in [Face(stack, top) for stack in (up, down) for top in range(len(stack.planes))]:
        # (is it seen from below, height along the upward normal) of all faces equivalent to this one
        side = 1 if face.stack is up else -1
        copies = [(side * turn, turn * side * face.plane.height + shift) for turn, shift in shifts]
        if not any(_among(copies, known, up) for known in faces):
            faces.append(face)
    widest = max(face.plane.gap for face in faces)
    # Relaxation noise must not reorder faces whose gaps are nearly equal.
    return sorted(faces, key=lambda f: (f.plane.gap < 0.8 * widest, f.plane.formula))


def crystal_faces(bulk: Structure, plane: tuple[int, int, int]) -> list[Face]:
    """List the symmetry-distinct terminations of `bulk` along a plane's normal and against it; see `terminations`.

    Those of the last crystals and planes are kept: a campaign cuts many slabs of one crystal.

    Parameters
    ----------
    bulk
        Crystal.
    plane
        Miller indices in the cell of `bulk`.
    """
    species = tuple(site.specie for site in bulk)
    coordinates = np.ascontiguousarray(bulk.frac_coords)
    return list(_crystal_faces(bulk.lattice.matrix.tobytes(), coordinates.tobytes(), species, plane))


@lru_cache(maxsize=256)
def _crystal_faces(
    cell: bytes, coordinates: bytes, species: tuple[Any, ...], plane: tuple[int, int, int]
) -> tuple[Face, ...]:
    lattice, fractional = np.frombuffer(cell).reshape(3, 3), np.frombuffer(coordinates).reshape(-1, 3)
    bulk = Structure(lattice, species, fractional)
    opposite = (-plane[0], -plane[1], -plane[2])
    return tuple(terminations(stack_planes(bulk, plane), stack_planes(bulk, opposite)))


def _among(copies: list[tuple[int, float]], face: Face, up: Stack) -> bool:
    side = 1 if face.stack is up else -1
    for copy_side, height in copies:
        difference = (height - side * face.plane.height) / up.period
        if copy_side == side and abs(difference - round(difference)) * up.period < 2 * SYMPREC:
            return True
    return False


def _operations(crystal: Structure) -> tuple[np.ndarray, np.ndarray]:
    found = spglib.get_symmetry(spglib_cell(crystal), symprec=SYMPREC)
    if found is None:
        return np.eye(3, dtype=int)[None], np.zeros((1, 3))
    return found["rotations"], found["translations"]


def _group(crystal: Structure) -> list[Plane]:
    """Group the atoms of one period into planes, sorted upwards."""
    period = crystal.lattice.matrix[2, 2]
    # An atom at the very top of the period belongs to the bottom, whatever the noise.
    heights = (crystal.frac_coords[:, 2] * period + 0.1) % period - 0.1
    order = np.argsort(heights, kind="stable")
    gaps = np.diff(heights[order], append=heights[order[0]] + period)
    for tolerance in _BUCKLING:
        ends = np.flatnonzero(gaps > tolerance)
        groups = _cut(order, heights, ends, period)
        if groups and max(np.ptp(z) for _, z in groups) <= 2 * tolerance:
            break
    else:
        groups = groups or [(order, heights[order])]
    planes = []
    for (members, z), (_, above) in zip(groups, groups[1:] + groups[:1], strict=True):
        positions = crystal.cart_coords[members]
        lift = (z - positions[:, 2]) / period
        planes.append(
            Plane(
                height=float(z.mean()),
                elements=tuple(crystal[i].specie.symbol for i in members),
                positions=positions + np.rint(lift)[:, None] * crystal.lattice.matrix[2],
                gap=float((above.min() - z.max()) % period) or float(period),
            )
        )
    return planes


def _cut(order, heights, ends, period) -> list[tuple[np.ndarray, np.ndarray]]:
    """Cut the circle of atoms after the positions `ends`; a group over the seam is lifted as a whole."""
    groups = []
    for first, last in zip(np.roll(ends, 1) + 1, ends + 1, strict=True):
        if first >= last:
            members = np.concatenate([order[first:], order[:last]])
            lift = np.concatenate([np.full(len(order) - first, -period), np.zeros(last)])
        else:
            members, lift = order[first:last], np.zeros(last - first)
        groups.append((members, heights[members] + lift))
    return groups


def _unimodular(plane: tuple[int, int, int]) -> np.ndarray:
    """Return integer rows a, b, c of determinant 1 with a and b in the plane and c one lattice plane up."""
    rows, left = np.eye(3, dtype=int), np.array(plane)
    while np.count_nonzero(left) > 1:  # Euclid's algorithm on the indices
        smallest = np.where(left == 0, np.inf, abs(left)).argmin()
        for i in range(3):
            if i != smallest:
                factor = left[i] // left[smallest]
                left[i] -= factor * left[smallest]
                rows[i] -= factor * rows[smallest]
    last = int(np.flatnonzero(left)[0])
    rows = np.roll(rows, 2 - last, axis=0)
    rows[2] *= left[last]
    if np.linalg.det(rows) < 0:
        rows[[0, 1]] = rows[[1, 0]]
    return rows
