"""Electrochemistry by arithmetic: hull, voltage profile and capacities from the orderings of several compositions."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from jobflow import Flow, JobConfig, Maker, OnMissing, OutputReference

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.jobs import job
from anodeflow.studies.context import StudyContext, in_context
from anodeflow.studies.electrochemistry.analysis import electrochemistry_document
from anodeflow.studies.electrochemistry.context import ElectrochemistryContext
from anodeflow.studies.electrochemistry.document import ElectrochemistryDoc
from anodeflow.studies.electrochemistry.input import ElectrochemistryInput
from anodeflow.studies.orderings.document import OrderingsDoc


@dataclass
class ElectrochemistryMaker(Maker):
    """Makes the flow that puts the orderings of several compositions onto one convex hull.

    Attributes
    ----------
    name
        Name of the flow.
    input
        What is asked for.
    about
        Names that the document and its rows carry; without a system,
        the two elements.
    """

    name: str = "electrochemistry"
    input: ElectrochemistryInput = field(default_factory=ElectrochemistryInput)
    about: StudyContext = field(default_factory=StudyContext)

    def make(
        self,
        orderings: Sequence[OrderingsDoc | OutputReference],
        references: dict[str, CalculationDoc | OutputReference],
    ) -> Flow:
        """Build the flow; nothing is computed but arithmetic.

        Parameters
        ----------
        orderings
            Documents of the orderings of several compositions, or references to them, all by one backend.
        references
            Element -> document of its relaxed bulk by the same backend.

        Returns
        -------
        Flow
            Output: ElectrochemistryDoc. Compositions whose study failed are missing in it, and it says so.
        """
        system = self.about.system or f"{self.input.ion}-{self.input.partner}"
        study = ElectrochemistryContext.told(self.about, system=system, input=self.input)
        made = collect_electrochemistry(list(orderings), references, study)
        made.name = f"{system}: hull, voltages, capacities"
        made.config = JobConfig(on_missing_references=OnMissing.NONE)
        return Flow([made], output=made.output, name=f"{system}: {self.name}")


@job(output_schema=ElectrochemistryDoc)
@in_context
def collect_electrochemistry(
    orderings: list[OrderingsDoc | None], references: dict[str, CalculationDoc | None], study: ElectrochemistryContext
) -> ElectrochemistryDoc:
    """Put the document together.

    Raises
    ------
    InputError
        If a document is one of other elements or another backend, or a bulk is missing.
    CalculationError
        If all studies of orderings failed.
    """
    bulks = {element: bulk for element, bulk in references.items() if bulk is not None}
    return electrochemistry_document(orderings, bulks, study)
