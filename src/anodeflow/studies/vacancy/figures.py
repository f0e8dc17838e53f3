"""The energy diagram of a vacancy on its two paths."""

from itertools import groupby, pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from anodeflow.calculations.screening_document import BandRecord
from anodeflow.report.figures import new_figure, save
from anodeflow.report.labels import Label, write_labels
from anodeflow.report.later import drawn_later
from anodeflow.report.page import Picture, number
from anodeflow.report.palette import BLUE, GREY, INK, VERMILLION
from anodeflow.studies.diffusion.paths import potential_curve, through_images
from anodeflow.studies.vacancy.document import VacancyDoc, VacancyHop, VacancyPath

COLOURS = {"I": VERMILLION, "II": BLUE}
"""Colours of the two paths: red and blue, as in the paper."""
_BAR = 0.16
"""Half of the length of a level, in steps."""


@drawn_later
def energy_diagram(document: VacancyDoc, name: str) -> Picture:
    """Draw the levels of all stops of both paths, and between them the energy along the hops with their barriers."""
    places = {path.name: stop_places(document, path) for path in document.paths}
    steps = max(1.0, *(place[-1] for place in places.values()))
    figure = new_figure(max(5.0, 1.6 * steps + 2.0), 4.6)
    axes = figure.subplots()
    labels: list[Label] = []
    drawn: list[NDArray] = []
    for path in document.paths:
        shade, x = COLOURS[path.name], places[path.name]
        for place, index in zip(x, path.stops, strict=True):
            energy, shown = document.stops[index].energy, INK if index == 0 else shade
            axes.plot([place - _half(place), place + _half(place)], [energy] * 2, color=shown, lw=3.5,
                      solid_capstyle="butt", zorder=4)  # fmt: skip
            drawn.append(np.stack([place + _half(place) * np.linspace(-1, 1, 21), np.full(21, energy)], axis=1))
            labels.append(Label(place, energy, number(energy, 3), shown, weight="bold", sides=(90, 270)))
        for (start, end), index in zip(pairwise(x), path.hops, strict=True):
            hop = document.hops[index]
            curve = hop_curve(document, hop, start + _half(start), end - _half(end))
            computed = hop.barrier_forward is not None
            if computed and hop.band is not None:
                _draw_potential(axes, document, hop, hop.band, (start + _half(start), end - _half(end)), shade)
            if not (computed and saddle_alone(hop)):
                axes.plot(*curve, color=shade, lw=1.6, ls="-" if computed else (0, (3, 3)), zorder=3)
            drawn.append(np.stack(curve, axis=1))
            top = int(np.argmax(curve[1])) if computed else len(curve[0]) // 2
            words = number(hop.barrier_forward, 3, signed=True) if hop.barrier_forward is not None else hop.state
            if hop.state in ("second order", "no saddle"):
                words = f"{words} ({hop.state})"
            if hop.state != "left out":
                labels.append(Label(float(curve[0][top]), float(curve[1][top]), words, shade))
    _dress(axes, document, places)
    handles = [
        Line2D([], [], color=COLOURS[path.name], lw=3, label=_path_words(document, path)) for path in document.paths
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=8.5, frameon=False)
    bold_first = sorted(dict.fromkeys(labels), key=lambda label: (label.weight != "bold", -label.y))
    write_labels(axes, bold_first, np.concatenate(drawn))
    return save(figure, name, "Energy over the vacancy at its start. Bars: stops, with their energies (bold); curves: "
                "through the images of every hop with their slopes, with its barrier in the direction down (+); "
                "dashed: no barrier is known; thin dashes: the path of a potential, with the saddle by DFT as a dot. "
                "Below: the atom that hops and the layer where the vacancy is then (alloy −1, −2 …, metal 1, 2 … away "
                "from the interface).")  # fmt: skip


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
    points = [hop.profile[place] for place in hop.up_to_saddle]
    distance = np.array([point.distance for point in points])
    scale = (end - start) / distance[-1]
    x = start + distance * scale
    energy = np.array([point.energy for point in points]) - hop.profile[0].energy + low
    slope = np.array([point.slope for point in points]) / scale
    return through_images(x, energy, slope)


def saddle_alone(hop: VacancyHop) -> bool:
    """Whether DFT computed the saddle of a hop alone, not its path."""
    return hop.band is not None and hop.band.mode == "saddle"


def _draw_potential(
    axes: Axes, document: VacancyDoc, hop: VacancyHop, band: BandRecord, span: tuple[float, float], shade: str
) -> None:
    """Draw the path of a potential between two levels, and on it the saddle where DFT computed that alone."""
    low, length = document.stops[hop.initial].energy, band.distances[-1]
    x, energy = potential_curve(band)
    axes.plot(span[0] + x * (span[1] - span[0]) / length, low + energy, color=shade, lw=1.0, ls=(0, (2, 2)), zorder=2)
    if saddle_alone(hop) and hop.barrier_forward is not None:
        at = span[0] + band.distances[band.climbing_image] * (span[1] - span[0]) / length
        axes.plot(at, low + hop.barrier_forward, "o", ms=5, color=shade, zorder=4)


def _half(place: float) -> float:
    """Half of the length of a level: shorter between two steps."""
    return _BAR if float(place).is_integer() else 0.4 * _BAR


def _dress(axes: Axes, document: VacancyDoc, places: dict) -> None:
    axes.axhline(0, color="#d9e0e7", lw=0.8, zorder=0)
    axes.margins(y=0.2)
    axes.autoscale_view()
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
