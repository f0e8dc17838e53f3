"""Study documents: their numbers, figures, structures, calculations, and all of these as files."""

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from anodeflow.serve.drawing import PART
from anodeflow.serve.files import attachment, json_file, structure_file
from anodeflow.serve.policy import report_policy
from anodeflow.serve.rendering import page
from anodeflow.serve.services import Services, missing

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from anodeflow.studies.document import StudyDoc


class Documents:
    """Pages and files of documents."""

    def __init__(self, services: Services) -> None:
        self.services = services

    def show(self, request: "Request") -> "Response":
        """Show a study: its numbers at once, its figures when they are drawn."""
        document = self._document(request)
        if document is None:
            return _no_document(request)
        from anodeflow.serve.structures import structures

        rows = [row.model_dump() for row in document.rows()]
        return page(
            "document.html.j2", document=document, rows=rows, structures=list(structures(document)),
            asked={"campaign": document.campaign}, title=f"{document.study.replace('_', ' ')} of {document.system}",
        )  # fmt: skip

    def figures(self, request: "Request") -> "Response":
        """Bring the figures of a study, or say that they are being drawn."""
        from starlette.responses import Response

        document = self._document(request)
        if document is None:
            return _no_document(request)
        beside = self._beside(document)
        key = f"d{_key([document, *beside])}"
        making = self.services.drawings.document(key, document, beside)
        address = f"/documents/{document.document_id}/figures?campaign="
        if not making.done():
            if request.query_params.get("seen"):
                return Response(status_code=204)
            return page(
                "drawing.html.j2", address=address, campaign=document.campaign, what="The figures are being drawn."
            )
        if error := making.exception():
            return page("note.html.j2", sentence=f"The figures could not be drawn: {error}")
        part = self.services.drawings.file(key, PART)
        if part is None:
            return page("note.html.j2", sentence="The figures are gone: load this page again.")
        # Relative addresses would be those of the page around it.
        return Response(part.read_text(encoding="utf-8").replace("@figures@", f"/made/{key}"), media_type="text/html")

    def made(self, request: "Request") -> "Response":
        """Hand out a file that was drawn: a figure, or a page of a report."""
        from starlette.responses import FileResponse

        key, path = request.path_params["key"], request.path_params["path"]
        file = self.services.drawings.file(key, path)
        if file is None:
            return missing("There is no such file; it may have been made by an earlier run of anodeflow serve.")
        headers = {"Content-Security-Policy": report_policy()} if file.suffix == ".html" else {}
        if file.suffix == ".svg":  # opened by itself it is a page
            headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:"}
        return FileResponse(file, headers=headers)

    def as_json(self, request: "Request") -> "Response":
        """Hand out a document as JSON."""
        document = self._document(request)
        return _no_document(request) if document is None else json_file(document, f"{document.study}-{document.system}")

    def structure(self, request: "Request") -> "Response":
        """Hand out a structure of a document as CIF or extended XYZ."""
        document = self._document(request)
        if document is None:
            return _no_document(request)
        return structure_file(document, request.path_params["name"], f"{document.study}-{document.system}")

    def report(self, request: "Request") -> "Response":
        """Show the report of a campaign or of one study when it is written; ask for it if nobody has."""
        from starlette.responses import RedirectResponse, Response

        name, identity = request.path_params["name"], request.query_params.get("document", "")
        documents = self.services.studies(name) if not identity else []
        if identity and (document := self.services.study(identity, name)) is not None:
            documents = [document]
        if not documents:
            return missing(
                f"The database has no results of campaign {name}{' and document ' + identity if identity else ''}."
            )
        key = f"r{_key(documents)}"
        making = self.services.drawings.known(key)
        if making is None or (making.done() and making.exception()):
            if making is not None and request.headers.get("hx-request") == "true":
                return page("note.html.j2", sentence=f"The report could not be written: {making.exception()}")
            calculations = self.services.calculations_of(documents)
            making = self.services.drawings.report(key, name, documents, calculations)
        if making.done() and not making.exception():
            if request.headers.get("hx-request") == "true":
                return Response(headers={"HX-Redirect": f"/made/{key}/index.html"})
            return RedirectResponse(f"/made/{key}/index.html", 303)
        if request.headers.get("hx-request") == "true":
            return Response(status_code=204)
        return page("report.html.j2", name=name, number=len(documents), document=identity)

    def results_file(self, request: "Request") -> "Response":
        """Hand out the results of a campaign as ``anodeflow export`` writes them."""
        from tempfile import TemporaryDirectory

        from starlette.responses import Response

        from anodeflow.database.results_file import write_results

        name = request.path_params["name"]
        documents = self.services.studies(name)
        if not documents:
            return missing(f"The database has no results of campaign {name}.")
        calculations = self.services.calculations_of(documents)
        with TemporaryDirectory() as folder:
            content = write_results(documents, calculations, Path(folder) / "results.json.gz").read_bytes()
        return Response(content, media_type="application/gzip", headers=attachment(name, "json.gz"))

    def _beside(self, document: "StudyDoc") -> "list[StudyDoc]":
        """Return the studies with which the figures of one must be comparable: densities are drawn at one value."""
        if document.study != "charge":
            return []
        found = self.services.studies(document.campaign)
        return [each for each in found if each.study == document.study and each.document_id != document.document_id]

    def _document(self, request: "Request") -> "StudyDoc | None":
        return self.services.study(request.path_params["id"], request.query_params.get("campaign") or None)


def _key(documents: "list[StudyDoc]") -> str:
    """Return a name for what is made of documents: another one when they change."""
    names = sorted(f"{each.document_id} {each.campaign} {each.edition} {each.backend}" for each in documents)
    return sha256("\n".join(names).encode()).hexdigest()[:32]


def _no_document(request: "Request") -> "Response":
    return missing(f"The database has no document {request.path_params['id']}.")
