"""What the pages of one run of ``anodeflow serve`` share."""

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from anodeflow.calculations.folder import CalculationFolder
from anodeflow.core.settings import get_settings
from anodeflow.serve.drawing import Drawings
from anodeflow.serve.rendering import page
from anodeflow.serve.source import Source
from anodeflow.serve.states import States
from anodeflow.serve.watch import Records

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from anodeflow.calculations.document import CalculationDoc
    from anodeflow.studies.document import StudyDoc

_ADDRESS = re.compile("[0-9a-f]{12,64}")


class Services:
    """Database, states, records and drawings."""

    def __init__(self) -> None:
        self.source, self.states, self.records, self.drawings = Source(), States(), Records(), Drawings()

    def close(self) -> None:
        """End what runs beside the pages."""
        self.source.close()
        self.drawings.close()

    def study(self, document_id: str, campaign: str | None = None) -> "StudyDoc | None":
        """Return a study document; none: there is none."""
        from anodeflow.database.query import ALL_EDITIONS, study_documents

        found = self.source.ask(lambda store: study_documents(campaign, store, ALL_EDITIONS, document_id))
        return found[-1] if found else None

    def studies(self, campaign: str) -> "list[StudyDoc]":
        """Return the study documents of a campaign, of the editions that ran last."""
        from anodeflow.database.query import study_documents

        return self.source.ask(lambda store: study_documents(campaign, store))

    def calculations(self, ids: "list[str]") -> "dict[str, CalculationDoc]":
        """Return the calculations of these ids that the database has."""
        from anodeflow.database.query import calculation_documents

        return self.source.ask(lambda store: calculation_documents(ids, store))

    def calculations_of(self, documents: "list[StudyDoc]") -> "dict[str, CalculationDoc]":
        """Return the calculations that documents rest on, by their ids."""
        return self.calculations(sorted({identity for each in documents for identity in each.calculation_ids.values()}))

    @staticmethod
    def folder(calculation_id: str) -> CalculationFolder | None:
        """Return the folder of a calculation on this machine; none: it has none here."""
        if not _ADDRESS.fullmatch(calculation_id):
            return None  # nothing else becomes part of a path
        path = get_settings().calculation(calculation_id)
        return CalculationFolder(path) if path.is_dir() else None


def missing(sentence: str) -> "Response":
    """Return the page that says what is not there."""
    return page("message.html.j2", 404, title="Not found", sentence=sentence)


def polled(request: "Request", template: str, **shown: Any) -> "Response":
    """Return a page, or of one that is looked at again only what has changed: nothing, where that is nothing.

    Parameters
    ----------
    request
        What was asked.
    template
        Name of the page; ``NAME_live.html.j2`` is the part that is looked at again.
    **shown
        What both show.
    """
    from starlette.responses import Response

    live = page(f"{template}_live.html.j2", **shown, seen="")
    seen = sha256(live.body).hexdigest()[:16]
    if request.headers.get("hx-request") != "true":
        return page(f"{template}.html.j2", **shown, seen=seen)
    if request.query_params.get("seen") == seen:
        return Response(status_code=204)
    return page(f"{template}_live.html.j2", **shown, seen=seen)
