"""The rows of one output, in one entry of the collection of rows (see :mod:`anodeflow.database.rows`)."""

import json
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anodeflow.studies
from anodeflow import __version__
from anodeflow.core.version import SCHEMA_VERSION
from anodeflow.database.documents import MissingPartError, UnreadStructureError, completed, edition, without_structures

if TYPE_CHECKING:
    from jobflow import JobStore

    from anodeflow.studies.document import StudyDoc

COMMON = ("campaign", "system", "study", "backend", "settings_hash", "document_id")
"""Fields in which all rows of a document agree."""
_PLACE = ("campaign", "study", "system", "backend", "settings_hash")
_OWN = (
    "property",
    "label",
    "part",
    "part_number",
    "value",
    "unit",
    "adsorbate",
    "temperature",
    "calculation_ids",
    "warnings",
    "warning_codes",
)


def place(output: Mapping[str, Any], edition: str = "") -> str:
    """Return what is equal for versions of the same answer: later ones take the place of earlier ones.

    Each edition of a campaign has its own.

    A study that was run again because a step of it had failed, or that a newer anodeflow reads otherwise, has another
    id but the same campaign, study, system, backend and settings.
    """
    names = [output.get(name) for name in _PLACE]
    if not all(isinstance(name, str) for name in names):
        names = [names[0], output.get("document_id")]
    return json.dumps([*names, edition] if edition else names)


def is_study(output: Mapping[str, Any]) -> bool:
    """Return whether an output is a study document of ours."""
    from anodeflow.studies.registry import document_classes

    return isinstance(output["output"], dict) and output["output"].get("@class") in document_classes()


def make_entry(store: "JobStore", stored_output: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry of one output.

    `sound` says whether the document could be read, `error` what could not be read of it, and `parted` whether large
    parts of it are missing.
    """
    from anodeflow.studies.registry import document_classes  # all studies, seconds of imports

    output = stored_output["output"] | {"edition": edition(stored_output)}
    kind = document_classes()[output["@class"]]
    made: dict[str, Any] = {
        "_id": f"{stored_output['uuid']}/{stored_output.get('index')}",
        "output_id": stored_output["_id"],
        **{name: stored_output.get(name) for name in ("uuid", "index", "completed_at")},
        **{name: output.get(name) if isinstance(output.get(name), str) else None for name in COMMON},
        "schema_version": SCHEMA_VERSION,
        "edition": output["edition"],
        "place": place(output, output["edition"]),
        "kind": kind.__name__,
        "current": True,
        "sound": True,
        "parted": False,
        "properties": [],
        "calculation_ids": [],
        "rows": "[]",
    }
    try:
        rows = rows_of(kind, completed(store, output))
    except (ValueError, TypeError, AttributeError, LookupError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        # A document that can be read, but not its rows, still stands in the place of its older versions.
        sound = _is_sound(kind, output)
        parted = isinstance(error, MissingPartError)
        return made | {"sound": sound, "current": sound, "parted": parted, "error": reason}
    ids = sorted({identifier for row in rows for identifier in row["calculation_ids"]})
    properties = sorted({row["property"] for row in rows})
    return made | {"properties": properties, "calculation_ids": ids, "rows": json.dumps(rows)}


def _is_sound(kind: "type[StudyDoc]", output: dict[str, Any]) -> bool:
    try:
        kind.model_validate(output)
    except (ValueError, TypeError, AttributeError, LookupError):
        return False
    return True


def unpacked(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of an entry, as fields of :class:`anodeflow.schemas.ResultRow`."""
    common = {name: entry[name] for name in COMMON}
    common |= {"edition": entry.get("edition", ""), "schema_version": entry.get("schema_version", SCHEMA_VERSION)}
    # Entries of an older anodeflow that may not be written anew say nothing of warnings and parts.
    common |= {"warnings": [], "warning_codes": [], "part": "", "part_number": None}
    return [common | row for row in json.loads(entry["rows"])]


@cache
def made_by() -> dict[str, Any]:
    """Return by which anodeflow entries are made: its version, and hash and age of the sources they follow from."""
    sources = sorted([*Path(anodeflow.studies.__path__[0]).rglob("document.py"), Path(__file__)])
    return {
        "version": __version__,
        "sources": sha256(b"".join(source.read_bytes() for source in sources)).hexdigest(),
        "changed": max(source.stat().st_mtime for source in sources),
    }


def supersedes(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    """Return whether entries of `theirs` are to be made anew; those of a newer anodeflow are good for an older one."""
    own, other = ((*map(int, made["version"].split(".")), made["changed"]) for made in (mine, theirs))
    return own > other and mine["sources"] != theirs["sources"]


def rows_of(kind: "type[StudyDoc]", output: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a document as fields of ResultRow, without those that all of its rows share."""
    try:
        rows = kind.model_validate(without_structures(output)).rows()
    except UnreadStructureError:
        rows = kind.model_validate(output).rows()
    return [row.model_dump(include=set(_OWN)) for row in rows]
