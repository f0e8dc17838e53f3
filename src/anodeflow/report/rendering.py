"""Makes HTML of the parts of a page, with the scripts that it needs inside."""

import gzip
import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from anodeflow.report.page import plain

_TEMPLATES = Path(__file__).parent / "templates"


class _Links:
    """Where the links of the page that is being written lead; the templates are compiled once for all pages."""

    def __init__(self) -> None:
        self.linked: Callable[[str], str] = str

    def __call__(self, anchor: str) -> str:
        return self.linked(anchor)


def rendered(page: dict[str, Any], linked: Callable[[str], str]) -> Iterator[str]:
    """Return a page, piece by piece; it must be written before the next one is begun.

    Parameters
    ----------
    page
        What the template ``index.html.j2`` shows.
    linked
        Name of a place -> the address of it; empty: it is on no page, and its links are plain text.
    """
    template, links = _template()
    links.linked = linked
    with_scenes = not page["paged"] and any(part.scenes for section in page["sections"] for part in section.parts)
    scripts = ["page.js", "viewer.js", *(["scenes.js"] if with_scenes else [])]
    page = page | {
        "scripts": [(_TEMPLATES / name).read_text(encoding="utf-8") for name in scripts],
        "packed": packed(json.dumps({p.name: p.svg.decode("utf-8") for p in page["pictures"] if not p.source})),
        "plotly": _plotly() if with_scenes else "",
    }
    return iter(template.generate(page))


@cache
def _template() -> tuple[Any, _Links]:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plain"] = plain
    links = _Links()
    environment.globals["linked"] = links
    return environment.get_template("index.html.j2"), links


def packed(text: str) -> str:
    """Return a text compressed, as letters: the browser unpacks it when it is needed."""
    return b64encode(gzip.compress(text.encode("utf-8"), mtime=0)).decode("ascii")


@cache
def _plotly() -> str:
    """Return the library that draws in three dimensions, compressed."""
    from plotly.offline import get_plotlyjs

    return packed(get_plotlyjs())
