"""The section of a report on adsorption studies."""

from itertools import groupby

import numpy as np

from anodeflow.report.comparison import Published
from anodeflow.report.context import Context, part_name, part_title
from anodeflow.report.page import (
    Column,
    Link,
    Part,
    Picture,
    Section,
    Table,
    number,
)
from anodeflow.report.reference import base_name
from anodeflow.report.verdicts import alike, span
from anodeflow.report.view3d.atoms import configuration, site_map
from anodeflow.screening.report import prescreen_facts, prescreen_tables
from anodeflow.studies.adsorption.document import AdsorbedSite, AdsorptionDoc
from anodeflow.studies.adsorption.levels import site_levels, site_state, site_words, surfaces
from anodeflow.studies.adsorption.scenes import configurations_scene
from anodeflow.studies.potentials import OF_POTENTIALS

_EXPLANATION = (
    "The binding energy is E(slab with adatom) − E(slab) − E(reference), negative when bound. Against the isolated, "
    "spin-polarised atom it is the number that publications print; against an atom of the bulk metal it is free of the "
    "isolated atom, but says nothing of wetting: a lone adatom lacks neighbours on the metal itself, too. Heights are "
    "over the mean plane of the outermost surface atoms; the shift is the adatom's way in the plane from where it was "
    "put to where it came to rest. Places are named by the neighbours that the adatom has there: one that sank or rose "
    "may bear another name though it stayed."
)
_COLUMNS = [
    Column("site", "site"),
    Column("label", "start"),
    Column("final_label", "at rest"),
    Column("state", "state"),
    Column("multiplicity", "copies in cell"),
    Column("neighbours", "neighbours"),
    Column("height", "height", "Å", 2),
    Column("displacement", "shift", "Å", 2),
    Column("binding_energy", "binding energy, atom", "eV", 3),
    Column("binding_energy_bulk", "binding energy, bulk", "eV", 3),
    Column("merged_into", "same as site"),
    Column("converged", "converged"),
]


_SAME_BINDING = 0.01
"""eV: binding energies that differ by less are in no order; layers, width and k-points move them by more."""


def adsorption_section(documents: list[AdsorptionDoc], context: Context) -> Section:
    """Return tables, pictures and sentences of all adsorption studies of a campaign."""
    papers = [context.published(document, "binding_energy") for document in documents]
    pairs = list(zip(documents, papers, strict=True))
    pictures = []
    for adsorbate in dict.fromkeys(d.adsorbate for d in documents):
        mine = [pair for pair in pairs if pair[0].adsorbate == adsorbate]
        if len(mine) > 1:
            pictures.append(surfaces([d for d, _ in mine], [p for _, p in mine], f"binding-energies-{adsorbate}"))
    return Section(
        title="Adsorption",
        answer=[_answer(*pair, context) for pair in pairs] + _orders(pairs),
        explanation=_EXPLANATION,
        parts=[_part(*pair, context) for pair in pairs],
        pictures=pictures,
        verdicts=_verdicts(documents),
    )


def _verdicts(documents: list[AdsorptionDoc]) -> list[str]:
    """How strongly the adatom is bound, over all surfaces, and where most of them hold it."""
    sentences = []
    for (backend, adatom), mine in alike(documents, "backend", "adsorbate"):
        energies = span([(each.system, each.binding_energy) for each in mine], "eV")
        text = f"Binding energy of {adatom}: {energies} [{backend}]"
        if len(mine) == 1:
            text += f", at the {mine[0].sites[mine[0].most_stable].final_label}"
        if not all(each.atom_reference_reliable for each in mine):
            text += "; this backend is not made for the isolated atom that it counts from: compare differences only"
        sentences.append(f"{text}.")
    return sentences


def _part(document: AdsorptionDoc, paper: Published | None, context: Context) -> Part:
    context.tell(f"adsorption of {document.adsorbate} on {document.system}")
    name = part_name(document)
    sites = document.sites
    starts = np.array([site.initial_position for site in sites])
    ends = np.array([site.final_position for site in sites])
    plane = " ".join(str(index) for index in document.miller)
    termination = f", termination {document.termination}" if document.termination else ""
    return Part(
        anchor=f"study-{document.document_id}",
        title=part_title(document, f"{document.adsorbate} on {document.system}"),
        facts=(
            f"Slab {document.formula} of {document.surface_atoms} atoms, plane ({plane}){termination}; "
            f"{document.code}. Clean slab {number(document.slab_energy, 4)} eV, isolated "
            f"{document.adsorbate} atom {number(document.atom_energy, 4)} eV, bulk "
            f"{number(document.bulk_energy, 4)} eV/atom."
        )
        + prescreen_facts(document),
        tables=[
            Table(f"sites-{name}", _COLUMNS, [_row(document, index) for index in range(len(sites))]),
            *prescreen_tables(document, name),
        ],
        pictures=[
            site_levels(document, paper, f"levels-{name}"),
            site_map(document.slab, starts, ends, [site.site for site in sites], f"sites-{name}"),
        ],
        gallery=[_configuration(site, name) for site in sites],
        scenes=[configurations_scene(document, f"scene-{name}")],
    )


