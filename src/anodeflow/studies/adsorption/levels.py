"""Diagrams of binding energies: the sites of one surface, and the best site of every surface."""

from textwrap import fill

import numpy as np

from anodeflow.report.comparison import Published
from anodeflow.report.figures import (
    GREY,
    INK,
    OURS,
    PAPER,
    new_figure,
    save,
)
from anodeflow.report.later import drawn_later
from anodeflow.report.page import Picture, number
from anodeflow.studies.adsorption.document import AdsorbedSite, AdsorptionDoc

_PLAIN = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.8}
"""Ground behind a number, so that no line runs through it."""
_COLOURS = [OURS, "#0f766e", "#7c3aed", "#a16207"]


@drawn_later
def site_levels(document: AdsorptionDoc, paper: Published | None, name: str) -> Picture:
    """Draw the binding energy of every site as a level, with the published value as a line.

    Both references share the levels: they differ by the bulk's cohesive energy only, which shifts the right axis.
    """
    sites = document.sites
    energies = np.array([site.binding_energy for site in sites])
    cohesion = document.atom_energy - document.bulk_energy
    marks = [*energies, *([paper.entry.value] if paper and paper.entry.value is not None else [])]
    near_bulk = min(marks) - 0.5 < -cohesion < max(marks) + 0.5
    low, high = (
        min([*marks, -cohesion] if near_bulk else marks),
        max([*marks, -cohesion] if near_bulk else marks),
    )
    pad = max(0.14 * (high - low), 0.03)

    figure = new_figure(max(5.0, 1.25 * len(sites) + 2.4), 3.6)
    axes = figure.subplots()
    for x, site in enumerate(sites):
        best, own = x == document.most_stable, site.merged_into is None and site.converged
        colour, weight = (OURS, "bold") if best else (INK, "normal")
        axes.plot([x - 0.32, x + 0.32], [site.binding_energy] * 2, color=OURS if best else GREY,
                  lw=4 if best else 2.5, ls="-" if own else (0, (1.5, 1)), solid_capstyle="butt")  # fmt: skip
        axes.annotate(number(site.binding_energy, 3), (x, site.binding_energy), (0, 5), textcoords="offset points",
                      ha="center", fontsize=9, color=colour, weight=weight, bbox=_PLAIN)  # fmt: skip
    strip = len(sites) - 0.5  # lines are named to the right of all levels, where no level hides them
    if paper and paper.entry.value is not None:
        axes.axhline(paper.entry.value, color=PAPER, lw=1.3, ls="--", zorder=0)
        axes.text(strip, paper.entry.value, f"{paper.reference.name}\n{paper.text}", color=PAPER, fontsize=8.5,
                  ha="left", va="center", bbox=_PLAIN)  # fmt: skip
    if near_bulk:
        axes.axhline(-cohesion, color=GREY, lw=1, ls=":", zorder=0)
        axes.text(-0.55, -cohesion, f"an atom of bulk {document.adsorbate}", color=GREY, fontsize=8,
                  ha="left", va="bottom")  # fmt: skip
    axes.set(xlim=(-0.6, len(sites) + 0.25), ylim=(low - pad, high + 1.6 * pad))
    axes.set_xticks(range(len(sites)), [_site_name(site) for site in sites], fontsize=8)
    axes.set_ylabel(f"against the isolated {document.adsorbate} atom (eV)", fontsize=9)
    other = axes.secondary_yaxis("right", functions=(lambda e: np.add(e, cohesion), lambda e: np.subtract(e, cohesion)))
    other.set_ylabel(f"against bulk {document.adsorbate} (eV)", fontsize=9)
    for axis in (axes, other):
        axis.tick_params(axis="y", labelsize=8)
    axes.spines["top"].set_visible(False)
    axes.set_title(f"Binding energy of {document.adsorbate} on {document.system}", fontsize=10, color=INK)
    dotted = any(site.merged_into is not None or not site.converged for site in sites)
    caption = "Binding energy of each site; the most stable one in blue" + (
        ", dotted: fell into another site's minimum, or not converged." if dotted else "."
    )
    return save(figure, name, caption)


def surfaces(documents: list[AdsorptionDoc], papers: list[Published | None], name: str) -> Picture:
    """Draw the binding energy of the best site of every surface beside the published ones.

    Parameters
    ----------
    documents
        Studies with the same adsorbate.
    papers
        The published binding energy for each document, or None.
    name
        Name of the picture.
    """
    systems = list(dict.fromkeys(document.system for document in documents))
    backends = list(dict.fromkeys(d.backend for d in documents))
    figure = new_figure(max(4.6, 1.4 * len(systems) + 1.6), 3.6)
    axes = figure.subplots()
    for index, backend in enumerate(backends):
        mine = [d for d in documents if d.backend == backend]
        x = [systems.index(d.system) + 0.16 * (index - (len(backends) - 1) / 2) for d in mine]
        y = [d.binding_energy for d in mine]
        axes.plot(x, y, "o", ms=8, color=_COLOURS[index % len(_COLOURS)], label=backend, zorder=3)
        for point in zip(x, y, strict=True):
            axes.annotate(number(point[1], 3), point, (8, 0), textcoords="offset points", va="center",
                          fontsize=8, bbox=_PLAIN)  # fmt: skip
    values = {d.system: p for d, p in zip(documents, papers, strict=True) if p and p.entry.value is not None}
    for rank, (system, paper) in enumerate(values.items()):
        x_paper = systems.index(system)
        assert paper.entry.value is not None
        axes.plot([x_paper - 0.3, x_paper + 0.3], [paper.entry.value] * 2, color=PAPER, lw=2, ls="--", zorder=2,
                  label=None if rank else paper.reference.name)  # fmt: skip
    axes.set_xticks(range(len(systems)), systems, fontsize=9)
    axes.set(xlim=(-0.5, len(systems) - 0.3))
    axes.margins(y=0.12)
    axes.tick_params(axis="y", labelsize=8)
    axes.set_ylabel(f"binding energy against the isolated {documents[0].adsorbate} atom (eV)", fontsize=9)
    axes.grid(axis="y", color="#e4e7eb", lw=0.8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.legend(loc="outside upper center", ncols=3, fontsize=8, frameon=False)
    return save(figure, name, f"Most stable site of {documents[0].adsorbate} on every surface.")


def _site_name(site: AdsorbedSite) -> str:
    """Number, start and rest of a site, one a line."""
    lines = [f"site {site.site}", fill(site.label, 17)]
    if site.final_label != site.label:
        lines.append(fill(f"→ {site.final_label}", 17))
    if site.state not in ("stayed", "moved"):
        lines.append(f"({site.state})")
    if not site.converged:
        lines.append("(not converged)")
    return "\n".join(lines)
