"""The rows of all study documents in a collection of their own, so that a query reads rows and no structures.

Study documents are written by jobs, here or on a cluster, with or without anodeflow's help. The first query after
that makes the rows of every document that it has not seen: it leaves a mark in the job's output, which is gone
when the output is replaced. Rows are kept once for each output, all rows of one document in one entry; of the
entries of the same answer (:func:`anodeflow.database.row_entry.place`), the latest is `current`.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError, OperationFailure

from anodeflow.database.documents import FIELDS, age
from anodeflow.database.opening import ROWS_MARK
from anodeflow.database.row_entry import COMMON, is_study, made_by, make_entry, place, supersedes
from anodeflow.database.server_store import is_refusal

if TYPE_CHECKING:
    from jobflow import JobStore

COLLECTION = "rows"
_INDEXES = (*COMMON, "place", "properties", "calculation_ids", "error")
_OF_EDITION = ("campaign", "backend", "edition", "completed_at", "index")
_MADE_BY = "made_by"  # _id of the entry that says by which anodeflow the rows were made
_BATCH = {"server": 100, "sqlite": 25}
"""Documents that are asked for at once; MontyDB compares each with all that are named."""
_SETTLED = {"server": 100, "sqlite": 5000}
"""Outputs after which rows are stored and settled: SQLite is read from end to end for that."""


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
    from anodeflow.database.files import alone  # half a second of imports

    with alone(store):
        return _refreshed(store, again)


def all_made(store: Any) -> bool:
    """Return whether a query needs no more than the rows that are there: none is to be made, or made anew."""
    known = collection(store).find_one({"_id": _MADE_BY})
    return known is not None and not supersedes(made_by(), known) and not _unseen(store, known["generation"])


def _refreshed(store: "JobStore", again: bool) -> list[dict[str, Any]]:
    generation = _generation(store, again)
    unfinished: dict[Any, dict[str, Any]] = {}
    try:
        while unseen := [identifier for identifier in _unseen(store, generation) if identifier not in unfinished]:
            for ids in _pieces(unseen, _SETTLED[_kind(store)]):
                unfinished |= _make(store, ids, generation)
    except OperationFailure as error:
        if not is_refusal(error):
            raise
        for output in _outputs(store, _unseen(store, generation)):
            if is_study(output):
                unfinished[output["_id"]] = make_entry(store, output)
    if again:
        _drop_orphans(store)
    return list(unfinished.values())


def _make(store: "JobStore", ids: Sequence[Any], generation: int) -> dict[Any, dict[str, Any]]:
    """Make and store the rows of outputs; return the entries of those that are not whole yet."""
    parted: dict[Any, dict[str, Any]] = {}
    made: list[dict[str, Any]] = []
    whole: list[dict[str, Any]] = []
    for some in _pieces(ids, _BATCH[_kind(store)]):
        for output in _outputs(store, some):
            entry = make_entry(store, output) if is_study(output) else None
            # Jobs store the large parts of a document a moment after it: no mark, the next query looks again.
            if entry is not None and entry.pop("parted"):
                parted[output["_id"]] = entry
                continue
            whole.append({"_id": output["_id"], "completed_at": output.get("completed_at")})
            if entry is not None:
                made.append(entry)
    if whole:
        _save(store, whole, made, generation)
    return parted


def _generation(store: "JobStore", again: bool) -> int:
    """Number that marks the outputs whose rows are good; a new one if they are to be made by this anodeflow anew."""
    rows = collection(store)
    known = rows.find_one({"_id": _MADE_BY})
    if known is not None and not again and not supersedes(made_by(), known):
        return known["generation"]
    generation = 1 if known is None else known["generation"] + 1
    try:
        if known is None and not _is_sqlite(store):
            for field in _INDEXES:
                rows.create_index(field)
        rows.replace_one({"_id": _MADE_BY}, {"_id": _MADE_BY, **made_by(), "generation": generation}, upsert=True)
    except OperationFailure as error:
        if not is_refusal(error):
            raise
        return generation if known is None else known["generation"]
    return generation


def _unseen(store: "JobStore", generation: int) -> list[Any]:
    """Ids of outputs whose rows have not been made; what other programs call a study may be among them."""
    # One range at most behind an equality: for this secantusd uses an index, be there millions of other outputs.
    never = {ROWS_MARK: None, "output.study": {"$gt": ""}}
    long_ago = {ROWS_MARK: {"$lt": generation}}
    outputs = store.docs_store._collection
    return [output["_id"] for criteria in (never, long_ago) for output in outputs.find(criteria, {"_id": 1})]


def _outputs(store: "JobStore", ids: Sequence[Any]) -> list[dict[str, Any]]:
    return _those(store, store.docs_store._collection, "_id", ids, FIELDS)


def _those(
    store: "JobStore", documents: Any, field: str, values: Sequence[Any], shown: Iterable[str] | None = None
) -> list[dict[str, Any]]:
    """Return the documents of a collection whose field has one of the values."""
    fields = None if shown is None else dict.fromkeys(shown, 1)
    size = _BATCH["sqlite"] if _is_sqlite(store) else max(1, len(values))
    return [found for some in _pieces(values, size) for found in documents.find({field: {"$in": list(some)}}, fields)]


def _pieces(values: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Yield values, so many at once."""
    left = iter(values)
    while piece := list(islice(left, size)):
        yield piece


