"""What a study of electrochemistry tells its job."""

from dataclasses import dataclass

from anodeflow.studies.context import StudyContext
from anodeflow.studies.electrochemistry.input import ElectrochemistryInput


@dataclass(frozen=True, kw_only=True)
class ElectrochemistryContext(StudyContext):
    """Which alloys are put onto one hull; voltages are measured against the metal of the ion."""

    input: ElectrochemistryInput
