"""What a study of charge tells its jobs."""

from dataclasses import dataclass
from typing import ClassVar

from anodeflow.studies.charge.input import ChargeInput
from anodeflow.studies.context import AdatomContext


@dataclass(frozen=True, kw_only=True)
class ChargeContext(AdatomContext):
    """What is asked of the charge of an adatom."""

    uncounted: ClassVar[frozenset[str]] = frozenset({"grid_spacing"})

    input: ChargeInput
