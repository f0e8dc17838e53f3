"""Energy diagrams of an atom at growing depth in the metal, for one interface and for several."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from anodeflow.report.figures import new_figure, save
from anodeflow.report.labels import Label, write_labels
from anodeflow.report.later import drawn_later
from anodeflow.report.page import Picture, number
from anodeflow.report.palette import GREEN, GREY, INK, OURS, PALE, PURPLE, series_colour
from anodeflow.studies.interdiffusion.document import InterdiffusionDoc

_BAR = 0.32
"""Half of the length of a level, in depths."""
_SHOWN = 12
"""Interfaces in one figure."""
_LINE: dict[str, Any] = {"lw": 1.0, "ls": (0, (3, 2)), "zorder": 2}


@drawn_later
def level_diagram(document: InterdiffusionDoc, name: str) -> Picture:
    """Draw the pristine interface and the median at every depth as levels, and each pair of atoms as a thin one."""
    levels = document.levels
    figure = new_figure(max(4.6, 0.85 * len(levels) + 2.0), 3.7)
    axes = figure.subplots()
    _levels(axes, document, OURS)
    several = any(level.pairs > 1 for level in levels)
    if several:
        for point in document.points:
            axes.plot([point.depth - _BAR, point.depth + _BAR], [point.exchange_energy] * 2, color=PALE, lw=2,
                      zorder=1, solid_capstyle="butt")  # fmt: skip
    labels: list[Label] = []
    for level in levels:
        words = number(level.median, 3, signed=True) + ("" if level.sound else "*")
        labels.append(Label(level.depth, level.median, words, OURS, sides=(90, 270)))
    if document.driving_force is not None:
        ends = [document.plateau[0] - 0.45, document.plateau[-1] + 0.45]
        if document.spread is not None:
            low, high = min(document.plateau_energies), max(document.plateau_energies)
            axes.fill_between(ends, low, high, color=GREEN, alpha=0.08, lw=0, zorder=0)
        axes.plot(ends, [document.driving_force] * 2, color=GREEN, lw=8, alpha=0.25, zorder=0)
        words = f"driving force {number(document.driving_force, 3, signed=True)} eV"
        words += ", undecided" if document.verdict == "undecided" else ""
        axes.text(0.02, 0.04, words, transform=axes.transAxes, fontsize=8.5, color=GREEN, weight="bold")
    if document.dilute:
        far = [each.exchange_energy for each in document.dilute]
        axes.axhspan(min(far) - 1e-3, max(far) + 1e-3, color=PURPLE, alpha=0.25, lw=0, zorder=0)
        axes.annotate("dilute limit", (0.995, max(far) + 1e-3), (0, 2), xycoords=("axes fraction", "data"), ha="right",
                      textcoords="offset points", va="bottom", fontsize=7.5, color=PURPLE)  # fmt: skip
    _dress(axes, levels[-1].depth, f"{document.element} from {document.alloy} into {document.metal}")
    _shade_surface(axes, document, levels[-1].depth)
    words = "Total energy relative to the pristine interface"
    words += (
        ": the median at each depth; pale: each pair of atoms." if several else ", one pair of atoms at each depth."
    )
    if not all(level.sound for level in levels):
        words += " *: the atom left its plane in the relaxation, or others their places."
    if document.driving_force is not None:
        words += " Green: the plateau that the driving force is taken from"
        words += ", and the range of its pairs." if document.spread is not None else "."
    if document.dilute:
        words += " Purple: the exchange in the bulks, over the sites of the alloy."
    medians = [
        np.stack([level.depth + _BAR * np.linspace(-1, 1, 9), np.full(9, level.median)], axis=1) for level in levels
    ]
    write_labels(axes, labels, np.concatenate(medians))
    return save(figure, name, words)


@drawn_later
def interfaces_diagram(documents: list[InterdiffusionDoc], name: str) -> Picture:
    """Draw the levels of all interfaces together; of many, those with the strongest drive."""
    of = len(documents)
    documents = sorted(documents, key=lambda each: each.driving_force or 0.0)[:_SHOWN] if of > _SHOWN else documents
    deepest = max(document.levels[-1].depth for document in documents)
    figure = new_figure(max(5.2, 0.85 * deepest + 2.2), 4.2)
    axes = figure.subplots()
    backends = len({document.backend for document in documents})
    for rank, document in enumerate(documents):
        words = f"{document.system}, {document.termination}{f' [{document.backend}]' if backends > 1 else ''}"
        if document.driving_force is not None:
            words += f": {number(document.driving_force, 3, signed=True)} eV"
        _levels(axes, document, series_colour(rank), words)
    _dress(axes, deepest, f"{documents[0].element} into the metal")
    figure.legend(loc="outside lower center", ncols=min(2, len(documents)), fontsize=8.5, frameon=False)
    return save(figure, name, "Total energy of every interface with the atom in plane after plane of the metal, "
                "relative to the pristine one, the median of the pairs of atoms at each depth; legend: the driving "
                "force, where there is a plateau."
                + (f" The {_SHOWN} strongest of {of} interfaces." if of > _SHOWN else ""))  # fmt: skip


def _levels(axes: Axes, document: InterdiffusionDoc, shade: str, label: str | None = None) -> None:
    """Draw levels at depths, the pristine interface at 0, and the dashed lines between them."""
    depths = [0, *(level.depth for level in document.levels)]
    energies = [0.0, *(level.median for level in document.levels)]
    for depth, energy in zip(depths, energies, strict=True):
        axes.plot([depth - _BAR, depth + _BAR], [energy] * 2, color=shade, lw=3.5, solid_capstyle="butt", zorder=3,
                  label=label if depth == 0 else None)  # fmt: skip
    for left in range(len(depths) - 1):
        axes.plot([depths[left] + _BAR, depths[left + 1] - _BAR], energies[left : left + 2], color=shade, **_LINE)


def _shade_surface(axes: Axes, document: InterdiffusionDoc, deepest: int) -> None:
    """Shade the planes next to the free face, where there are levels in them."""
    edge = document.metal_layers - document.near_surface + 0.5
    if deepest > edge:
        axes.axvspan(edge, deepest + 0.6, color="#eef1f4", zorder=-1, lw=0)
        axes.annotate("near the free face", (deepest + 0.55, 0.98), xycoords=("data", "axes fraction"), ha="right",
                      va="top", fontsize=7.5, color=GREY)  # fmt: skip


def _dress(axes: Axes, deepest: int, title: str) -> None:
    axes.axhline(0, color="#d9e0e7", lw=0.8, zorder=0)
    axes.margins(y=0.18)
    axes.set_xlim(-0.6, deepest + 0.6)
    axes.set_xticks(range(deepest + 1), ["pristine", *(str(depth) for depth in range(1, deepest + 1))], fontsize=8)
    axes.set_xlabel("plane of the metal that the atom is in, counted from the interface", fontsize=9)
    axes.set_ylabel("relative energy (eV)", fontsize=9)
    axes.tick_params(labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.set_title(title, fontsize=10, color=INK)
