"""The study of charge: how it becomes jobs, a plan and a section of a report."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from anodeflow.calculations.document import CalculationDoc
from anodeflow.studies.base import AdatomStudy, Problem, attempted
from anodeflow.studies.charge.document import ChargeDoc
from anodeflow.studies.charge.input import ChargeInput
from anodeflow.studies.compared import Compared, compared, geometry
from anodeflow.studies.subjects.surfaces import Surface
from anodeflow.studies.world import World

if TYPE_CHECKING:
    from jobflow import Flow

    from anodeflow.studies.steps import Steps


class ChargeStudy(AdatomStudy[ChargeInput, ChargeDoc]):
    """Bader charge and charge-density difference of the most stable adatom on a surface."""

    name = "charge"
    summary = "Bader charge of the adatom."
    Input = ChargeInput
    Document = ChargeDoc
    needs = frozenset({"relax", "stress", "charge_density"})
    starts_from = "adsorption"
    place = 30
    quantities: ClassVar[dict[str, str]] = {"charge_donated": "electrons donated by the adatom (Bader)"}

    def flow(self, input: ChargeInput, subject: Surface, steps: "Steps") -> "Flow":
        """Return the flow on one surface; output: ChargeDoc."""
        from anodeflow.studies.charge.flow import ChargeMaker

        maker = ChargeMaker(
            density=steps.makers(subject.backend).static(charge_density=True, grid_spacing=input.grid_spacing),
            input=input,
            about=steps.about(subject),
        )
        return maker.make(steps.start(self, input, subject).output)

    def entry_problems(self, input: ChargeInput, world: World) -> Iterator[Problem]:
        """Yield what is wrong with the adatom, and that the program of the Bader analysis is not installed."""
        from anodeflow.studies.charge.bader_programs import choose_program

        yield from super().entry_problems(input, world)
        if input.program is not None:
            yield from attempted(("program",), choose_program, input.program)

    def compared(self, document: ChargeDoc, of: Mapping[str, CalculationDoc]) -> Iterator[Compared]:
        """Yield charges and the structure beside what the calculations say."""
        density = of.get("density")
        yield from compared("structure", document.structure, geometry(density))
        numbers = [site.specie.Z for site in document.structure]
        yield from compared("total_electrons", document.total_electrons, float(sum(numbers)))
        for index, (number, donated, kept) in enumerate(
            zip(numbers, document.atom_donated, document.atom_electrons, strict=False)
        ):
            yield from compared(f"atom_donated.{index}", donated, number - kept)
        yield from compared("charge_donated", document.charge_donated, document.atom_donated[-1])

    def section(self, documents: list[ChargeDoc], context: Any) -> Any:
        """Return the section of a report."""
        from anodeflow.studies.charge.report import charge_section

        return charge_section(documents, context)
