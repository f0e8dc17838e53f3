"""The application: its pages, the guard around them, and what is mounted beside them."""

from typing import TYPE_CHECKING

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

    from anodeflow.serve.pages import Pages
    from anodeflow.serve.rendering import FOLDER, REPORT_TEMPLATES

    pages = Pages()
    routes = [
        Route("/", pages.overview),
        Route("/campaigns/{name}", pages.campaign),
        Route("/static/report.css", pages.file(REPORT_TEMPLATES / "style.css")),
        Mount("/static", StaticFiles(directory=FOLDER / "static")),
        *mounts(),
    ]
    return Guard(Starlette(routes=routes, exception_handlers=pages.failures()), token, port)
