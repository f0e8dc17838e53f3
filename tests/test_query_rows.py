"""The rows behind ``anodeflow query``: made once, found by index, and kept right whoever writes the documents."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from factories import adsorption_document, li_slab
from jobflow import Job, JobStore, job, run_locally
from monty.json import jsanitize
from pymongo.errors import OperationFailure
from servers import mongodb_server

from anodeflow.core.settings import Settings
from anodeflow.database import rows
from anodeflow.database.documents import without_structures
from anodeflow.database.filters import conditions, values_of
from anodeflow.database.opening import ROWS_MARK
from anodeflow.database.query import result_rows, study_documents
from anodeflow.database.store import open_store
from anodeflow.report.comparison import comparable
from anodeflow.studies.adsorption.document import AdsorptionDoc
from anodeflow.studies.charge.document import ChargeDoc, ordinary_atoms
from anodeflow.studies.registry import CALCULATIONS, document_classes
from anodeflow.studies.rows import ResultRow


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mongodb_server(tmp_path_factory.mktemp("mongodb")) as (address, _):
        yield address


@pytest.fixture(params=[pytest.param("server", marks=pytest.mark.slow), "sqlite"])
def store(request, tmp_path: Path) -> Iterator[JobStore]:
    """An empty database on a server, or in SQLite."""
    settings = Settings(home=tmp_path, embedded="sqlite", database=None)
    if request.param == "server":
        settings = server_settings(request.getfixturevalue("address"), tmp_path)
    with open_store(settings) as store:
        yield store


def server_settings(address: str, tmp_path: Path) -> Settings:
    uri = f"mongodb://{address}/?directConnection=true"
    return Settings(home=tmp_path, database=uri, database_name=tmp_path.name[-30:])


@pytest.fixture
def server_store(address: str, tmp_path: Path) -> Iterator[JobStore]:
    with open_store(server_settings(address, tmp_path)) as store:
        yield store


@job
def adsorption(**changes):
    return adsorption_document(**changes)


def run(store: JobStore, *jobs: Job) -> None:
    for made in jobs:
        run_locally(made, store=store, log=False, ensure_success=True)


def write(store: JobStore, document: AdsorptionDoc | dict, uuid: str = "job", at: str | None = None) -> None:
    """Store a document as a job elsewhere does: without a word to anodeflow."""
    output = jsanitize(document, strict=True)
    store.update({"uuid": uuid, "index": 1, "output": output, "completed_at": at or datetime.now().isoformat()})


def shown(store: JobStore, **filters) -> list[tuple[str, float]]:
    """Document and binding energy of the rows."""
    found = result_rows({"property": "binding_energy", **filters}, store)
    return [(row.document_id, round(row.value, 6)) for row in found]


def document(name: str = "a", energy: float = -1.0, **changes) -> AdsorptionDoc:
    made = adsorption_document(document_id=name, **changes)
    made.sites[0].binding_energy = energy
    return made


def as_read_from_documents(store: JobStore) -> list:
    """Rows made from whole documents, as there would be without the collection of rows."""
    return [row for document in study_documents(store=store) for row in document.rows()]


# --- kept right ---


def test_rows_are_made_once(store, monkeypatch):
    write(store, document())
    assert shown(store) == [("a", -1.0)]
    monkeypatch.setattr(rows, "make_entry", None)  # it would fail
    assert shown(store) == [("a", -1.0)]
    assert store.query_one({"uuid": "job"}, properties=[ROWS_MARK])[ROWS_MARK] == 1
    # jobflow and the other readers see the document as it was
    assert AdsorptionDoc.model_validate(store.get_output("job")) == document()


@pytest.mark.slow
def test_each_document_in_sqlite_is_read_a_few_times_however_many_there_are(tmp_path, monkeypatch):
    from montydb.storage.sqlite import SQLiteCursor

    read = []
    decode = SQLiteCursor._decode_doc
    monkeypatch.setattr(SQLiteCursor, "_decode_doc", lambda self, doc: read.append(1) or decode(self, doc))
    counts = []
    for number in (50, 100):
        with open_store(Settings(home=tmp_path / str(number), embedded="sqlite", database=None)) as store:
            outputs = [
                {
                    "uuid": f"job-{n}",
                    "index": 1,
                    "completed_at": f"2026-01-01T{n:06}",
                    "output": jsanitize(adsorption_document(document_id=f"{n:020}", system=f"Li({n})"), strict=True),
                }
                for n in range(number)
            ]
            store.docs_store._collection.insert_many(outputs)
            read.clear()
            assert rows.refresh(store) == []
            counts.append(len(read) / number)
            assert len(result_rows({"property": "binding_energy"}, store)) == number
            old = [output | {"completed_at": "2027", "_id": f"new {n}"} for n, output in enumerate(outputs)]
            store.docs_store._collection.insert_many(old)
            read.clear()
            rows.refresh(store)
            assert len(read) / number < 15, "versions that are superseded are settled together, too"
            assert len(result_rows({"property": "binding_energy"}, store)) == number
    assert counts[0] == pytest.approx(counts[1], abs=0.5)
    assert counts[1] < 8


def test_replaced_output_replaces_its_rows(store):
    run(store, first := adsorption(document_id="a", slab_energy=-1.0), adsorption(document_id="b"))
    assert {name for name, _ in shown(store)} == {"a", "b"}
    again = adsorption(document_id="c")  # its calculations have changed, and with them the document's id
    again.set_uuid(first.uuid)
    run(store, again)
    assert {name for name, _ in shown(store)} == {"b", "c"}
    assert result_rows({}, store) == as_read_from_documents(store)


def test_newer_version_supersedes_the_older_one_in_whatever_order_they_arrive(store):
    write(store, document(energy=-2.0), "second", at="2026-02")
    assert shown(store) == [("a", -2.0)]
    write(store, document(energy=-1.0), "first", at="2026-01")
    assert shown(store) == [("a", -2.0)]
    assert shown(store, value=-1.0) == [], "the older version has this value"
    write(store, document(energy=-3.0), "third", at="2026-03")
    assert shown(store) == [("a", -3.0)]
    assert shown(store, value=-2.0) == []
    write(store, document("b"), "third", at="2026-04")  # the newest is gone: the one before counts again
    assert shown(store) == [("a", -2.0), ("b", -1.0)]
    assert result_rows({}, store) == as_read_from_documents(store)


@pytest.fixture
def shared_store(request, store):
    """A store that others write to meanwhile; on SQLite there is one writer at a time."""
    if "sqlite" in request.node.name:
        pytest.skip("on SQLite nobody writes while rows are made")
    return store


def test_document_replaced_while_its_rows_are_made(shared_store, monkeypatch):
    store = shared_store
    write(store, document(energy=-1.0), at="2026-01")
    entry = rows.make_entry

    def slow(opened, output):
        made = entry(opened, output)
        if output["completed_at"] == "2026-01":
            write(store, document(energy=-2.0), at="2026-02")
        return made

    monkeypatch.setattr(rows, "make_entry", slow)
    assert shown(store) == [("a", -2.0)]


def test_two_processes_make_rows_at_once(shared_store, monkeypatch):
    """The other one has made all rows of newer documents when this one comes to write its own."""
    store = shared_store
    write(store, document(energy=-1.0), at="2026-01")
    save = rows._save

    def overtaken(opened, *arguments):
        monkeypatch.setattr(rows, "_save", save)
        write(store, document(energy=-2.0), at="2026-02")
        write(store, document(energy=-3.0), "other", at="2026-03")
        rows.refresh(opened)
        save(opened, *arguments)

    monkeypatch.setattr(rows, "_save", overtaken)
    assert shown(store) == [("a", -3.0)]
    write(store, document("b"), "other", at="2026-04")
    assert shown(store) == [("a", -2.0), ("b", -1.0)]


@pytest.mark.parametrize("step", ["_settle", "insert", "mark"])
def test_process_killed_while_it_makes_rows(server_store, monkeypatch, step):
    store = server_store
    write(store, document(energy=-1.0), "first", at="2026-01")
    assert shown(store) == [("a", -1.0)]
    write(store, document(energy=-2.0), "second", at="2026-02")
    write(store, document("b"), "third", at="2026-03")

    class Killed(BaseException):
        pass

    def die(*_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        collection = type(store.docs_store._collection)
        if step == "_settle":
            patch.setattr(rows, step, die)
        else:
            patch.setattr(collection, {"insert": "insert_many", "mark": "bulk_write"}[step], die)
        with pytest.raises(Killed):
            shown(store)
    assert shown(store) == [("a", -2.0), ("b", -1.0)]
    assert result_rows({}, store) == as_read_from_documents(store)


def test_rows_follow_when_the_large_parts_of_a_document_arrive(store):
    """A job stores its document a moment before the parts of it that go to the additional store."""
    (charge,) = (found for found in charge_documents() if found.system == "Li(001)")
    output = jsanitize(charge, strict=True)
    grid = output["difference"]["grid"]
    output["difference"]["grid"] = {"@class": "", "@module": "", "blob_uuid": "part-1", "store": "data"}
    write(store, output)
    with pytest.warns(UserWarning, match=r"ChargeDoc .*difference\.grid"):
        assert result_rows({}, store) == []
    store.additional_stores["data"].update({"blob_uuid": "part-1", "data": grid}, key="blob_uuid")
    assert result_rows({}, store) == charge.rows()
    assert study_documents(store=store) == [charge]


def charge_documents() -> list[ChargeDoc]:
    from anodeflow.database.results_file import read_results

    studies, _ = read_results(Path(__file__).parents[1] / "docs" / "results" / "surfaces.json.gz")
    return [found for found in studies if isinstance(found, ChargeDoc)]


def test_outputs_of_other_programs_are_looked_at_once(store, monkeypatch):
    write(store, {"@class": "TheirDoc", "@module": "theirs", "study": "their own"}, "theirs")
    write(store, [{"study": "in a list"}], "list")
    write(store, document())
    assert shown(store) == [("a", -1.0)]
    assert rows._unseen(store, 1) == []


# --- made anew ---


@pytest.mark.parametrize(
    ("changes", "anew"),
    [
        ({"version": "0.0.1", "sources": "other", "changed": 9e99}, True),
        ({"sources": "other", "changed": 0.0}, True),
        ({"sources": "other", "changed": 9e99}, False),
        ({"version": "99.0.0", "sources": "other", "changed": 0.0}, False),
        ({"changed": 0.0}, False),
    ],
)
def test_rows_of_another_version_of_anodeflow(store, changes, anew):
    """Rows that an older anodeflow made are made anew; those of a newer one are good for an older one."""
    write(store, document())
    assert len(result_rows({}, store)) == 2
    collection = rows.collection(store)
    (entry,) = collection.find({"document_id": "a"})
    collection.update_one({"_id": entry["_id"]}, {"$set": {"rows": "[]"}})
    if anew:  # older ones did not say which answer they belong to
        collection.update_one({"_id": entry["_id"]}, {"$unset": {"place": ""}})
    collection.update_one({"_id": "made_by"}, {"$set": changes})
    assert len(result_rows({}, store)) == (2 if anew else 0)


def test_rebuild_drops_rows_of_deleted_outputs(anodeflow):
    with open_store() as store:
        write(store, document(energy=-1.0), "first", at="2026-01")
        write(store, document(energy=-2.0), "second", at="2026-02")
        assert shown(store) == [("a", -2.0)]
        store.remove_docs({"uuid": "second"})
    assert anodeflow("db", "rebuild").out == "2 rows.\n"
    with open_store() as store:
        assert shown(store) == [("a", -1.0)]


def test_user_who_may_only_read(server_store, monkeypatch):
    store = server_store
    write(store, document(energy=-1.0), "first", at="2026-01")
    assert shown(store) == [("a", -1.0)]
    write(store, document(energy=-2.0), "second", at="2026-02")
    write(store, document("b"), "third", at="2026-03")

    def refuse(*_, **__):
        raise OperationFailure("not authorized", 13)

    collection = type(store.docs_store._collection)
    for name in ("insert_many", "replace_one", "update_one", "update_many", "bulk_write", "create_index"):
        monkeypatch.setattr(collection, name, refuse)
    assert shown(store) == [("a", -2.0), ("b", -1.0)]
    assert shown(store, campaign="nowhere") == []


# --- made without reading structures ---


@pytest.mark.slow
def test_rows_made_without_structures_are_those_of_the_documents():
    """Documents of real campaigns, of several kinds."""
    from anodeflow.database.results_file import read_results

    kinds = set()
    for file in (Path(__file__).parents[1] / "docs" / "results").glob("*.json.gz"):
        for study in read_results(file)[0]:
            kinds.add(type(study).__name__)
            if isinstance(study, ChargeDoc):  # made before it was kept: then the structure is read
                kept = ordinary_atoms(study.structure, study.atom_donated)
                study = study.model_copy(update={"surface_donated": kept})
            output = json.loads(json.dumps(jsanitize(study, strict=True)))
            light = type(study).model_validate(without_structures(output))
            assert light.rows() == study.rows()
    assert {"AdsorptionDoc", "ChargeDoc", "DiffusionDoc"} <= kinds <= set(document_classes())


def test_rows_that_need_a_structure_get_it(store, monkeypatch):
    def needy(self):
        return [self._row("atoms", len(self.slab), "", ["slab"])]

    monkeypatch.setattr(AdsorptionDoc, "rows", needy)
    write(store, document())
    assert [row.value for row in result_rows({}, store)] == [len(li_slab())]


# --- found by index ---


@pytest.mark.slow
@pytest.mark.parametrize(
    ("filters", "field"),
    [
        ({"system": "Li(001)", "campaign": "test"}, "system"),
        ({"campaign": "test", "property": "binding_energy"}, "campaign"),
        ({"calculation_ids": "calc-0", "campaign": "test"}, "calculation_ids"),
        ({"system": "Li(0*", "campaign": "test"}, "campaign"),
        ({"system": "Li(0*"}, "system"),
        ({"property": ["binding_energy", "barrier_forward"]}, "properties"),
    ],
)
def test_server_is_asked_by_the_most_selective_index(server_store, filters, field):
    write(server_store, document())
    assert shown(server_store, **({"property": "binding_energy"} | filters)) == [("a", -1.0)]
    found = conditions({name: values_of(value) for name, value in filters.items()})
    assert next(iter(found)) == field
    plan = rows.collection(server_store).find(dict([next(iter(found.items()))])).explain()
    assert f"{field}_1" in json.dumps(plan["queryPlanner"]["winningPlan"], default=str)


@pytest.mark.slow
def test_looking_for_new_documents_reads_no_other_outputs(server_store):
    plan = server_store.docs_store._collection.find({ROWS_MARK: None, "output.study": {"$gt": ""}}).explain()
    assert f"{ROWS_MARK}_1_output.study_1" in json.dumps(plan["queryPlanner"]["winningPlan"], default=str)


@pytest.mark.slow
def test_benchmark_prints_what_it_measured():
    pytest.importorskip("secantus")
    script = Path(__file__).parents[1] / "benchmarks" / "database.py"
    ended = subprocess.run([sys.executable, script, "--rows", "500"], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    result = json.loads(ended.stdout)
    assert result["all"]["rows"] == result["rows"] == 500
    assert result["campaign and property"]["rows"] == result["command printed rows"] == 1
    assert result["calculation"]["rows"] == 8
    assert result["document"]["rows"] == 8


def test_documents_name_their_large_parts():
    parts = {
        kind.__name__: kind.large_parts()
        for kind in (*CALCULATIONS.values(), *document_classes().values())
        if kind.large_parts()
    }
    assert parts == {
        "NebDoc": [["output", "images"], ["output", "initial_images"], ["output", "image_forces"]],
        "ChargeDoc": [["output", "difference", "grid"]],
    }


def test_of_barriers_that_of_the_cheapest_path_is_printed():
    def row(study: str, name: str, label: str) -> ResultRow:
        return ResultRow(
            campaign="c", system="s", study=study, property=name, label=label, value=1.0, unit="eV", backend="b",
            settings_hash="h", document_id="d", calculation_ids=[],
        )  # fmt: skip

    assert comparable(row("diffusion", "barrier_forward", "cheapest path"))
    assert not comparable(row("diffusion", "barrier_forward", "hop 0"))
    assert comparable(row("adsorption", "binding_energy", "hollow"))
    assert comparable(row("of a package that is not installed", "barrier_forward", "hop 0"))


def test_the_table_names_adatoms_where_there_are_several(capsys):
    from anodeflow.cli.tables import print_results
    from anodeflow.studies.rows import ResultRow

    rows = [
        ResultRow(
            **dict.fromkeys(
                ("campaign", "system", "study", "property", "backend", "settings_hash", "document_id"), "x"
            ),
            label="hollow",
            value=1.0,
            unit="eV",
            calculation_ids=[],
            adsorbate=name,
        )
        for name in ("Cu", "Ag")
    ]
    print_results(rows[:1])
    assert "Cu" not in capsys.readouterr().out
    print_results(rows)
    assert "Cu" in (shown := capsys.readouterr().out)
    assert "Ag" in shown
