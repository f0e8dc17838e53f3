"""The rows of all study documents in a collection of their own, so that a query reads rows and no structures.

Study documents are written by jobs, here or on a cluster, with or without anodeflow's help. The first query after
that makes the rows of every document that it has not seen: it leaves a mark in the job's output, which is gone
when the output is replaced. Rows are kept once for each output, all rows of one document in one entry; of the
entries of the same document, the latest is `current`.
"""

import json
from collections.abc import Hashable, Iterable, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError, OperationFailure

from anodeflow import __version__, schemas
from anodeflow.database.documents import (
    FIELDS,
    STUDIES,
    MissingPartError,
    UnreadStructureError,
    age,
    completed,
    without_structures,
)
from anodeflow.database.store import ROWS_MARK, is_refusal
from anodeflow.schemas import StudyDoc

if TYPE_CHECKING:
    from jobflow import JobStore

COLLECTION = "rows"
COMMON = ("campaign", "system", "study", "backend", "settings_hash", "document_id")
"""Fields in which all rows of a document agree."""
_INDEXES = (*COMMON, "properties", "calculation_ids", "error")
_OWN = ("property", "label", "value", "unit", "calculation_ids")
_VERSION = "version"  # _id of the entry that says by which anodeflow the rows were made
_BATCH = 100
_MARKED: dict[str, Any] = {"$set": {ROWS_MARK: True}}
_UNMARKED: dict[str, Any] = {"$unset": {ROWS_MARK: ""}}


def refresh(store: "JobStore", again: bool = False) -> list[dict[str, Any]]:
    """Make the rows of all study documents that have none yet.

    Parameters
    ----------
    store
        Connected store.
    again
        Make those of all documents again, and drop rows whose document is gone.

    Returns
    -------
    list of dict
        Entries that were not stored: large parts of the document are missing, or the user may only read.
    """
    rows = collection(store)
    mine = {"_id": _VERSION, "version": __version__, "schemas": _fingerprint()}
    made_by = rows.find_one({"_id": _VERSION})
    if again or made_by is None or _supersedes(mine, made_by):
        try:
            if made_by is not None:
                _forget(store)
            elif not _is_sqlite(store):
                for field in _INDEXES:
                    rows.create_index(field)
            rows.replace_one({"_id": _VERSION}, mine, upsert=True)
        except OperationFailure as error:
            if not is_refusal(error):
                raise
    unfinished: dict[Any, dict[str, Any]] = {}
    try:
        while unseen := [identifier for identifier in _unseen(store) if identifier not in unfinished]:
            for start in range(0, len(unseen), _BATCH):
                outputs = _outputs(store, unseen[start : start + _BATCH])
                entries = {output["_id"]: _entry(store, output) for output in outputs if _is_study(output)}
                # Jobs store the large parts of a document a moment after it: no mark, the next query looks again.
                parted = {identifier: entry for identifier, entry in entries.items() if entry.pop("parted")}
                unfinished |= parted
                whole = [output for output in outputs if output["_id"] not in parted]
                if whole:
                    _save(store, whole, [entries[output["_id"]] for output in whole if output["_id"] in entries])
    except OperationFailure as error:
        if not is_refusal(error):
            raise
        for output in _outputs(store, _unseen(store)):
            if _is_study(output):
                unfinished[output["_id"]] = _entry(store, output)
    if again:
        _drop_orphans(store)
    return list(unfinished.values())


def _unseen(store: "JobStore") -> list[Any]:
    """Ids of outputs whose rows have not been made; what other programs call a study may be among them."""
    # One range behind one equality: for this secantusd uses an index of both, be there millions of other outputs.
    criteria = {ROWS_MARK: None, "output.study": {"$gt": ""}}
    return [output["_id"] for output in store.docs_store._collection.find(criteria, {"_id": 1})]


