"""Adsorption: one adatom on the distinct sites of a slab, against the isolated atom and against the bulk metal."""

from dataclasses import dataclass, field
from typing import Any

from jobflow import CURRENT_JOB, Flow, Job, JobConfig, Maker, OnMissing, Response, job
from pymatgen.core import Structure

from anodeflow.analysis.adsorption import adsorption_document
from anodeflow.errors import CalculationError
from anodeflow.schemas.adsorption import AdsorptionDoc
from anodeflow.schemas.calculation import CalculationDoc
from anodeflow.structures.atom import BOX
from anodeflow.structures.host import HostLattice
from anodeflow.structures.site_choice import SiteChoice, same_sites
from anodeflow.structures.sites import AdsorptionSite, add_adsorbate, adsorption_sites
from anodeflow.structures.slabs import SlabCell
from anodeflow.structures.spec import SlabSpec
from anodeflow.workflows.identity import with_stable_uuids
from anodeflow.workflows.references import atom_job, bulk_job, slab_flow


@dataclass
class AdsorptionMaker(Maker):
    """Makes the flow of an adsorption study on one surface.

    Attributes
    ----------
    name
        Name of the flow.
    relax
        Maker that relaxes positions (slab, adatoms).
    relax_cell
        Maker that relaxes positions and cell (bulk).
    static
        Maker that evaluates a structure (isolated atom).
    adsorbate
        Element of the adatom.
    slab
        Which slab is cut from the relaxed bulk.
    spin_polarized
        Whether slab and adatom start with the adatom's moment: for a radical on an insulator (Li on LiH).
    atom_box
        Box of the isolated atom, Å.
    atom_reference_reliable
        False for backends that cannot treat isolated atoms; the document says so.
    choice
        Sites to study; none: all.
    campaign, system, reference
        Names that the document and its rows carry, and the DOI of the paper to compare with.
    variant
        Parameters that a convergence test changed, for the document.
    """

    relax: Maker
    relax_cell: Maker
    static: Maker
    name: str = "adsorption"
    adsorbate: str = "Li"
    slab: SlabSpec = field(default_factory=SlabSpec)
    spin_polarized: bool = False
    atom_box: tuple[float, float, float] = BOX
    atom_reference_reliable: bool = True
    choice: SiteChoice | None = None
    campaign: str = ""
    system: str = ""
    reference: str | None = None
    variant: dict[str, float] = field(default_factory=dict)

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
            Host lattice of an ordered alloy, for the Miller indices.
        slab, atom, bulk
            Steps that another flow makes already (:mod:`anodeflow.workflows.references`): relaxed slab, isolated
            atom, bulk of the adsorbate. Missing ones are made here.

        Returns
        -------
        Flow
            Output: AdsorptionDoc.
        """
        system = self.system or f"{structure.composition.reduced_formula}({''.join(map(str, self.slab.miller))})"
        jobs: list[Flow | Job] = []
        if bulk is None:
            bulk = bulk_job(self.relax_cell, adsorbate_bulk, self.adsorbate)
            jobs.append(bulk)
        if atom is None:
            atom = atom_job(self.static, self.adsorbate, self.atom_box)
            jobs.append(atom)
        if slab is None:
            if structure == adsorbate_bulk:
                own_bulk = bulk
            else:
                own_bulk = bulk_job(self.relax_cell, structure, structure.composition.reduced_formula)
                jobs.append(own_bulk)
            slab = slab_flow(self.relax, own_bulk.output.structure, self.slab, host, system)
            jobs.append(slab)
        study = {
            "campaign": self.campaign,
            "system": system,
            "reference": self.reference,
            "adsorbate": self.adsorbate,
            "spin_polarized": self.spin_polarized,
            "atom_reference_reliable": self.atom_reference_reliable,
            "slab_spec": self.slab.model_dump(mode="json"),
            "choice": self.choice,
            "variant": self.variant,
        }
        sites = relax_on_sites(
            self.relax, slab.output["cell"], slab.output["calculation"], atom.output, bulk.output, study
        )
        which = "all sites" if self.choice is None else f"sites {', '.join(map(str, self.choice.numbers))}"
        sites.name = f"{system}: {self.adsorbate} on {which}"
        return Flow([*jobs, sites], output=sites.output, name=f"{system}: {self.name}")


@job
def relax_on_sites(
    relax: Maker,
    cell: SlabCell,
    slab: CalculationDoc,
    atom: CalculationDoc,
    bulk: CalculationDoc,
    study: dict[str, Any],
) -> Response:
    """Find the distinct sites of the relaxed slab and replace itself by their relaxations and the document.

    Raises
    ------
    CalculationError
        If the relaxed slab has none of the sites that were chosen.
    """
    adsorbate, system = study["adsorbate"], study["system"]
    sites = adsorption_sites(slab.structure, adsorbate)
    if study["choice"] is not None:
        chosen = same_sites(study["choice"], slab.structure, sites)
        if not chosen:
            there = ", ".join(f"{site.index} ({site.label})" for site in sites)
            raise CalculationError(f"{system}: the relaxed slab has none of the chosen sites: it has {there}.")
        sites = chosen
    jobs = []
    for site in sites:
        label = f"{system}: {adsorbate} at site {site.index} ({site.label})"
        structure = add_adsorbate(slab.structure, site, adsorbate, magmom=1.0 if study["spin_polarized"] else None)
        relaxed = relax.make(structure, label=label)
        relaxed.name = label
        jobs.append(relaxed)
    document = collect_adsorption(cell, slab, atom, bulk, sites, [relaxed.output for relaxed in jobs], study)
    document.name = f"{system}: adsorption document"
    # One site that fails does not take the others with it: it is missing from the document, which says so.
    document.config = JobConfig(on_missing_references=OnMissing.NONE)
    flow = Flow([*jobs, document], output=document.output, name=f"{system}: sites")
    return Response(replace=with_stable_uuids(flow, CURRENT_JOB.job.uuid))


@job(output_schema=AdsorptionDoc)
def collect_adsorption(
    cell: SlabCell,
    slab: CalculationDoc,
    atom: CalculationDoc,
    bulk: CalculationDoc,
    sites: list[AdsorptionSite],
    relaxed: list[CalculationDoc | None],
    study: dict[str, Any],
) -> AdsorptionDoc:
    """Put the document together from the finished calculations.

    Raises
    ------
    CalculationError
        If no site was computed.
    """
    if not any(relaxed):
        raise CalculationError(f"{study['system']}: no site of {study['adsorbate']} could be relaxed; see the sites.")
    return adsorption_document(cell, slab, atom, bulk, sites, relaxed, study)
