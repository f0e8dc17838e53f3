"""From finished calculations to the document of an adsorption study."""

from collections.abc import Sequence

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.screening_document import Candidate
from anodeflow.core.caveats import Caveat, Subject
from anodeflow.structures.bulk.magnetism import entropy_warning, moment_warning
from anodeflow.structures.sites.adatom import describe_adatom, same_minimum
from anodeflow.structures.sites.site_choice import SiteChoice
from anodeflow.structures.sites.sites import AdsorptionSite
from anodeflow.structures.slab.slabs import SlabCell
from anodeflow.studies.about import study_fields
from anodeflow.studies.adsorption.binding import binding_energy
from anodeflow.studies.adsorption.context import AdsorptionContext
from anodeflow.studies.adsorption.document import AdsorbedSite, AdsorptionDoc
from anodeflow.studies.shared.references import crystal_caveats, crystal_of

_ON_THE_SURFACE = ("stayed", "moved")


def adsorption_document(
    cell: SlabCell,
    slab: CalculationDoc,
    atom: CalculationDoc,
    bulk: CalculationDoc,
    sites: Sequence[AdsorptionSite],
    relaxed: Sequence[CalculationDoc | None],
    study: AdsorptionContext,
    candidates: Sequence[Candidate] = (),
) -> AdsorptionDoc:
    """Return the document: energies, where each adatom came to rest, which minima are one, which is lowest.

    Parameters
    ----------
    cell, slab
        Slab as it was cut, and its relaxation.
    atom, bulk
        Isolated atom, and bulk metal of the adsorbate.
    sites, relaxed
        Sites and their relaxations, in the same order; none where a relaxation failed.
    study
        What was asked for.
    candidates
        All sites, as a prescreen ranked them; empty: there was none.

    Returns
    -------
    AdsorptionDoc
        The most stable site is the lowest among adatoms that are on the surface; if all of them sank, exchanged or
        left, the lowest of all, with a warning.
    """
    done = [(site, found) for site, found in zip(sites, relaxed, strict=True) if found is not None]
    results = _relaxed_sites(done, slab, atom, bulk)
    standing = [index for index, result in enumerate(results) if result.state in _ON_THE_SURFACE]
    most_stable = min(standing or range(len(results)), key=lambda index: results[index].binding_energy)
    warnings = _missing(sites, relaxed, study.choice, candidates)
    warnings += _of_sites(results, [found for _, found in done])
    for name, told in (
        ("clean slab", slab.warnings),
        ("bulk", crystal_caveats(bulk)),
        ("isolated atom", atom.warnings),
    ):
        warnings += [warning.under(name) for warning in told]
    if not study.atom_reference_reliable:
        text = f"{slab.backend} is not made for isolated atoms: binding_energy is not to be used"
        warnings.append(Caveat("atom-reference", text))
    identifiers = {"slab": slab.id, "atom": atom.id, "bulk": bulk.id}
    crystal, of_crystal = crystal_of(cell, identifiers.values())
    identifiers |= crystal
    warnings += of_crystal
    identifiers |= {f"site {site.index}": found.id for site, found in done}
    settings = {
        "calculation": slab.settings,
        "slab": study.slab_spec,
        "adsorbate": study.adsorbate,
        "spin_polarized": study.spin_polarized,
        "atom_box": [round(length, 6) for length in atom.structure.lattice.abc],
    }
    if study.choice is not None:
        settings["sites"] = study.choice.numbers
    return AdsorptionDoc(
        **study_fields(study, slab.backend, f"{slab.code} {slab.code_version}", settings, identifiers),
        warnings=warnings,
        formula=slab.formula,
        miller=cell.miller,
        termination=cell.termination,
        slab=slab.structure,
        crystal_axes=cell.crystal_axes,
        surface_atoms=len(slab.structure),
        layers=cell.layers,
        fixed_layers=cell.fixed_layers,
        sites=results,
        most_stable=most_stable,
        slab_energy=slab.energy,
        atom_energy=atom.energy,
        bulk_energy=bulk.energy_per_atom,
        atom_reference_reliable=study.atom_reference_reliable,
    )


