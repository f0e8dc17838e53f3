"""Our values beside published ones: the main table of a report."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from anodeflow.core.errors import InputError
from anodeflow.core.labels import PropertyName
from anodeflow.report.page import (
    Column,
    Link,
    Table,
    measured,
    number,
    scientific,
)
from anodeflow.report.reference import Reference, ReferenceValue, base_name
from anodeflow.studies.document import StudyDoc
from anodeflow.studies.registry import studies
from anodeflow.studies.rows import ResultRow

_COLUMNS = [
    Column("system", "system"),
    Column("property", "property"),
    Column("label", "where"),
    Column("ours", "ours", decimals=3),
    Column("convergence_error", "± convergence", file_only=True),
    Column("paper", "paper", decimals=2),
    Column("difference", "ours − paper", decimals=2, signed=True),
    Column("unit", "unit"),
    Column("convergence", "convergence"),
    Column("paper_source", "where in the paper"),
    Column("backend", "backend"),
    Column("settings_hash", "settings"),
    Column("calculations", "rests on"),
]


@dataclass(frozen=True)
class Published:
    """A published value with its publication."""

    reference: Reference
    entry: ReferenceValue

    @property
    def text(self) -> str:
        """The number as printed, or a dash where the publication has words only."""
        return "–" if self.entry.value is None else number(self.entry.value, self.entry.decimals)

    @property
    def source(self) -> str:
        """Publication and figure."""
        return f"{self.reference.name}, Fig. {self.entry.figure}" if self.entry.figure else self.reference.name

    def against(self, ours: float, more: str, less: str) -> str:
        """Return how our energy compares, in words: 0.08 eV stronger than the -1.44 eV of Zhang 2021.

        Parameters
        ----------
        ours
            Our value; the publication must have one too.
        more, less
            Words for a value that lies above the published one, and below it.
        """
        difference = f"{abs(self.difference(ours) or 0.0):.{self.entry.decimals}f}"
        theirs = f"the {self.text} {self.entry.unit} of {self.reference.name}"
        if float(difference) == 0:
            return f"equal to {theirs}"
        return f"{difference} {self.entry.unit} {more if (self.difference(ours) or 0.0) > 0 else less} than {theirs}"

    def difference(self, ours: float) -> float | None:
        """Return ours minus the published value; None where no number was published."""
        return None if self.entry.value is None else ours - self.entry.value


def published(references: list[Reference], document: StudyDoc, property: str) -> Published | None:
    """Return what the first of `references` that knows the document's system says of `property`.

    A value published for another adatom than the document's is no answer.

    Raises
    ------
    InputError
        If it is given in another unit than ours: no difference can be taken.
    """
    for reference in references:
        entry = reference.value(document.system, property, getattr(document, "adsorbate", None))
        if entry and entry.adsorbate in (None, getattr(document, "adsorbate", None)):
            ours = sorted({row.unit for row in document.rows() if row.property == property})
            if entry.value is not None and ours and entry.unit not in ours:
                raise InputError(
                    f"{reference.name} has {property} of {entry.system} in {entry.unit!r}, and ours is in {ours[0]}: "
                    "write the published value in that unit."
                )
            return Published(reference, entry)
    return None


def comparable(row: ResultRow) -> bool:
    """Whether a row is the number that publications print, by what its study says of its properties."""
    study = studies().get(row.study)
    label = study.headlines.get(row.property) if study else None
    return label is None or row.label == label


def is_row(row: ResultRow, name: str) -> bool:
    """Whether convergence documents call a row `name`: its property, with its label where there are several of it."""
    return name == str(PropertyName(row.property, row.label)) or (name == row.property and comparable(row))


def remaining_error(errors: dict[str, float], row: ResultRow) -> float | None:
    """Return what is left of error in a row; `errors`: name -> remaining error, of the row's document."""
    return next((error for name, error in errors.items() if is_row(row, name)), None)


def step_links(document: StudyDoc, ids: list[str]) -> list[Link]:
    """Return links to calculations, called by the steps of the study that they are, each once."""
    step = {identity: name for name, identity in document.calculation_ids.items()}
    return [Link(step.get(identity, identity[:10]), f"calc-{identity}") for identity in dict.fromkeys(ids)]


def main_table(
    documents: list[StudyDoc],
    references: list[Reference],
    errors: dict[str, dict[str, float]] | None = None,
    told: Callable[[StudyDoc, ResultRow], str] = lambda document, row: "",
) -> Table:
    """Return the table of all properties, ours beside the published ones.

    The difference is ours minus the paper's, printed with the paper's number of digits: it is no more precise than
    that.

    Parameters
    ----------
    documents
        Studies as they were asked for, without variants.
    references
        Publications to compare with.
    errors
        Id of a document -> property -> remaining error of convergence, as convergence documents name properties.
    told
        Function that says what is known of the error of a row, and which parameters it covers.
    """
    rows: list[dict[str, Any]] = []
    for document in documents:
        of_document = (errors or {}).get(document.document_id, {})
        for row in document.rows():
            paper = published(references, document, row.property) if comparable(row) else None
            error = remaining_error(of_document, row)
            value = Link(row.value, f"calc-{row.calculation_ids[0]}") if row.calculation_ids else row.value
            is_count = not row.unit and float(row.value).is_integer()  # negative modes
            text = measured(row.value, 0 if is_count else 3, error)
            if row.unit == "cm²/s":
                text = scientific(row.value) + (f" ± {scientific(abs(error))}" if error is not None else "")
            rows.append(
                {
                    "system": Link(row.system, f"study-{document.document_id}"),
                    "property": row.property,
                    "label": row.label,
                    "ours": value,
                    "convergence_error": error,
                    "convergence": told(document, row),
                    "paper": paper.entry.value if paper else None,
                    "difference": paper.difference(row.value) if paper else None,
                    "unit": row.unit,
                    "paper_source": paper.source if paper else None,
                    "backend": row.backend,
                    "settings_hash": Link(row.settings_hash[:8], f"settings-{row.settings_hash}"),
                    "calculations": step_links(document, row.calculation_ids),
                    "_text": {"ours": text},
                    "_decimals": dict.fromkeys(("paper", "difference"), paper.entry.decimals) if paper else {},
                }
            )
    # The columns of a paper are there where one is named.
    columns = [c for c in _COLUMNS if references or c.key not in ("paper", "difference", "paper_source")]
    if not references:
        columns = [replace(c, title="value") if c.key == "ours" else c for c in columns]
    return Table("results", columns, rows)


def notes(documents: list[StudyDoc], references: list[Reference]) -> list[tuple[str, str]]:
    """Return (system and property, what is known of the difference) for every published value that is shown."""
    found: dict[tuple[str, str], None] = {}
    for document in documents:
        for row in document.rows():
            paper = published(references, document, row.property)
            if paper and paper.entry.note:
                found[f"{base_name(row.system)}, {row.property}", paper.entry.note] = None
    return list(found)
