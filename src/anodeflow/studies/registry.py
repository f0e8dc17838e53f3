"""The documents that studies and calculations make, by the names of their classes."""

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.modes_document import ModesDoc
from anodeflow.calculations.neb_document import NebDoc
from anodeflow.studies.adsorption.document import AdsorptionDoc
from anodeflow.studies.charge.document import ChargeTransferDoc
from anodeflow.studies.convergence.document import ConvergenceDoc
from anodeflow.studies.diffusion.document import MigrationDoc
from anodeflow.studies.document import StudyDoc
from anodeflow.studies.electrochemistry.document import ElectrochemistryDoc
from anodeflow.studies.interdiffusion.document import InterdiffusionDoc
from anodeflow.studies.interface.document import InterfaceDoc
from anodeflow.studies.metal_reference.document import MetalReferenceDoc
from anodeflow.studies.orderings.document import OrderingsDoc
from anodeflow.studies.vacancy.document import VacancyDoc

STUDIES: dict[str, type[StudyDoc]] = {
    kind.__name__: kind
    for kind in (
        AdsorptionDoc,
        ChargeTransferDoc,
        ConvergenceDoc,
        ElectrochemistryDoc,
        InterdiffusionDoc,
        InterfaceDoc,
        MetalReferenceDoc,
        MigrationDoc,
        OrderingsDoc,
        VacancyDoc,
    )
}
"""Class name -> class of every study document."""
CALCULATIONS: dict[str, type[CalculationDoc]] = {kind.__name__: kind for kind in (CalculationDoc, ModesDoc, NebDoc)}
"""Class name -> class of every calculation document."""
