"""What a study of diffusion tells its jobs."""

from dataclasses import dataclass

from anodeflow.studies.context import AdatomContext
from anodeflow.studies.diffusion.input import DiffusionInput


@dataclass(frozen=True, kw_only=True)
class DiffusionContext(AdatomContext):
    """What is asked of the hops of an adatom on one surface."""

    input: DiffusionInput

    def label(self, step: str) -> str:
        """Return what a step of the study is called in the list of jobs."""
        return f"{self.of_system} {step}"
