"""Documents as JSON lines, from one database to another of any kind.

The first line says what the file is; each other line is one document with its class and the time when it was made.
Calculations come before the studies that rest on them.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from anodeflow.core.decoding import refuse_foreign
from anodeflow.core.errors import InputError
from anodeflow.core.strict import strictly
from anodeflow.core.textfile import finite
from anodeflow.core.version import check_version
from anodeflow.database.documents import FIELDS, age, completed, edition, without_structures
from anodeflow.database.same_answer import difference
from anodeflow.studies.registry import CALCULATIONS, document_classes

if TYPE_CHECKING:
    from jobflow import JobStore

FORMAT = "anodeflow documents"
VERSION = 1
_KEYS = ("id", "campaign", "document_id")
_BATCH = 50

Progress = Callable[[str, int], None]


@dataclass
class Exchanged:
    """What became of the documents."""

    calculations: int = 0
    """Calculations written."""
    studies: int = 0
    """Study documents written."""
    known: int = 0
    """Documents that the database had already."""
    damaged: int = 0
    """Documents that could not be read, left out."""
    other: list[str] = field(default_factory=list)
    """Documents that the database has under the same id with other content, left out; each says what differs."""
    lacking: list[str] = field(default_factory=list)
    """Studies that rest on calculations which neither the file nor the database holds."""

    def count(self, kind: str) -> None:
        """Count a document that was written."""
        if kind in CALCULATIONS:
            self.calculations += 1
        else:
            self.studies += 1


def exported(
    store: "JobStore",
    summary: Exchanged,
    campaign: str | None = None,
    tell: Progress = lambda words, done: None,
) -> Iterator[dict[str, Any]]:
    """Yield the latest version of every document, one after the other, large parts in place.

    Parameters
    ----------
    store
        Connected store.
    summary
        Counts what is yielded.
    campaign
        Studies of this campaign and the calculations that they rest on; default: everything.
    tell
        Called after every few documents.

    Yields
    ------
    dict
        ``@class``, ``completed_at``, ``document``.
    """
    latest = _latest(store, document_classes(), campaign)
    needed = None if campaign is None else _calculations_of(store, latest)
    chosen = [*_latest(store, CALCULATIONS, None, needed), *latest]
    outputs = store.docs_store._collection
    for start in range(0, len(chosen), _BATCH):
        batch = chosen[start : start + _BATCH]
        found = {entry["_id"]: entry for entry in outputs.find({"_id": {"$in": batch}}, dict.fromkeys(FIELDS, 1))}
        for identifier in batch:
            if identifier not in found:  # replaced or deleted at this moment
                continue
            entry = found[identifier]
            kind = _todays(entry["output"]["@class"])
            if kind in document_classes() and (known := edition(entry)):
                entry["output"] |= {"edition": known}
            try:
                document = completed(store, entry["output"])
            except LookupError:
                summary.damaged += 1
                continue
            summary.count(kind)
            yield {"@class": kind, "completed_at": entry.get("completed_at"), "document": document}
        tell("exporting", min(start + _BATCH, len(chosen)))


def to_lines(documents: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the lines of a file of documents, each with its line end."""
    yield json.dumps({"format": FORMAT, "version": VERSION}) + "\n"
    for document in documents:
        yield json.dumps(document, ensure_ascii=False, separators=(",", ":"), default=str) + "\n"


def import_lines(
    store: "JobStore", lines: Iterable[str], source: str, tell: Progress = lambda words, done: None
) -> Exchanged:
    """Write documents from lines of :func:`to_lines`; those that the database has already are passed over.

    Parameters
    ----------
    store
        Connected store.
    lines
        The lines.
    source
        Where they come from, for messages.
    tell
        Called after every few documents.

    Raises
    ------
    InputError
        If a line is no document. What was read before is kept: the same import again goes on behind it.
    """
    kinds: dict[str, Any] = {**CALCULATIONS, **document_classes()}
    summary = Exchanged()
    told = time.monotonic()
    number = 0
    rest: dict[str, set[str]] = {}
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line, parse_constant=finite, parse_float=finite)
            if number == 1:
                _check_head(entry, source)
                continue
            kind = entry["@class"] = _todays(entry["@class"])
            refuse_foreign(entry, f"{source}, line {number},")
            strictly(kinds[kind], without_structures(entry["document"]))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:  # pydantic's is a ValueError
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise InputError(
                f"{source}, line {number}, is no document of this anodeflow ({reason}): export it anew; what stands "
                "before it has been imported."
            ) from error
        if kind not in CALCULATIONS:
            rest[_named(entry)] = set(entry["document"].get("calculation_ids", {}).values())
        there = _known(store, entry)
        if there is not None:
            summary.known += 1
            if words := difference(store, there, kind, entry["document"]):
                summary.other.append(f"{_named(entry)} ({words})")
        else:
            _write(store, entry)
            summary.count(kind)
        if time.monotonic() - told > 0.2:
            told = time.monotonic()
            tell("importing", number - 1)
    if number == 0:
        raise InputError(f"{source} is empty: write it with anodeflow db export.")
    summary.lacking = _lacking(store, rest)
    return summary


