"""Pictures of slabs: from above and from the side, in the colours of Jmol."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from numpy.typing import NDArray
from pymatgen.core import Structure

from anodeflow.report.colours import colour, radius
from anodeflow.report.figures import new_figure, save
from anodeflow.report.later import drawn_later
from anodeflow.report.page import Picture
from anodeflow.report.palette import GREY, INK, MARK
from anodeflow.structures.geometry.positions import fixed_coordinates, images_in_plane

_MARGIN = 1.2
"""Neighbouring cells are shown this far around the cell, Å."""
_WIDTH = 5.5
"""Width of a picture with both views, inches: two stand side by side on the page."""
_DEEP = 5.0
"""Depth below the highest atom, Å, from which on atoms are as pale as can be: the first layers are what matters."""
_SLACK = 0.02
"""An atom this little outside the cell (fraction) stays there instead of jumping to the far edge."""
_WHITE = np.ones(3)
_HELD = "#c5ccd3"
"""Most of the colour of an atom that is held fixed."""


class SlabView:
    """A slab in its own frame: x along the first cell vector, z along the surface normal, vacuum on top.

    Parameters
    ----------
    structure
        Slab whose third cell vector crosses the vacuum; fixed atoms by ``selective_dynamics``.

    Attributes
    ----------
    positions : numpy.ndarray, shape (N, 3)
        Cartesian positions in that frame, Å.
    cell : numpy.ndarray, shape (2, 2)
        The two cell vectors in the plane, Å.
    """

    def __init__(self, structure: Structure) -> None:
        a, b, _ = structure.lattice.matrix
        x = a / np.linalg.norm(a)
        z = np.cross(a, b) / np.linalg.norm(np.cross(a, b))
        self._axes = np.array([x, np.cross(z, x), z])
        self._origin = _slab_bottom(structure)
        self._lattice = structure.lattice
        self.species = [site.specie.symbol for site in structure]
        self.cell = (self._axes @ np.array([a, b]).T).T[:, :2]
        self.positions = self.in_frame(structure.cart_coords)
        self.fixed = [all(held) for held in fixed_coordinates(structure)]

    def in_frame(self, points: NDArray) -> NDArray:
        """Return Cartesian `points`, shape (N, 3), in the frame of the view, folded into its cell."""
        fractional = self._lattice.get_fractional_coords(points)
        fractional[:, :2] = np.mod(fractional[:, :2] + _SLACK, 1.0) - _SLACK
        fractional[:, 2] = np.mod(fractional[:, 2] - self._origin, 1.0)
        return self._lattice.get_cartesian_coords(fractional) @ self._axes.T

    def path_in_frame(self, points: NDArray) -> NDArray:
        """Return Cartesian `points`, shape (N, 3), as :meth:`in_frame`, but all shifted as the first one is."""
        turned = points @ self._axes.T
        return turned + self.in_frame(points[:1])[0] - turned[0]

    def turned(self, moves: NDArray) -> NDArray:
        """Return displacements in the plane, Cartesian (N, 2), in the frame of the view (N, 2)."""
        return np.pad(np.atleast_2d(moves), ((0, 0), (0, 1))) @ self._axes.T[:, :2]


@drawn_later
def configuration(structure: Structure, name: str, title: str, caption: str) -> Picture:
    """Draw a slab with an adatom, its last atom, from above and from the side.

    Neighbouring cells surround the dashed outline of the cell; fixed atoms are grey; the adatom has a ring.
    """
    view = SlabView(structure)
    width, height = _extent(view.cell)
    rise = float(np.ptp(view.positions[:, 2])) + 2 * _MARGIN + 1.4
    scale = min((_WIDTH - 0.3) / 2 / width, 4.2 / max(height, rise))
    figure = new_figure(_WIDTH, max(height, rise) * scale + 0.9)
    top, side = figure.subplots(1, 2)
    adatom = len(view.species) - 1
    draw_top(top, view, adatom)
    draw_side(side, view, adatom)
    figure.suptitle(title, fontsize=10, color=INK)
    legend(figure, view, with_adatom=True)
    return save(figure, name, caption, title)


@drawn_later
def site_map(structure: Structure, starts: NDArray, ends: NDArray, numbers: list[int], name: str) -> Picture:
    """Draw the clean slab from above, with the number of every site where its adatom started and came to rest.

    Parameters
    ----------
    structure
        Clean slab.
    starts, ends
        Cartesian positions of the adatoms, Å, shape (sites, 3).
    numbers
        Numbers of the sites.
    name
        Name of the picture.
    """
    view = SlabView(structure)
    width, height = _extent(view.cell)
    scale = 3.4 / max(width, height)
    figure = new_figure(max(width * scale + 0.3, 2.6), height * scale + 0.8)
    axes = figure.subplots()
    draw_top(axes, view, None, faint=0.35)
    moves = view.turned(images_in_plane(structure.lattice, np.asarray(ends) - np.asarray(starts))[:, :2])
    for label, start, move in zip(numbers, view.in_frame(starts), moves, strict=True):
        if np.linalg.norm(move) > max(0.3, 13 / 72 / scale):  # Å: shorter ones lie under the number
            axes.annotate(
                "",
                start[:2] + move,
                start[:2],
                arrowprops={"arrowstyle": "->", "color": MARK, "lw": 1.4},
                zorder=900,
            )
        axes.text(
            start[0], start[1], str(label), ha="center", va="center", fontsize=8, color="white", zorder=901,
            bbox={"boxstyle": "circle,pad=0.25", "facecolor": MARK, "edgecolor": "white"},
        )  # fmt: skip
    figure.suptitle("Sites on the clean slab", fontsize=10, color=INK)
    legend(figure, view, with_adatom=False)
    return save(figure, name, "Where each adatom was put (numbers), and where it went if that is outside of the number "
                "(arrows).")  # fmt: skip


def _slab_bottom(structure: Structure) -> float:
    """Fractional height in the middle of the widest gap: the slab starts above it and is never cut in two."""
    heights = np.sort(np.mod(structure.frac_coords[:, 2], 1.0))
    gaps = np.diff(np.append(heights, heights[0] + 1.0))
    widest = int(np.argmax(gaps))
    return float(heights[widest] + gaps[widest] / 2)


def _extent(cell: NDArray) -> tuple[float, float]:
    corners = np.array([[0, 0], cell[0], cell[1], cell[0] + cell[1]])
    width, height = np.ptp(corners, axis=0) + 2 * _MARGIN
    return float(width), float(height)


def top_limits(view: SlabView, points: NDArray | None = None) -> tuple[NDArray, NDArray]:
    """Return the lower left and upper right corner of a view from above of the cell, and of `points` (N, 2 or 3)."""
    corners = np.array([[0, 0], view.cell[0], view.cell[0] + view.cell[1], view.cell[1]])
    if points is not None and len(points):
        corners = np.concatenate([corners, np.asarray(points)[:, :2]])
    return corners.min(axis=0) - _MARGIN, corners.max(axis=0) + _MARGIN


def draw_top(axes: Axes, view: SlabView, adatom: int | None, faint: float = 0.0, points: NDArray | None = None) -> None:
    """Draw a slab from above with its cell; `points` (N, 2 or 3), Å, in the frame of the view, come into the picture.

    Atoms fade towards white by at least `faint`, the deeper the more; the images of the adatom get a ring.
    """
    corners = np.array([[0, 0], view.cell[0], view.cell[0] + view.cell[1], view.cell[1], [0, 0]])
    low, high = top_limits(view, points)
    highest, depth = view.positions[:, 2].max(), np.clip(np.ptp(view.positions[:, 2]), 1.0, _DEEP)
    balls: list[Ball] = []
    for index, position in enumerate(view.positions):
        # Deeper layers fade towards white, as the eye expects: a hollow is told from a top by it.
        fade = faint + (1 - faint) * 0.7 * min(1.0, (highest - position[2]) / depth)
        for i in (-2, -1, 0, 1, 2):
            for j in (-2, -1, 0, 1, 2):
                point = position[:2] + i * view.cell[0] + j * view.cell[1]
                if np.all(point > low - 2) and np.all(point < high + 2):
                    balls.append(_atom(point, view, index, order=float(position[2]), fade=fade))
                    if index == adatom:
                        _ring(axes, point, view.species[index], solid=i == j == 0)
    draw_balls(axes, balls)
    axes.plot(*corners.T, color=INK, lw=1.0, ls=(0, (4, 3)), zorder=800)
    frame(axes, low, high, "from above")


def draw_side(
    axes: Axes, view: SlabView, adatom: int | None, faint: float = 0.0, points: NDArray | None = None
) -> None:
    """Draw a slab from the side; `points` (N, 3) as in :func:`draw_top`."""
    heights = view.positions[:, 2]
    left, right = (corner[0] for corner in top_limits(view, points))
    highest = max(heights.max(), *points[:, 2]) if points is not None and len(points) else heights.max()
    low = np.array([left, heights.min() - _MARGIN - 0.6])
    high = np.array([right, highest + _MARGIN + 0.8])
    balls: list[Ball] = []
    for index, position in enumerate(view.positions):
        for i in (-1, 0, 1):
            for j in (-1, 0, 1):
                shift = i * view.cell[0] + j * view.cell[1]
                point = np.array([position[0] + shift[0], position[2]])
                inside = (i == j == 0) or index != adatom
                # One row of cells in depth; images of the adatom would only hide the slab.
                if inside and j == 0 and low[0] - 2 < point[0] < high[0] + 2:
                    balls.append(_atom(point, view, index, order=float(-position[1]), fade=faint))
    draw_balls(axes, balls)
    if adatom is not None:
        _ring(axes, np.array([view.positions[adatom, 0], heights[adatom]]), view.species[adatom], solid=True)
    for x in (0.0, view.cell[0, 0]):
        axes.plot([x, x], [low[1], high[1]], color=INK, lw=1.0, ls=(0, (4, 3)), zorder=800)
    frame(axes, low, high, "from the side")


@dataclass(frozen=True)
class Ball:
    """One atom of a flat picture: place and radius (Å), colours, and its order: the higher, the nearer."""

    place: tuple[float, float]
    radius: float
    face: NDArray
    edge: str
    order: float


def draw_balls(axes: Axes, balls: list[Ball], zorder: float = 100) -> None:
    """Draw atoms from the farthest to the nearest, as one object: hundreds of single ones take seconds."""
    balls = sorted(balls, key=lambda ball: ball.order)
    width = [2 * ball.radius for ball in balls]
    axes.add_collection(
        EllipseCollection(
            width, width, np.zeros(len(balls)), units="xy", offsets=[ball.place for ball in balls],
            offset_transform=axes.transData, facecolors=[to_rgb(tuple(ball.face)) for ball in balls],
            edgecolors=[ball.edge for ball in balls], linewidths=0.6, zorder=zorder,
        ),
        autolim=False,
    )  # fmt: skip


def _atom(point: NDArray, view: SlabView, index: int, order: float, fade: float) -> Ball:
    face = (1 - fade) * colour(view.species[index]) + fade * _WHITE
    fixed = view.fixed[index]
    if fixed:
        face = 0.3 * face + 0.7 * np.array(to_rgb(_HELD))
    return Ball((float(point[0]), float(point[1])), radius(view.species[index]), face, GREY if fixed else INK, order)


def _ring(axes: Axes, point: NDArray, element: str, solid: bool) -> None:
    axes.add_patch(
        Circle(
            tuple(point),
            radius(element),
            fill=False,
            edgecolor=MARK,
            lw=2.2 if solid else 1.0,
            zorder=850,
            alpha=1 if solid else 0.6,
        )
    )


def frame(axes: Axes, low: NDArray, high: NDArray, title: str) -> None:
    """Set the limits of a picture to scale, without axes, with a bar of 2 Å."""
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal", anchor="N", xticks=[], yticks=[])
    axes.set_title(title, fontsize=8, color=GREY)
    for spine in axes.spines.values():
        spine.set_visible(False)
    # A bar of 2 Å says the scale.
    x, y = low[0] + 0.15, low[1] + 0.2
    axes.plot([x, x + 2], [y, y], color=INK, lw=2.5, zorder=950, solid_capstyle="butt")
    axes.text(x + 1, y + 0.15, "2 Å", ha="center", va="bottom", fontsize=7, color=INK, zorder=950,
              bbox={"facecolor": "white", "alpha": 0.7, "pad": 0.6, "lw": 0})  # fmt: skip


def legend(figure: Figure, view: SlabView, with_adatom: bool, marks: Sequence[Line2D] = ()) -> None:
    """Say below the figure which colour is which element, and what the marks mean: `marks` are further ones."""

    def dot(face: str, edge: str = INK, width: float = 0.6) -> Line2D:
        return Line2D([], [], ls="", marker="o", ms=8, mfc=face, mec=edge, mew=width)

    handles, labels = [], []
    for element in dict.fromkeys(view.species):
        handles.append(dot(to_hex(tuple(colour(element)))))
        labels.append(element)
    if with_adatom and any(view.fixed):
        handles.append(dot(_HELD, GREY))
        labels.append("held fixed (grey)")
    if with_adatom:
        handles.append(dot("none", MARK, 2))
        labels.append("adatom")
    handles += marks
    labels += [str(mark.get_label()) for mark in marks]
    handles.append(Line2D([], [], color=INK, lw=1, ls=(0, (4, 3))))
    labels.append("cell")
    figure.legend(handles, labels, loc="outside lower center", ncols=len(handles), fontsize=8, frameon=False,
                  handletextpad=0.3, columnspacing=1.2)  # fmt: skip
