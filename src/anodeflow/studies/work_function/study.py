"""The study of work functions: how it becomes jobs and a section of a report."""

from typing import TYPE_CHECKING, Any

from anodeflow.studies.base import Study
from anodeflow.studies.subjects.surfaces import Surface
from anodeflow.studies.work_function.document import WorkFunctionDoc
from anodeflow.studies.work_function.input import WorkFunctionInput

if TYPE_CHECKING:
    from jobflow import Flow

    from anodeflow.studies.steps import Steps


class WorkFunctionStudy(Study[WorkFunctionInput, WorkFunctionDoc]):
    """What it takes to bring an electron from a surface into the vacuum, on both faces of the slab."""

    name = "work_function"
    summary = "Work functions of both faces."
    subject = "surface"
    Input = WorkFunctionInput
    Document = WorkFunctionDoc
    needs = frozenset({"relax", "stress", "potential"})
    place = 6

    def flow(self, input: WorkFunctionInput, subject: Surface, steps: "Steps") -> "Flow":
        """Return the flow on one surface; output: WorkFunctionDoc."""
        from anodeflow.studies.work_function.flow import WorkFunctionMaker

        maker = WorkFunctionMaker(
            static=subject.backend.static(potential=True),
            slab=subject.system.slab_spec(),
            prescreen={} if steps.prescreen is None else steps.prescreen.settings(),
            system=subject.name,
            variant=subject.variant,
            **steps.labels,
        )
        return maker.make(steps.slab(subject))

    def section(self, documents: list[WorkFunctionDoc], context: Any) -> Any:
        """Return the section of a report."""
        from anodeflow.studies.work_function.report import work_function_section

        return work_function_section(documents, context)
