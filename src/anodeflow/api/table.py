"""The tidy table of results: one row per property, and beside each number what it is a number of."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from anodeflow.calculations.document import CalculationDoc
from anodeflow.studies.document import StudyDoc

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = {
    "campaign": "string",
    "system": "string",
    "study": "string",
    "property": "string",
    "label": "string",
    "value": "float64",
    "unit": "string",
    "temperature": "float64",
    "site": "Int64",
    "hop": "Int64",
    "adsorbate": "string",
    "formula": "string",
    "miller": "string",
    "termination": "string",
    "layers": "Int64",
    "width": "float64",
    "variant": "object",
    "converged": "boolean",
    "warnings": "object",
    "backend": "string",
    "code": "string",
    "document_id": "string",
    "calculation_ids": "object",
    "edition": "string",
}
"""Column -> type in pandas; `temperature` in K, `width` (least distance of periodic images in the plane) in Å."""


def tidy(studies: Iterable[StudyDoc], calculations: Mapping[str, CalculationDoc]) -> "DataFrame":
    """Return the rows of study documents as a table whose columns have one type each.

    Parameters
    ----------
    studies
        Study documents.
    calculations
        Id -> calculation; they say whether all that a number rests on has converged.

    Returns
    -------
    pandas.DataFrame
        Columns as in :data:`COLUMNS`; what a study does not have is missing (NA), never 0 or "".
    """
    from pandas import DataFrame

    studies = list(studies)
    surfaces: dict[tuple[str, ...], dict[str, Any]] = {}
    for study in studies:
        known = surfaces.setdefault(_subject(study), {})
        known |= {name: value for name, value in study.facts().items() if value is not None}
    rows = [row for study in studies for row in _rows(study, surfaces[_subject(study)], calculations)]
    frame = DataFrame(rows, columns=list(COLUMNS))
    return frame.astype({name: kind for name, kind in COLUMNS.items() if kind != "object"})


def _subject(study: StudyDoc) -> tuple[str, ...]:
    """What several studies are made on: the facts that one of them holds are those of the others."""
    return study.campaign, study.system, study.backend, study.edition


def _rows(
    study: StudyDoc, facts: Mapping[str, Any], calculations: Mapping[str, CalculationDoc]
) -> Iterable[dict[str, Any]]:
    of_study = {**facts, "code": study.code, "variant": dict(study.variant)}
    for row in study.rows():
        given = row.model_dump(include=set(COLUMNS))
        done = [calculations[each].converged for each in row.calculation_ids if each in calculations]
        known = len(done) == len(row.calculation_ids) and bool(done)
        merged = {row.part: row.part_number, **of_study, **given, "converged": all(done) if known else None}
        yield {name: None if value == "" and name != "unit" else value for name, value in merged.items()}
