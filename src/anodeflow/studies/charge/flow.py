"""Charge transfer: Bader charge and charge-density difference of the most stable adatom on one surface."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from jobflow import CURRENT_JOB, Flow, Maker, OutputReference, Response

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.identity import with_stable_uuids
from anodeflow.core.jobs import job
from anodeflow.studies.adsorption.document import AdsorptionDoc
from anodeflow.studies.charge.analysis import charge_document, charge_parts
from anodeflow.studies.charge.bader_programs import choose_program
from anodeflow.studies.charge.context import ChargeContext
from anodeflow.studies.charge.document import ChargeDoc
from anodeflow.studies.charge.input import ChargeInput
from anodeflow.studies.context import SubjectContext, in_context
from anodeflow.studies.expected import Expected, Told, expects


@dataclass
class ChargeMaker(Maker):
    """Makes the flow of a charge-transfer study.

    Attributes
    ----------
    density
        Maker that evaluates a structure and writes its all-electron density, on one grid for one cell.
    name
        Name of the flow.
    input
        What is asked for.
    about
        Names that the document and its rows carry, and what a convergence test changed.
    """

    density: Maker
    name: str = "charge"
    input: ChargeInput = field(default_factory=ChargeInput)
    about: SubjectContext = field(default_factory=SubjectContext)

    def make(self, adsorption: AdsorptionDoc | OutputReference) -> Flow:
        """Build the flow.

        Parameters
        ----------
        adsorption
            Finished adsorption study, or a reference to it.

        Returns
        -------
        Flow
            Output: ChargeDoc.
        """
        system = self.about.system or (adsorption.system if isinstance(adsorption, AdsorptionDoc) else "")
        study = ChargeContext.told(self.about, system=system, input=self.input)
        densities = densities_of_most_stable(self.density, adsorption, study)
        densities.name = f"{system}: densities of {study.adsorbate} at its most stable site"
        return Flow([densities], output=densities.output, name=f"{system}: {self.name}")


def three_densities(told: Told) -> Iterator[Expected]:
    """Yield the densities that are going to be asked for: those at the most stable site, whichever that is."""
    study: ChargeContext = told["study"]
    atoms, adsorbate = told.atoms("adsorption"), study.adsorbate
    for what, number in ((f"{adsorbate} on slab", atoms), ("slab alone", atoms - 1), (f"{adsorbate} alone", 1)):
        yield Expected(f"{study.system}: density of {what}", "density", number, number=1)


@job
@in_context
@expects(three_densities)
def densities_of_most_stable(density: Maker, adsorption: AdsorptionDoc, study: ChargeContext) -> Response:
    """Replace itself by the densities of slab with adatom, of each alone, and the document.

    Raises
    ------
    BackendUnavailableError
        If that program is not installed: before anything is computed.
    """
    choose_program(study.input.program)
    system, adsorbate = study.system, study.adsorbate
    adsorbed = adsorption.sites[adsorption.most_stable].structure
    slab, adatom = charge_parts(adsorbed)
    jobs = []
    for what, structure in ((f"{adsorbate} on slab", adsorbed), ("slab alone", slab), (f"{adsorbate} alone", adatom)):
        label = f"{system}: density of {what}"
        made = density.make(structure, label=label)
        made.name = label
        jobs.append(made)
    document = collect_charge(adsorption, *(made.output for made in jobs), study)
    document.name = f"{system}: charge document"
    flow = Flow([*jobs, document], output=document.output, name=f"{system}: densities")
    return Response(replace=with_stable_uuids(flow, CURRENT_JOB.job.uuid))


@job(output_schema=ChargeDoc, data=ChargeDoc.large_parts())
@in_context
def collect_charge(
    adsorption: AdsorptionDoc,
    combined: CalculationDoc,
    slab: CalculationDoc,
    adatom: CalculationDoc,
    study: ChargeContext,
) -> ChargeDoc:
    """Put the document together from the three densities (see :func:`charge_document`)."""
    return charge_document(adsorption, combined, slab, adatom, study)
