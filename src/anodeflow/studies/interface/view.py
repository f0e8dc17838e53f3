"""Pictures of an interface: painted from the side with its planes numbered, and as a scene that turns.

Atoms of the metal are paler than those of the alloy, so that the two sides are told apart where they share an element.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from numpy.typing import NDArray
from pymatgen.core import Structure

from anodeflow.report.colours import bonded, colour, radius
from anodeflow.report.figures import WIDEST, new_figure, save
from anodeflow.report.labels import write_row
from anodeflow.report.later import drawn_later
from anodeflow.report.page import Picture, Scene
from anodeflow.report.palette import GREY, INK, MARK
from anodeflow.report.view3d.painter import Camera, Painting

_PALE = 0.5
"""How far atoms of the metal fade towards white."""
_PIXELS = 36
"""Pixels per Å of a painting, at most; fewer where :data:`_DENSE` is reached."""
_DENSE = 300
"""Pixels an inch of the printed figure: more would not be seen."""
_MARGIN, _GAP = 0.8, 0.12
"""Inches beside all pictures, where planes are numbered, and at each."""
_WIDE = 11.0
"""Least width of a picture, Å: narrower cells are repeated."""
_BALL = 0.85
"""Share of its radius at which an atom is painted."""


@dataclass(frozen=True)
class View:
    """One interface to be shown.

    Attributes
    ----------
    structure, layer
        The interface, and the plane of each atom (metal 1, 2 ..., alloy -1, -2 ...).
    title
        What stands over it.
    moved
        Index of the atom to be marked, and of the place that it left.
    """

    structure: Structure
    layer: Sequence[int]
    title: str
    moved: tuple[int, int] | None = None


def shade(element: str, in_metal: bool) -> NDArray:
    """Return the RGB colour of an atom of the alloy or of the metal."""
    return (1 - _PALE) * colour(element) + _PALE if in_metal else colour(element)


@drawn_later
def side_views(views: Sequence[View], name: str, title: str, caption: str) -> Picture:
    """Paint interfaces from the side, next to each other; the moved atom has a ring, the place that it left another."""
    scenes = [_painting(view) for view in views]
    extents = np.array([painting.extent(0.5) for painting, _ in scenes])
    low, high = extents[:, [0, 2]].min(axis=0), extents[:, [1, 3]].max(axis=0)
    width, height = high - low
    # Inches per Å that fit the page: the height follows, so that no empty room is left over and under the pictures.
    scale = min(5.0 / height, ((WIDEST - _MARGIN) / len(views) - _GAP) / width, 3.2 / width)
    figure = new_figure(max(3.6, len(views) * (width * scale + _GAP) + _MARGIN), height * scale + 1.1)
    panels = figure.subplots(1, len(views), squeeze=False)[0]
    extent = (low[0], high[0], low[1], high[1])
    for axes, view, (painting, places) in zip(panels, views, scenes, strict=True):
        axes.imshow(painting.paint(extent, min(_PIXELS, _DENSE * scale)), extent=extent, interpolation="antialiased")
        axes.set(xlim=extent[:2], ylim=extent[2:])
        axes.set_axis_off()
        axes.set_title(view.title, fontsize=8, color=INK)
        if view.moved is not None:
            now, before = (painting.project(places[[index]])[0] for index in view.moved)
            element = view.structure[view.moved[0]].specie.symbol
            for point, dashes, edge in ((now, "-", MARK), (before, (0, (2, 1.4)), INK)):
                axes.add_patch(
                    Circle(tuple(point[:2]), 1.1 * radius(element), fill=False, edgecolor=edge, lw=1.6, ls=dashes)
                )
    _number_planes(panels[-1], views[-1], *scenes[-1], right=extent[1])
    figure.suptitle(title, fontsize=10, color=INK)
    figure.legend(handles=_legend(views[0], any(v.moved for v in views)), loc="outside lower center", ncols=6,
                  fontsize=8, frameon=False, handletextpad=0.3, columnspacing=1.2)  # fmt: skip
    return save(figure, name, caption)


@drawn_later
def turning_scene(views: Sequence[View], name: str, title: str, caption: str) -> Scene:
    """Return interfaces as a scene in three dimensions, with a slider if there are several."""
    frames = [_frame(view) for view in views]
    kinds = {name: style for frame in frames for name, style in frame.pop("styles").items()}
    corners = frames[0]["cell"]
    for frame in frames:
        del frame["cell"]
    data = {
        "elements": kinds,
        "frames": frames,
        "control": "slider" if len(frames) > 1 else "menu",
        "shown": 0,
        "cell": corners,
        "marked": "moved atom",
    }
    return Scene(name, title, caption, data)


def in_box(structure: Structure, front: int | None = None) -> NDArray:
    """Return Cartesian positions (n, 3), Å, one copy of each atom, in a box as wide as the first vector is long.

    A box of the same area stands for the cell, whose corners would leave a picture from the side ragged. The atom
    `front` stands at x = y = 0, in the middle of its front face, where no other atom hides it.
    """
    vectors = structure.lattice.matrix
    start = np.array([0.0, 0.0, 0.0]) if front is None else structure[front].frac_coords
    steps = structure.frac_coords - start
    steps[:, 1] -= np.floor(steps[:, 1] + 0.03)
    positions = steps @ vectors
    length = vectors[0, 0]
    left = 0.0 if front is None else 0.5
    positions[:, 0] -= length * np.floor(positions[:, 0] / length + left + 0.02)
    return positions + np.array([0, 0, start[2] * vectors[2, 2]])


def _painting(view: View) -> tuple[Painting, NDArray]:
    """Return the painting of an interface, and the positions (n, 3) at which its atoms stand in it."""
    moved = None if view.moved is None else view.moved[0]
    positions = in_box(view.structure, moved)
    length = float(view.structure.lattice.a)
    copies = ceil(_WIDE / length - 0.05)
    painting = Painting(Camera(-90, 7))
    depth = positions[:, 1].max() - positions[:, 1].min() or 1.0
    for index, (position, plane) in enumerate(zip(positions, view.layer, strict=True)):
        element = view.structure[index].specie.symbol
        pale = plane > 0 and index != moved
        fade = 0.5 * (position[1] - positions[:, 1].min()) / depth
        for copy in range(copies):
            place = position + np.array([copy * length, 0, 0])
            painting.balls.append((place, _BALL * radius(element), shade(element, pale), float(fade)))
    return painting, positions


def _number_planes(axes: Axes, view: View, painting: Painting, positions: NDArray, right: float) -> None:
    """Write the number of each plane to the right of it."""
    layer, written = np.array(view.layer), []
    middle = np.array([0.0, positions[:, 1].mean(), 0.0])
    for number in sorted(set(view.layer)):
        height = positions[layer == number, 2].mean()
        point = painting.project((middle + np.array([0, 0, height]))[None])[0]
        words = f"{'metal' if number > 0 else 'alloy'} {abs(number)}"
        written.append(
            axes.annotate(words, (right, point[1]), (3, 0), textcoords="offset points", va="center", ha="left",
                          fontsize=7, color=INK if number > 0 else GREY, annotation_clip=False)
        )  # fmt: skip
    write_row(axes, written)


def _legend(view: View, with_marks: bool) -> list[Line2D]:
    handles = []
    for element, plane in sorted({(s.specie.symbol, n > 0) for s, n in zip(view.structure, view.layer, strict=True)}):
        handles.append(
            Line2D([], [], ls="", marker="o", ms=8, mfc=to_hex(tuple(shade(element, plane))), mec=INK, mew=0.6,
                   label=f"{element}, {'metal' if plane else 'alloy'}")
        )  # fmt: skip
    if with_marks:
        for label, edge in (("moved here", MARK), ("from here", INK)):
            handles.append(Line2D([], [], ls="", marker="o", ms=8, mfc="none", mec=edge, mew=1.6, label=label))
    return handles


def _frame(view: View) -> dict[str, Any]:
    """Return one frame of a scene; atoms of the metal count as an element of their own."""
    positions = in_box(view.structure)
    names, styles = [], {}
    for site, plane in zip(view.structure, view.layer, strict=True):
        element, in_metal = site.specie.symbol, plane > 0
        name = f"{element}, {'metal' if in_metal else 'alloy'}"
        names.append(name)
        styles[name] = {"colour": to_hex(tuple(shade(element, in_metal))), "radius": round(radius(element), 3)}
    moved = None if view.moved is None else view.moved[0]
    bonds = []
    if moved is not None:
        element = view.structure[moved].specie.symbol
        names[moved] = element
        styles[element] = {"colour": to_hex(tuple(colour(element))), "radius": round(radius(element), 3)}
        apart = np.linalg.norm(positions - positions[moved], axis=1)
        elements = [site.specie.symbol for site in view.structure]
        bonds = [(moved, n) for n, d in enumerate(apart) if bonded(elements[moved], elements[n], float(d))]
    floor = float(positions[:, 2].min())
    a, b = view.structure.lattice.matrix[0, 0], view.structure.lattice.matrix[1, 1]
    corners = [[0, 0, floor], [a, 0, floor], [a, b, floor], [0, b, floor]]
    return {
        "label": view.title.replace("\n", ", "),
        "species": names,
        "positions": np.round(positions, 3).tolist(),
        "bonds": bonds,
        "adatom": moved,
        "cell": np.round(corners, 3).tolist(),
        "styles": styles,
    }
