"""Lateral shifts of an interface ranked by a potential, and the audit of the interface's prescreen."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.screening_document import AuditEntry, Candidate, PrescreenAudit
from anodeflow.core.caveats import Caveat
from anodeflow.core.units import JOULE_PER_SQUARE_METRE
from anodeflow.screening.effort import effort_of
from anodeflow.screening.settings import PrescreenSettings
from anodeflow.screening.shortlist import Ranked, choose, difference_entry, not_screened, start_audit, with_ranking
from anodeflow.structures.interface.candidate import Side
from anodeflow.studies.interface.document import RegistryPoint


@dataclass(frozen=True)
class Shift:
    """One of the lateral shifts, by its number."""

    index: int

    @property
    def step(self) -> str:
        """Name of its evaluation."""
        return f"registry {self.index}"


def by_shift(candidates: Iterable[Candidate], shifts: int) -> dict[int, Candidate]:
    """Return number of a shift -> what the potential says of it, in the order of the candidates."""
    numbers = {Shift(index).step: index for index in range(shifts)}
    return {numbers[each.step]: each for each in candidates}


def rank_shifts(
    points: Sequence[RegistryPoint], found: Sequence[CalculationDoc | None], prescreen: PrescreenSettings
) -> PrescreenAudit:
    """Return the audit with the shifts as the potential ranks them, those marked that DFT evaluates.

    Parameters
    ----------
    points, found
        Shifts and their evaluations by the potential, in the same order; none where one failed.
    prescreen
        How many are chosen.
    """
    audit = start_audit(prescreen)
    ranked = [
        Ranked(
            Shift(index).step,
            f"shift {point.displacement[0]:.2f}, {point.displacement[1]:.2f} Å",
            None if result is None else result.energy,
        )
        for index, (point, result) in enumerate(zip(points, found, strict=True))
    ]
    audit.candidates = choose(ranked, audit.keep, audit.window)
    audit.effort += effort_of(found, potential=True)
    return audit


def lowest_shift(audit: PrescreenAudit) -> int | None:
    """Return the number of the only shift that was handed on; none unless there is one, and the potential knows it."""
    found = by_shift(audit.candidates, len(audit.candidates))
    only = [(index, each) for index, each in found.items() if each.handed_on]
    return only[0][0] if len(only) == 1 and only[0][1].energy is not None else None


def with_shifts(
    audit: PrescreenAudit, points: Sequence[RegistryPoint], done: Mapping[int, CalculationDoc]
) -> tuple[PrescreenAudit, list[RegistryPoint]]:
    """Return the audit with what DFT found of the shifts that were handed on, and the shifts with the others marked.

    Parameters
    ----------
    audit, points
        The audit with its candidates, and the shifts.
    done
        Number of the shift -> its evaluation by DFT.
    """
    by_potential = by_shift(audit.candidates, len(points))
    marked = [
        point.model_copy(update={"left_out": not by_potential[index].handed_on}) for index, point in enumerate(points)
    ]
    entries = list(audit.entries)
    best = min(done, key=lambda index: done[index].energy, default=None)
    zero = None if best is None else by_potential[best].energy
    for index, result in sorted(done.items()):
        energy = by_potential[index].energy
        if best is not None and index != best and energy is not None and zero is not None:
            entries.append(
                AuditEntry(
                    quantity=f"energy over {Shift(best).step}",
                    step=Shift(index).step,
                    potential=energy - zero,
                    dft=result.energy - done[best].energy,
                )
            )
    return audit.model_copy(update={"entries": entries, "effort": audit.effort + effort_of(done.values())}), marked


def finished_audit(
    audit: PrescreenAudit,
    points: Sequence[RegistryPoint],
    relaxed: CalculationDoc,
    slabs: Mapping[Side, CalculationDoc | None],
    area: float,
) -> tuple[PrescreenAudit, list[Caveat]]:
    """Return the audit with the relaxations, and warnings.

    Parameters
    ----------
    audit
        The audit with its shifts.
    points
        Shifts; energies by DFT of those that were handed on.
    relaxed, slabs
        Relaxations of the interface and of both sides alone by DFT; none where one failed.
    area
        Of the interface, Å².
    """
    energies = {Shift(index).step: point.energy for index, point in enumerate(points) if point.energy is not None}
    audit, warnings = with_ranking(audit, energies)
    entries = list(audit.entries)
    parted = difference_entry("work_of_separation", "interface", list(slabs.values()), [relaxed])
    if parted is not None:
        factor = 1 / (JOULE_PER_SQUARE_METRE * area)
        entries.append(
            parted.model_copy(
                update={"unit": "J/m²", "potential": parted.potential * factor, "dft": parted.dft * factor}
            )
        )
    calculations = {"interface": relaxed, **{f"{side} slab": slab for side, slab in slabs.items()}}
    for step, each in calculations.items():
        warnings += [] if each is None else not_screened(step, each, audit)
    effort = audit.effort + effort_of(calculations.values())
    return audit.model_copy(update={"start": relaxed.prescreen, "entries": entries, "effort": effort}), warnings
