"""The rows of all results: filtered, sorted, a page at a time, and as files."""

import csv
import json
from collections.abc import Iterator, Mapping
from io import StringIO
from typing import TYPE_CHECKING, Any

from anodeflow.core.errors import InputError
from anodeflow.database.query import COLUMNS
from anodeflow.serve.rendering import page
from anodeflow.serve.services import Services
from anodeflow.studies.rows import csv_cells

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

_PAGE = 50
_CHOICES = ("campaign", "study", "property", "backend", "adsorbate")
"""Columns that are chosen from a list; the others are written."""
_WRITTEN = ("system", "label", "document_id")
_MOST = 60
"""Values up to which a column is chosen from a list."""


class Results:
    """The page of rows, and their files."""

    def __init__(self, services: Services) -> None:
        self.services = services

    def table(self, request: "Request") -> "Response":
        """Show the rows that match."""
        rows = self.services.source.rows()
        asked = request.query_params
        filters, sort, editions = _filters(asked), asked.get("sort", ""), bool(asked.get("edition"))
        number = _number(asked.get("page", "1"))
        found = rows.page(filters, sort, (number - 1) * _PAGE, _PAGE, editions)
        last = max(1, -(-found.total // _PAGE))
        if number > last:
            number = last
            found = rows.page(filters, sort, (number - 1) * _PAGE, _PAGE, editions)
        kept = {**({"edition": "all"} if editions else {}), **filters}
        shown: dict[str, Any] = {
            "rows": found.rows, "total": found.total, "first": (number - 1) * _PAGE + 1, "number": number, "last": last,
            "filters": filters, "kept": kept, "sort": sort, "editions": editions, "problems": rows.problems,
        }  # fmt: skip
        if request.headers.get("hx-request") == "true":
            return page("results_rows.html.j2", **shown)
        choices = {name: rows.values(name, _MOST + 1) for name in _CHOICES}
        return page(
            "results.html.j2",
            **shown,
            choices={name: values if len(values) <= _MOST else [] for name, values in choices.items()},
            written={name: rows.values(name) if name == "system" else [] for name in _WRITTEN},
            codes=rows.values("warning_codes"),
        )

    def csv(self, request: "Request") -> "Response":
        """Hand out the rows that match as CSV, as ``anodeflow query --format csv`` prints them."""
        return _file("text/csv; charset=utf-8", "results.csv", _csv(self._all(request)))

    def json(self, request: "Request") -> "Response":
        """Hand out the rows that match as JSON, as ``anodeflow query --format json`` prints them."""
        text = json.dumps(self._all(request), indent=1)
        return _file("application/json", "results.json", iter([text]))

    def _all(self, request: "Request") -> list[dict[str, Any]]:
        asked = request.query_params
        rows = self.services.source.rows()
        return rows.page(_filters(asked), asked.get("sort", ""), 0, None, bool(asked.get("edition"))).rows


def refused(request: "Request", error: Exception) -> "Response":
    """Return what is said of a filter that is none."""
    return page("message.html.j2", 400, title="This cannot be asked", sentence=str(error))


def _filters(asked: Mapping[str, str]) -> dict[str, str]:
    """Return the filters of an address; empty fields of the form are none, and neither are all editions."""
    own = {"sort", "page", *(("edition",) if asked.get("edition") == "all" else ())}
    return {name: value.strip() for name, value in asked.items() if name not in own and value.strip()}


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text[:9]) == int(text)):
        raise InputError(f"{text!r} is no number of a page: take 1 or more.")
    return int(text)


def _csv(rows: list[dict[str, Any]]) -> Iterator[str]:
    text = StringIO()
    writer = csv.DictWriter(text, fieldnames=COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(csv_cells(row))
        if text.tell() > 100_000:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()


def _file(kind: str, name: str, text: Iterator[str]) -> "Response":
    from starlette.responses import StreamingResponse

    return StreamingResponse(text, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})
