"""What a study of electrochemistry tells its job."""

from dataclasses import dataclass

from anodeflow.studies.context import StudyContext


@dataclass(frozen=True, kw_only=True)
class ElectrochemistryContext(StudyContext):
    """Which alloys are put onto one hull.

    Attributes
    ----------
    ion, partner
        The two elements; voltages are measured against the metal of the ion.
    """

    ion: str
    partner: str
