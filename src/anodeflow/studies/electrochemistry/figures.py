"""Figures of electrochemistry: the convex hull and the voltage profile of a binary alloy."""

from typing import Any

from matplotlib.axes import Axes

from anodeflow.report.figures import new_figure, save
from anodeflow.report.later import drawn_later
from anodeflow.report.page import Picture, number
from anodeflow.report.palette import GREY, INK, MARK, OURS
from anodeflow.studies.electrochemistry.document import ElectrochemistryDoc
from anodeflow.studies.orderings.figures import subscripts

_ON_HULL = 1e-6
"""eV/atom."""


@drawn_later
def hull_figure(document: ElectrochemistryDoc, name: str) -> Picture:
    """Draw formation energies against composition: the hull, the phases on it and the crystals above it."""
    figure = new_figure(5.4, 3.9)
    axes = figure.subplots()
    on = [point for point in document.points if point.lowest and point.energy_above_hull < _ON_HULL]
    axes.plot([p.fraction for p in on], [1000 * p.formation_energy for p in on], "-", color=OURS, lw=1.6, zorder=2)
    for point in document.points:
        size, face, edge = (7, OURS, OURS) if point in on else (5.5, "white", MARK)
        axes.plot(point.fraction, 1000 * point.formation_energy, "o", ms=size, mfc=face, mec=edge, mew=1.3,
                  zorder=4 if point in on else 3)  # fmt: skip
    deepest = min(on, key=lambda point: point.formation_energy).fraction
    for point in document.points:
        if point.lowest:
            column = [p.formation_energy for p in document.points if p.formula == point.formula]
            outside = point in on and point.formation_energy < 0
            side = (point.fraction > deepest) - (point.fraction < deepest) if outside else 0
            height = 1000 * (point.formation_energy if outside else max(column))
            axes.annotate(
                subscripts(point.formula), (point.fraction, height), (6 * side, -8 if outside else 7),
                textcoords="offset points", ha={-1: "right", 0: "center", 1: "left"}[side],
                va="top" if outside else "bottom", fontsize=8.5, color=INK if point in on else GREY, zorder=5,
            )  # fmt: skip
    for label, face, edge in (("on the hull", OURS, OURS), ("above it", "white", MARK)):
        axes.plot([], [], "o", ms=6, mfc=face, mec=edge, mew=1.3, label=label)
    energies = [1000 * point.formation_energy for point in document.points]
    span = max(max(energies) - min(energies), 1.0)
    axes.set(xlim=(-0.06, 1.06), ylim=(min(energies) - 0.16 * span, max(energies) + 0.14 * span))
    axes.axhline(0, color="#d9e0e7", lw=0.8, zorder=0)
    axes.set_xlabel(f"fraction of {document.ion} atoms", fontsize=9)
    axes.set_ylabel("formation energy (meV/atom)", fontsize=9)
    _dress(axes, f"Convex hull of {document.partner} and {document.ion}")
    figure.legend(loc="outside lower center", ncols=2, fontsize=8.5, frameon=False)
    return save(figure, name, "Formation energies from the elements' bulks, without temperature. Phases on the hull "
                "are stable against all others; of each composition several crystals may be shown.")  # fmt: skip


@drawn_later
def voltage_figure(document: ElectrochemistryDoc, name: str) -> Picture:
    """Draw the voltage against the ion's metal over the charge stored, a plateau for each two phases."""
    figure = new_figure(5.4, 3.9)
    axes = figure.subplots()
    edges = [step.capacity for step in document.steps]
    end = 1.12 * edges[-1][1]
    x = [value for pair in edges for value in pair] + [edges[-1][1], end]
    y = [1000 * step.voltage for step in document.steps for _ in range(2)] + [0.0, 0.0]
    axes.plot(x, y, color=OURS, lw=1.8, zorder=3)
    top = max(max(y), 1.0)
    before, raised = (-end, 0.0), False
    for step in document.steps:
        # Names of narrow plateaus of nearly one height would cover each other: every second one stands higher.
        place = (max(sum(step.capacity) / 2, 0.07 * end), 1000 * step.voltage)
        raised = not raised and place[0] - before[0] < 0.17 * end and before[1] - place[1] < 0.2 * top
        before = place
        words = f"{subscripts(step.initial)} → {subscripts(step.final)}\n{number(1000 * step.voltage, 1)} mV"
        wide = step.capacity[1] - step.capacity[0] > 0.22 * end
        axes.annotate(words, place, (0, 30 if raised else 5), textcoords="offset points",
                      ha="center", va="bottom", fontsize=8 if wide else 7, color=INK)  # fmt: skip
    axes.annotate(f"{document.ion} metal", (end, 0), (-3, 4), textcoords="offset points", ha="right", va="bottom",
                  fontsize=8, color=INK)  # fmt: skip
    axes.axhline(0, color="#d9e0e7", lw=0.8, zorder=0)
    axes.set(xlim=(0, end), ylim=(-0.06 * top, 1.3 * top))
    axes.set_xlabel(f"charge stored (mAh/g of {document.partner})", fontsize=9)
    axes.set_ylabel(f"voltage against {document.ion} (mV)", fontsize=9)
    _dress(axes, f"{document.ion} into {document.partner}")
    per_ion: Any = document.steps[-1].capacity[1] / document.steps[-1].ions[1]
    above = axes.secondary_xaxis("top", functions=(lambda q: q / per_ion, lambda ions: ions * per_ion))
    above.set_xlabel(f"{document.ion} per {document.partner}", fontsize=9)
    above.tick_params(labelsize=8)
    return save(figure, name, "Equilibrium voltage against the metal from the phases on the hull, without temperature. "
                "A plateau is the coexistence of the two phases named.")  # fmt: skip


def _dress(axes: Axes, title: str) -> None:
    axes.tick_params(labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.set_title(title, fontsize=10, color=INK)
