"""Energy profiles of hops and paths, all surfaces beside each other, and the Arrhenius plot of the diffusivity."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from anodeflow.report.comparison import Published
from anodeflow.report.figures import new_figure, save
from anodeflow.report.labels import Label, write_labels
from anodeflow.report.later import drawn_later
from anodeflow.report.page import Picture, number, scientific
from anodeflow.report.palette import GREY, GRID, INK, MARK, OURS, PAPER, series_colour, series_style
from anodeflow.studies.diffusion.document import DiffusionDoc
from anodeflow.studies.diffusion.paths import Stretch, stretch, stretches

_MANY = 3
"""Hops of a path from which on only the limiting one has its barriers written, and minima have numbers only."""
_SHOWN = 10
"""Surfaces in one figure: those with the lowest barriers."""


@drawn_later
def path_profile(document: DiffusionDoc, paper: Published | None, name: str) -> Picture:
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
    short = len(parts) > _MANY
    labels: list[Label] = []
    last = parts[-1]
    stops = [(part.ends[0], part.distance[0], part.energy[0]) for part in parts]
    for index, place, energy in [*stops, (last.ends[1], last.distance[-1], last.energy[-1])]:
        axes.plot(place, energy, "o", ms=8, mfc="white", mec=OURS, mew=1.8, zorder=5)
        words = str(index) if short else f"{index}: {document.minima[index].label}"
        labels.append(Label(place, energy, words, OURS, gap=4, sides=(270, 315, 225, 90)))
    arrows = []
    told = False
    for part in parts:
        limiting = part.hop == document.path.limiting_hop
        x, y = part.distance[part.saddle], part.energy[part.saddle]
        axes.plot(x, y, "D", ms=6, color=MARK if limiting else INK, zorder=5)
        if short and (not limiting or told):
            continue
        told = limiting
        labels.append(Label(x, y, "saddle", MARK if limiting else INK, gap=2))
        width = part.distance[-1] - part.distance[0]
        for end, place, words in ((0, 0.02, "forward"), (-1, 0.98, "reverse")):
            base = part.energy[end]
            at = part.distance[0] + place * width
            axes.plot([part.distance[end], x], [base, base], color=GREY, lw=0.7, ls=":", zorder=0)
            axes.plot([at, x], [y, y], color=GREY, lw=0.7, ls=":", zorder=0)
            axes.annotate("", (at, y), (at, base), arrowprops={"arrowstyle": "<->", "color": INK, "lw": 0.9})
            arrows.append(np.stack([np.full(30, at), np.linspace(base, y, 30)], axis=1))
            text = f"{words}\n{number(y - base, 3)} eV"
            sides = (180.0, 0.0, 135.0, 225.0) if end == 0 else (0.0, 180.0, 45.0, 315.0)
            sides_and_ends = (*sides, 90.0, 270.0)  # the last two in a narrow figure
            labels.append(Label(at, base + 0.62 * (y - base), text, INK, sides=sides_and_ends))
    published = paper.entry.value if paper else None
    if paper and published is not None:
        words = f"{paper.reference.name}: {paper.text} eV"
        beyond = published > top + 2 * span
        axes.set_ylim(top=max(top, top if beyond else published) + 0.2 * span)
        words += ", beyond this figure" if beyond else ""
        line: dict[str, Any] = {"color": PAPER, "lw": 1.2, "ls": "--", "label": words}
        if beyond:
            axes.plot([], [], **line)
        else:
            axes.axhline(published, **line, zorder=0)
        # Below: on the line it would lie on the curve or on an arrow, wherever it stood.
        figure.legend(loc="outside lower center", fontsize=8, frameon=False)
    _dress(axes, f"Cheapest path of {document.adsorbate} over {document.system}")
    write_labels(axes, labels, np.concatenate([*arrows, *(np.stack(part.curve(), axis=1) for part in parts)]))
    return save(figure, name, "Energy along the cheapest path from one cell to the next. Dots: images; curve: through "
                f"their energies with their slopes from the forces.{_with_potential([document])}")  # fmt: skip


@drawn_later
def hop_profiles(document: DiffusionDoc, name: str) -> Picture:
    """Draw the profiles of all finished hops of one surface, energies over its lowest minimum."""
    hops = [hop for hop in document.hops if hop.profile]
    figure = new_figure(5.6, 3.5)
    axes = figure.subplots()
    for rank, hop in enumerate(hops):
        words = f"hop {hop.index}: {hop.initial} → {hop.final}"
        if hop.barrier_forward is not None:
            words += f", {number(hop.barrier_forward, 3)} eV"
        _draw(axes, stretch(document, hop), series_colour(rank), label=words, style=series_style(rank))
    _dress(axes, f"All hops of {document.adsorbate} on {document.system}")
    figure.legend(loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    return save(figure, name, "Energy along every hop over the lowest minimum, with the barrier forward."
                f"{_with_potential([document])}")  # fmt: skip


@drawn_later
def surfaces_profile(pairs: list[tuple[DiffusionDoc, Published | None]], name: str) -> Picture:
    """Draw the cheapest paths over all surfaces together, the published barriers as open diamonds over the saddles.

    Of many surfaces those with the lowest barriers are shown.
    """
    of = len(pairs)
    pairs = sorted(pairs, key=lambda pair: pair[0].path.barrier if pair[0].path else np.inf)[:_SHOWN]
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
        shade, style = series_colour(rank), series_style(rank)
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
    more = _of_many(of) + _with_potential([document for document, _ in pairs])
    return save(figure, name, "Energy over the lowest minimum along the cheapest path on each surface; legend: the "
                f"barrier of the path.{more}")  # fmt: skip


@drawn_later
def arrhenius(documents: list[DiffusionDoc], name: str) -> Picture:
    """Draw the diffusivity of every surface against the inverse temperature; of many, the fastest ones."""
    of = len(documents)
    documents = sorted(documents, key=lambda each: -max(point.diffusivity for point in each.diffusivities))[:_SHOWN]
    figure = new_figure(5.2, 4.0)
    axes = figure.subplots()
    temperatures: list[float] = []
    for rank, document in enumerate(documents):
        points = sorted(document.diffusivities, key=lambda point: point.temperature)
        x = [1000 / point.temperature for point in points]
        axes.semilogy(x, [point.diffusivity for point in points], marker="o", ms=5, lw=1.6, label=document.system,
                      color=series_colour(rank), ls=series_style(rank))  # fmt: skip
        temperatures += [point.temperature for point in points]
    axes.set_xlabel("1000/T (1/K)", fontsize=9)
    axes.set_ylabel("diffusivity D (cm²/s)", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.grid(color=GRID, lw=0.8)
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
                f"{prefactors}: half the trace of the tensor in the plane.{_of_many(of)}")  # fmt: skip


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


def _dress(axes: Axes, title: str) -> None:
    axes.axhline(0, color="#d9e0e7", lw=0.8, zorder=0)
    axes.set_xlabel("length of the path (Å)", fontsize=9)
    axes.set_ylabel("energy (eV)", fontsize=9)
    axes.tick_params(labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.set_title(title, fontsize=10, color=INK)


def _of_many(number_of_surfaces: int) -> str:
    """Say that not all surfaces are shown, where that is so."""
    return f" The {_SHOWN} easiest of {number_of_surfaces} surfaces." if number_of_surfaces > _SHOWN else ""


def _with_potential(documents: list[DiffusionDoc]) -> str:
    """Say what the thin lines are, where there are any."""
    bands = [hop.band for document in documents for hop in document.hops if hop.band is not None and hop.profile]
    if not bands:
        return ""
    words = f" Thin dashed: the path of {bands[0].backend} that came before, from its own end state."
    alone = any(band.mode == "saddle" for band in bands)
    return words + (" Dots without a full line: ends and saddle alone were computed by DFT." if alone else "")


def _inverse(x: Any) -> Any:
    return 1000 / np.maximum(x, 1e-9)
