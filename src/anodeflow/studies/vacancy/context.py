"""What a study of a vacancy tells its jobs."""

from dataclasses import dataclass
from typing import Any, ClassVar

from jobflow import Maker

from anodeflow.studies.context import SubjectContext
from anodeflow.studies.inputs import StudyInput
from anodeflow.studies.vacancy.input import VacancyInput


@dataclass(frozen=True, kw_only=True)
class VacancyContext(SubjectContext):
    """What is asked of a vacancy that moves through one interface.

    Attributes
    ----------
    input
        What was asked for.
    modes_maker
        Maker that finds the lowest modes of saddles; none: they are not looked at. It stands here and not among the
        Makers that jobs are handed, so that jobs keep the uuids which they had before saddles were looked at.
    """

    unsaid: ClassVar[tuple[str, ...]] = (*SubjectContext.unsaid, "modes_maker")
    uncounted: ClassVar[frozenset[str]] = frozenset({"modes_maker"})

    input: VacancyInput
    modes_maker: Maker | None = None

    @classmethod
    def written(cls, input: StudyInput) -> dict[str, Any]:
        """Return options as a job keeps them; those of before there was a choice say nothing of `modes`."""
        options = super().written(input)
        return options if not options["modes"] else {name: told for name, told in options.items() if name != "modes"}

    @property
    def of_system(self) -> str:
        """The system and the vacancy, with which labels begin."""
        return f"{self.system}: {self.input.element} vacancy"

    def label(self, step: str) -> str:
        """Return what a step of the study is called in the list of jobs."""
        return f"{self.of_system}, {step}"
