"""The table of a publication with our numbers in it: a row a quantity, a column per surface."""

import csv
from dataclasses import dataclass, field
from io import StringIO

from anodeflow.report.comparison import Published, comparable
from anodeflow.report.context import Context
from anodeflow.report.page import Link, csv_uri, number
from anodeflow.report.reference import Reference, ReferenceValue, base_name, compact
from anodeflow.studies.document import StudyDoc
from anodeflow.studies.registry import studies


@dataclass(frozen=True)
class Cell:
    """One quantity of one surface: ours over all terminations, the published one, and the difference.

    Attributes
    ----------
    ours
        One or two numbers, the lowest and the highest, each leading to its calculation; none: not computed.
    spans
        How many studies they span.
    errors
        Remaining error of convergence of each.
    varied
        What the errors cover, each different answer once: `layers, k-points varied`, or `not varied`.
    paper
        The published value.
    """

    ours: list[Link] = field(default_factory=list)
    spans: int = 0
    errors: list[float | None] = field(default_factory=list)
    paper: Published | None = None
    varied: list[str] = field(default_factory=list)

    @property
    def texts(self) -> list[Link]:
        """Our numbers as the page shows them."""
        digits = self._digits(2)
        found = []
        for link, error in zip(self.ours, self.errors, strict=True):
            text = number(link.value, digits)
            found.append(Link(text if error is None else f"{text} ± {abs(error):.{digits}f}", link.anchor))
        return found

    @property
    def differences(self) -> list[float]:
        """Ours minus the published value; empty where one of them is missing."""
        if self.paper is None or self.paper.entry.value is None:
            return []
        return [link.value - self.paper.entry.value for link in self.ours]

    @property
    def difference(self) -> str:
        """The difference as the page shows it."""
        digits = self._digits(2)
        return " … ".join(number(value, digits, signed=True) for value in self.differences)

    @property
    def published(self) -> str:
        """The published value as the page shows it."""
        if self.paper is None or self.paper.entry.value is None:
            return "not given"
        return self.paper.text

    def _digits(self, least: int) -> int:
        return max(self.paper.entry.decimals if self.paper else least, least)


@dataclass(frozen=True)
class PaperTable:
    """The table of one publication for one backend."""

    name: str
    title: str
    reference: Reference
    systems: list[str]
    rows: list[tuple[str, str, list[Cell]]]
    """(property, words with unit, one cell per system)."""

    def csv(self) -> str:
        """Return the table as CSV, a line a cell, all digits."""
        text = StringIO()
        writer = csv.writer(text, lineterminator="\n")
        head = ["property", "unit", "system", "ours_low", "ours_high", "studies", "varied", "convergence_error_low"]
        writer.writerow([*head, "convergence_error_high", "paper", "difference_low", "difference_high"])
        for name, _, cells in self.rows:
            for system, cell in zip(self.systems, cells, strict=True):
                ours: list[float | None] = [link.value for link in cell.ours] or [None]
                errors: list[float | None] = cell.errors or [None]
                differences: list[float | None] = [*cell.differences] or [None]
                entry = cell.paper.entry if cell.paper else None
                row = [name, entry.unit if entry else "", system, ours[0], ours[-1], cell.spans, "; ".join(cell.varied)]
                row += [errors[0], errors[-1]]
                row += [entry.value if entry else None, differences[0], differences[-1]]
                writer.writerow(["" if value is None else value for value in row])
        return text.getvalue()

    @property
    def uri(self) -> str:
        """The CSV file as a data URI."""
        return csv_uri(self.csv())


def paper_tables(documents: list[StudyDoc], context: Context) -> list[PaperTable]:
    """Return the table of every publication that knows the documents' surfaces, one for each backend.

    Parameters
    ----------
    documents
        Studies as they were asked for, without variants.
    context
        Publications and remaining errors.
    """
    quantities = {name: title for study in studies().values() for name, title in study.quantities.items()}
    tables = []
    for reference in context.references:
        entries = [entry for entry in reference.values if entry.property in quantities]
        systems = list(dict.fromkeys(entry.system for entry in entries))
        for backend in dict.fromkeys(document.backend for document in documents):
            mine = [document for document in documents if document.backend == backend]
            rows = []
            for name, title in quantities.items():
                cells = [_cell(mine, name, system, entries, reference, context) for system in systems]
                unit = next((entry.unit for entry in entries if entry.property == name), "")
                rows.append((name, f"{title} ({unit})", cells))
            if any(cell.ours for _, _, cells in rows for cell in cells):
                tables.append(
                    PaperTable(
                        name=f"paper-{''.join(c if c.isascii() and c.isalnum() else '-' for c in backend)}",
                        title=f"{reference.name} and {backend}",
                        reference=reference,
                        systems=systems,
                        rows=rows,
                    )
                )
    return tables


def _cell(
    documents: list[StudyDoc],
    name: str,
    system: str,
    entries: list[ReferenceValue],
    reference: Reference,
    context: Context,
) -> Cell:
    """Our lowest and highest value over the studies of one surface, beside the published one."""
    entry = next((e for e in entries if (e.system, e.property) == (system, name)), None)
    adsorbate = entry.adsorbate if entry else None
    found: list[tuple[float, Link, float | None, str]] = []
    for document in documents:
        same = compact(base_name(document.system)) == compact(system)
        if not same or adsorbate not in (None, getattr(document, "adsorbate", None)):
            continue
        for row in document.rows():
            if row.property == name and comparable(row):
                anchor = f"calc-{row.calculation_ids[0]}" if row.calculation_ids else f"study-{document.document_id}"
                found.append(
                    (row.value, Link(row.value, anchor), context.error(document, name), context.covered(document, row))
                )
    found.sort(key=lambda one: one[0])
    shown = [found[0], found[-1]] if len(found) > 1 else found
    return Cell(
        ours=[link for _, link, _, _ in shown],
        spans=len(found),
        errors=[error for _, _, error, _ in shown],
        varied=list(dict.fromkeys(words for *_, words in shown)),
        paper=Published(reference, entry) if entry else None,
    )
