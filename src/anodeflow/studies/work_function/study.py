"""The study of work functions: how it becomes jobs and a section of a report."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from anodeflow.calculations.document import CalculationDoc
from anodeflow.studies.base import Problem, Study
from anodeflow.studies.compared import Compared, compared
from anodeflow.studies.subjects.surfaces import Surface
from anodeflow.studies.work_function.document import WorkFunctionDoc
from anodeflow.studies.work_function.input import WorkFunctionInput
from anodeflow.studies.world import World

if TYPE_CHECKING:
    from jobflow import Flow

    from anodeflow.studies.steps import Steps

LEAST_VACUUM = 12.0
"""On either side 3 Å of spilling electrons, 2 Å to read the level in, and 1 Å of a dipole layer."""


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
            static=steps.makers(subject.backend).static(potential=True),
            slab=subject.system.slab_spec(),
            about=steps.screened(subject),
        )
        return maker.make(steps.slab(subject))

    def problems(self, input: WorkFunctionInput, subject: Surface, world: World) -> Iterator[Problem]:
        """Yield that the vacuum is too thin to read a level in it."""
        if subject.system.vacuum < LEAST_VACUUM:
            yield Problem(
                f"{subject.name}: {subject.system.vacuum:g} Å of vacuum are too few for its level to be read in the "
                f"middle of it: give the system a vacuum of {LEAST_VACUUM:g} Å or more."
            )

    def compared(self, document: WorkFunctionDoc, of: Mapping[str, CalculationDoc]) -> Iterator[Compared]:
        """Yield levels beside what the calculations say."""
        static = of.get("potential")
        potential = None if static is None else static.potential
        yield from compared("fermi_level", document.fermi_level, None if potential is None else potential.fermi_level)
        for face in ("top", "bottom"):
            work = getattr(document, f"vacuum_level_{face}") - document.fermi_level
            yield from compared(f"work_function_{face}", getattr(document, f"work_function_{face}"), work)

    def section(self, documents: list[WorkFunctionDoc], context: Any) -> Any:
        """Return the section of a report."""
        from anodeflow.studies.work_function.report import work_function_section

        return work_function_section(documents, context)
