"""Adsorption sites ranked by a potential: which are handed on to DFT, and what the document says of it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.guide_ranks import learned_ranking
from anodeflow.calculations.screening_document import AuditEntry, Candidate
from anodeflow.core.caveats import Subject
from anodeflow.screening.effort import effort_of
from anodeflow.screening.settings import PrescreenSettings
from anodeflow.screening.shortlist import (
    Ranked,
    choose,
    difference_entry,
    is_same,
    not_screened,
    start_audit,
    with_ranking,
)
from anodeflow.structures.sites.adatom import describe_adatom, same_minimum
from anodeflow.structures.sites.sites import AdsorptionSite
from anodeflow.studies.adsorption.binding import binding_energy
from anodeflow.studies.adsorption.document import AdsorbedSite, AdsorptionDoc


def rank_sites(
    slab: CalculationDoc,
    sites: Sequence[AdsorptionSite],
    found: Mapping[str, CalculationDoc | None],
    prescreen: PrescreenSettings,
    relax: Any = None,
) -> list[Candidate]:
    """Merge the minima that the potential found and choose those that DFT computes.

    Parameters
    ----------
    slab
        Clean slab relaxed by DFT, with the potential's relaxation in its `prescreen`.
    sites
        Sites where the adatom was put.
    found
        Step (site 2) -> relaxation by the potential; none where it failed.
    prescreen
        How many are chosen.
    relax
        Maker of DFT, whose calculations teach the potential; none: nothing was learned.
    """
    clean = slab.structure if slab.prescreen is None else slab.prescreen.structure
    ranked: list[Ranked] = []
    kept: list[tuple[AdsorptionSite, CalculationDoc]] = []
    for site in sites:
        step, relaxed = f"site {site.index}", found.get(f"site {site.index}")
        if relaxed is None or not relaxed.converged:  # its energy is not known: DFT is to tell
            ranked.append(Ranked(step, site.label, None))
            continue
        rest = describe_adatom(clean, relaxed.structure, site.position)
        unfit = "" if rest.state in ("stayed", "moved") else f"the adatom has {rest.state}"
        for other, earlier in kept:
            if same_minimum(earlier.structure, relaxed.structure, earlier.energy, relaxed.energy, clean):
                unfit = f"the same minimum as site {other.index}"
                break
        else:
            kept.append((site, relaxed))
        ranked.append(Ranked(step, site.label, relaxed.energy, unfit))
    learned = None
    if prescreen.by_uncertainty:
        fit = {each.step for each in ranked if each.energy is not None and not each.unfit}
        minima = {f"site {site.index}": relaxed for site, relaxed in kept}
        learned = learned_ranking(relax, {step: each for step, each in minima.items() if step in fit})
    return choose(ranked, prescreen.keep, prescreen.window, learned)


def audited(
    document: AdsorptionDoc,
    slab: CalculationDoc,
    relaxed: Mapping[str, CalculationDoc | None],
    candidates: list[Candidate],
    found: Mapping[str, CalculationDoc | None],
    prescreen: PrescreenSettings,
) -> AdsorptionDoc:
    """Return the document with the audit of its prescreen.

    Parameters
    ----------
    document
        Document of the sites that DFT relaxed.
    slab, relaxed
        Clean slab, and step (site 2) -> relaxation by DFT; none where it failed.
    candidates
        All sites as the potential ranked them.
    found
        The potential's calculations: of the sites, of the isolated atom (`atom`) and of the bulk metal (`bulk`).
    prescreen
        Which potential, and how many it hands on.
    """
    audit = start_audit(prescreen)
    audit.candidates, audit.start = candidates, slab.prescreen
    done = {step: each for step, each in relaxed.items() if each is not None}
    warnings = [text for step, each in {"clean slab": slab, **done}.items() for text in not_screened(step, each, audit)]
    minima = _representatives(document, done)
    same = {site.step: done[site.step].energy for site in minima.values() if is_same(done[site.step])}
    audit, of_ranking = with_ranking(audit, same)
    warnings += of_ranking
    lowest = document.sites[document.most_stable]
    best = minima[lowest.site if lowest.merged_into is None else lowest.merged_into]
    if is_same(done[best.step]):
        audit.entries = _binding(best, slab, done[best.step], found)
        for step in same:
            if step != best.step:
                entry = difference_entry(f"energy over {best.step}", step, [done[step]], [done[best.step]])
                audit.entries += [] if entry is None else [entry]
    # The potential's relaxations of the sites are counted with those that were left out.
    audit.effort += effort_of([slab, *(each.model_copy(update={"prescreen": None}) for each in done.values())])
    audit.effort += effort_of(found.values(), potential=True)
    identifiers = {str(Subject(step).by(audit.backend)): each.id for step, each in found.items() if each is not None}
    if slab.prescreen is not None:
        identifiers[str(Subject("slab").by(audit.backend))] = slab.prescreen.id
    return document.model_copy(
        update={
            "prescreen": audit,
            "warnings": document.warnings + warnings,
            "calculation_ids": document.calculation_ids | identifiers,
        }
    )


def _representatives(document: AdsorptionDoc, done: Mapping[str, CalculationDoc]) -> dict[int, AdsorbedSite]:
    """Return for each minimum of DFT (number of its first site) the site from which DFT moved least."""

    def moved(site: AdsorbedSite) -> float:
        record = done[site.step].prescreen
        return np.inf if record is None or record.displacement is None else record.displacement

    found: dict[int, AdsorbedSite] = {}
    for site in document.sites:
        key = site.site if site.merged_into is None else site.merged_into
        if key not in found or moved(site) < moved(found[key]):
            found[key] = site
    return found


def _binding(
    best: AdsorbedSite,
    slab: CalculationDoc,
    relaxed: CalculationDoc,
    found: Mapping[str, CalculationDoc | None],
) -> list[AuditEntry]:
    """Return both binding energies of the most stable site by both."""
    entries = []
    atom, bulk = found.get("atom"), found.get("bulk")
    if relaxed.prescreen is not None and slab.prescreen is not None and is_same(slab):
        energies = relaxed.prescreen.energy, slab.prescreen.energy
        for name, reference in (
            ("binding_energy", None if atom is None else atom.energy),
            ("binding_energy_bulk", None if bulk is None else bulk.energy_per_atom),
        ):
            if reference is not None:
                value = binding_energy(*energies, reference)
                entries.append(AuditEntry(quantity=name, step=best.step, potential=value, dft=getattr(best, name)))
    return entries
