"""Documents in SQLite are found by keys and fields: the ones that MontyDB finds by reading all, after any change."""

import sqlite3
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from montydb import MontyClient, set_storage

from anodeflow.core.settings import Settings
from anodeflow.database.opening import ROWS_MARK
from anodeflow.database.store import open_store

VALUES = [
    "missing", None, "", "a", "ä\N{GRINNING FACE}", "b", 0, 1, 2, 2.0, 1.5, -1, True, False, 2**63 - 1, [], ["a"],
    ["a", 1], [None], {"campaign": "a"}, [{"campaign": "a"}], {},
]  # fmt: skip
FIELDS = ("uuid", "index", ROWS_MARK, "output.campaign", "output")


def document(number: int) -> dict[str, Any]:
    """A document with values of all kinds in the fields that questions are about."""
    found: dict[str, Any] = {"_id": f"document {number}", "other": number}
    for step, name in enumerate(("uuid", "index", ROWS_MARK)):
        value = VALUES[(number * (step + 1) + step) % len(VALUES)]
        if value != "missing":
            found[name] = value
    inner = VALUES[(number * 5) % len(VALUES)]
    return found | {"output": inner if number % 3 else {"campaign": inner}}


def questions() -> list[dict[str, Any]]:
    """Criteria of the kinds that are asked."""
    plain = [value for value in VALUES if value not in ("missing", {})]  # MontyDB asks an empty mapping for a key
    found: list[dict[str, Any]] = [{}, {"_id": "document 3"}, {"_id": {"$in": ["document 1", "nothing", "document 8"]}}]
    for name, value in product(FIELDS, plain):
        found += [{name: value}, {name: {"$in": [value, "a"]}}, {name: {"$nin": [value]}}]
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            found += [{name: {operator: value}} for operator in ("$gt", "$gte", "$lt", "$lte")]
    return [*found, {ROWS_MARK: None, "output.campaign": {"$gt": ""}}, {"uuid": "a", "index": {"$gte": 0}, "other": 3}]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Folder of the collections of a database that holds documents of all kinds."""
    with open_store(Settings(home=tmp_path, embedded="sqlite", database=None)) as store:
        store.docs_store._collection.insert_many([document(number) for number in range(66)])
    return tmp_path / "database" / "sqlite"


def plainly(folder: Path) -> Any:
    """The collection of outputs as MontyDB itself reads it."""
    set_storage(str(folder), storage="sqlite", use_bson=True, mongo_version="4.0")
    return MontyClient(str(folder))["anodeflow"]["outputs"]


def names(collection: Any, criteria: dict[str, Any]) -> list[str]:
    return [found["_id"] for found in collection.find(criteria)]


@pytest.mark.slow
def test_the_same_documents_are_found_as_by_reading_all_in_the_same_order(folder, tmp_path):
    from montydb.engine.queries import QueryFilter

    every = list(plainly(folder).find())
    with open_store(Settings(home=tmp_path, embedded="sqlite", database=None)) as store:
        for criteria in questions():
            found, meant = names(store.docs_store._collection, criteria), QueryFilter(criteria)
            wanted = [each["_id"] for each in every if meant(each)]
            assert found == wanted if "_id" not in criteria else sorted(found) == sorted(wanted), criteria


def test_fields_are_read_without_their_documents(folder, tmp_path):
    from anodeflow.database.keyed import fields_of

    plain = plainly(folder)
    with open_store(Settings(home=tmp_path, embedded="sqlite", database=None)) as store:
        ours, shown = store.docs_store._collection, ("uuid", "index")
        for wanted in ({"uuid": "b"}, {"uuid": {"$in": ["b", "ä\N{GRINNING FACE}"]}, ROWS_MARK: {"$lt": 2}}):
            found = fields_of(ours, wanted, shown)
            expected = [{name: each.get(name) for name in shown} for each in plain.find(wanted)]
            assert [{name: each.get(name) for name in shown} for each in found] == expected
        assert fields_of(ours, {"uuid": "nowhere"}, shown) == []


def test_what_others_write_is_found(folder, tmp_path):
    plain = plainly(folder)
    wanted = {"output.campaign": "fresh"}
    with open_store(Settings(home=tmp_path, embedded="sqlite", database=None)) as store:
        ours = store.docs_store._collection
        assert names(ours, wanted) == []
        plain.insert_one({"_id": "of others", "output": {"campaign": "fresh"}})
        plain.update_one({"_id": "document 3"}, {"$set": {"output": {"campaign": "fresh"}}})
        assert names(ours, wanted) == names(plain, wanted) == ["document 3", "of others"]
        plain.replace_one({"_id": "of others"}, {"output": {"campaign": "stale"}})
        plain.delete_one({"_id": "document 3"})
        assert names(ours, wanted) == []
        store.docs_store.update([{"uuid": "mine", "index": 1, "output": {"campaign": "fresh"}}], key=["uuid", "index"])
        store.docs_store.update([{"uuid": "mine", "index": 1, "output": {"campaign": "later"}}], key=["uuid", "index"])
        assert names(ours, wanted) == []
        assert len(names(plain, {"uuid": "mine"})) == len(names(ours, {"output.campaign": "later"})) == 1
        store.docs_store.remove_docs({"uuid": "mine"})
        assert names(plain, {"uuid": "mine"}) == []


def test_keys_may_hold_dots_and_documents_their_own_id(tmp_path):
    with open_store(Settings(home=tmp_path, embedded="sqlite", database=None)) as store:
        for version in (1, 2):
            document = {"uuid": "a", "index": 1, "output": {"files": {"vasprun.xml": version}}}
            store.docs_store.update([document], key=["uuid", "index"])
        store.docs_store.update([document | {"uuid": "b", "_id": "own"}], key=["uuid", "index"])
        found = list(store.docs_store._collection.find({}))
    assert [each["output"]["files"] for each in found] == [{"vasprun.xml": 2}] * 2
    assert [each["_id"] == "own" for each in found] == [False, True]


def test_a_question_reads_what_it_is_about_and_no_more(folder, tmp_path, monkeypatch):
    from montydb.storage.sqlite import SQLiteCursor

    decode, read = SQLiteCursor._decode_doc, []
    with open_store(Settings(home=tmp_path, embedded="sqlite", database=None)) as store:
        store.docs_store.query_one({"uuid": "b"})
        monkeypatch.setattr(SQLiteCursor, "_decode_doc", lambda self, doc: read.append(1) or decode(self, doc))
        store.docs_store._collection.insert_many([{"uuid": f"job-{n}", "index": 1} for n in range(500)])
        for n in (17, 400):
            assert store.docs_store.query_one({"uuid": f"job-{n}", "index": 1})["uuid"] == f"job-{n}"
        assert 500 < len(read) < 700, "each new document is read once"
        read.clear()
        store.docs_store.update([{"uuid": "job-3", "index": 1, "output": {}}], key=["uuid", "index"])
        assert len(read) < 50


def test_a_file_that_may_not_be_written_is_read_all_the_same(folder, tmp_path, monkeypatch):
    with open_store(Settings(home=tmp_path, embedded="sqlite", database=None)) as store:

        def refuse(*_: Any) -> None:
            raise sqlite3.OperationalError("attempt to write a readonly database")

        monkeypatch.setattr("anodeflow.database.keyed.Facts._create", refuse)
        wanted = {"output.campaign": "a"}
        assert names(store.docs_store._collection, wanted) == names(plainly(folder), wanted) != []
