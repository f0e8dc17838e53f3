"""Makes pages of the templates; every text in them is escaped."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from anodeflow.serve.guard import POLICY

if TYPE_CHECKING:
    from jinja2 import Environment
    from starlette.responses import HTMLResponse

FOLDER = Path(__file__).parent
REPORT_TEMPLATES = FOLDER.parent / "report" / "templates"
"""Style and macros of reports: pages of both look alike."""

_WITH_SCENES = ("document.html.j2", "calculation.html.j2")
"""Pages on which plotly draws: it gives its elements styles of their own. No page lets a script stand in it."""


def page(template: str, status: int = 200, **shown: Any) -> "HTMLResponse":
    """Return a page, or a piece of one.

    Parameters
    ----------
    template
        Name of the template.
    status
        Of HTTP.
    **shown
        What it shows.
    """
    from starlette.responses import HTMLResponse

    answer = HTMLResponse(environment().get_template(template).render(shown), status)
    if template in _WITH_SCENES:
        answer.headers["Content-Security-Policy"] = POLICY.replace(
            "style-src 'self'", "style-src 'self' 'unsafe-inline'"
        )
    return answer


def _linked(anchor: str) -> str:
    """Return the address of what a table of a report leads to; empty: it is on no page."""
    kind, _, name = anchor.partition("-")
    folder = {"calc": "calculations", "study": "documents"}.get(kind)
    return f"/{folder}/{quote(name, safe='')}" if folder else ""


@cache
def environment() -> "Environment":
    """Return jinja2 with the templates of this package and of reports."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from anodeflow import __version__
    from anodeflow.execution.display import clock
    from anodeflow.report.page import plain
    from anodeflow.serve.structures import spoken

    made = Environment(
        loader=FileSystemLoader([FOLDER / "templates", REPORT_TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"clock": clock, "path": lambda text: quote(str(text), safe=""), "plain": plain, "query": urlencode}
    made.filters |= {"spoken": spoken}
    made.globals |= {"version": __version__, "linked": _linked}
    return made
