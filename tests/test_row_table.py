"""All rows in memory, as the live view asks them: they follow the database."""

import pytest
from factories import adsorbed_site, adsorption_document
from monty.json import jsanitize

from anodeflow.core.errors import InputError
from anodeflow.database.query import result_rows
from anodeflow.database.row_table import RowTable
from anodeflow.database.store import open_store


def put(store, number: int, edition: str = "", **changes) -> None:
    output = {
        "uuid": f"job-{number}",
        "index": 1,
        "completed_at": f"2026-01-01T00:00:{number:02}",
        "metadata": {"edition": edition},
        "output": jsanitize(adsorption_document(**changes), strict=True),
    }
    store.docs_store.update(output, key=["uuid", "index"])


@pytest.fixture
def store():
    with open_store() as store:
        yield store


def test_it_holds_what_a_query_finds(store):
    put(store, 1, document_id="a", system="Li(001)")
    put(store, 2, document_id="b", system="Na(110)", campaign="other")
    table = RowTable()
    table.update(store)
    for filters in ({}, {"system": "Li*"}, {"campaign": "other", "property": "binding_energy"}, {"system": "[!L]*"}):
        expected = [row.model_dump() for row in result_rows(filters, store)]
        assert table.page(filters, count=None).rows == expected
    assert table.values("system") == ["Li(001)", "Na(110)"]
    (site,) = {row["part_number"] for row in table.page({}, count=None).rows}
    assert {row.part for row in result_rows({"part": "site", "part_number": str(site)}, store)} == {"site"}
    assert result_rows({"part_number": site + 1}, store) == []
    assert table.page({}, sort="-part_number").rows[0]["part_number"] == site


@pytest.mark.parametrize(
    ("label", "found"),
    [
        ("threefold hollow", {"a", "b", "c"}),
        ("threefold*", {"c"}),
        ("*threefold hollow", {"a", "b", "c", "d"}),
        ("hcp hollow", {"b"}),
        ("threefold hollow to threefold hollow", {"d"}),
        ("threefold hollow to hcp hollow", {"d"}),
    ],
)
def test_a_threefold_hollow_is_an_fcc_or_an_hcp_one(store, label, found):
    labels = {"a": "fcc hollow", "b": "hcp hollow", "c": "threefold hollow", "d": "fcc hollow to hcp hollow", "e": "x"}
    for number, (identifier, name) in enumerate(labels.items()):
        put(
            store,
            number,
            document_id=identifier,
            system=identifier,
            sites=[adsorbed_site(0, label=name, final_label=name)],
            most_stable=0,
        )
    table = RowTable()
    table.update(store)
    assert {row["document_id"] for row in table.page({"label": label}, count=None).rows} == found
    assert {row.document_id for row in result_rows({"label": label}, store)} == found


def test_it_follows_the_database(store):
    table = RowTable()
    table.update(store)
    assert table.page({}).total == 0
    put(store, 1, document_id="a", settings_hash="same")
    table.update(store)
    assert table.page({}).total == 2
    seen = table.version
    table.update(store)
    assert table.version == seen, "nothing has changed"
    put(store, 2, document_id="b", settings_hash="same")  # of the same settings: a newer version of the same answer
    table.update(store)
    assert {row["document_id"] for row in table.page({}).rows} == {"b"}
    assert table.values("document_id") == ["b"]


def test_of_editions_the_one_that_ran_last_counts(store):
    put(store, 1, "first", document_id="a", system="Li(001)")
    put(store, 2, "second", document_id="b", system="Li(110)")
    table = RowTable()
    table.update(store)
    assert {row["system"] for row in table.page({}).rows} == {"Li(110)"}
    assert {row["system"] for row in table.page({}, all_editions=True).rows} == {"Li(001)", "Li(110)"}
    assert [one["document_id"] for one in table.studies("test")] == ["b"]


def test_unknown_columns_are_refused():
    with pytest.raises(InputError, match="no column 'colour' to filter by"):
        RowTable().values("colour")
