"""Divides the page of a large campaign: an index, and a page for each system, to which its links lead.

A browser takes long over one page of a thousand systems. The pages lie in ``systems/``; the index is no longer whole
without them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from anodeflow.core.labels import SystemName
from anodeflow.report.page import Section, Table, Warned
from anodeflow.studies.document import StudyDoc

MANY = 200
"""Studies from which on a report is divided."""
Page = tuple[str, dict[str, Any], Callable[[str], str]]
"""Path in the folder of the report, what the template shows, and where links lead."""


def divided(page: dict[str, Any], documents: list[StudyDoc]) -> Iterator[Page]:
    """Yield the pages of a report: the whole, or an index and a page for each system.

    Parameters
    ----------
    page
        What ``index.html.j2`` shows of the whole report.
    documents
        All its studies.
    """
    if page["short"]:
        yield "index.html", page, lambda anchor: ""
        return
    if sum(len(section.parts) for section in page["sections"]) <= MANY:
        yield "index.html", page, lambda anchor: f"#{anchor}"
        return
    mine: dict[str, list[StudyDoc]] = defaultdict(list)
    for document in documents:
        mine[SystemName.read(document.system).own].append(document)  # a variant belongs to its system
    names = {system: f"systems/{number}-{_plain(system)}.html" for number, system in enumerate(mine)}
    home: dict[str, str] = {}
    for system, its in mine.items():
        for document in its:
            for anchor in (f"study-{document.document_id}", *_calculations(document)):
                home.setdefault(anchor, names[system])
    everywhere = {f"settings-{document.settings_hash}" for document in documents}
    yield "index.html", _index(page), lambda anchor: f"{home[anchor]}#{anchor}" if anchor in home else f"#{anchor}"
    for system, its in mine.items():
        own = {anchor for document in its for anchor in (f"study-{document.document_id}", *_calculations(document))}

        def linked(anchor: str, own: set[str] = own) -> str:
            if anchor in own:
                return f"#{anchor}"
            if anchor in everywhere:
                return f"../index.html#{anchor}"
            return f"../{home[anchor]}#{anchor}" if anchor in home else ""

        yield names[system], _of_system(page, system, own), linked


def _index(page: dict[str, Any]) -> dict[str, Any]:
    """Return the page without what stands on the pages of the systems."""
    pictures = [page["figure"]] if page["figure"] else []
    pictures += [picture for section in page["sections"] for picture in section.pictures]
    return page | {"paged": True, "calculations": None, "pictures": pictures, "tables": []}


def _of_system(page: dict[str, Any], system: str, own: set[str]) -> dict[str, Any]:
    """Return the page of one system: its studies, numbers, warnings and calculations."""
    sections: list[Section] = []
    for section in page["sections"]:
        parts = [part for part in section.parts if part.anchor in own]
        if parts:
            sections.append(replace(section, parts=parts, answer=[], pictures=[], tables=[], verdicts=[]))
    results, steps = page["results"], page["calculations"]
    return page | {
        "campaign": f"{system} in {page['campaign']}",
        "back": "../index.html",
        "gists": [],
        "figure": None,
        "sections": sections,
        "results": _rows(results, lambda row: row["system"].anchor in own),
        "papers": [],
        "references": [],
        "notes": [],
        "warnings": _warnings(page["warnings"], own),
        "settings": [],
        "settings_anchors": [],
        "calculations": _rows(steps, lambda row: row["_anchor"] in own),
        "tables": [],
        "pictures": [picture for s in sections for part in s.parts for picture in part.pictures + part.gallery],
    }


def _warnings(warnings: list[Warned], own: set[str]) -> list[Warned]:
    narrowed = [replace(each, places=[place for place in each.places if place.anchor in own]) for each in warnings]
    return [each for each in narrowed if each.places]


def _rows(table: Table, wanted: Callable[[dict[str, Any]], bool]) -> Table:
    return replace(table, rows=[row for row in table.rows if wanted(row)])


def _calculations(document: StudyDoc) -> list[str]:
    return [f"calc-{identity}" for identity in document.calculation_ids.values()]


def _plain(system: str) -> str:
    return "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in system).split())[:60]
