"""Documents and rows of a campaign as files that can be published: without folders of this machine."""

import csv
import gzip
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from anodeflow.core.grid import CompactGrid
from anodeflow.core.whole import whole
from anodeflow.database.exchange import to_lines
from anodeflow.database.results_file import without_folders
from anodeflow.studies.document import StudyDoc
from anodeflow.studies.registry import CALCULATIONS
from anodeflow.studies.rows import ResultRow, csv_cells

DOCUMENTS = "documents.jsonl.gz"
METADATA = "ro-crate-metadata.json"
"""Names of files in an RO-Crate: all documents, and what is said of each file."""


def write_documents(documents: Iterable[Mapping[str, Any]], file: Path) -> None:
    """Write documents as ``anodeflow db export`` does, packed, and without folders of this machine."""
    with whole(file) as draft, draft.open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed:
        for line in to_lines(map(_published, documents)):
            packed.write(line.encode("utf-8"))


def _published(entry: Mapping[str, Any]) -> dict[str, Any]:
    document = _plain(entry["document"])
    if entry["@class"] in CALCULATIONS:
        document["directory"] = document["id"]
    return {**entry, "document": document}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() >= set(CompactGrid.model_fields):
            return value  # its base64 has slashes that part no folders
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return without_folders(value) if isinstance(value, str) else value


def write_rows(studies: Sequence[StudyDoc], file: Path) -> None:
    """Write the rows of studies as CSV, as ``anodeflow query --format csv`` does."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(ResultRow.model_fields), lineterminator="\n")
    writer.writeheader()
    for study in studies:
        for row in study.rows():
            writer.writerow(csv_cells(row.model_dump()))
    with whole(file) as draft:
        draft.write_text(text.getvalue(), encoding="utf-8")
