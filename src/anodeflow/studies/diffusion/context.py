"""What a study of diffusion tells its jobs."""

from dataclasses import dataclass
from typing import Any

from anodeflow.studies.context import AdatomContext
from anodeflow.studies.diffusion.input import DiffusionInput
from anodeflow.studies.inputs import StudyInput


@dataclass(frozen=True, kw_only=True)
class DiffusionContext(AdatomContext):
    """What is asked of the hops of an adatom on one surface."""

    input: DiffusionInput

    @classmethod
    def written(cls, input: StudyInput) -> dict[str, Any]:
        """Return options as a job keeps them; those of before there was a choice say nothing of it."""
        options = super().written(input)
        before = {"exchange": False, "hops": "deciding"}
        return {name: told for name, told in options.items() if name not in before or told != before[name]}

    def label(self, step: str) -> str:
        """Return what a step of the study is called in the list of jobs."""
        return f"{self.of_system} {step}"