def _row(document: AdsorptionDoc, index: int) -> dict:
    site = document.sites[index]
    row = {column.key: getattr(site, column.key) for column in _COLUMNS}
    row["neighbours"] = [f"{count} {element}" for element, count in site.neighbours.items()]
    identity = document.calculation_ids.get(f"site {site.site}")
    if identity:
        for energy in ("binding_energy", "binding_energy_bulk"):
            row[energy] = Link(row[energy], f"calc-{identity}")
    row["_marked"] = index == document.most_stable
    row["_text"] = {"state": site_state(site)}
    return row


def _configuration(site: AdsorbedSite, name: str) -> Picture:
    return configuration(
        site.structure,
        f"configuration-{name}-site-{site.site}",
        f"site {site.site}: {site_words(site)}, {number(site.binding_energy, 3)} eV",
        f"Site {site.site} at rest ({site_state(site)}, {site.height:.2f} Å high): binding energy "
        f"{number(site.binding_energy, 3)} eV against the atom, "
        f"{number(site.binding_energy_bulk, 3)} eV against the bulk.",
    )


def _answer(document: AdsorptionDoc, paper: Published | None, context: Context) -> str:
    """One sentence for one surface: where, how strongly, against the paper, and what it means."""
    best, adatom = document.sites[document.most_stable], document.adsorbate
    atom = context.text(document, "binding_energy", best.binding_energy)
    bulk = context.text(document, "binding_energy_bulk", best.binding_energy_bulk, signed=True)
    verb = "binds to" if best.binding_energy < 0 else "is not bound to"
    text = (
        f"{adatom} {verb} {document.system} by {atom} eV (isolated atom) at the {best.final_label} [{document.backend}]"
    )
    difference = paper.difference(best.binding_energy) if paper else None
    if paper and difference is not None:
        text += f", {paper.against(best.binding_energy, 'weaker', 'stronger')}"
    text += f"; against bulk {adatom} it is {bulk} eV."
    if not document.atom_reference_reliable:
        text += " This backend is not made for isolated atoms, so the value against one is not to be used."
    told = [each.text for each in document.warnings if each.code in OF_POTENTIALS]
    text += "".join(f" {each[0].upper()}{each[1:]}." for each in told)
    minima = sorted(
        site.binding_energy for site in document.sites if site.merged_into is None and site.state in ("stayed", "moved")
    )
    if len(minima) > 1:
        apart = 1000 * (minima[1] - minima[0])
        text += f" The next distinct site lies {apart:.0f} meV higher." if apart >= 1 else " Another site is as low."
    return text


def _orders(pairs: list[tuple[AdsorptionDoc, Published | None]]) -> list[str]:
    """For each backend and adsorbate with several surfaces: their order, and the paper's.

    The terminations of one plane count as one surface, with the range of their energies.
    """

    def group(pair: tuple[AdsorptionDoc, Published | None]) -> tuple[str, str]:
        return pair[0].backend, pair[0].adsorbate

    sentences = []
    for (backend, adatom), members in groupby(sorted(pairs, key=group), key=group):
        ours: dict[str, list[float]] = {}
        printed: dict[str, float] = {}
        for document, paper in members:
            system = base_name(document.system)
            ours.setdefault(system, []).append(document.binding_energy)
            if paper and paper.entry.value is not None:
                printed[system] = paper.entry.value
        for system, energies in ours.items():
            if len(energies) > 1:
                low, high = number(min(energies), 3), number(max(energies), 3)
                sentences.append(
                    f"Over {len(energies)} studies of {system} [{backend}] the binding energy ranges from {low} "
                    f"to {high} eV."
                )
        if len(ours) < 2:
            continue
        order = sorted(ours, key=lambda system: min(ours[system]))
        ranked = _with_ties([(system, min(ours[system])) for system in order])
        text = f"From the strongest to the weakest binding of {adatom} [{backend}]: {ranked}"
        known = [system for system in order if system in printed]
        if len(known) > 1:
            theirs = sorted(known, key=printed.__getitem__)
            text += ", as in the paper" if theirs == known else f"; in the paper {', '.join(theirs)}"
        sentences.append(f"{text}.")
    return sentences


def _with_ties(ranked: list[tuple[str, float]]) -> str:
    """Return names in their order, those between which no calculation of ours decides put together.

    Parameters
    ----------
    ranked
        Name and energy, eV, the lowest first.
    """
    groups: list[list[tuple[str, float]]] = []
    for name, energy in ranked:
        if groups and energy - groups[-1][0][1] < _SAME_BINDING:
            groups[-1].append((name, energy))
        else:
            groups.append([(name, energy)])
    apart = f"within {1000 * _SAME_BINDING:.0f} meV of each other"
    return ", ".join(
        " and ".join(name for name, _ in each) + (f" ({apart})" if len(each) > 1 else "") for each in groups
    )
