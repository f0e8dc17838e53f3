"""The study of electrochemistry: how it becomes jobs, a plan and a section of a report."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from anodeflow.calculations.document import CalculationDoc
from anodeflow.studies.base import Problem, Study, attempted
from anodeflow.studies.compared import Compared, energy_per_atom, of_crystal
from anodeflow.studies.context import StudyContext
from anodeflow.studies.electrochemistry.document import ElectrochemistryDoc
from anodeflow.studies.electrochemistry.input import ElectrochemistryInput
from anodeflow.studies.orderings.input import OrderingsInput
from anodeflow.studies.orderings.study import ORDERINGS
from anodeflow.studies.world import World

if TYPE_CHECKING:
    from jobflow import Flow

    from anodeflow.studies.steps import Steps


class ElectrochemistryStudy(Study[ElectrochemistryInput, ElectrochemistryDoc]):
    """Hull, voltages and capacities of a binary alloy, from all orderings that the campaign has of it."""

    name = "electrochemistry"
    summary = "Hull, voltages, capacities."
    subject = "alloy"
    Input = ElectrochemistryInput
    Document = ElectrochemistryDoc
    place = 90

    def flow(self, input: ElectrochemistryInput, subject: None, steps: "Steps") -> "Flow":
        """Return the flow of one alloy; output: ElectrochemistryDoc."""
        from anodeflow.studies.electrochemistry.flow import ElectrochemistryMaker

        backend = steps.surfaces.backend
        documents = [steps.study(ORDERINGS, each, None).output for each in of_binary(input, steps.world)]
        bulks = {
            element: steps.bulk(steps.surfaces.metal(element), backend).output for element in (input.ion, input.partner)
        }
        about = StudyContext(system=f"{input.ion}-{input.partner}", **steps.labels)
        return ElectrochemistryMaker(input=input, about=about).make(documents, bulks)

    def entry_problems(self, input: ElectrochemistryInput, world: World) -> Iterator[Problem]:
        """Yield that a bulk is unknown, or that the campaign has no orderings of the alloy."""
        for key in ("ion", "partner"):
            yield from attempted((key,), world.surfaces.metal, getattr(input, key))
        if not of_binary(input, world):
            yield Problem(
                f"electrochemistry of {input.ion}-{input.partner} needs orderings of at least one of their alloys: add "
                "an orderings study."
            )

    def metals(self, input: ElectrochemistryInput) -> Sequence[str]:
        """Return both elements."""
        return input.ion, input.partner

    def compared(self, document: ElectrochemistryDoc, of: Mapping[str, CalculationDoc]) -> Iterator[Compared]:
        """Yield formation energies and what follows from them beside what the calculations say."""
        bulks = {element: of.get(f"bulk {element}") for element in (document.ion, document.partner)}
        references = {element: energy_per_atom(bulk) for element, bulk in bulks.items()}
        for index, point in enumerate(document.points):
            yield from of_crystal(
                f"points.{index}.formation_energy", point.formation_energy, of.get(point.step), references
            )

    def section(self, documents: list[ElectrochemistryDoc], context: Any) -> Any:
        """Return the section of a report."""
        from anodeflow.studies.electrochemistry.report import electrochemistry_section

        return electrochemistry_section(documents, context)


def of_binary(input: ElectrochemistryInput, world: World) -> list[OrderingsInput]:
    """Return the orderings studies of a campaign whose alloy has the two elements of an electrochemistry study."""
    from pymatgen.core import Composition

    wanted = {input.ion, input.partner}
    found = world.inputs(ORDERINGS.name)
    return [each for each in found if {str(e) for e in Composition(each.composition).elements} == wanted]
