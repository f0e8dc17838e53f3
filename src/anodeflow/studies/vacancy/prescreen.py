"""What a potential did in a vacancy study: where it starts, steps that become stops, and the stops by both."""

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.screening_document import AuditEntry, PrescreenAudit
from anodeflow.screening.effort import effort_of
from anodeflow.screening.shortlist import start_audit, start_record
from anodeflow.studies.interface.document import InterfaceDoc
from anodeflow.studies.vacancy.context import VacancyContext
from anodeflow.studies.vacancy.document import stop_step
from anodeflow.studies.vacancy.search import VacancySearch


def begin_audit(
    interface: InterfaceDoc, study: VacancyContext, relaxed: CalculationDoc | None = None
) -> PrescreenAudit | None:
    """Return the audit of a study that begins.

    Parameters
    ----------
    interface
        The interface.
    study
        What was asked for; without a prescreen there is no audit.
    relaxed
        Relaxation of the interface with its alloy set free, where there was one.
    """
    if study.prescreen is None:
        return None
    audit = start_audit(study.prescreen)
    audit.start = start_record(interface.prescreen)
    if relaxed is not None:
        audit.start = relaxed.prescreen
        audit.effort += effort_of([relaxed])
    return audit


def rename_step(search: VacancySearch, old: str, new: str) -> None:
    """Call a step that became a stop by the stop's name."""
    search.calculation_ids[new] = search.calculation_ids.pop(old)
    if old in search.records:
        search.records[new] = search.records.pop(old)
    by = "" if search.audit is None else f" [{search.audit.backend}]"
    if by and old + by in search.calculation_ids:
        search.calculation_ids[new + by] = search.calculation_ids.pop(old + by)


def stop_entries(search: VacancySearch) -> list[AuditEntry]:
    """Return the energy of every stop over the first one by both; of those alone where both found the same minimum."""
    entries = []
    if not search.stops or stop_step(search.stops[0]) not in search.records:
        return []
    zero = search.records[stop_step(search.stops[0])].energy
    for stop in search.stops[1:]:
        step = stop_step(stop)
        if step in search.records:
            potential = search.records[step].energy - zero
            entries.append(AuditEntry(quantity="vacancy_energy", step=step, potential=potential, dft=stop.energy))
    return entries