def _relaxed_sites(
    done: Sequence[tuple[AdsorptionSite, CalculationDoc]],
    slab: CalculationDoc,
    atom: CalculationDoc,
    bulk: CalculationDoc,
) -> list[AdsorbedSite]:
    """Describe the relaxed sites, those merged that came to rest in one minimum."""
    results: list[AdsorbedSite] = []
    for site, found in done:
        merged_into = next(
            (
                earlier.site
                for earlier, (_, other) in zip(results, done, strict=False)
                if earlier.merged_into is None
                and same_minimum(other.structure, found.structure, other.energy, found.energy, slab.structure)
            ),
            None,
        )
        results.append(_adsorbed(site, found, slab, atom, bulk).model_copy(update={"merged_into": merged_into}))
    return results


def _missing(
    sites: Sequence[AdsorptionSite],
    relaxed: Sequence[CalculationDoc | None],
    choice: SiteChoice | None,
    candidates: Sequence[Candidate],
) -> list[Caveat]:
    """Return warnings on sites of which there is no relaxation."""
    warnings = [
        Caveat("site-missing", "is missing: its relaxation failed").of(Subject("site", site.index, f" ({site.label})"))
        for site, calculation in zip(sites, relaxed, strict=True)
        if calculation is None
    ]
    if choice is None:
        return warnings
    # With a prescreen the sites that it left out are known, too: the audit tells of them.
    there = {f"site {site.index}" for site in sites} | {each.step for each in candidates}
    warnings += [
        Caveat("site-missing", "is missing: the relaxed slab has none there").of(
            Subject("site", site.number, f" ({site.label})")
        )
        for site in choice.chosen
        if f"site {site.number}" not in there
    ]
    if choice.left_out:
        text = f"left out by the campaign: site {', '.join(choice.left_out)}"
        warnings.append(Caveat("left-out-by-campaign", text))
    return warnings


def _of_sites(results: Sequence[AdsorbedSite], done: Sequence[CalculationDoc]) -> list[Caveat]:
    """Return warnings on the relaxed sites and their calculations."""
    warnings: list[Caveat] = []
    if not any(result.state in _ON_THE_SURFACE for result in results):
        text = "no adatom stayed on the surface: the lowest of all is given, which is no adsorption site"
        warnings.append(Caveat("no-adsorption-site", text))
    names = [Subject("site", result.site, f" ({result.label})") for result in results]
    for name, result in zip(names, results, strict=True):
        if result.state not in _ON_THE_SURFACE:
            warnings.append(Caveat("adatom-not-on-surface", f"the adatom has {result.state}").under(name))
        if not result.converged:
            warnings.append(Caveat("not-converged", "the relaxation did not converge").under(name))
    for name, result, found in zip(names, results, done, strict=True):
        warnings += [warning.under(name) for warning in found.warnings]
        if moment := moment_warning(found.initial_structure, found.magnetic_moment):
            warnings.append(moment.under(name))
        if entropy := entropy_warning(result.entropy_term or 0.0):
            warnings.append(entropy.under(name))
    return warnings


def _adsorbed(
    site: AdsorptionSite, found: CalculationDoc, slab: CalculationDoc, atom: CalculationDoc, bulk: CalculationDoc
) -> AdsorbedSite:
    """Describe one relaxed site."""
    rest = describe_adatom(slab.structure, found.structure, site.position)
    return AdsorbedSite(
        site=site.index,
        label=site.label,
        multiplicity=site.multiplicity,
        initial_position=list(site.position),
        final_position=list(rest.final_position),
        final_label=rest.final_label,
        coordination=rest.coordination,
        neighbours=rest.neighbours,
        height=rest.height,
        displacement=rest.displacement,
        state=rest.state,
        converged=found.converged,
        binding_energy=binding_energy(found.energy, slab.energy, atom.energy),
        binding_energy_bulk=binding_energy(found.energy, slab.energy, bulk.energy_per_atom),
        structure=found.structure,
        magnetic_moment=found.magnetic_moment,
        entropy_term=binding_energy(*(each.energy - each.free_energy for each in (found, slab, atom))),
    )
