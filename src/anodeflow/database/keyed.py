"""Documents of an SQLite file by their keys, and by the few fields that they are asked for.

MontyDB reads and decodes a whole file for every question and every change, so that one change for each document is
quadratic in their number. Here what names documents by their `_id` goes by the file's own key, and the fields that
questions are about stand in a table beside the documents. Triggers take a document's fields out of it whenever the
document changes, whoever changes it; the next question puts them in anew. What is found so is still looked at by
MontyDB: the table only says which documents cannot be meant.

Imported once a store is connected, since MontyDB decides only then which BSON it takes.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any

from montydb.storage.sqlite import SQLITE_RECORD_TABLE, SQLiteCollection, SQLiteCursor, SQLiteDatabase, bson

from anodeflow.database.opening import ROWS_MARK
from anodeflow.database.row_entry import COMMON

FIELDS = {
    "outputs": (
        *("uuid", "index", "metadata.campaign", ROWS_MARK),
        *(f"output.{name}" for name in ("@class", "study", "campaign", "id", "document_id")),
    ),
    "rows": (*COMMON, "place", "current", "error", "edition", "completed_at", "index"),
    "data": ("blob_uuid", "job_uuid", "job_index"),
}
"""Collection -> fields by which its documents are found."""
_AT_ONCE = 500  # SQLite allows at least 999 values in a statement
_OPERATORS = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
_OPEN = b"\x00"
"""Stands for a value that only MontyDB can judge: a list, or what SQLite does not have."""


class _Cursor(SQLiteCursor):
    """What a query reads: the documents that it may mean, in the order in which they came."""

    def __init__(self, collection: Any, subject: Any) -> None:
        super().__init__(collection, subject)
        self._spec = subject._spec

    def query(self, max_scan: int) -> Iterator[dict[str, Any]]:
        """Yield the documents."""
        collection = self._collection
        if max_scan or not collection._database.collection_exists(collection._name):
            yield from super().query(max_scan)
            return
        names = _named(self._spec)
        fields = FIELDS.get(collection._name, ())
        conditions, values = _conditions(self._spec, fields)
        if names is None and not conditions:
            yield from super().query(max_scan)
            return
        with self._conn._connect(self._col_path) as connection:
            if names is not None:
                found = _by_name(connection, names)
            else:
                try:
                    found = Facts(connection, fields, self._decode_doc).matching(conditions, values)
                except sqlite3.OperationalError:  # it may not be written, or is busy: read all of it
                    found = connection.execute(f"SELECT v FROM [{SQLITE_RECORD_TABLE}]").fetchall()
        yield from (self._decode_doc(value) for (value,) in found)


class _Collection(SQLiteCollection):
    contractor_cls = _Cursor


class _Database(SQLiteDatabase):
    contractor_cls = _Collection


class Facts:
    """The table of fields beside the documents of a file.

    Parameters
    ----------
    connection
        Open connection to the file.
    fields
        Names of the fields, with dots.
    decode
        Makes a document of what the file holds.
    """

    def __init__(self, connection: Any, fields: Collection[str], decode: Any) -> None:
        self.connection, self.fields, self.decode = connection, fields, decode
        # Another anodeflow may ask for other fields.
        self.name = f"facts_{sha256(repr(tuple(fields)).encode()).hexdigest()[:8]}"

    def matching(self, conditions: list[str], values: list[Any], shown: Collection[str] = ()) -> list[Any]:
        """Return what the documents hold that may meet all conditions (SQL), or `shown` of their fields."""
        columns = ", ".join(f'f."{name}"' for name in shown) or "d.v"
        documents, facts = SQLITE_RECORD_TABLE, self.name
        lacking = f"SELECT d.k FROM [{documents}] d LEFT JOIN [{facts}] f ON f.k = d.k WHERE f.k IS NULL"
        if self.connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (facts,)).fetchone() is None:
            self._create()
        while True:
            self.connection.execute("BEGIN")  # what is found is what was there at this moment
            if self.connection.execute(f"{lacking} LIMIT 1").fetchone() is None:
                where = " AND ".join(conditions)
                found: list[Any] = self.connection.execute(
                    f"SELECT {columns} FROM [{facts}] f JOIN [{documents}] d ON d.k = f.k "
                    f"WHERE {where} ORDER BY d.rowid",
                    values,
                ).fetchall()
                self.connection.execute("COMMIT")
                return found
            self.connection.execute("COMMIT")
            self._fill(lacking)

    def _create(self) -> None:
        columns = ", ".join(f'"{name}"' for name in self.fields)
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.execute(f"CREATE TABLE IF NOT EXISTS [{self.name}] (k PRIMARY KEY, {columns}) WITHOUT ROWID")
        for event, row in {"INSERT": "NEW", "UPDATE": "NEW", "DELETE": "OLD"}.items():
            self.connection.execute(
                f"CREATE TRIGGER IF NOT EXISTS [{self.name}_{event.lower()}] AFTER {event} ON [{SQLITE_RECORD_TABLE}] "
                f"BEGIN DELETE FROM [{self.name}] WHERE k = {row}.k; END"
            )
        self.connection.execute("COMMIT")

    def _fill(self, lacking: str) -> None:
        """Put in the fields of some documents; nobody writes meanwhile."""
        self.connection.execute("BEGIN IMMEDIATE")
        found = self.connection.execute(
            f"SELECT k, v FROM [{SQLITE_RECORD_TABLE}] WHERE k IN ({lacking} LIMIT {_AT_ONCE})"
        ).fetchall()
        places = ", ".join("?" * (1 + len(self.fields)))
        self.connection.executemany(
            f"INSERT OR REPLACE INTO [{self.name}] VALUES ({places})",
            [(key, *(_value(document, name) for name in self.fields))
             for key, document in ((key, self.decode(value)) for key, value in found)],
        )  # fmt: skip
        self.connection.execute("COMMIT")


def fields_of(collection: Any, criteria: Mapping[str, Any], shown: Collection[str]) -> list[dict[str, Any]]:
    """Return fields of the documents that may meet criteria, without reading those; all fields are of the table."""
    fields = FIELDS[collection.name]
    conditions, values = _conditions(criteria, fields)
    storage = collection.database.client._storage
    file = _Collection(_Database(storage, collection.database), collection)
    if not file._database.collection_exists(collection.name):
        return []
    try:
        with file._conn._connect(file._col_path) as connection:
            found = Facts(connection, fields, _Cursor(file, collection.find())._decode_doc).matching(
                conditions, values, shown
            )
    except sqlite3.OperationalError:  # it may not be written, or is busy
        found = [(_OPEN,)]
    if any(_OPEN in each for each in found):
        return list(collection.find(criteria, dict.fromkeys(shown, 1)))
    return [dict(zip(shown, each, strict=True)) for each in found]


def by_key(collection: Any) -> None:
    """Let all that is asked of the database of a MontyDB collection go by keys and fields where it names some."""
    collection.database.client._storage.contractor_cls = _Database


def put(collection: Any, documents: Iterable[dict[str, Any]], known: Collection[Any]) -> None:
    """Store documents under their `_id`, or a new one; those of `known` take the place of what is there.

    The caller is the only one that writes (:func:`anodeflow.database.files.alone`).
    """
    old: list[dict[str, Any]] = []
    new: list[dict[str, Any]] = []
    for document in documents:
        (old if document.setdefault("_id", bson.ObjectId()) in known else new).append(document)
    storage = collection.database.client._storage
    if len(new) == 1:  # several look at every key that is there
        storage.write_one(collection, new[0], check_keys=False)
    elif new:
        storage.write_many(collection, new, check_keys=False)
    if old:
        storage.update_many(collection, old)


def remove(collection: Any, criteria: Mapping[str, Any]) -> None:
    """Remove the documents that meet criteria."""
    names = [document["_id"] for document in collection.find(criteria, {"_id": 1})]
    if names:
        collection.database.client._storage.delete_many(collection, names)


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


def _by_name(connection: Any, names: Iterable[Any]) -> list[Any]:
    keys = list(dict.fromkeys(bson.id_encode(name) for name in names))
    found: list[Any] = []
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        places = ", ".join("?" * len(some))
        found += connection.execute(f"SELECT v FROM [{SQLITE_RECORD_TABLE}] WHERE k IN ({places})", some).fetchall()
    return found


def _conditions(spec: Mapping[str, Any], fields: Collection[str]) -> tuple[list[str], list[Any]]:
    """Return SQL that holds for every document that a query may mean, of its fields in the table, and its values."""
    found: list[str] = []
    values: list[Any] = []
    for name, wanted in spec.items():
        if name not in fields:
            continue
        tests = wanted if isinstance(wanted, Mapping) else {"$in": [wanted]}
        for operator, value in tests.items():
            if operator in _OPERATORS and _plain(value) and value is not None:
                test, used = f'f."{name}" {_OPERATORS[operator]} ?', [value]
            elif operator == "$in" and all(map(_plain, value)) and len(value) <= _AT_ONCE:
                places = ", ".join("?" * sum(each is not None for each in value))
                test, used = f'f."{name}" IN ({places})', [each for each in value if each is not None]
                test += f' OR f."{name}" IS NULL' if None in value else ""
            else:
                continue
            found.append(f"({test} OR typeof(f.\"{name}\") = 'blob')")
            values += used
    return found, values


def _value(document: Any, name: str) -> Any:
    """Return the value of a field as the table holds it; none: the document has none."""
    value = document
    for part in name.split("."):
        if not isinstance(value, Mapping):
            return None if value is None or _plain(value) else _OPEN
        value = value.get(part)
    return value if _plain(value) else _OPEN


def _plain(value: Any) -> bool:
    """Return whether SQLite compares values like this one as MongoDB does, or finds more."""
    if isinstance(value, str):
        return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)
    return value is None or isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 2**62)
