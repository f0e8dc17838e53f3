"""Pictures of the stops of a vacancy: the slice of the interface in which it lies, from the side."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from numpy.typing import NDArray

from anodeflow.report.colours import colour, radius
from anodeflow.report.figures import new_figure, save
from anodeflow.report.later import drawn_later
from anodeflow.report.page import Picture, number
from anodeflow.report.palette import GREY, INK
from anodeflow.report.view3d.atoms import Ball, SlabView, draw_balls, frame, legend
from anodeflow.studies.vacancy.document import VacancyDoc, VacancyPath
from anodeflow.studies.vacancy.figures import COLOURS

_SLICE = 1.0
"""Atoms this near to the plane of the vacancy, seen from the side, are in front and in full colour, Å."""
_MARGIN = 1.4


@drawn_later
def stop_views(document: VacancyDoc, path: VacancyPath, name: str) -> Picture:
    """Draw the stops of one path from the side: the vacancy as a dashed circle, the atom that hopped with a ring."""
    stops = [document.stops[index] for index in path.stops]
    views = [SlabView(stop.structure) for stop in stops]
    left, right = _span(views[0])
    heights = np.concatenate([view.positions[:, 2] for view in views])
    low, high = np.array([left, heights.min() - _MARGIN - 0.9]), np.array([right, heights.max() + _MARGIN])
    width, height = high - low
    scale = min(1.7 / width, 5.4 / height, 9.0 / (width * len(stops)))
    figure = new_figure(max(4.0, len(stops) * (width * scale + 0.08)), height * scale + 1.2)
    panels = figure.subplots(1, len(stops), squeeze=False)[0]
    hops = [None, *(document.hops[index] for index in path.hops)]
    for axes, stop, view, hop in zip(panels, stops, views, hops, strict=True):
        vacancy = None if stop.position is None else view.in_frame(np.array([stop.position]))[0]
        centre = vacancy if vacancy is not None else view.positions[0 if hop is None else hop.atom]
        _draw(axes, view, centre[1], low, high)
        frame(axes, low, high, "")
        if vacancy is not None:
            _ring(axes, vacancy, stop.element, INK, dashed=True)
        if hop is not None:
            _ring(axes, view.positions[hop.atom], hop.element, COLOURS[path.name], dashed=False)
        place = "between layers" if stop.layer is None else f"layer {stop.layer}".replace("-", "−")
        title = f"stop {stop.name}" if stop.layer is not None else stop.name
        axes.set_title(f"{title}\n{place}\n{number(stop.energy, 3)} eV", fontsize=7.5, color=INK)
    figure.suptitle(f"Path {path.name} of the {document.element} vacancy", fontsize=10, color=COLOURS[path.name])
    marks = [
        Line2D([], [], ls="", marker="o", ms=8, mfc="none", mec=shade, mew=1.6, label=words)
        for words, shade in (("vacancy (dashed)", INK), ("atom that hopped", COLOURS[path.name]))
    ]
    legend(figure, views[0], with_adatom=False, marks=marks)
    return save(figure, name, "Stops from the side, the alloy below. Dashed circle: the vacancy; ring: the atom that "
                "hopped last, now where the vacancy was. Atoms in the plane of the vacancy are in full colour, those "
                "before and behind it pale; held fixed: grey rims.")  # fmt: skip


def _span(view: SlabView) -> tuple[float, float]:
    """Return the left and right edge of the cell from the side, with a margin, Å."""
    corners = np.array([[0, 0], view.cell[0], view.cell[1], view.cell[0] + view.cell[1]])[:, 0]
    return float(corners.min()) - _MARGIN, float(corners.max()) + _MARGIN


def _draw(axes: Axes, view: SlabView, plane: float, low: NDArray, high: NDArray) -> None:
    """Draw the atoms, those near the plane y = `plane` in front and in full colour."""
    balls: list[Ball] = []
    for index, position in enumerate(view.positions):
        face = colour(view.species[index])
        for i in (-2, -1, 0, 1, 2):
            for j in (-2, -1, 0, 1, 2):
                x, y = position[:2] + i * view.cell[0] + j * view.cell[1]
                away = abs(y - plane)
                if not low[0] < x < high[0] or away > np.abs(view.cell[:, 1]).max() / 2 + 0.1:
                    continue
                pale = 0.0 if away < _SLICE else 0.8
                edge = GREY if view.fixed[index] or pale else INK
                balls.append(Ball((x, position[2]), radius(view.species[index]), (1 - pale) * face + pale, edge, -away))
    draw_balls(axes, balls, zorder=40)
    for x in (0.0, view.cell[0, 0]):
        axes.plot([x, x], [low[1], high[1]], color=INK, lw=0.8, ls=(0, (4, 3)), zorder=50)


def _ring(axes: Axes, point: NDArray, element: str, shade: str, dashed: bool) -> None:
    """Draw the vacancy (dashed, empty), or an atom with a ring, in front of all others."""
    face = "none" if dashed else tuple(colour(element))
    axes.add_patch(
        Circle((point[0], point[2]), 1.05 * radius(element), facecolor=face, edgecolor=shade, lw=1.8, zorder=900,
               ls=(0, (2, 1.4)) if dashed else "-")
    )  # fmt: skip
