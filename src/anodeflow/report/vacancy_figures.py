"""The energy diagram of a vacancy on its two paths, and its stops in the interface."""

from itertools import groupby, pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from numpy.typing import NDArray
from scipy.interpolate import CubicHermiteSpline

from anodeflow.report.atoms import SlabView, draw_side, legend
from anodeflow.report.colours import radius
from anodeflow.report.figures import GREY, INK, new_figure, save
from anodeflow.report.page import Picture, number
from anodeflow.schemas import VacancyDoc, VacancyHop, VacancyPath

COLOURS = {"I": "#c81e1e", "II": "#1f5fbf"}
"""Colours of the two paths: red and blue, as in the paper."""
_GROUND = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5}
_BAR = 0.16
"""Half of the length of a level, in steps."""


def energy_diagram(document: VacancyDoc, name: str) -> Picture:
    """Draw the levels of all stops of both paths, and between them the energy along the hops with their barriers."""
    places = {path.name: stop_places(document, path) for path in document.paths}
    steps = max(1.0, *(place[-1] for place in places.values()))
    figure = new_figure(max(5.0, 1.6 * steps + 2.0), 4.6)
    axes = figure.subplots()
    levels: list[tuple[float, float, str, str]] = []  # place, energy, words, colour
    peaks: list[tuple[float, float, str, str]] = []
    for path in document.paths:
        shade, x = COLOURS[path.name], places[path.name]
        for place, index in zip(x, path.stops, strict=True):
            energy, shown = document.stops[index].energy, INK if index == 0 else shade
            axes.plot([place - _half(place), place + _half(place)], [energy] * 2, color=shown, lw=3.5,
                      solid_capstyle="butt", zorder=4)  # fmt: skip
            levels.append((place, energy, number(energy, 3), shown))
        for (start, end), index in zip(pairwise(x), path.hops, strict=True):
            hop = document.hops[index]
            curve = hop_curve(document, hop, start + _half(start), end - _half(end))
            computed = hop.barrier_forward is not None
            axes.plot(*curve, color=shade, lw=1.6, ls="-" if computed else (0, (3, 3)), zorder=3)
            top = int(np.argmax(curve[1])) if computed else len(curve[0]) // 2
            words = number(hop.barrier_forward, 3) if hop.barrier_forward is not None else hop.state
            if hop.state != "left out":
                peaks.append((float(curve[0][top]), float(curve[1][top]), words, shade))
    _label(axes, levels, weight="bold")
    _label(axes, peaks, weight="normal")
    _dress(axes, document, places)
    handles = [
        Line2D([], [], color=COLOURS[path.name], lw=3, label=_path_words(document, path)) for path in document.paths
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=2, fontsize=8.5, frameon=False)
    return save(figure, name, "Energy over the vacancy at its start. Bars: stops, with their energies (bold); curves: "
                "through the images of every hop with their slopes, with its barrier in the direction down; dashed: "
                "no barrier is known. Below: the atom that hops and the layer where the vacancy is then (alloy −1, −2 "
                "…, metal 1, 2 … away from the interface).")  # fmt: skip


def stop_places(document: VacancyDoc, path: VacancyPath) -> list[float]:
    """Return where the stops of a path stand in the diagram: number of the step, between two for those on the way."""
    places: list[float] = []
    step = -1
    for between, group in groupby(path.stops, key=lambda index: document.stops[index].layer is None):
        count = len(list(group))
        if between:
            places += [step + (n + 1) / (count + 1) for n in range(count)]
        else:
            places += [float(step + n + 1) for n in range(count)]
            step += count
    return places


def hop_curve(document: VacancyDoc, hop: VacancyHop, start: float, end: float) -> tuple[NDArray, NDArray]:
    """Return places and energies (eV over stop 0) along a hop, drawn from `start` to `end`.

    The curve goes through the images with their slopes; a hop without a barrier is a straight line.
    """
    low, high = (document.stops[index].energy for index in (hop.initial, hop.final))
    if hop.barrier_forward is None or len(hop.profile) < 2:
        return np.linspace(start, end, 21), np.linspace(low, high, 21)
    distance = np.array([point.distance for point in hop.profile])
    scale = (end - start) / distance[-1]
    x = start + distance * scale
    energy = np.array([point.energy for point in hop.profile]) - hop.profile[0].energy + low
    slope = np.array([point.slope for point in hop.profile]) / scale
    fine = np.linspace(start, end, 200)
    return fine, CubicHermiteSpline(x, energy, slope)(fine)


