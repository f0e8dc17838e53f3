"""What a study of a vacancy tells its jobs."""

from dataclasses import dataclass
from typing import Literal

from anodeflow.studies.context import SubjectContext
from anodeflow.studies.vacancy.document import PathName


@dataclass(frozen=True, kw_only=True)
class VacancyContext(SubjectContext):
    """What is asked of a vacancy that moves through one interface.

    Attributes
    ----------
    element, helper
        Element whose atom is taken out and whose atoms hop, and that of the atom which hops first on path II.
    start
        Where the vacancy is made: the alloy's outermost layer with the element, or the one at the metal.
    steps, samples
        Hops of each path, and places that are tried at each step.
    images
        Images of a hop's path between its two ends.
    paths
        Paths that are followed: I, II.
    barriers
        Whether the paths of the hops are computed.
    """

    element: str
    helper: str
    start: Literal["surface", "interface"]
    steps: int
    samples: int
    images: int
    paths: list[PathName]
    barriers: bool

    @property
    def of_system(self) -> str:
        """The system and the vacancy, with which labels begin."""
        return f"{self.system}: {self.element} vacancy"
