"""The application: its addresses, the guard around them, and what is mounted beside them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anodeflow.core.errors import AnodeflowError, DatabaseError, InputError
from anodeflow.core.install import install_command
from anodeflow.serve.guard import Guard
from anodeflow.serve.mounts import mounts

if TYPE_CHECKING:
    from starlette.types import ASGIApp


def create_app(token: str, port: int) -> "ASGIApp":
    """Return the application that ``anodeflow serve`` runs.

    Parameters
    ----------
    token
        Secret without which nothing is answered.
    port
        Port on 127.0.0.1 that it listens on: requests by another name or port are refused.
    """
    from starlette.applications import Starlette
    from starlette.routing import Mount, Route
    from starlette.staticfiles import StaticFiles

    from anodeflow.serve.calculations import Calculations
    from anodeflow.serve.documents import Documents
    from anodeflow.serve.pages import Pages, failed, not_there, unforeseen
    from anodeflow.serve.rendering import FOLDER, REPORT_TEMPLATES
    from anodeflow.serve.results import Results, refused
    from anodeflow.serve.services import Services

    plotly = find_spec("plotly")  # found, not imported: its file alone is handed out
    if plotly is None:
        raise InputError(f"the live view needs plotly: {install_command('serve')}.")
    services = Services()
    pages, results, documents = Pages(services), Results(services), Documents(services)
    calculations = Calculations(services)
    others = [
        ("report.css", REPORT_TEMPLATES / "style.css"),
        ("viewer.js", REPORT_TEMPLATES / "viewer.js"),
        ("scenes.js", REPORT_TEMPLATES / "scenes.js"),
        ("plotly.js", Path(plotly.origin or "").parent / "package_data" / "plotly.min.js"),
    ]

    @asynccontextmanager
    async def lifespan(app: Any) -> "AsyncIterator[None]":
        services.source.prepare()
        yield
        services.close()

    routes = [
        Route("/", pages.overview),
        Route("/campaigns/{name}", pages.campaign),
        Route("/campaigns/{name}/report", documents.report),
        Route("/campaigns/{name}/results.json.gz", documents.results_file),
        Route("/calculations/{id}", calculations.show),
        Route("/calculations/{id}/document.json", calculations.as_json),
        Route("/calculations/{id}/structures/{name}", calculations.structure),
        Route("/results", results.table),
        Route("/results.csv", results.csv),
        Route("/results.json", results.json),
        Route("/documents/{id}", documents.show),
        Route("/documents/{id}/figures", documents.figures),
        Route("/documents/{id}/document.json", documents.as_json),
        Route("/documents/{id}/structures/{name}", documents.structure),
        Route("/made/{key}/{path:path}", documents.made),
        *(Route(f"/static/{name}", _file(file)) for name, file in others),
        Mount("/static", StaticFiles(directory=FOLDER / "static")),
        *mounts(port),
    ]
    failures: dict[Any, Any] = {
        404: not_there,
        InputError: refused,
        DatabaseError: failed,
        AnodeflowError: failed,
        Exception: unforeseen,
    }
    application = Starlette(routes=routes, exception_handlers=failures, lifespan=lifespan)
    application.router.redirect_slashes = False  # an address with a slash too many is none
    return Guard(application, token, port)


def _file(path: Path) -> Any:
    from starlette.responses import FileResponse

    return lambda request: FileResponse(path, headers={"Cache-Control": "private, max-age=3600"})
