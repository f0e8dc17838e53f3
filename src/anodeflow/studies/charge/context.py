"""What a study of charge tells its jobs."""

from dataclasses import dataclass

from anodeflow.studies.charge.bader_programs import BaderProgram
from anodeflow.studies.context import AdatomContext


@dataclass(frozen=True, kw_only=True)
class ChargeContext(AdatomContext):
    """What is asked of the charge of an adatom.

    Attributes
    ----------
    program
        Program of the Bader analysis; none: whichever is installed.
    """

    program: BaderProgram | None = None
