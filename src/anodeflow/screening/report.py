"""What a potential did before DFT, in the section of every study: both compared, and what was left out."""

from typing import Any

from anodeflow.calculations.screening_document import PrescreenAudit
from anodeflow.core.caveats import Subject
from anodeflow.report.page import (
    Column,
    Link,
    Table,
    number,
)
from anodeflow.studies.document import StudyDoc

_ENTRIES = [
    Column("quantity", "quantity"),
    Column("step", "step"),
    Column("potential", "potential", decimals=3),
    Column("dft", "DFT", decimals=3),
    Column("difference", "potential − DFT", decimals=3, signed=True),
    Column("unit", "unit"),
]
_CANDIDATES = [
    Column("step", "step"),
    Column("label", "what"),
    Column("energy", "energy over the lowest, potential", "eV", 3),
    Column("corrected", "with what it learned", "eV", 3),
    Column("uncertainty", "standard deviation", "eV", 3),
    Column("handed_on", "handed on to DFT"),
    Column("reason", "why not"),
]


def prescreen_facts(document: StudyDoc) -> str:
    """Return sentences on what went before DFT, to follow the facts of a study; empty without a prescreen."""
    audit = document.prescreen
    if audit is None:
        return ""
    words = f" {audit.backend} ran before {document.backend}"
    if audit.candidates:
        handed_on = sum(each.handed_on for each in audit.candidates)
        words += f" and handed on {handed_on} of {len(audit.candidates)} candidates"
        if audit.ranked_by:
            words += ", those that may be the lowest within two standard deviations of what it had learned"
    effort = audit.effort
    checks = effort.check_force_evaluations
    more = f", and {checks} more to check minima and saddles" if checks else ""
    cycles = "" if effort.scf_cycles is None else f" ({effort.scf_cycles} SCF cycles)"
    words += (
        f": {effort.force_evaluations} force evaluations{cycles} after {effort.potential_force_evaluations} of "
        f"{audit.backend}{more}."
    )
    if audit.largest_error is not None:
        words += f" Largest error of {audit.backend}: {number(audit.largest_error, 3)} eV"
        if audit.ranking_error is not None:
            words += f"; between candidates {number(audit.ranking_error, 3)} eV"
        if audit.rank_correlation is not None:
            words += f", rank correlation (Spearman) {number(audit.rank_correlation, 2)}"
        words += "."
    return words


def prescreen_tables(document: StudyDoc, name: str) -> list[Table]:
    """Return the tables of the audit: the potential against DFT, and the candidates; none without a prescreen."""
    audit = document.prescreen
    if audit is None:
        return []
    tables = []
    if audit.entries:
        rows = [_row(document, audit, index) for index in range(len(audit.entries))]
        caption = f"{audit.backend} against {document.backend}"
        tables.append(Table(f"prescreen-{document.study}-{name}", _ENTRIES, rows, caption))
    if audit.candidates:
        columns = [each for each in _CANDIDATES if audit.ranked_by or each.key not in ("corrected", "uncertainty")]
        rows = [{column.key: getattr(each, column.key) for column in columns} for each in audit.candidates]
        caption = f"Candidates as {audit.backend} ranks them"
        tables.append(Table(f"candidates-{document.study}-{name}", columns, rows, caption, folded=True))
    return tables


def _row(document: StudyDoc, audit: PrescreenAudit, index: int) -> dict[str, Any]:
    entry = audit.entries[index]
    row: dict[str, Any] = {column.key: getattr(entry, column.key) for column in _ENTRIES}
    for key, step in (("potential", str(Subject(entry.step).by(audit.backend))), ("dft", entry.step)):
        identity = document.calculation_ids.get(step)
        if identity:
            row[key] = Link(row[key], f"calc-{identity}")
    return row
