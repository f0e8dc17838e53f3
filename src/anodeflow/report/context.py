"""What every section of a report needs beside its own documents."""

from collections.abc import Callable
from dataclasses import dataclass, field

from anodeflow.report.comparison import (
    Published,
    comparable,
    is_row,
    published,
    remaining_error,
)
from anodeflow.report.errors import covered, error_text
from anodeflow.report.page import Link, measured
from anodeflow.report.reference import Reference
from anodeflow.studies.convergence.document import ConvergenceDoc
from anodeflow.studies.document import StudyDoc
from anodeflow.studies.rows import ResultRow


@dataclass(frozen=True)
class Context:
    """Published values, remaining errors of convergence, and whom to tell what is being drawn.

    Attributes
    ----------
    references
        Publications to compare with.
    errors
        Id of a study document -> property -> remaining error.
    tests
        Id of a study document -> its convergence test.
    documents
        Id -> document, variants of convergence tests included.
    tell
        Called with a few words before each system is drawn.
    """

    references: list[Reference] = field(default_factory=list)
    errors: dict[str, dict[str, float]] = field(default_factory=dict)
    documents: dict[str, StudyDoc] = field(default_factory=dict)
    tests: dict[str, ConvergenceDoc] = field(default_factory=dict)
    tell: Callable[[str], None] = print

    @classmethod
    def of(cls, documents: list[StudyDoc], references: list[Reference], tell: Callable[[str], None]) -> "Context":
        """Return the context of all documents of a report."""
        tests = [document for document in documents if isinstance(document, ConvergenceDoc)]
        errors = {test.base_document_id: dict(test.remaining_errors) for test in tests}
        by_id = {document.document_id: document for document in documents}
        return cls(references, errors, by_id, {test.base_document_id: test for test in tests}, tell)

    def published(self, document: StudyDoc, name: str) -> Published | None:
        """Return what the publications say of a property of the document's system."""
        return published(self.references, document, name)

    def error(self, document: StudyDoc, name: str) -> float | None:
        """Return how far a property may be off by what convergence tests say; None: not tested."""
        errors = self.errors.get(document.document_id, {})
        rows = (row for row in document.rows() if row.property == name and comparable(row))
        return next((remaining_error(errors, row) for row in rows), None)

    def error_text(self, document: StudyDoc, row: ResultRow) -> str:
        """Return the error of a row with what it covers: ± 0.029 (layers, k-points varied); or `not varied`."""
        return error_text(self.tests.get(document.document_id), row)

    def covered(self, document: StudyDoc, row: ResultRow) -> str:
        """Return what the error of a row covers, without the error."""
        return covered(self.tests.get(document.document_id), row)

    def text(self, document: StudyDoc, name: str, value: float, decimals: int = 3, signed: bool = False) -> str:
        """Return a property's value with its remaining error, as sentences say it, without its unit."""
        return measured(value, decimals, self.error(document, name), signed)

    def link(self, document: StudyDoc, name: str) -> Link | None:
        """Return the value of a row, called as convergence documents do, leading to its calculation; None: no row."""
        for row in document.rows():
            if is_row(row, name):
                return Link(row.value, _anchor(row))
        return None


def _anchor(row: ResultRow) -> str:
    return f"calc-{row.calculation_ids[0]}" if row.calculation_ids else f"study-{row.document_id}"


def base_studies(documents: list[StudyDoc]) -> list[StudyDoc]:
    """Return the studies as they were asked for: no variants of convergence tests, nor the tests themselves."""
    return [d for d in documents if not d.variant and not isinstance(d, ConvergenceDoc)]


def part_name(document: StudyDoc) -> str:
    """Return a name for the files of one study: system, backend and the beginning of its id."""
    words = [document.system, getattr(document, "adsorbate", ""), document.backend]
    name = "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in " ".join(words)).split())
    return f"{name}-{''.join(c for c in document.document_id if c.isascii() and c.isalnum())[:8]}"


def part_title(document: StudyDoc, words: str) -> str:
    """Return the heading of one study: `words`, backend and settings."""
    return f"{words} — {document.backend} · {document.settings_hash[:8]}"
