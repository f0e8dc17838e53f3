"""What a study of interdiffusion tells its jobs."""

from dataclasses import dataclass
from typing import ClassVar

from anodeflow.studies.context import SubjectContext
from anodeflow.studies.interdiffusion.input import InterdiffusionInput


@dataclass(frozen=True, kw_only=True)
class InterdiffusionContext(SubjectContext):
    """What is asked of the exchanges at one interface."""

    uncounted: ClassVar[frozenset[str]] = frozenset({"dilute_width"})

    input: InterdiffusionInput
