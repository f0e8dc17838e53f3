"""What a study of a vacancy tells its jobs."""

from dataclasses import dataclass

from anodeflow.studies.context import SubjectContext
from anodeflow.studies.vacancy.input import VacancyInput


@dataclass(frozen=True, kw_only=True)
class VacancyContext(SubjectContext):
    """What is asked of a vacancy that moves through one interface."""

    input: VacancyInput

    @property
    def of_system(self) -> str:
        """The system and the vacancy, with which labels begin."""
        return f"{self.system}: {self.input.element} vacancy"

    def label(self, step: str) -> str:
        """Return what a step of the study is called in the list of jobs."""
        return f"{self.of_system}, {step}"
