"""Energy profiles of hops and paths, all surfaces beside each other, and the Arrhenius plot of the diffusivity."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from anodeflow.report.comparison import Published
from anodeflow.report.figures import (
    GREY,
    INK,
    MARK,
    OURS,
    PAPER,
    new_figure,
    save,
)
from anodeflow.report.later import drawn_later
from anodeflow.report.page import Picture, number, scientific
from anodeflow.studies.diffusion.document import MigrationDoc
from anodeflow.studies.diffusion.paths import Stretch, stretch, stretches

_COLOURS = [OURS, "#0f766e", "#7c3aed", "#a16207", "#be185d", "#475569"]
_STYLES: list[Any] = ["-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (5, 1.5, 1, 1.5))]
_GROUND = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.8}


@drawn_later
def path_profile(document: MigrationDoc, paper: Published | None, name: str) -> Picture:
    """Draw the energy along the cheapest path from cell to cell: minima, saddles, barriers forward and back."""
    assert document.path is not None
    parts = stretches(document, document.path)
    figure = new_figure(max(5.6, 2.2 + 2.0 * len(parts)), 3.7)
    axes = figure.subplots()
    for part in parts:
        _draw(axes, part, OURS)
    top = max(float(part.energy.max()) for part in parts)
    low = min(float(part.energy.min()) for part in parts)
    span = max(top - low, 0.01)
    length = float(parts[-1].distance[-1])
    axes.set(xlim=(-0.06 * length, 1.06 * length), ylim=(low - 0.24 * span, top + 0.2 * span))
    for number_, part in enumerate(parts):
        _name_minimum(axes, document, part.ends[0], part.distance[0], part.energy[0], span)
        if number_ == len(parts) - 1:
            _name_minimum(axes, document, part.ends[1], part.distance[-1], part.energy[-1], span)
    for part in parts:
        limiting = part.hop == document.path.limiting_hop
        x, y = part.distance[part.saddle], part.energy[part.saddle]
        axes.plot(x, y, "D", ms=6, color=MARK if limiting else INK, zorder=5)
        axes.annotate("saddle", (x, y), (0, 7), textcoords="offset points", ha="center", fontsize=8,
                      color=MARK if limiting else INK)  # fmt: skip
        width = part.distance[-1] - part.distance[0]
        for end, place, words in ((0, 0.02, "forward"), (-1, 0.98, "reverse")):
            base = part.energy[end]
            at = part.distance[0] + place * width
            axes.plot([part.distance[end], x], [base, base], color=GREY, lw=0.7, ls=":", zorder=0)
            axes.plot([at, x], [y, y], color=GREY, lw=0.7, ls=":", zorder=0)
            axes.annotate("", (at, y), (at, base), arrowprops={"arrowstyle": "<->", "color": INK, "lw": 0.9})
            axes.annotate(
                f"{words}\n{number(y - base, 3)} eV", (at, base + 0.62 * (y - base)), (5 if end == 0 else -5, 0),
                textcoords="offset points", ha="left" if end == 0 else "right", va="center", fontsize=8, color=INK,
                bbox=_GROUND,
            )  # fmt: skip
    if paper and paper.entry.value is not None:
        axes.axhline(paper.entry.value, color=PAPER, lw=1.2, ls="--", zorder=0)
        axes.annotate(f"{paper.reference.name}\n{paper.text} eV", (1.0, paper.entry.value), (4, 0),
                      xycoords=("axes fraction", "data"), textcoords="offset points", ha="left", va="center",
                      fontsize=8, color=PAPER)  # fmt: skip
    _dress(axes, f"Cheapest path of {document.adsorbate} over {document.system}")
    return save(figure, name, "Energy along the cheapest path from one cell to the next. Dots: images; curve: through "
                f"their energies with their slopes from the forces.{_with_potential([document])}")  # fmt: skip


@drawn_later
def hop_profiles(document: MigrationDoc, name: str) -> Picture:
    """Draw the profiles of all finished hops of one surface, energies over its lowest minimum."""
    hops = [hop for hop in document.hops if hop.profile]
    figure = new_figure(5.6, 3.5)
    axes = figure.subplots()
    for rank, hop in enumerate(hops):
        words = f"hop {hop.index}: {hop.initial} → {hop.final}"
        if hop.barrier_forward is not None:
            words += f", {number(hop.barrier_forward, 3)} eV"
        _draw(axes, stretch(document, hop), _COLOURS[rank % len(_COLOURS)], label=words,
              style=_STYLES[rank // len(_COLOURS) % len(_STYLES)])  # fmt: skip
    _dress(axes, f"All hops of {document.adsorbate} on {document.system}")
    figure.legend(loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    return save(figure, name, "Energy along every hop over the lowest minimum, with the barrier forward."
                f"{_with_potential([document])}")  # fmt: skip


def surfaces_profile(pairs: list[tuple[MigrationDoc, Published | None]], name: str) -> Picture:
    """Draw the cheapest paths over all surfaces together, the published barriers as open diamonds over the saddles."""
    figure = new_figure(6.0, 4.0)
    axes = figure.subplots()
    backends = len({document.backend for document, _ in pairs})
    published = None
    for rank, (document, paper) in enumerate(pairs):
        if document.path is None:
            continue
        parts = stretches(document, document.path)
        words = f"{document.system}{f' [{document.backend}]' if backends > 1 else ''}: "
        words += f"{number(document.path.barrier, 3)} eV"
        shade = _COLOURS[rank % len(_COLOURS)]
        style = _STYLES[rank // len(_COLOURS) % len(_STYLES)]
        for index, part in enumerate(parts):
            _draw(axes, part, shade, label=None if index else words, style=style)
        highest = max(parts, key=lambda part: float(part.energy.max()))
        if paper and paper.entry.value is not None:
            published = paper.reference.name
            axes.plot(highest.distance[highest.saddle], paper.entry.value, "D", ms=7, mfc="white", mec=shade, mew=1.6,
                      zorder=6)  # fmt: skip
    if published:
        axes.plot([], [], "D", ms=7, mfc="white", mec=INK, mew=1.6, label=f"{published}: barrier")
    axes.margins(y=0.1)
    _dress(axes, f"Cheapest paths of {pairs[0][0].adsorbate} from cell to cell")
    figure.legend(loc="outside lower center", ncols=2, fontsize=8.5, frameon=False)
    return save(figure, name, "Energy over the lowest minimum along the cheapest path on each surface; legend: the "
                f"barrier of the path.{_with_potential([document for document, _ in pairs])}")  # fmt: skip


def arrhenius(documents: list[MigrationDoc], name: str) -> Picture:
    """Draw the diffusivity of every surface against the inverse temperature."""
    figure = new_figure(5.2, 4.0)
    axes = figure.subplots()
    temperatures: list[float] = []
    for rank, document in enumerate(documents):
        points = sorted(document.diffusivities, key=lambda point: point.temperature)
        x = [1000 / point.temperature for point in points]
        axes.semilogy(x, [point.diffusivity for point in points], "o-", ms=5, lw=1.6, label=document.system,
                      color=_COLOURS[rank % len(_COLOURS)])  # fmt: skip
        temperatures += [point.temperature for point in points]
    axes.set_xlabel("1000/T (1/K)", fontsize=9)
    axes.set_ylabel("diffusivity D (cm²/s)", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.grid(color="#e4e7eb", lw=0.8)
    top = axes.secondary_xaxis("top", functions=(_inverse, _inverse))
    shown = sorted(set(temperatures))
    top.set_xticks(shown[:: max(1, len(shown) // 6)])
    top.set_xlabel("T (K)", fontsize=9)
    top.tick_params(labelsize=8)
    top.minorticks_off()
    figure.legend(loc="outside lower center", ncols=4, fontsize=8.5, frameon=False)
    given = sorted({scientific(document.prefactor) for document in documents})
    own = any(hop.prefactor_source == "vineyard" for document in documents for hop in document.hops)
    prefactors = f"{', '.join(given)} 1/s" + (" or Vineyard's prefactors" if own else "")
    return save(figure, name, "Diffusivity of the adatom from rates ν exp(−barrier/kT) with attempt frequencies of "
                f"{prefactors}: half the trace of the tensor in the plane.")  # fmt: skip


def _draw(axes: Axes, part: Stretch, shade: str, label: str | None = None, style: Any = "-") -> None:
    points: dict[str, Any] = {"ms": 4.5, "color": shade, "zorder": 3}
    if part.potential is not None:
        axes.plot(*part.potential, color=shade, lw=1.0, ls=(0, (2, 2)), alpha=0.7, zorder=1)
    if part.saddle_alone:
        axes.plot(part.distance, part.energy, "o", label=label, **points)
        return
    x, y = part.curve()
    axes.plot(x, y, color=shade, lw=1.8, ls=style, label=label, zorder=2)
    axes.plot(part.distance, part.energy, "o", **points)


def _name_minimum(axes: Axes, document: MigrationDoc, index: int, x: float, y: float, span: float) -> None:
    axes.plot(x, y, "o", ms=8, mfc="white", mec=OURS, mew=1.8, zorder=5)
    axes.annotate(f"{index}: {document.minima[index].label}", (x, y - 0.06 * span), ha="center", va="top", fontsize=8,
                  color=OURS, bbox=_GROUND, annotation_clip=False)  # fmt: skip


def _dress(axes: Axes, title: str) -> None:
    axes.axhline(0, color="#d9e0e7", lw=0.8, zorder=0)
    axes.set_xlabel("length of the path (Å)", fontsize=9)
    axes.set_ylabel("energy (eV)", fontsize=9)
    axes.tick_params(labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.set_title(title, fontsize=10, color=INK)


def _with_potential(documents: list[MigrationDoc]) -> str:
    """Say what the thin lines are, where there are any."""
    bands = [hop.band for document in documents for hop in document.hops if hop.band is not None and hop.profile]
    if not bands:
        return ""
    words = f" Thin dashed: the path of {bands[0].backend} that came before, from its own end state."
    alone = any(band.mode == "saddle" for band in bands)
    return words + (" Dots without a full line: ends and saddle alone were computed by DFT." if alone else "")


def _inverse(x: Any) -> Any:
    return 1000 / np.maximum(x, 1e-9)
