"""Makes pages of the templates; every text in them is escaped."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from jinja2 import Environment
    from starlette.responses import HTMLResponse

FOLDER = Path(__file__).parent
REPORT_TEMPLATES = FOLDER.parent / "report" / "templates"
"""Style and macros of reports: pages of both look alike."""


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

    return HTMLResponse(environment().get_template(template).render(shown), status)


@cache
def environment() -> "Environment":
    """Return jinja2 with the templates of this package and of reports."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from anodeflow import __version__
    from anodeflow.execution.display import clock
    from anodeflow.report.page import plain

    made = Environment(
        loader=FileSystemLoader([FOLDER / "templates", REPORT_TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"clock": clock, "path": lambda text: quote(str(text), safe=""), "plain": plain, "query": urlencode}
    made.globals |= {"version": __version__}
    return made
