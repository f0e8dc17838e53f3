"""A small painter of balls, sticks and translucent surfaces in parallel projection, each pixel sorted by depth."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from anodeflow.report.view3d.fields import Mesh

_LIGHT = np.array([-0.35, 0.55, 0.76]) / np.linalg.norm([-0.35, 0.55, 0.76])
_HALF = np.array([-0.35, 0.55, 1.76]) / np.linalg.norm([-0.35, 0.55, 1.76])
_OVERSAMPLING = 2
_TINY = 1e-9
_CHUNK = 2_000_000
"""Candidate pixels of triangles that are held in memory at once."""


@dataclass(frozen=True)
class Camera:
    """Where the viewer stands.

    Attributes
    ----------
    azimuth
        Direction of the viewer in the xy plane, degrees from the x axis.
    elevation
        Height of the viewer over that plane, degrees; 90: straight from above, with y up for azimuth -90.
    """

    azimuth: float
    elevation: float

    @property
    def axes(self) -> NDArray:
        """Right, up and towards the viewer, as rows (3, 3)."""
        a, e = np.radians([self.azimuth, self.elevation])
        towards = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
        right = np.array([-np.sin(a), np.cos(a), 0.0])
        return np.array([right, np.cross(towards, right), towards])


@dataclass
class Painting:
    """What is to be painted.

    Attributes
    ----------
    camera
        Where the viewer stands.
    balls
        (centre (3,) in Å, radius in Å, RGB colour between 0 and 1, fading towards white between 0 and 1).
    surfaces
        (mesh, RGB colour, opacity).
    """

    camera: Camera
    balls: list[tuple[NDArray, float, NDArray, float]] = field(default_factory=list)
    surfaces: list[tuple[Mesh, NDArray, float]] = field(default_factory=list)

    def stick(self, start: NDArray, end: NDArray, radius: float, colour: NDArray, sides: int = 12) -> None:
        """Add a cylinder between two points."""
        along = (end - start) / np.linalg.norm(end - start)
        across = np.cross(along, [1.0, 0, 0] if abs(along[0]) < 0.9 else [0, 1.0, 0])
        across /= np.linalg.norm(across)
        angles = np.linspace(0, 2 * np.pi, sides, endpoint=False)
        ring = radius * (np.outer(np.cos(angles), across) + np.outer(np.sin(angles), np.cross(along, across)))
        here = np.arange(sides)
        there = (here + 1) % sides
        faces = np.concatenate(
            [np.stack([here, there, here + sides], 1), np.stack([there, there + sides, here + sides], 1)]
        )
        self.surfaces.append((Mesh(np.concatenate([start + ring, end + ring]), faces), colour, 1.0))

    def project(self, points: NDArray) -> NDArray:
        """Return points (N, 3) as the viewer sees them: right, up, towards the viewer, Å."""
        return np.asarray(points) @ self.camera.axes.T

    def extent(self, margin: float = 0.3) -> tuple[float, float, float, float]:
        """Return left, right, bottom and top of all that is painted, Å in the viewer's frame."""
        points = [self.project(mesh.vertices)[:, :2] for mesh, _, _ in self.surfaces]
        for centre, radius, _, _ in self.balls:
            point = self.project(centre[None])[0, :2]
            points.append(np.array([point - radius, point + radius]))
        everything = np.concatenate(points)
        low, high = everything.min(axis=0) - margin, everything.max(axis=0) + margin
        return float(low[0]), float(high[0]), float(low[1]), float(high[1])

    def paint(self, extent: tuple[float, float, float, float], scale: float) -> NDArray:
        """Return the picture as RGB (height, width, 3) between 0 and 1, first row on top.

        Parameters
        ----------
        extent
            Left, right, bottom and top of the picture, Å in the viewer's frame.
        scale
            Pixels per Å.
        """
        fine = scale * _OVERSAMPLING
        left, right, bottom, top = extent
        width, height = (_OVERSAMPLING * round((high - low) * scale) for low, high in ((left, right), (bottom, top)))
        image = np.ones((height * width, 3))
        depth = np.full(height * width, -np.inf)
        corner = np.array([left, bottom])
        middles = self.project(np.array([centre for centre, *_ in self.balls]).reshape(-1, 3))
        # From the nearest to the farthest: what is hidden is never shaded.
        for index in np.argsort(-middles[:, 2], kind="stable"):
            _, radius, colour, fade = self.balls[index]
            _paint_ball(image, depth, (height, width), corner, fine, middles[index], radius, colour, fade)
        self._translucent(image, depth, (height, width), corner, fine)
        blocks = image.reshape(height // _OVERSAMPLING, _OVERSAMPLING, width // _OVERSAMPLING, _OVERSAMPLING, 3)
        return np.clip(blocks.mean(axis=(1, 3)), 0, 1)[::-1]

    def _translucent(
        self, image: NDArray, depth: NDArray, shape: tuple[int, int], corner: NDArray, scale: float
    ) -> None:
        """Lay the surfaces over the balls, in each pixel from the back to the front."""
        layers = [self._fragments(depth, shape, corner, scale, *surface) for surface in self.surfaces]
        layers = [layer for layer in layers if len(layer[0])]
        if not layers:
            return
        pixels, heights, colours, opacities = (np.concatenate(parts) for parts in zip(*layers, strict=True))
        order = np.lexsort((heights, pixels))
        pixels, colours, opacities = pixels[order], colours[order], opacities[order][:, None]
        first = np.flatnonzero(np.diff(pixels, prepend=-1))
        counts = np.diff(np.append(first, len(pixels)))
        for rank in range(int(counts.max(initial=0))):
            chosen = first[counts > rank] + rank
            image[pixels[chosen]] = (
                opacities[chosen] * colours[chosen] + (1 - opacities[chosen]) * image[pixels[chosen]]
            )

    def _fragments(
        self, depth: NDArray, shape: tuple[int, int], corner: NDArray, scale: float,
        mesh: Mesh, colour: NDArray, opacity: float,
    ) -> tuple[NDArray, NDArray, NDArray, NDArray]:  # fmt: skip
        """Pixels of a surface where no ball hides it: index, depth, colour and opacity of each."""
        points = self.project(mesh.vertices)
        normals = mesh.normals @ self.camera.axes.T
        flat = (points[:, :2] - corner) * scale
        corners = flat[mesh.faces]
        limit = np.array([shape[1], shape[0]])
        low = np.clip(np.floor(corners.min(axis=1)), 0, limit).astype(int)
        size = np.clip(np.ceil(corners.max(axis=1)).astype(int) - low, 0, limit - low)
        gradient, constant = _barycentric(corners)
        counts = size.prod(axis=1)
        found = []
        for part in np.array_split(np.arange(len(counts)), max(1, int(np.ceil(counts.sum() / _CHUNK)))):
            owner = np.repeat(part, counts[part])
            offset = np.arange(len(owner)) - np.repeat(np.cumsum(counts[part]) - counts[part], counts[part])
            column = low[owner, 0] + offset % size[owner, 0]
            row = low[owner, 1] + offset // size[owner, 0]
            pixels, place = row * shape[1] + column, np.stack([column + 0.5, row + 0.5], axis=-1)
            weights = np.einsum("nd,nkd->nk", place, gradient[owner]) + constant[owner]
            inside = (weights >= 0).all(axis=1)
            owner, pixels, weights = owner[inside], pixels[inside], weights[inside]
            heights = np.einsum("nk,nk->n", weights, points[mesh.faces[owner], 2])
            seen = heights > depth[pixels]
            owner, pixels, weights, heights = owner[seen], pixels[seen], weights[seen], heights[seen]
            normal = np.einsum("nk,nkd->nd", weights, normals[mesh.faces[owner]])
            normal *= np.where(normal[:, 2:] < 0, -1, 1) / np.maximum(
                np.linalg.norm(normal, axis=1, keepdims=True), _TINY
            )
            # Light crosses more of a thin skin where it grazes it: edges look denser.
            density = 1 - (1 - opacity) ** (1 / np.maximum(normal[:, 2], 0.2))
            found.append((pixels, heights, _shade(colour, normal), density))
        pixels, heights, colours, densities = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return pixels, heights, colours, densities


def _paint_ball(
    image: NDArray, depth: NDArray, shape: tuple[int, int], corner: NDArray, scale: float,
    middle: NDArray, radius: float, colour: NDArray, fade: float,
) -> None:  # fmt: skip
    """Paint one ball, whose middle is in the viewer's frame, where nothing painted before is nearer."""
    x, y = (middle[:2] - corner) * scale
    reach = radius * scale
    columns = np.arange(max(int(x - reach), 0), min(int(x + reach) + 2, shape[1]))
    rows = np.arange(max(int(y - reach), 0), min(int(y + reach) + 2, shape[0]))
    if not len(columns) or not len(rows):
        return
    across, up = (columns + 0.5 - x) / reach, (rows + 0.5 - y) / reach
    rest = 1 - up[:, None] ** 2 - across[None, :] ** 2
    row, column = np.nonzero(rest > 0)
    pixels = rows[row] * shape[1] + columns[column]
    towards = np.sqrt(rest[row, column])
    height = middle[2] + radius * towards
    nearer = height > depth[pixels]
    pixels, row, column, towards = pixels[nearer], row[nearer], column[nearer], towards[nearer]
    depth[pixels] = height[nearer]
    normals = np.stack([across[column], up[row], towards], axis=-1)
    # A dark rim sets balls of one colour apart.
    rim = np.clip((0.30 - towards) / 0.12, 0, 1)[:, None] * 0.65
    shaded = _shade(colour, normals) * (1 - rim) + rim * 0.25 * colour
    image[pixels] = (1 - fade) * shaded + fade


def _shade(colour: NDArray, normals: NDArray) -> NDArray:
    """Colour of points with these unit normals (N, 3) in the light that comes over the viewer's left shoulder."""
    diffuse = np.clip(normals @ _LIGHT, 0, 1)[:, None]
    glint = np.clip(normals @ _HALF, 0, 1)[:, None] ** 40
    return np.clip((0.5 + 0.55 * diffuse) * np.asarray(colour) + 0.28 * glint, 0, 1)


def _barycentric(corners: NDArray) -> tuple[NDArray, NDArray]:
    """Barycentric coordinates in triangles (F, 3, 2) as linear functions of the place: gradients, constants.

    Triangles that are seen from their edge get constants below zero: no place lies inside them.
    """
    gradient = np.zeros_like(corners)
    sides = np.roll(corners, -2, axis=1) - np.roll(corners, -1, axis=1)  # opposite to each corner
    twice = sides[:, 2, 0] * sides[:, 0, 1] - sides[:, 2, 1] * sides[:, 0, 0]
    flat = np.abs(twice) < _TINY
    scale = 1 / np.where(flat, 1, twice)[:, None]
    gradient[..., 0], gradient[..., 1] = -sides[..., 1] * scale, sides[..., 0] * scale
    constant = -np.einsum("nkd,nkd->nk", gradient, np.roll(corners, -1, axis=1))
    gradient[flat], constant[flat] = 0, -1
    return gradient, constant
