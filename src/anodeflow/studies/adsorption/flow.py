"""Adsorption: one adatom on the distinct sites of a slab, against the isolated atom and against the bulk metal."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from jobflow import Flow, Job, Maker, Response
from pymatgen.core import Structure

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.screening_document import Candidate
from anodeflow.core.errors import CalculationError
from anodeflow.core.jobs import job, named
from anodeflow.screening.makers import Prescreen, PrescreenedRelaxMaker, guided
from anodeflow.screening.shortlist import record_of
from anodeflow.structures.bulk.host import HostLattice
from anodeflow.structures.geometry.transfer import transferred
from anodeflow.structures.sites.site_choice import SiteChoice, same_sites
from anodeflow.structures.sites.sites import AdsorptionSite, add_adsorbate, find_sites
from anodeflow.structures.slab.slabs import SlabCell
from anodeflow.structures.slab.spec import SlabSpec
from anodeflow.studies.adsorption.analysis import adsorption_document
from anodeflow.studies.adsorption.context import AdsorptionContext
from anodeflow.studies.adsorption.document import AdsorptionDoc
from anodeflow.studies.adsorption.input import AdsorptionInput
from anodeflow.studies.adsorption.prescreen import audited, rank_sites
from anodeflow.studies.context import SubjectContext, in_context
from anodeflow.studies.expected import Expected, Told, expects
from anodeflow.studies.shared.references import atom_job, bulk_job, slab_flow
from anodeflow.studies.shared.steps import replaced


@dataclass
class AdsorptionMaker(Maker):
    """Makes the flow of an adsorption study on one surface.

    Attributes
    ----------
    name
        Name of the flow.
    input
        What is asked for; its `sites` are names of a campaign, for which `choice` stands here.
    relax
        Maker that relaxes positions (slab, adatoms).
    relax_cell
        Maker that relaxes positions and cell (bulk).
    static
        Maker that evaluates a structure (isolated atom).
    slab
        Which slab is cut from the relaxed bulk.
    spin_polarized
        Whether slab and adatom start with the adatom's moment: for a radical on an insulator (Li on LiH).
    atom_reference_reliable
        False for backends that cannot treat isolated atoms; the document says so.
    choice
        Sites to study; none: all.
    prescreen
        Potential that relaxes all of them first and hands on the best; none: there is none. `relax` and `slab` of
        :meth:`make` are then relaxations that it precedes.
    about
        Names that the document and its rows carry, and what a convergence test changed.
    """

    relax: Maker
    relax_cell: Maker
    static: Maker
    name: str = "adsorption"
    input: AdsorptionInput = field(default_factory=AdsorptionInput)
    slab: SlabSpec = field(default_factory=SlabSpec)
    spin_polarized: bool = False
    atom_reference_reliable: bool = True
    choice: SiteChoice | None = None
    prescreen: Prescreen | None = None
    about: SubjectContext = field(default_factory=SubjectContext)

    def make(
        self,
        structure: Structure,
        adsorbate_bulk: Structure,
        host: HostLattice | None = None,
        slab: Flow | None = None,
        atom: Flow | Job | None = None,
        bulk: Flow | Job | None = None,
    ) -> Flow:
        """Build the flow.

        Parameters
        ----------
        structure
            Bulk of which the surface is cut; it is relaxed first.
        adsorbate_bulk
            Bulk metal of the adsorbate, the second reference.
        host
            Parent lattice of an ordered alloy, for the Miller indices.
        slab, atom, bulk
            Steps that another flow makes already (:mod:`anodeflow.studies.shared.references`): relaxed slab, isolated
            atom, bulk of the adsorbate. Missing ones are made here.

        Returns
        -------
        Flow
            Output: AdsorptionDoc.
        """
        system = self.about.system or f"{structure.composition.reduced_formula}({''.join(map(str, self.slab.miller))})"
        jobs: list[Flow | Job] = []
        if bulk is None:
            bulk = bulk_job(self.relax_cell, adsorbate_bulk, self.input.adsorbate)
            jobs.append(bulk)
        if atom is None:
            atom = atom_job(self.static, self.input.adsorbate, self.input.atom_box)
            jobs.append(atom)
        if slab is None:
            if structure == adsorbate_bulk:
                own_bulk = bulk
            else:
                own_bulk = bulk_job(self.relax_cell, structure, structure.composition.reduced_formula)
                jobs.append(own_bulk)
            relax = self.relax if self.prescreen is None else PrescreenedRelaxMaker(self.prescreen, self.relax)
            slab = slab_flow(relax, own_bulk.output, self.slab, host, system)
            jobs.append(slab)
        study = AdsorptionContext.told(
            self.about,
            system=system,
            input=self.input,
            spin_polarized=self.spin_polarized,
            atom_reference_reliable=self.atom_reference_reliable,
            slab_spec=self.slab.model_dump(mode="json"),
            choice=self.choice,
            prescreen=None if self.prescreen is None else self.prescreen.settings(),
        )
        references = slab.output["cell"], slab.output["calculation"], atom.output, bulk.output
        options = {} if self.prescreen is None else {"prescreen": self.prescreen}
        sites = relax_on_sites(self.relax, *references, study, **options)
        which = "all sites" if self.choice is None else f"sites {', '.join(map(str, self.choice.numbers))}"
        sites.name = f"{system}: {self.input.adsorbate} on {which}"
        return Flow([*jobs, sites], output=sites.output, name=f"{system}: {self.name}")


@job
@in_context
def relax_on_sites(
    relax: Maker,
    cell: SlabCell,
    slab: CalculationDoc,
    atom: CalculationDoc,
    bulk: CalculationDoc,
    study: AdsorptionContext,
    prescreen: Prescreen | None = None,
) -> Response:
    """Find the distinct sites of the relaxed slab and replace itself by their relaxations and the document.

    With a prescreen, by those of the potential, and the choice of what is handed on.

    Raises
    ------
    CalculationError
        If the relaxed slab has none of the sites that were chosen.
    """
    adsorbate, system = study.adsorbate, study.system
    sites = find_sites(slab.structure, adsorbate)
    if study.choice is not None:
        chosen = same_sites(study.choice, slab.structure, sites)
        if not chosen:
            there = ", ".join(f"{site.index} ({site.label})" for site in sites)
            raise CalculationError(f"{system}: the relaxed slab has none of the chosen sites: it has {there}.")
        sites = chosen
    if prescreen is not None:
        return _by_potential(prescreen, relax, cell, slab, atom, bulk, sites, study)
    jobs = []
    for site in sites:
        label = _label(site, study)
        jobs.append(named(relax.make(_adsorbed(slab, site, study), label=label), label))
    # One site that fails does not take the others with it: it is missing from the document, which says so.
    document = collect_adsorption(cell, slab, atom, bulk, sites, [relaxed.output for relaxed in jobs], study)
    return replaced([*jobs, document], document, f"{system}: sites")


def _by_potential(
    prescreen: Prescreen,
    relax: Maker,
    cell: SlabCell,
    slab: CalculationDoc,
    atom: CalculationDoc,
    bulk: CalculationDoc,
    sites: list[AdsorptionSite],
    study: AdsorptionContext,
) -> Response:
    """Relax the adatom on all sites with the potential, and what its binding energies refer to."""
    jobs: dict[str, Job] = {}
    for site in sites:
        label = prescreen.label(_label(site, study))
        jobs[f"site {site.index}"] = named(prescreen.relax.make(_adsorbed(slab, site, study), label=label), label)
    references = [("bulk", prescreen.relax_cell, bulk)]
    if prescreen.atom_reference_reliable:
        references.append(("atom", prescreen.static, atom))
    for step, maker, reference in references:
        label = prescreen.label(f"{study.adsorbate} {step}")
        jobs[step] = named(maker.make(reference.structure, label=label), label)
    found = {step: made.output for step, made in jobs.items()}
    last = hand_on_sites(guided(relax, prescreen), cell, slab, atom, bulk, sites, found, study)
    return replaced([*jobs.values(), last], last, f"{study.system}: sites by {prescreen.backend}")


def best_sites(told: Told) -> Iterator[Expected]:
    """Yield the adatoms that DFT is going to relax: at the best sites, whichever these are."""
    study: AdsorptionContext = told["study"]
    assert study.prescreen is not None
    most = min(study.prescreen.keep, len(told["sites"]))
    label = f"{study.of_system} at the best sites, at most {most}"
    found = tuple(f"{_label(site, study)} [{study.by_potential}]" for site in told["sites"])
    yield Expected(label, "relax", told.atoms("slab") + 1, found)


@job
@in_context
@expects(best_sites)
def hand_on_sites(
    relax: Maker,
    cell: SlabCell,
    slab: CalculationDoc,
    atom: CalculationDoc,
    bulk: CalculationDoc,
    sites: list[AdsorptionSite],
    found: dict[str, CalculationDoc | None],
    study: AdsorptionContext,
) -> Response:
    """Merge and rank what the potential found, and relax the best sites from there."""
    assert study.prescreen is not None
    candidates = rank_sites(slab, sites, found, study.prescreen, relax)
    handed_on = {each.step for each in candidates if each.handed_on}
    chosen = [site for site in sites if f"site {site.index}" in handed_on]
    jobs = []
    for site in chosen:
        label, start, before = _label(site, study), _adsorbed(slab, site, study), found[f"site {site.index}"]
        options = {}
        if before is not None:
            known = None if slab.prescreen is None else slab.prescreen.structure
            start = transferred(start, before.structure, slab.structure, known)
            options["prescreen"] = record_of(before)
        jobs.append(named(relax.make(start, label=label, **options), label))
    outputs = [made.output for made in jobs]
    document = collect_adsorption(cell, slab, atom, bulk, chosen, outputs, study, candidates, found)
    # What the potential has lowest tells most, and comes first.
    order = {each.step: place for place, each in enumerate(candidates)}
    ranked = sorted(zip(chosen, jobs, strict=True), key=lambda pair: order[f"site {pair[0].index}"])
    return replaced([*(made for _, made in ranked), document], document, f"{study.system}: sites")


def _label(site: AdsorptionSite, study: AdsorptionContext) -> str:
    return f"{study.system}: {study.adsorbate} at site {site.index} ({site.label})"


def _adsorbed(slab: CalculationDoc, site: AdsorptionSite, study: AdsorptionContext) -> Structure:
    """Return the relaxed slab with the adatom put on a site."""
    magmom = 1.0 if study.spin_polarized else None
    return add_adsorbate(slab.structure, site, study.adsorbate, magmom=magmom)


@job(output_schema=AdsorptionDoc)
@in_context
def collect_adsorption(
    cell: SlabCell,
    slab: CalculationDoc,
    atom: CalculationDoc,
    bulk: CalculationDoc,
    sites: list[AdsorptionSite],
    relaxed: list[CalculationDoc | None],
    study: AdsorptionContext,
    candidates: list[Candidate] | None = None,
    found: dict[str, CalculationDoc | None] | None = None,
) -> AdsorptionDoc:
    """Put the document together from the finished calculations, those of a potential included.

    Raises
    ------
    CalculationError
        If no site was computed.
    """
    if not any(relaxed):
        raise CalculationError(f"{study.system}: no site of {study.adsorbate} could be relaxed; see the sites.")
    document = adsorption_document(cell, slab, atom, bulk, sites, relaxed, study, candidates or [])
    if candidates is None or study.prescreen is None:
        return document
    done = {f"site {site.index}": each for site, each in zip(sites, relaxed, strict=True)}
    return audited(document, slab, done, candidates, found or {}, study.prescreen)
