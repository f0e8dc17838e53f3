"""The study of a vacancy: how it becomes jobs, a plan and a section of a report."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from anodeflow.structures.slab.spec import SlabSpec
from anodeflow.studies.base import Problem, Study
from anodeflow.studies.interface.study import relaxed_interface
from anodeflow.studies.shared.elements import missing_elements
from anodeflow.studies.subjects.interfaces import Interface
from anodeflow.studies.subjects.surfaces import Surfaces
from anodeflow.studies.vacancy.document import VacancyDoc
from anodeflow.studies.vacancy.input import VacancyInput
from anodeflow.studies.world import World

if TYPE_CHECKING:
    from jobflow import Flow

    from anodeflow.studies.steps import Steps


class VacancyStudy(Study[VacancyInput, VacancyDoc]):
    """A vacancy made in the alloy, which moves into the metal."""

    name = "vacancy"
    summary = "Vacancy that moves through an interface."
    subject = "interface"
    Input = VacancyInput
    Document = VacancyDoc
    needs = frozenset({"relax", "stress", "neb"})
    place = 70

    def flow(self, input: VacancyInput, subject: Interface, steps: "Steps") -> "Flow":
        """Return the flow on one interface; output: VacancyDoc."""
        from anodeflow.studies.vacancy.flow import VacancyMaker
        from anodeflow.studies.vacancy.metal_face_flow import MetalFaceMaker

        backend, start = subject.backend, relaxed_interface(subject, steps)
        metal = steps.surfaces.metal(input.element)
        bulk, face = steps.bulk(metal, backend), None
        if input.start == "surface":
            spec = _metal_face(input, subject, steps.surfaces)
            own = MetalFaceMaker(relax=steps.relax(backend), slab=spec, metal=input.element, system=subject.group)
            host = steps.surfaces.host(metal)
            where = ("metal's own surface", subject.group, input.element)
            face = steps.once(where, lambda: own.make(bulk.output, host)).output
        maker = VacancyMaker(
            relax=steps.makers(backend).relax(),
            neb=steps.makers(backend).neb(),
            input=input,
            prescreen=steps.prescreen,
            about=steps.about(subject),
        )
        return maker.make(start.output, bulk.output, face)

    def problems(self, input: VacancyInput, subject: Interface, world: World) -> Iterator[Problem]:
        """Yield that the alloy lacks an element."""
        helper = {"helper": input.helper} if "II" in input.paths else {}
        yield from missing_elements(subject, world, {"element": input.element} | helper)

    def section(self, documents: list[VacancyDoc], context: Any) -> Any:
        """Return the section of a report."""
        from anodeflow.studies.vacancy.report import vacancy_section

        return vacancy_section(documents, context)


def _metal_face(input: VacancyInput, interface: Interface, surfaces: Surfaces) -> SlabSpec:
    """Return the metal's own surface that is set beside the alloy's: the plane that meets it, as wide as the interface.

    Where the interface's metal is another one than that of the vacancy, the (001) surface of the latter.
    """
    system = interface.system
    spec = SlabSpec(vacuum=system.vacuum, min_width=system.min_width)
    if system.metal != surfaces.metal(input.element):
        return spec
    return spec.model_copy(update={"miller": system.metal_miller, "setting": system.setting})