def _outputs(store: "JobStore", ids: list[Any]) -> list[dict[str, Any]]:
    return list(store.docs_store._collection.find({"_id": {"$in": ids}}, dict.fromkeys(FIELDS, 1)))


def _is_study(output: Mapping[str, Any]) -> bool:
    return isinstance(output["output"], dict) and output["output"].get("@class") in STUDIES


def find(store: "JobStore", conditions: Mapping[str, Any], unsaved: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the current entries that meet the conditions on the server, and those that could not be stored.

    What comes back may hold more than was asked for; of several entries of one document only the latest is there.
    """
    found = {entry["_id"]: entry for entry in collection(store).find({**conditions, "current": True})}
    found |= {entry["_id"]: entry for entry in unsaved if entry["sound"]}
    latest: dict[Hashable, dict[str, Any]] = {}
    for entry in sorted(found.values(), key=age):
        latest[_key(entry)] = entry
    return sorted(latest.values(), key=age)


def problems(store: "JobStore", unsaved: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the entries of documents of which something could not be read; `error` says what."""
    found = {entry["_id"]: entry for entry in collection(store).find({"error": {"$gt": ""}})}
    found |= {entry["_id"]: entry for entry in unsaved if entry.get("error")}
    return sorted(found.values(), key=age)


def is_superseded(store: "JobStore", entry: Mapping[str, Any]) -> bool:
    """Return whether there is a newer, sound version of a damaged document."""
    others = collection(store).find({"document_id": entry.get("document_id"), "current": True})
    return any(_key(other) == _key(entry) and age(other) > age(entry) for other in others)


def unpacked(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of an entry, as fields of :class:`anodeflow.schemas.ResultRow`."""
    common = {name: entry[name] for name in COMMON}
    return [common | row for row in json.loads(entry["rows"])]


def collection(store: "JobStore") -> Any:
    """Return the collection of the rows, beside that of the documents."""
    return store.docs_store._collection.database[COLLECTION]


def _is_sqlite(store: "JobStore") -> bool:
    return store.docs_store.name.startswith("monty:")


def _key(entry: Mapping[str, Any]) -> tuple[str, str]:
    return str(entry.get("campaign")), str(entry.get("document_id"))


# --- making an entry ---


def _rows(kind: type[StudyDoc], output: dict[str, Any]) -> list[dict[str, Any]]:
    try:
        rows = kind.model_validate(without_structures(output)).rows()
    except UnreadStructureError:
        rows = kind.model_validate(output).rows()
    return [row.model_dump(include=set(_OWN)) for row in rows]


def _entry(store: "JobStore", stored_output: Mapping[str, Any]) -> dict[str, Any]:
    """The entry of one output; `sound`: whether the document could be read, `error`: what could not be read of it."""
    output = stored_output["output"]
    kind = STUDIES[output["@class"]]
    made: dict[str, Any] = {
        "_id": f"{stored_output['uuid']}/{stored_output.get('index')}",
        "output_id": stored_output["_id"],
        **{name: stored_output.get(name) for name in ("uuid", "index", "completed_at")},
        **{name: output.get(name) if isinstance(output.get(name), str) else None for name in COMMON},
        "kind": kind.__name__,
        "current": True,
        "sound": True,
        "parted": False,
        "properties": [],
        "calculation_ids": [],
        "rows": "[]",
    }
    try:
        rows = _rows(kind, completed(store, output))
    except (ValueError, TypeError, AttributeError, LookupError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        # A document that can be read, but not its rows, still stands in the place of its older versions.
        sound = _is_sound(kind, output)
        parted = isinstance(error, MissingPartError)
        return made | {"sound": sound, "current": sound, "parted": parted, "error": reason}
    ids = sorted({identifier for row in rows for identifier in row["calculation_ids"]})
    properties = sorted({row["property"] for row in rows})
    return made | {"properties": properties, "calculation_ids": ids, "rows": json.dumps(rows)}


def _is_sound(kind: type[StudyDoc], output: dict[str, Any]) -> bool:
    try:
        kind.model_validate(output)
    except (ValueError, TypeError, AttributeError, LookupError):
        return False
    return True


# --- keeping the entries right ---


def _save(store: "JobStore", new_outputs: list[dict[str, Any]], entries: list[dict[str, Any]]) -> None:
    """Store the entries of new outputs, settle which are current, and mark the outputs.

    In this order: a kill in the middle costs nothing but work done twice.
    """
    rows, outputs = collection(store), store.docs_store._collection
    known = {entry["_id"]: entry for entry in rows.find({"_id": {"$in": [entry["_id"] for entry in entries]}})}
    new = [] if _is_sqlite(store) else [entry for entry in entries if entry["_id"] not in known]
    changed = [entry for entry in entries if entry not in new]
    if new:
        try:
            rows.insert_many(new, ordered=False)  # far faster than one by one
        except BulkWriteError:  # another process was there first
            changed = entries
    for entry in changed:
        rows.replace_one({"_id": entry["_id"]}, entry, upsert=True)
    _settle(rows, [*entries, *known.values()])
    # An output that has been replaced meanwhile gets no mark: its rows are made again.
    marks = [({"_id": output["_id"], "completed_at": output.get("completed_at")}, _MARKED) for output in new_outputs]
    if _is_sqlite(store):
        marked = sum(outputs.update_one(*mark).matched_count for mark in marks)
    else:
        marked = outputs.bulk_write([UpdateOne(*mark) for mark in marks], ordered=False).matched_count
    if marked < len(marks):
        for criteria, _ in marks:
            if outputs.find_one(criteria, {"_id": 1}) is None:
                outputs.update_one({"_id": criteria["_id"]}, _UNMARKED)


def _settle(rows: Any, entries: Iterable[Mapping[str, Any]]) -> None:
    """See that of all versions of the documents in `entries` the latest sound one is current, and no other."""
    ids = sorted({entry["document_id"] for entry in entries if entry["document_id"]})
    fields = dict.fromkeys(("campaign", "document_id", "completed_at", "index", "sound", "current"), 1)
    # Others may do the same at this moment: what counts is what the last of us finds.
    while True:
        versions = list(rows.find({"document_id": {"$in": ids}}, fields))
        latest = {_key(entry): entry["_id"] for entry in sorted(versions, key=age) if entry["sound"]}
        wrong = [entry for entry in versions if entry["current"] != (latest.get(_key(entry)) == entry["_id"])]
        if not wrong:
            return
        for entry in wrong:
            rows.update_one({"_id": entry["_id"]}, {"$set": {"current": not entry["current"]}})


def _forget(store: "JobStore") -> None:
    """Take the marks from all outputs."""
    store.docs_store._collection.update_many({ROWS_MARK: True}, _UNMARKED)


def _drop_orphans(store: "JobStore") -> None:
    """Drop the entries whose outputs were deleted."""
    rows, outputs = collection(store), store.docs_store._collection
    dropped = []
    for entry in list(rows.find({}, {"output_id": 1, "document_id": 1})):
        if entry["_id"] != _VERSION and outputs.find_one({"_id": entry["output_id"]}, {"_id": 1}) is None:
            rows.delete_one({"_id": entry["_id"]})
            dropped.append(entry)
    _settle(rows, dropped)


# --- rows made by another version of anodeflow ---


@cache
def _fingerprint() -> str:
    """Hash of the sources from which rows follow."""
    sources = sorted([*Path(schemas.__path__[0]).glob("*.py"), Path(__file__)])
    return sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


def _supersedes(mine: Mapping[str, str], theirs: Mapping[str, str]) -> bool:
    """Return whether rows of `theirs` are to be made anew; those of a newer anodeflow are good for an older one."""
    own, other = (tuple(int(part) for part in made["version"].split(".")) for made in (mine, theirs))
    return own > other or (own == other and mine["schemas"] != theirs["schemas"])