def stop_views(document: VacancyDoc, path: VacancyPath, name: str) -> Picture:
    """Draw the stops of one path from the side: the vacancy as a dashed circle, the atom that hopped with a ring."""
    stops = [document.stops[index] for index in path.stops]
    views = [SlabView(stop.structure) for stop in stops]
    width = float(np.ptp(np.array([[0, 0], *views[0].cell, views[0].cell.sum(axis=0)])[:, 0])) + 2.4
    height = max(float(np.ptp(view.positions[:, 2])) for view in views) + 4.4
    scale = min(1.5 / width, 5.2 / height, 1.75 / width * min(1.0, 6 / len(stops)))
    figure = new_figure(max(4.2, len(stops) * width * scale + 0.3), height * scale + 1.25)
    panels = figure.subplots(1, len(stops), squeeze=False)[0]
    last = document.hops
    for axes, stop, view, hop in zip(panels, stops, views, [None, *(last[index] for index in path.hops)], strict=True):
        draw_side(axes, view, None, faint=0.25)
        if stop.position is not None:
            _circle(axes, view.in_frame(np.array([stop.position]))[0], stop.element, INK, dashed=True)
        if hop is not None:
            _circle(axes, view.positions[hop.atom], hop.element, COLOURS[path.name], dashed=False)
        place = "between layers" if stop.layer is None else f"layer {stop.layer}".replace("-", "−")
        title = f"stop {stop.name}" if stop.layer is not None else stop.name
        axes.set_title(f"{title}\n{place}\n{number(stop.energy, 3)} eV", fontsize=7.5, color=INK)
    figure.suptitle(f"Path {path.name} of the {document.element} vacancy", fontsize=10, color=COLOURS[path.name])
    legend(figure, views[0], with_adatom=False)
    return save(figure, name, "Stops from the side, the alloy below. Dashed circle: the vacancy; ring: the atom that "
                "hopped last, now where the vacancy was; hatched: held fixed.")  # fmt: skip


def _half(place: float) -> float:
    """Half of the length of a level: shorter between two steps."""
    return _BAR if float(place).is_integer() else 0.4 * _BAR


def _circle(axes: Axes, point: NDArray, element: str, shade: str, dashed: bool) -> None:
    axes.add_patch(
        Circle((point[0], point[2]), 1.05 * radius(element), fill=False, edgecolor=shade, lw=1.8, zorder=900,
               ls=(0, (2, 1.4)) if dashed else "-")
    )  # fmt: skip


def _label(axes: Axes, labels: list[tuple[float, float, str, str]], weight: str) -> None:
    """Write words at points: where two stand above each other, the upper ones above and the lowest below its point."""
    for _, group in groupby(sorted(set(labels)), key=lambda label: round(label[0])):
        near = sorted(group, key=lambda label: label[1])
        for rank, (x, y, words, shade) in enumerate(near):
            above = rank > 0 or (weight == "normal" and len(near) == 1)
            axes.annotate(
                words, (x, y), (0, 4 if above else -4), textcoords="offset points", ha="center", fontsize=8,
                va="bottom" if above else "top", color=shade, weight=weight, bbox=_GROUND, zorder=5,
            )  # fmt: skip


def _dress(axes: Axes, document: VacancyDoc, places: dict) -> None:
    axes.axhline(0, color="#d9e0e7", lw=0.8, zorder=0)
    axes.margins(y=0.14)
    steps = int(max(place[-1] for place in places.values()))
    axes.set_xlim(-0.45, steps + 0.45)
    axes.set_xticks(range(steps + 1), ["start", *(f"step {n}" for n in range(1, steps + 1))], fontsize=8)
    for row, path in enumerate(document.paths):
        for x, index in zip(places[path.name], path.stops, strict=True):
            stop = document.stops[index]
            if stop.layer is None or (index == 0 and row):
                continue
            layer = f"layer {stop.layer}".replace("-", "−")
            words = layer if index == 0 else f"{path.name}: {stop.element}, {layer}"
            axes.annotate(words, (x, 0), (0, -17 - 11 * row), xycoords=("data", "axes fraction"), ha="center", va="top",
                          textcoords="offset points", fontsize=7.5, color=GREY if index == 0 else COLOURS[path.name],
                          annotation_clip=False)  # fmt: skip
    axes.set_xlabel(f"hops of the vacancy, from the {document.start} down", fontsize=9, labelpad=14 + 11 * len(places))
    axes.set_ylabel("energy over the start (eV)", fontsize=9)
    axes.tick_params(axis="y", labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.set_title(f"{document.element} vacancy through {document.system}", fontsize=10, color=INK)


def _path_words(document: VacancyDoc, path: VacancyPath) -> str:
    who = f"{document.helper} hops first" if path.name == "II" else f"{document.element} hops"
    return f"path {path.name}: {who}" + (f", climb {number(path.climb, 3)} eV" if path.climb is not None else "")
