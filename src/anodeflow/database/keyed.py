"""Documents of an SQLite file by their keys.

MontyDB reads and decodes a whole file for every question and every change, so that one change for each document is
quadratic in their number. What names documents by their `_id` goes by the file's own key here.

Imported once a store is connected, since MontyDB decides only then which BSON it takes.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from montydb.storage.sqlite import SQLITE_RECORD_TABLE, SQLiteCollection, SQLiteCursor, SQLiteDatabase, bson

_AT_ONCE = 500  # SQLite allows at least 999 values in a statement


class _Cursor(SQLiteCursor):
    """What a query reads: the documents whose `_id` it names, or else all; the query still looks at each."""

    def __init__(self, collection: Any, subject: Any) -> None:
        super().__init__(collection, subject)
        self._names = _named(subject._spec)

    def query(self, max_scan: int) -> Iterator[dict[str, Any]]:
        """Yield the documents."""
        if self._names is None or max_scan or not self._collection._database.collection_exists(self._collection._name):
            yield from super().query(max_scan)
            return
        keys = list(dict.fromkeys(bson.id_encode(name) for name in self._names))
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            places = ", ".join("?" * len(some))
            with self._conn._connect(self._col_path) as connection:
                found = connection.execute(f"SELECT v FROM [{SQLITE_RECORD_TABLE}] WHERE k IN ({places})", some)
                values = found.fetchall()
            yield from (self._decode_doc(value) for (value,) in values)


class _Collection(SQLiteCollection):
    contractor_cls = _Cursor


class _Database(SQLiteDatabase):
    contractor_cls = _Collection


def by_key(collection: Any) -> None:
    """Let all that is asked of the database of a MontyDB collection go by keys where it names some."""
    collection.database.client._storage.contractor_cls = _Database


def put(collection: Any, documents: Iterable[dict[str, Any]], known: Collection[Any]) -> None:
    """Store documents under their `_id`; those of `known` take the place of what is there.

    The caller is the only one that writes (:func:`anodeflow.database.files.alone`).
    """
    old: list[dict[str, Any]] = []
    new: list[dict[str, Any]] = []
    for document in documents:
        (old if document["_id"] in known else new).append(document)
    storage = collection.database.client._storage
    if new:
        storage.write_many(collection, new, check_keys=False)
    if old:
        storage.update_many(collection, old)


def _named(spec: Mapping[str, Any]) -> list[Any] | None:
    """Return the ids that a query names; none: it may mean any document."""
    wanted = spec.get("_id")
    if isinstance(wanted, Mapping):
        values = wanted.get("$in") if set(wanted) == {"$in"} else None
    else:
        values = None if wanted is None else [wanted]
    if values is None or not all(type(value) in (str, bson.ObjectId) for value in values):
        return None
    return list(values)