def _kind(store: "JobStore") -> str:
    return "sqlite" if _is_sqlite(store) else "server"


def find(store: "JobStore", conditions: Mapping[str, Any], unsaved: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the current entries that meet the conditions on the server, and those that could not be stored.

    What comes back may hold more than was asked for; of several entries of one answer only the latest is there.
    """
    found = {entry["_id"]: entry for entry in collection(store).find({**conditions, "current": True})}
    found |= {entry["_id"]: entry for entry in unsaved if entry["sound"]}
    latest: dict[Hashable, dict[str, Any]] = {}
    for entry in sorted(found.values(), key=age):
        latest[_place(entry)] = entry
    return sorted(latest.values(), key=age)


def problems(store: "JobStore", unsaved: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the entries of documents of which something could not be read; `error` says what."""
    found = {entry["_id"]: entry for entry in collection(store).find({"error": {"$gt": ""}})}
    found |= {entry["_id"]: entry for entry in unsaved if entry.get("error")}
    return sorted(found.values(), key=age)


def is_superseded(store: "JobStore", entry: Mapping[str, Any]) -> bool:
    """Return whether there is a newer, sound version of a damaged document."""
    others = collection(store).find({"place": _place(entry), "current": True})
    return any(age(other) > age(entry) for other in others)


def collection(store: "JobStore") -> Any:
    """Return the collection of the rows, beside that of the documents."""
    return store.docs_store._collection.database[COLLECTION]


def _is_sqlite(store: "JobStore") -> bool:
    return store.docs_store.name.startswith("monty:")


def _place(entry: Mapping[str, Any]) -> str:
    """Return the place of an entry; those of an older anodeflow do not say it until they are made anew."""
    return entry["place"] if "place" in entry else place(entry, entry.get("edition", ""))


def editions(
    store: "JobStore", campaigns: Iterable[str | None], unsaved: Iterable[dict[str, Any]] = ()
) -> list[dict[str, Any]]:
    """Return what there is of each edition of campaigns: `campaign`, `backend`, `edition`, `completed_at` of its latest
    document; the oldest first.
    """
    named = sorted({name for name in campaigns if name is not None})
    criteria, fields = {"campaign": {"$in": named}, "current": True}, _OF_EDITION
    found: list[dict[str, Any]]
    if _is_sqlite(store):
        from anodeflow.database.keyed import fields_of

        wanted = set(named)
        found = [entry for entry in fields_of(collection(store), criteria, fields) if entry["campaign"] in wanted]
    else:
        found = list(collection(store).find(criteria, dict.fromkeys(fields, 1)))
    found += [entry for entry in unsaved if entry["sound"]]
    latest = {
        (entry["campaign"], entry["backend"], entry.get("edition") or ""): entry for entry in sorted(found, key=age)
    }
    return [
        {"campaign": campaign, "backend": backend, "edition": edition, "completed_at": entry.get("completed_at")}
        for (campaign, backend, edition), entry in sorted(latest.items(), key=lambda item: age(item[1]))
    ]


# --- keeping the entries right ---


def _save(store: "JobStore", new_outputs: list[dict[str, Any]], entries: list[dict[str, Any]], generation: int) -> None:
    """Store the entries of new outputs, settle which are current, and mark the outputs.

    In this order: a kill in the middle costs nothing but work done twice.
    """
    rows, outputs = collection(store), store.docs_store._collection
    known = {entry["_id"]: entry for entry in _those(store, rows, "_id", [entry["_id"] for entry in entries])}
    changed = [entry for entry in entries if entry | {"current": 0} != known.get(entry["_id"], {}) | {"current": 0}]
    if _is_sqlite(store):
        from anodeflow.database.keyed import put

        put(rows, changed, known)
        changed = []
    elif not known and entries:
        try:
            rows.insert_many(entries, ordered=False)  # far faster than one by one
            changed = []
        except BulkWriteError:  # another process was there first
            pass
    for entry in changed:
        rows.replace_one({"_id": entry["_id"]}, entry, upsert=True)
    _settle(store, [*entries, *known.values()])
    if _is_sqlite(store):
        _mark_files(store, new_outputs, generation)
        return
    # An output that has been replaced meanwhile gets no mark: its rows are made again.
    mark = {"$set": {ROWS_MARK: generation}}
    marks = [({"_id": output["_id"], "completed_at": output.get("completed_at")}, mark) for output in new_outputs]
    marked = outputs.bulk_write([UpdateOne(*update) for update in marks], ordered=False).matched_count
    if marked < len(marks):
        for criteria, _ in marks:
            if outputs.find_one(criteria, {"_id": 1}) is None:
                outputs.update_one({"_id": criteria["_id"]}, {"$unset": {ROWS_MARK: ""}})


def _mark_files(store: "JobStore", new_outputs: list[dict[str, Any]], generation: int) -> None:
    """Mark outputs in SQLite, which nobody else writes to meanwhile."""
    from anodeflow.database.keyed import put

    outputs = store.docs_store._collection
    seen = {output["_id"]: output["completed_at"] for output in new_outputs}
    for ids in _pieces(seen, _SETTLED["server"]):
        there = [each for each in _those(store, outputs, "_id", ids) if each.get("completed_at") == seen[each["_id"]]]
        put(outputs, (each | {ROWS_MARK: generation} for each in there), ids)


def _settle(store: "JobStore", entries: Iterable[Mapping[str, Any]]) -> None:
    """See that of all versions of the answers in `entries` the latest sound one is current, and no other."""
    rows = collection(store)
    places = sorted({_place(entry) for entry in entries})
    fields = ("place", "completed_at", "index", "sound", "current")
    # Others may do the same at this moment: what counts is what the last of us finds.
    while True:
        versions = _those(store, rows, "place", places, fields)
        latest = {entry["place"]: entry["_id"] for entry in sorted(versions, key=age) if entry["sound"]}
        wrong = [entry for entry in versions if entry["current"] != (latest.get(entry["place"]) == entry["_id"])]
        if not wrong:
            return
        if _is_sqlite(store):
            from anodeflow.database.keyed import put

            right = {entry["_id"]: not entry["current"] for entry in wrong}
            found = _those(store, rows, "_id", list(right))
            put(rows, (entry | {"current": right[entry["_id"]]} for entry in found), right)
            continue
        for entry in wrong:
            rows.update_one({"_id": entry["_id"]}, {"$set": {"current": not entry["current"]}})


def _drop_orphans(store: "JobStore") -> None:
    """Drop the entries whose outputs were deleted."""
    rows, outputs = collection(store), store.docs_store._collection
    dropped = []
    for entry in list(rows.find({}, {"output_id": 1, "place": 1})):
        if "output_id" in entry and outputs.find_one({"_id": entry["output_id"]}, {"_id": 1}) is None:
            rows.delete_one({"_id": entry["_id"]})
            dropped.append(entry)
    _settle(store, dropped)