def _todays(name: str) -> str:
    """Return what a class of documents is called now."""
    kind = document_classes().get(name)
    return name if kind is None else kind.__name__


def _check_head(head: Any, source: str) -> None:
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise InputError(f"{source} holds no documents of anodeflow: write it with anodeflow db export.")
    check_version(head.get("version"), VERSION, f"{source} holds documents", "write it anew with anodeflow db export")


def _key(output: Mapping[str, Any]) -> tuple[Any, ...]:
    """What names a document, whichever job returned it."""
    if output["@class"] in CALCULATIONS:
        return (output["id"],)
    return output["campaign"], output["document_id"]


def _latest(
    store: "JobStore", kinds: Mapping[str, Any], campaign: str | None, ids: set[str] | None = None
) -> list[Any]:
    """_id of the latest output of each document, oldest first."""
    criteria: dict[str, Any] = {} if campaign is None else {"output.campaign": campaign}
    fields = dict.fromkeys(("completed_at", "index", "output.@class", *(f"output.{key}" for key in _KEYS)), 1)
    found: dict[tuple[Any, ...], Any] = {}
    outputs = store.docs_store._collection
    for entry in sorted(outputs.find({**criteria, "output.@class": {"$in": sorted(kinds)}}, fields), key=age):
        try:
            key = _key(entry["output"])
        except KeyError:
            continue
        if ids is None or key[0] in ids:
            found.pop(key, None)
            found[key] = entry["_id"]
    return list(found.values())


def uses(store: "JobStore", campaign: str | None = None) -> dict[str, dict[str, str]]:
    """Return for each calculation the first study that rests on it: campaign, system, study, site (its step)."""
    names = ("campaign", "system", "study")
    fields = dict.fromkeys((*(f"output.{name}" for name in names), "output.calculation_ids"), 1)
    found: dict[str, dict[str, str]] = {}
    identifiers = _latest(store, document_classes(), campaign)
    for start in range(0, len(identifiers), _BATCH):
        criteria = {"_id": {"$in": identifiers[start : start + _BATCH]}}
        for entry in store.docs_store._collection.find(criteria, fields):
            study = entry["output"]
            for step, identifier in study.get("calculation_ids", {}).items():
                found.setdefault(identifier, {name: study[name] for name in names} | {"site": step})
    return found


def _calculations_of(store: "JobStore", studies: list[Any]) -> set[str]:
    fields = {"output.calculation_ids": 1}
    found = store.docs_store._collection.find({"_id": {"$in": studies}}, fields)
    return {identifier for entry in found for identifier in entry["output"].get("calculation_ids", {}).values()}


def _known(store: "JobStore", entry: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the document of the database if it has this version of it, or a newer one."""
    document = entry["document"]
    of_calculation = entry["@class"] in CALCULATIONS
    names = ("id",) if of_calculation else ("document_id", "campaign")
    kinds = sorted(CALCULATIONS if of_calculation else document_classes())
    criteria = {f"output.{name}": document[name] for name in names} | {"output.@class": {"$in": kinds}}
    fields = ("energy", "formula") if of_calculation else ()
    asked = {"completed_at": 1} | ({f"output.{name}": 1 for name in fields} or {"output": 1})
    for other in store.docs_store._collection.find(criteria, asked):
        if str(other.get("completed_at") or "") >= str(entry.get("completed_at") or ""):
            return other["output"]
    return None


def _named(entry: Mapping[str, Any]) -> str:
    return " ".join(str(part) for part in _key({**entry["document"], "@class": entry["@class"]}))


def _lacking(store: "JobStore", studies: Mapping[str, set[str]]) -> list[str]:
    """Return the studies, name -> ids of their calculations, of which the database lacks a calculation."""
    wanted = sorted(set().union(*studies.values()))
    there: set[str] = set()
    for start in range(0, len(wanted), _BATCH):
        criteria = {
            "output.id": {"$in": wanted[start : start + _BATCH]},
            "output.@class": {"$in": sorted(CALCULATIONS)},
        }
        there |= {found["output"]["id"] for found in store.docs_store._collection.find(criteria, {"output.id": 1})}
    return [name for name, ids in studies.items() if not ids <= there]


def _write(store: "JobStore", entry: Mapping[str, Any]) -> None:
    """Write a document as a job would, under a uuid of its own: it takes the place of no job's output."""
    kind = entry["@class"]
    output = {**entry["document"], "@class": kind}
    record: Any = {
        "uuid": str(uuid5(NAMESPACE_URL, "/".join(["anodeflow import", kind, *map(str, _key(output))]))),
        "index": 1,
        "output": output,
        "completed_at": entry.get("completed_at"),
        "metadata": {"imported": True},
        "hosts": [],
        "name": "imported",
    }
    kinds = {**CALCULATIONS, **document_classes()}
    large: Any = kinds[kind].large_parts()
    store.update(record, save={"data": large})
