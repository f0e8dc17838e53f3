"""Figures of orderings: the energies of all of them, and the powder pattern of the lowest."""

import numpy as np
from matplotlib.axes import Axes

from anodeflow.report.figures import new_figure, save
from anodeflow.report.labels import write_row
from anodeflow.report.later import drawn_later
from anodeflow.report.page import Picture
from anodeflow.report.palette import GREY, INK, MARK, OURS
from anodeflow.studies.orderings.document import (
    DiffractionPattern,
    DiffractionPeak,
    OrderingsDoc,
    RankedOrdering,
)

_WIDTH = 0.3
"""Full width at half maximum of the drawn lines, degrees: about that of a laboratory powder diffractometer."""
_NAMED = 4.0
"""Lines of the host of at least this intensity are named."""
_APART = 1.2
"""Names of one line closer than this stand only once, degrees."""


@drawn_later
def energies_figure(document: OrderingsDoc, name: str) -> Picture:
    """Draw the formation energies of all orderings: those of the ranking host by host, then the confirmed ones."""
    hosts = [host for host in document.hosts if document.enumerated.get(host)]
    columns = [*hosts, *(["confirmed"] if document.confirmed else [])]
    figure = new_figure(max(3.9, 1.6 + 1.25 * len(columns)), 3.8)
    axes = figure.subplots()
    for column, host in enumerate(hosts):
        mine = [entry for entry in document.orderings if entry.host == host]
        _levels(axes, column, mine, [entry.rank_formation_energy for entry in mine])
    if document.confirmed:
        shown = [entry for entry in document.orderings if entry.formation_energy is not None]
        _levels(axes, len(hosts), shown, [entry.formation_energy for entry in shown])
        for entry in shown:
            if entry.rank_formation_energy is not None and entry.formation_energy is not None:
                ends = (1000 * entry.rank_formation_energy, 1000 * entry.formation_energy)
                axes.plot((hosts.index(entry.host) + 0.3, len(hosts) - 0.3), ends, color=GREY, lw=0.6, ls=":", zorder=1)
    if document.sqs is not None and document.sqs.formation_energy is not None:
        column = len(hosts) if document.confirmed else hosts.index(document.sqs.host)
        axes.plot(column, 1000 * document.sqs.formation_energy, "D", ms=6, mfc="white", mec=INK, zorder=5)
        axes.plot([], [], "D", ms=6, mfc="white", mec=INK, label=document.sqs.name)
    for label, shade, style in (("kept", OURS, "-"), ("on its host", GREY, "-"), ("left its host", MARK, ":")):
        axes.plot([], [], color=shade, lw=2 if label == "kept" else 1.3, ls=style, label=label)
    axes.set_xticks(range(len(columns)), _columns(document, columns), fontsize=9)
    axes.set_xlim(-0.55, len(columns) - 0.45)
    axes.axhline(0, color="#d9e0e7", lw=0.8, zorder=0)
    axes.set_ylabel("formation energy (meV/atom)", fontsize=9)
    axes.tick_params(labelsize=8, axis="y")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.set_title(f"Orderings of {subscripts(document.formula)}", fontsize=10, color=INK)
    figure.legend(loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    return save(figure, name, "Formation energies of all relaxed orderings from the elements' bulks, one line each.")


@drawn_later
def diffraction_figure(pattern: DiffractionPattern, formula: str, host: str, name: str) -> Picture:
    """Draw a powder pattern: its lines, the broadened curve, and the planes of the host that its lines belong to."""
    figure = new_figure(6.4, 3.7)
    axes = figure.subplots()
    low, high = 10.0, 90.0
    angles = np.linspace(low, high, 4000)
    curve = sum((peak.intensity * _line(angles - peak.two_theta) for peak in pattern.peaks), np.zeros_like(angles))
    scale = 100 / max(float(curve.max()), 1e-9)
    axes.plot(angles, scale * curve, color=OURS, lw=1.3, zorder=3)
    for peak in pattern.peaks:
        shade = INK if peak.fundamental else GREY
        axes.plot([peak.two_theta] * 2, [-1.5, -1.5 - 0.2 * peak.intensity], color=shade, lw=1.1, zorder=2)
    _name_lines(axes, pattern, angles, scale * curve)
    axes.plot([], [], color=INK, lw=1.3, label=f"lines of {host}")
    axes.plot([], [], color=GREY, lw=1.3, label="lines of the ordering")
    axes.plot([], [], color=OURS, lw=1.3, label=f"broadened to {_WIDTH:g}° (FWHM)")
    axes.axhline(-0.5, color="#d9e0e7", lw=0.8, zorder=0)
    axes.set(xlim=(low, high), ylim=(-24, 122), yticks=[])
    axes.set_xlabel("scattering angle 2θ (degrees)", fontsize=9)
    axes.set_ylabel("intensity", fontsize=9)
    axes.tick_params(labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    title = f"{subscripts(formula)}, {pattern.of}; {_radiation(pattern.radiation)}, {pattern.wavelength:.4f} Å"
    axes.set_title(title, fontsize=10, color=INK)
    figure.legend(loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    return save(
        figure,
        name,
        f"Simulated powder pattern of the perfect crystal. Names are planes of the {host} host; a solid solution shows "
        "those lines only.",
    )


def subscripts(formula: str) -> str:
    """Return a formula with its numbers below the line: Li₃Mg₇."""
    return formula.translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


def _columns(document: OrderingsDoc, columns: list[str]) -> list[str]:
    words = [f"{host}\n{document.enumerated[host]} orderings" for host in columns if host != "confirmed"]
    if not document.confirmed:
        return words
    ranked = [f"{word}\n{document.rank_backend}" for word in words]
    return [*ranked, f"confirmed\n{document.backend}"]


def _levels(axes: Axes, column: int, entries: list[RankedOrdering], energies: list[float | None]) -> None:
    for entry, energy in zip(entries, energies, strict=True):
        if energy is None:
            continue
        kept, lost = entry.state == "kept", entry.state == "host lost"
        shade = MARK if lost else OURS if kept else GREY
        axes.plot((column - 0.3, column + 0.3), [1000 * energy] * 2, color=shade, lw=1.7 if kept else 1.0,
                  ls=":" if lost else "-", zorder=4 if kept else 2)  # fmt: skip


def _line(x: np.ndarray) -> np.ndarray:
    """Pseudo-Voigt line with as much of Lorentz as of Gauss, height 1."""
    gauss = np.exp(-4 * np.log(2) * (x / _WIDTH) ** 2)
    return 0.5 * gauss + 0.5 / (1 + 4 * (x / _WIDTH) ** 2)


def _name_lines(axes: Axes, pattern: DiffractionPattern, angles: np.ndarray, curve: np.ndarray) -> None:
    """Write the planes of the host over its strong lines, once for lines that the ordering has split.

    In a narrow figure those of the strongest lines stay.
    """
    named: list[tuple[str, float]] = []
    texts = []
    strong = [peak for peak in pattern.peaks if peak.fundamental and peak.intensity >= _NAMED]
    for peak in sorted(strong, key=lambda peak: -peak.intensity):
        words = _plane(peak)
        if any(other == words and abs(place - peak.two_theta) < _APART for other, place in named):
            continue
        named.append((words, peak.two_theta))
        near = abs(angles - peak.two_theta) < 0.5
        texts.append(axes.annotate(
            words, (peak.two_theta, float(curve[near].max())), (0, 3), textcoords="offset points",
            ha="center", va="bottom", rotation=90, fontsize=8, color=INK,
        ))  # fmt: skip
    write_row(axes, texts)


def _plane(peak: DiffractionPeak) -> str:
    whole = [plane for plane in peak.indices if all(float(index).is_integer() for index in plane)]
    return ", ".join("".join(f"{index:.0f}" for index in plane) for plane in whole[:1])


def _radiation(name: str) -> str:
    """Return pymatgen's name of X-rays as people write it: Cu Kα."""
    return name.replace("Ka", " Kα").replace("Kb", " Kβ")
