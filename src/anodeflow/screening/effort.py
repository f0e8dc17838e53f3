"""What the calculations of a potential and of DFT took, for the audit of a prescreen."""

from collections.abc import Iterable
from typing import Any

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.neb_document import NebDoc
from anodeflow.calculations.screening_document import BandRecord, Effort


def effort_of_checks(found: Iterable[CalculationDoc | None]) -> Effort:
    """Return what calculations by DFT took that only check minima and saddles; none where one failed."""
    return Effort(check_force_evaluations=sum(each.force_evaluations for each in found if each is not None))


def effort_of(found: Iterable[CalculationDoc | None], potential: bool = False) -> Effort:
    """Return what calculations took.

    Parameters
    ----------
    found
        Calculations by DFT, which bring those of the potential that they started from; none where one failed.
    potential
        Whether they are the potential's own.
    """
    return sum((_effort(each, potential) for each in found if each is not None), Effort())


def _effort(found: CalculationDoc, potential: bool) -> Effort:
    """Return what one calculation took, and that of the potential before it."""
    before: Any = found.potential_path if isinstance(found, NebDoc) else found.prescreen
    brought = 0 if before is None else before.force_evaluations
    if isinstance(found, NebDoc) and found.by_potential:
        return Effort(potential_force_evaluations=brought)
    if potential:
        return Effort(potential_force_evaluations=brought + found.force_evaluations)
    return Effort(
        force_evaluations=found.force_evaluations,
        scf_cycles=found.scf_cycles,
        potential_force_evaluations=brought,
    )


def effort_of_band(band: NebDoc, before: BandRecord | None) -> Effort:
    """Return what a path took; the potential's path is not counted again where the hop has it already (`before`)."""
    again = before is not None and band.potential_path is not None and before.id == band.potential_path.id
    return effort_of([band.model_copy(update={"potential_path": None}) if again else band])
