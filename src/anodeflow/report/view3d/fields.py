"""Scalar fields on grids: unpacking them from documents, and the surfaces on which they have one value."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.measure import marching_cubes

from anodeflow.core.grid import CompactGrid, unpack_grid


@dataclass(frozen=True, eq=False)
class Mesh:
    """A surface of triangles.

    Attributes
    ----------
    vertices
        Cartesian positions (V, 3), Å.
    faces
        Indices of the three vertices of each triangle (F, 3).
    """

    vertices: NDArray[np.floating]
    faces: NDArray[np.integer]

    @property
    def normals(self) -> NDArray[np.floating]:
        """Unit normals at the vertices (V, 3): means over the triangles around, weighted by their areas."""
        corners = self.vertices[self.faces]
        areas = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normals = np.zeros_like(self.vertices)
        for corner in range(3):
            np.add.at(normals, self.faces[:, corner], areas)
        return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)


@dataclass(frozen=True, eq=False)
class Field:
    """Values on a grid.

    Attributes
    ----------
    values
        Values (nx, ny, nz).
    origin
        Cartesian position of the first point (3,), Å.
    steps
        Vectors from one point to the next along the three directions (3, 3), Å.
    """

    values: NDArray[np.floating]
    origin: NDArray[np.floating]
    steps: NDArray[np.floating]

    @classmethod
    def from_document(cls, grid: CompactGrid) -> "Field":
        """Unpack a grid that was stored in a document."""
        return cls(unpack_grid(grid), np.array(grid.origin), np.array(grid.steps))

    def centred(self, point: NDArray, cell: NDArray) -> "Field":
        """Return the field with `point` in the middle of the plane, so that no surface around it is cut in two.

        Parameters
        ----------
        point
            Cartesian position (3,), Å.
        cell
            Lattice vectors as rows (3, 3), Å. A direction in the plane along which the grid does not fill the cell
            stays as it is.
        """
        values, origin = self.values, self.origin.copy()
        for axis in (0, 1):
            count = values.shape[axis]
            if not np.allclose(count * self.steps[axis], cell[axis], atol=0.02):
                continue
            place = ((point - origin) @ np.linalg.inv(self.steps))[axis]
            shift = round(place - count / 2)
            values = np.roll(values, -shift, axis=axis)
            # The plane behind the last one is the first one again: it closes the surfaces at the edge.
            values = np.concatenate([values, np.take(values, [0], axis=axis)], axis=axis)
            origin = origin + shift * self.steps[axis]
        return Field(values, origin, self.steps)

    def isosurface(self, value: float) -> Mesh | None:
        """Return the surface on which the field is `value`, its normals outwards; None if the field is nowhere so."""
        if not self.values.min() < value < self.values.max():
            return None
        vertices, faces, _, _ = marching_cubes(self.values, value)
        vertices = vertices @ self.steps
        corners = vertices[faces] - vertices.mean(axis=0)
        volume = np.einsum("nd,nd->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2]))
        return Mesh(self.origin + vertices, faces if volume > 0 else faces[:, ::-1])
