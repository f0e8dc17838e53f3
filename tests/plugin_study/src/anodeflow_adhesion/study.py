"""The study: how it becomes jobs, and its section of a report."""

from typing import TYPE_CHECKING, Any

from anodeflow.studies.base import Study
from anodeflow.studies.interface.study import relaxed_interface
from anodeflow.studies.subjects.interfaces import Interface
from anodeflow_adhesion.document import WorkOfAdhesionDoc
from anodeflow_adhesion.input import WorkOfAdhesionInput

if TYPE_CHECKING:
    from jobflow import Flow

    from anodeflow.studies.steps import Steps


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
            input=input,
            about=steps.screened(subject),
        )
        return maker.make(relaxed_interface(subject, steps).output)

    def section(self, documents: list[WorkOfAdhesionDoc], context: Any) -> Any:
        """Return the section of a report."""
        from anodeflow_adhesion.report import adhesion_section

        return adhesion_section(documents)
