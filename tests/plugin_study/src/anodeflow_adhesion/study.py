"""The study: what it is told, how it becomes jobs, and its section of a report."""

from typing import TYPE_CHECKING, Any

from pydantic import Field

from anodeflow.studies.base import InterfaceInput, Study
from anodeflow.studies.interface.study import relaxed_interface
from anodeflow.studies.subjects.interfaces import Interface
from anodeflow_adhesion.document import WorkOfAdhesionDoc

if TYPE_CHECKING:
    from jobflow import Flow

    from anodeflow.studies.steps import Steps


class WorkOfAdhesionInput(InterfaceInput):
    """Work of adhesion of some interfaces."""

    relaxed: bool = Field(default=True, description="Relax the two sides after they are parted; false: leave them.")


class WorkOfAdhesionStudy(Study[WorkOfAdhesionInput, WorkOfAdhesionDoc]):
    """Both sides of an interface alone, against the interface."""

    name = "work_of_adhesion"
    summary = "Work to part an interface."
    subject = "interface"
    Input = WorkOfAdhesionInput
    Document = WorkOfAdhesionDoc

    def flow(self, input: WorkOfAdhesionInput, subject: Interface, steps: "Steps") -> "Flow":
        """Return the flow on one interface; output: WorkOfAdhesionDoc."""
        from anodeflow_adhesion.flow import WorkOfAdhesionMaker

        backend = subject.backend
        maker = WorkOfAdhesionMaker(
            compute=steps.relax(backend) if input.relaxed else steps.makers(backend).static(),
            relaxed=input.relaxed,
            system=subject.name,
            variant=subject.variant,
            **steps.labels,
        )
        return maker.make(relaxed_interface(subject, steps).output)

    def section(self, documents: list[WorkOfAdhesionDoc], context: Any) -> Any:
        """Return the section of a report."""
        from anodeflow_adhesion.report import adhesion_section

        return adhesion_section(documents)
