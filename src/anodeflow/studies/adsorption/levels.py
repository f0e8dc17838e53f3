"""Diagrams of binding energies: the sites of one surface, and the best site of every surface."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anodeflow.report.comparison import Published
from anodeflow.report.figures import new_figure, save
from anodeflow.report.later import drawn_later
from anodeflow.report.page import Picture, number
from anodeflow.report.palette import GREY, GRID, INK, OURS, PAPER, series_colour
from anodeflow.studies.adsorption.document import AdsorbedSite, AdsorptionDoc

_ROW = 0.27
"""Height of a row, inches."""
_WIDE, _NARROW, _SHORT = 6.0, 4.2, 20
"""Inches; a figure of names that have fewer letters than so many is narrow: its words can be read beside a text."""
_LEAST_SPAN = 0.1
"""Of an axis of binding energies, eV."""
_SHOWN = 40
"""Rows in one figure; of more, the lowest."""


@drawn_later
def site_levels(document: AdsorptionDoc, paper: Published | None, name: str) -> Picture:
    """Draw the binding energies of the sites, a row each, the strongest on top, with the published value as a line.

    Both references share the rows: they differ by the bulk's cohesive energy only, which shifts the upper axis.
    """
    ranked = sorted(range(len(document.sites)), key=lambda index: document.sites[index].binding_energy)[:_SHOWN]
    sites = [document.sites[index] for index in ranked]
    cohesion = document.atom_energy - document.bulk_energy
    published = paper.entry.value if paper else None
    marks = [*(site.binding_energy for site in sites), *([published] if published is not None else [])]
    near_bulk = min(marks) - 0.5 < -cohesion < max(marks) + 0.5
    figure, axes = _rows([_site_name(site) for site in sites])
    for row, (index, site) in enumerate(zip(ranked, sites, strict=True)):
        best, own = index == document.most_stable, site.merged_into is None and site.converged
        shade = OURS if best else GREY
        axes.plot(site.binding_energy, row, "D" if best else "o", ms=7, color=shade, mfc=shade if own else "white",
                  zorder=3)  # fmt: skip
        axes.annotate(number(site.binding_energy, 3), (site.binding_energy, row), (8, 0), textcoords="offset points",
                      va="center", fontsize=8.5, color=OURS if best else INK, weight="bold" if best else "normal",
                      zorder=4)  # fmt: skip
    if paper and published is not None:
        axes.axvline(published, color=PAPER, lw=1.3, ls="--", zorder=0, label=f"{paper.reference.name}: {paper.text}")
    if near_bulk:
        words = f"an atom of bulk {document.adsorbate}"
        axes.axvline(-cohesion, color=GREY, lw=1, ls=":", zorder=0, label=words)
    axes.margins(x=0.16)
    _wide(axes)
    axes.set_xlabel(f"against the isolated {document.adsorbate} atom (eV)", fontsize=9)
    other = axes.secondary_xaxis("top", functions=(lambda e: np.add(e, cohesion), lambda e: np.subtract(e, cohesion)))
    other.set_xlabel(f"against bulk {document.adsorbate} (eV)", fontsize=9)
    other.tick_params(labelsize=8)
    figure.suptitle(f"Binding energy of {document.adsorbate} on {document.system}", fontsize=10, color=INK)
    if near_bulk or published is not None:
        figure.legend(loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    hollow = any(site.merged_into is not None or not site.converged for site in sites)
    caption = "Binding energy of each site, the most stable one in blue" + (
        "; hollow: fell into another site's minimum, or not converged." if hollow else "."
    )
    if len(document.sites) > _SHOWN:
        caption += f" The {_SHOWN} strongest of {len(document.sites)} sites."
    return save(figure, name, caption)


@drawn_later
def surfaces(documents: list[AdsorptionDoc], papers: list[Published | None], name: str) -> Picture:
    """Draw the binding energy of the best site of every surface, a row each, beside the published ones.

    Parameters
    ----------
    documents
        Studies with the same adsorbate.
    papers
        The published binding energy for each document, or None.
    name
        Name of the picture.
    """
    lowest: dict[str, float] = {}
    for document in documents:
        lowest[document.system] = min(document.binding_energy, lowest.get(document.system, np.inf))
    systems = sorted(lowest, key=lowest.__getitem__)[:_SHOWN]
    backends = list(dict.fromkeys(d.backend for d in documents))
    figure, axes = _rows(systems, len(backends), _NARROW if max(map(len, systems)) < _SHORT else _WIDE)
    for index, backend in enumerate(backends):
        mine = [d for d in documents if d.backend == backend and d.system in systems]
        y = [systems.index(d.system) + 0.3 * (index - (len(backends) - 1) / 2) for d in mine]
        x = [d.binding_energy for d in mine]
        axes.plot(x, y, "o", ms=7, color=series_colour(index), label=backend, zorder=3)
        for point in zip(x, y, strict=True):
            axes.annotate(number(point[0], 3), point, (7, 0), textcoords="offset points", va="center", fontsize=8,
                          color=INK, zorder=4)  # fmt: skip
    values = {d.system: p for d, p in zip(documents, papers, strict=True) if p and p.entry.value is not None}
    for rank, (system, paper) in enumerate((s, p) for s, p in values.items() if s in systems):
        row = systems.index(system)
        assert paper.entry.value is not None
        axes.plot([paper.entry.value] * 2, [row - 0.36, row + 0.36], color=PAPER, lw=2.2, zorder=2,
                  label=None if rank else paper.reference.name)  # fmt: skip
    axes.margins(x=0.18)
    _wide(axes)
    axes.set_xlabel(f"binding energy against the isolated {documents[0].adsorbate} atom (eV)", fontsize=9)
    axes.grid(axis="x", color=GRID, lw=0.8)
    figure.legend(loc="outside upper center", ncols=3, fontsize=8, frameon=False)
    more = f" The {_SHOWN} strongest of {len(lowest)}." if len(lowest) > _SHOWN else ""
    return save(figure, name, f"Most stable site of {documents[0].adsorbate} on every surface.{more}")


def site_words(site: AdsorbedSite) -> str:
    """Return where an adatom was put and where it came to rest; one that stayed has one place."""
    if site.state == "stayed" or site.final_label == site.label:
        return site.final_label
    return f"{site.label} → {site.final_label}"


def site_state(site: AdsorbedSite) -> str:
    """Return what became of an adatom, with how far it went in the plane: stayed, 0.18 Å."""
    return f"{site.state}, {site.displacement:.2f} Å" if site.state in ("stayed", "moved") else site.state


def _rows(names: Sequence[str], height: int = 1, width: float = _WIDE) -> tuple[Figure, Axes]:
    """Return a figure with a row for each name, the first on top; `height`: points on top of each other in a row."""
    figure = new_figure(width, 1.5 + _ROW * len(names) * (1 + 0.5 * (height - 1)))
    axes = figure.subplots()
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="x", labelsize=8)
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    for row in range(len(names)):
        axes.axhline(row, color=GRID, lw=0.6, zorder=0)
    return figure, axes


def _wide(axes: Axes) -> None:
    """Widen an axis on which differences of a meV would look like differences."""
    low, high = axes.get_xlim()
    if high - low < _LEAST_SPAN:
        axes.set_xlim((low + high - _LEAST_SPAN) / 2, (low + high + _LEAST_SPAN) / 2)


def _site_name(site: AdsorbedSite) -> str:
    """Return number, start and rest of a site."""
    words = f"{site.site}: {site_words(site)}"
    if site.state not in ("stayed", "moved"):
        words += f" ({site.state})"
    return words if site.converged else f"{words} (not converged)"
