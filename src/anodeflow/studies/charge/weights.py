"""Bader basins by weights, with numpy and scipy alone: M. Yu and D. R. Trinkle, J. Chem. Phys. 134, 064111 (2011).

What is at a grid point flows to those neighbours that hold more, in proportion to the area of the face that the point's
Voronoi cell shares with theirs times the slope of the density. All electrons end up on maxima; points at the edge
of two basins are divided between them. The flow is a triangular matrix when points are sorted by their density,
and one triangular solution carries every electron to its maxima.

Against BaderKit 0.10.2 (neargrid-weight), on densities of GPAW: atoms agree within 0.001 e on Li(001) with an adatom,
on a grid of 0.1 Å, and atoms that symmetry makes equal within 0.0002 e. A grid of 110 x 110 x 280 points takes 2.4 s.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.sparse import csc_array, eye_array
from scipy.sparse.linalg import spsolve_triangular
from scipy.spatial import Voronoi

from anodeflow.core.density import DensityGrid

_LEAST_FACE = 1e-9
"""Part of the largest face's weight below which a face is an edge that rounding has opened."""


@dataclass(frozen=True, eq=False)
class WeightBasins:
    """Maxima of a density on its grid, with what flows to each.

    Attributes
    ----------
    positions
        Maxima, Cartesian (n, 3), Å.
    electrons
        Electrons that end on each (n,).
    vacuum_electrons
        Electrons at points below the threshold.
    """

    positions: np.ndarray
    electrons: np.ndarray
    vacuum_electrons: float


def weight_basins(density: DensityGrid, vacuum: float) -> WeightBasins:
    """Let all electrons of a density flow uphill to its maxima.

    Parameters
    ----------
    density
        Density on a grid of any cell.
    vacuum
        Density below which points are left out, e/Å³.
    """
    values = density.values
    flat = values.ravel()
    inside = np.flatnonzero(flat >= vacuum)
    points = inside[np.argsort(flat[inside], kind="stable")]
    rank = np.full(flat.size, -1, dtype=np.int32)
    rank[points] = np.arange(len(points), dtype=np.int32)
    grid_of_ranks = rank.reshape(values.shape)
    targets, sources, flows = [], [], []
    outflow = np.zeros(len(points))
    for step, weight in voronoi_neighbours(density.cell / np.array(values.shape)[:, None]):
        shift = tuple(-step)
        rise = np.roll(values, shift, axis=(0, 1, 2)).ravel()[points] - flat[points]
        source = np.flatnonzero(rise > 0).astype(np.int32)
        flow = weight * rise[source]
        outflow[source] += flow
        targets.append(np.roll(grid_of_ranks, shift, axis=(0, 1, 2)).ravel()[points[source]])
        sources.append(source)
        flows.append(flow)
    source = np.concatenate(sources)
    share = np.concatenate(flows) / outflow[source]
    flow_matrix = csc_array((share, (np.concatenate(targets), source)), shape=(len(points), len(points)))
    # What a point holds is its own charge and what flows in: held = charge + flow_matrix @ held.
    held = spsolve_triangular(
        (eye_array(len(points), format="csc") - flow_matrix).tocsc(),
        flat[points] * density.volume_element,
        lower=True,
        unit_diagonal=True,
    )
    maxima = outflow == 0
    indices = np.stack(np.unravel_index(points[maxima], values.shape), axis=1)
    return WeightBasins(
        positions=indices / values.shape @ density.cell,
        electrons=held[maxima],
        vacuum_electrons=float(flat.sum() - flat[inside].sum()) * density.volume_element,
    )


def voronoi_neighbours(steps: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """Return the lattice points whose Voronoi cells share a face with that of the origin.

    Parameters
    ----------
    steps
        Vectors from a grid point to the next along each axis, as rows (3, 3), Å.

    Returns
    -------
    list
        Of each neighbour the steps to it (3,), integers, and the area of the face over the distance, Å.
    """
    # A grid may be skewed: enough points that all faces of the middle cell are closed.
    reduced, transformation = _reduced(steps)
    points = np.array(list(product((-2, -1, 0, 1, 2), repeat=3)))
    cartesian = points @ reduced
    middle = len(points) // 2
    diagram = Voronoi(cartesian)
    found = []
    for pair, corners in zip(diagram.ridge_points, diagram.ridge_vertices, strict=True):
        if middle in pair:
            other = pair[0] if pair[1] == middle else pair[1]
            face = diagram.vertices[corners]
            spokes = face - face.mean(axis=0)
            area = np.linalg.norm(np.cross(spokes, np.roll(spokes, -1, axis=0)).sum(axis=0)) / 2
            found.append((points[other] @ transformation, float(area / np.linalg.norm(cartesian[other]))))
    largest = max(weight for _, weight in found)
    return [(step, weight) for step, weight in found if weight > _LEAST_FACE * largest]


def _reduced(steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a nearly orthogonal basis of the same lattice, and the integers that make it of the steps."""
    from ase.geometry import minkowski_reduce

    reduced, transformation = minkowski_reduce(steps)
    return np.asarray(reduced), np.asarray(transformation)
