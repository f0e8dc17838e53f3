"""``anodeflow db``: the server kept running and stopped, backed up and restored, exported and imported."""

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from ase.db import connect
from factories import adsorption_document, calculation_document, li_slab
from jobflow import Flow, Job, job, run_locally
from monty.json import jsanitize
from processes import processes_naming, wait_until
from pymongo import MongoClient
from servers import EVERY_KIND, free_port, mongodb_server

from anodeflow.calculations.neb_document import NebDoc
from anodeflow.database.embedded import ServerFolder, listens
from anodeflow.database.locks import is_locked
from anodeflow.database.query import calculation_documents, result_rows, study_documents
from anodeflow.database.results_file import read_results
from anodeflow.database.store import open_store

USER = """
import sys
from pymongo import MongoClient
client = MongoClient(sys.argv[1])
client.admin.command("ping")
print("connected", flush=True)
sys.stdin.read()
"""

WRITER = """
import itertools
from monty.json import jsanitize
from anodeflow.calculations.neb_document import NebDoc
from anodeflow.database.store import open_store
from test_db_commands import neb_document

document = jsanitize(neb_document(), strict=True)
with open_store() as store:
    print("writing", flush=True)
    for n in itertools.count():
        record = {"uuid": f"written-{n}", "index": 1, "output": document | {"id": f"written-{n}"}}
        store.update(record, save={"data": NebDoc.large_parts()})
"""


@pytest.fixture
def server(home: Path, monkeypatch: pytest.MonkeyPatch, anodeflow) -> Iterator[ServerFolder]:
    """The folder of an embedded server; none of its processes may outlive the test."""
    pytest.importorskip("secantus")
    monkeypatch.setenv("ANODEFLOW_EMBEDDED", "secantusd")
    monkeypatch.setenv("ANODEFLOW_DATABASE_IDLE", "0.2")
    yield ServerFolder(home.resolve() / "database" / "secantusd")
    anodeflow("db", "stop", "--force")
    assert wait_until(lambda: not processes_naming(home)), processes_naming(home)


# --- start and stop ---


@pytest.mark.slow
def test_started_server_outlives_its_clients_and_kills_until_it_is_stopped(server, anodeflow):
    port = free_port()
    started = anodeflow("db", "start", "--port", port)
    assert (started.status, started.out) == (0, f"mongodb://127.0.0.1:{port}/?directConnection=true\n")
    with open_store() as store:
        store.update({"uuid": "kept", "index": 1, "output": 1})
    assert not wait_until(lambda: not server.state.exists(), seconds=1.5), "it stopped with its last client"

    killed = server.recorded()
    os.kill(killed.supervisor, signal.SIGKILL)
    os.kill(killed.pid, signal.SIGKILL)
    assert json.loads(anodeflow("db", "start", "--format", "json").out)["port"] == port
    assert server.recorded().pid != killed.pid

    stopped = anodeflow("db", "stop")
    assert (stopped.status, "has stopped" in stopped.out) == (0, True)
    assert wait_until(lambda: not processes_naming(server.path))
    assert "was not running" in anodeflow("db", "stop").out
    with open_store() as store:  # those who know the port find it there again
        assert store.docs_store.name.startswith(f"mongodb://127.0.0.1:{port}/")
        assert store.count({"uuid": "kept"}) == 1
    assert wait_until(lambda: not server.state.exists()), "it runs on although it was stopped"


@pytest.mark.slow
def test_server_without_its_supervisor_is_replaced_on_the_port_asked_for(server, anodeflow):
    port = free_port()
    anodeflow("db", "start", "--port", port)
    orphan = server.recorded()
    os.kill(orphan.supervisor, signal.SIGKILL)
    assert wait_until(lambda: not is_locked(server.supervisor_lock))
    assert json.loads(anodeflow("db", "start", "--port", port, "--format", "json").out)["port"] == port
    assert server.recorded().pid != orphan.pid


@pytest.mark.slow
def test_port_that_a_killed_server_has_not_closed_yet_is_waited_for(server, anodeflow):
    """A process that was killed keeps its port open for some milliseconds, and answers no more."""
    anodeflow("db", "start", "--port", free_port())
    killed = server.recorded()
    os.kill(killed.supervisor, signal.SIGKILL)
    os.kill(killed.pid, signal.SIGKILL)
    assert wait_until(lambda: not listens(killed.port))
    with socket.create_server(("127.0.0.1", killed.port)) as dying:
        threading.Timer(0.7, dying.close).start()
        assert json.loads(anodeflow("db", "start", "--format", "json").out)["port"] == killed.port


@pytest.mark.slow
def test_server_in_use_is_not_stopped_unless_forced(server, anodeflow):
    uri = anodeflow("db", "start").out.strip()
    user = subprocess.Popen([sys.executable, "-c", USER, uri], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        user.stdout.readline()
        for command in (["stop"], ["start", "--port", free_port()]):
            refused = anodeflow("db", *command)
            assert refused.status == 2
            assert f"(process {user.pid})" in refused.err
            assert "--force" in refused.err
        assert server.recorded().answers()
        assert anodeflow("db", "stop", "--force").status == 0
        assert wait_until(lambda: not processes_naming(server.path))
    finally:
        user.stdin.close()
        user.wait()


@pytest.mark.slow
def test_port_of_another_program_is_refused(server, anodeflow, tmp_path):
    with mongodb_server(tmp_path) as (address, _):
        port = address.split(":")[1]
        refused = anodeflow("db", "start", "--port", port)
        assert refused.status == 2
        assert f"port {port} is taken" in refused.err
        # the port that was asked for once is not left for another one when it is taken later
        server.path.mkdir(parents=True, exist_ok=True)
        server.service_file.write_text(json.dumps({"port": int(port), "kept": True}))
        refused = anodeflow("query")
        assert refused.status == 2
        assert f"port {port}" in refused.err
        assert "db start --port" in refused.err
        with MongoClient(f"mongodb://{address}/?directConnection=true") as client:
            assert "anodeflow" not in client.list_database_names()


@pytest.mark.parametrize("command", ["start", "stop"])
def test_only_the_embedded_server_is_ours_to_start(anodeflow, monkeypatch, command):
    refused = anodeflow("db", command)
    assert refused.status == 2
    assert "SQLite" in refused.err
    monkeypatch.setenv("ANODEFLOW_DATABASE", "mongodb://anna:secret@db.example.org/")
    refused = anodeflow("db", command)
    assert refused.status == 2
    assert "not ours" in refused.err
    assert "secret" not in refused.err


# --- what it is and what it holds ---


def fill(*more: Job) -> None:
    """Run jobs that return two studies and their calculations, one of them a band with its images kept apart."""
    jobs = [adsorption(), calculation(), calculation(id="calc-0", label="site"), band(), adsorption(campaign="other")]
    with open_store() as store:
        run_locally(Flow([*jobs, *more]), store=store, log=False, ensure_success=True)


@job
def adsorption(**changes):
    return adsorption_document(**changes)


@job
def calculation(**changes):
    return calculation_document(**changes)


@job(data=NebDoc.large_parts())
def band():
    return neb_document()


def neb_document() -> NebDoc:
    values = dict(calculation_document(id="calc-neb", task="neb", label="hop 0"))
    images = [li_slab(adatom=True)] * 3
    more = {"images": images, "initial_images": images, "image_energies": [-5.0, -4.7, -5.0], "computed_images": 1}
    return NebDoc(**values, **more, image_forces=[[[0.0, 0.0, 0.1]] * 4] * 3, climbing_image=1)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mongodb_server(tmp_path_factory.mktemp("mongodb")) as (address, _):
        yield address


@pytest.fixture(params=EVERY_KIND)
def database(request, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty database of each kind, set in the environment."""
    if request.param == "mongodb":
        address = request.getfixturevalue("address")
        monkeypatch.setenv("ANODEFLOW_DATABASE", f"mongodb://{address}/?directConnection=true")
        monkeypatch.setenv("ANODEFLOW_DATABASE_NAME", tmp_path.name[-30:])
    elif request.param == "secantusd":
        request.getfixturevalue("server")
    return request.param


def everything() -> tuple:
    """All that can be read from the database."""
    return (
        sorted(result_rows({}), key=str),
        sorted(study_documents(), key=str),
        calculation_documents(["calc-slab", "calc-0", "calc-neb"]),
    )


@pytest.mark.slow
def test_status_backup_and_restore(database, anodeflow, tmp_path):
    fill()
    before = everything()
    assert len(before[2]) == 3

    status = json.loads(anodeflow("db", "status", "--format", "json").out)
    assert (status["kind"], status["studies"], status["calculations"]) == (database, 2, 3)
    assert status["collections"]["outputs"] == 5
    assert status["collections"]["data" if database == "sqlite" else "data.files"] == 3
    assert status["size"] > 1000
    words = anodeflow("db", "status").out
    assert "2 study documents, 3 calculations" in words
    # An embedded server that nobody used for a while comes back on another port.
    address = status["uri"] if database == "mongodb" else str(status["uri"]).rpartition(":")[0]
    assert (address in words) if database != "sqlite" else ("used by" not in words)

    file = tmp_path / "backup.zip"
    assert anodeflow("db", "backup", file).status == 0
    again = anodeflow("db", "backup", file)
    assert (again.status, "there is a file" in again.err) == (2, True)

    fill(calculation(id="calc-later"), adsorption(campaign="later"))
    refused = anodeflow("db", "restore", file)
    assert (refused.status, "--force" in refused.err) == (2, True)
    assert study_documents("later")
    restored = anodeflow("db", "restore", file, "--force")
    assert restored.status == 0, restored.err
    assert "found complete" in restored.out
    assert everything() == before
    with open_store() as store:
        assert store.count({"output.id": "calc-later"}) == 0
        indexes = [] if database == "sqlite" else store.docs_store._collection.index_information()
    assert database == "sqlite" or any("document_id" in name for name in indexes)
    fill()  # and it can be written to
    assert everything() == before


@pytest.mark.parametrize("database", EVERY_KIND[1:], indirect=True)
def test_restore_keeps_the_old_database_when_the_backup_is_damaged(database, anodeflow, tmp_path, home):
    fill()
    before = everything()
    collections = list(json.loads(anodeflow("db", "status", "-f", "json").out)["collections"])
    file = tmp_path / "backup.zip"
    anodeflow("db", "backup", file)
    with zipfile.ZipFile(file) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    (outputs,) = (name for name in content if name.endswith("outputs.bson"))
    for damaged in (
        content[outputs][: len(content[outputs]) // 2],
        content[outputs].replace(b"calc-slab", b"calc-slob"),
    ):
        with zipfile.ZipFile(tmp_path / "damaged.zip", "w") as archive:
            for name, data in content.items():
                archive.writestr(name, damaged if name == outputs else data)
        refused = anodeflow("db", "restore", tmp_path / "damaged.zip", "--force")
        assert refused.status == 2
        assert "damaged" in refused.err
    (tmp_path / "short.zip").write_bytes(file.read_bytes()[:-100])
    refused = anodeflow("db", "restore", tmp_path / "short.zip", "--force")
    assert (refused.status, "cut short" in refused.err) == (2, True)
    assert everything() == before
    assert list(json.loads(anodeflow("db", "status", "-f", "json").out)["collections"]) == collections
    assert not list(home.glob("database/*.restoring"))


@pytest.mark.slow
def test_backup_holds_what_its_documents_refer_to_while_others_write(server, anodeflow, tmp_path, monkeypatch):
    """A process stores bands, image by image, all the time; in the copy every band has its images."""
    fill()
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent
    )
    try:
        assert writer.stdout.readline() == "writing\n"
        assert anodeflow("db", "backup", tmp_path / "backup.zip").status == 0
    finally:
        writer.terminate()
        writer.wait()
    monkeypatch.setenv("ANODEFLOW_HOME", str(server.path / "second"))
    assert anodeflow("db", "restore", tmp_path / "backup.zip").status == 0
    with open_store() as store:
        ids = [entry["output"]["id"] for entry in store.query({"output.@class": "NebDoc"}, properties=["output.id"])]
        found = calculation_documents(ids, store)
    assert len(ids) > 1
    assert sorted(found) == sorted(ids)
    assert all(document.images == neb_document().images for document in found.values())
    anodeflow("db", "stop", "--force")


# --- export and import ---


@pytest.mark.slow
def test_backup_while_another_process_makes_a_collection(anodeflow, tmp_path, home):
    """MontyDB makes the file of a collection first and its table then."""
    fill()
    (documents,) = home.rglob("outputs.collection")
    documents.with_name("begun.collection").touch()
    assert anodeflow("db", "backup", tmp_path / "all.zip").status == 0
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert [entry.file_size for entry in archive.infolist() if "begun" in entry.filename] == [0]


@pytest.mark.parametrize("database", EVERY_KIND[1:], indirect=True)
def test_documents_travel_as_json_lines(database, anodeflow, tmp_path, monkeypatch):
    fill(calculation(id="calc-0", label="site"))  # stored twice
    before = everything()
    file = tmp_path / "all.jsonl.gz"
    assert "2 studies, 3 calculations" in anodeflow("db", "export", file).out
    printed = anodeflow("db", "export", "-", "--campaign", "other").out.splitlines()
    head, *entries = map(json.loads, printed)
    assert head["format"] == "anodeflow documents"
    assert [entry["@class"] for entry in entries] == ["CalculationDoc", "CalculationDoc", "AdsorptionDoc"]

    assert "5 documents were there already" in anodeflow("db", "import", file).out, "its own documents"
    for name in ("ANODEFLOW_DATABASE", "ANODEFLOW_DATABASE_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path / "second"))
    monkeypatch.setenv("ANODEFLOW_EMBEDDED", "sqlite")
    assert "imported 2 studies and 3 calculations" in anodeflow("db", "import", file).out
    assert everything() == before
    assert "imported 0 studies and 0 calculations; 5" in anodeflow("db", "import", file).out
    with open_store() as store:
        assert store.count() == 5
        assert "blob_uuid" in store.query_one({"output.id": "calc-neb"})["output"]["images"]


@pytest.mark.slow
def test_published_results_go_into_a_database(anodeflow):
    """`db import` takes what `export` writes; queries, reports and comparisons then know it."""
    file = Path(__file__).parents[1] / "docs" / "results" / "surfaces.json.gz"
    studies, calculations = read_results(file)
    assert (
        f"imported {len(studies)} studies and {len(calculations)} calculations; 0 d"
        in anodeflow("db", "import", file).out
    )
    assert "imported 0 studies and 0 calculations" in anodeflow("db", "import", file).out
    stored = {each.document_id: each for each in study_documents("surfaces-gpaw")}
    assert stored.keys() == {each.document_id for each in studies}
    for each in studies:
        assert jsanitize(stored[each.document_id].model_dump()) == jsanitize(each.model_dump())
    assert {row.value for row in result_rows({"property": "binding_energy"})} == {
        row.value for each in studies for row in each.rows() if row.property == "binding_energy"
    }
    assert calculation_documents(calculations).keys() == calculations.keys()


def test_computed_calculations_are_not_replaced_by_published_ones(anodeflow, tmp_path):
    fill()
    assert anodeflow("export", "test", "-o", tmp_path / "test.json.gz").status == 0
    before = {number: each.forces for number, each in calculation_documents(_ids("test")).items()}
    assert "; 0 documents" not in anodeflow("db", "import", tmp_path / "test.json.gz").out
    assert {number: each.forces for number, each in calculation_documents(_ids("test")).items()} == before
    assert any(before.values())


def _ids(campaign: str) -> list[str]:
    return [number for each in study_documents(campaign) for number in each.calculation_ids.values()]


def test_import_takes_a_newer_version_and_leaves_an_older_one(anodeflow, tmp_path):
    fill()
    file = tmp_path / "all.jsonl"
    anodeflow("db", "export", file)
    head, *lines = file.read_text().splitlines()
    for line in lines:
        entry = json.loads(line)
        if entry["document"].get("campaign") == "test":
            older = entry | {"completed_at": "2000-01-01", "document": entry["document"] | {"slab_energy": -1.0}}
            newer = entry | {"completed_at": "2999-01-01", "document": entry["document"] | {"slab_energy": -2.0}}
    file.write_text("\n".join([head, json.dumps(older), json.dumps(newer), json.dumps(newer)]) + "\n")
    assert "imported 1 study and 0 calculations; 2" in anodeflow("db", "import", file).out
    assert [document.slab_energy for document in study_documents("test")] == [-2.0]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "is empty"),
        (['{"format": "something"}'], "holds no documents"),
        (['{"format": "anodeflow documents", "version": 99}'], "version 99"),
        (["HEAD", "LINE", '{"@class": "AdsorptionDoc", "document": {}}'], "line 3"),
        (["HEAD", "LINE", '{"@class": "Unknown", "document": {}}'], "line 3"),
        (["HEAD", "LINE", "half a li"], "line 3"),
        (["HEAD", "LINE", "NAN"], "line 3, is no document of this anodeflow (NaN is no number)"),
        (["HEAD", "LINE", "BEYOND"], "line 3, is no document of this anodeflow (1e999 is no number)"),
    ],
)
def test_import_names_the_line_that_is_wrong_and_keeps_those_before(anodeflow, tmp_path, lines, words):
    entry = {
        "@class": "CalculationDoc",
        "completed_at": "2026",
        "document": jsanitize(calculation_document(), strict=True),
    }
    text = json.dumps(entry)
    energy = f'"energy": {entry["document"]["energy"]}'
    assert energy in text
    known = {"HEAD": '{"format": "anodeflow documents", "version": 1}', "LINE": text}
    known |= {"NAN": text.replace(energy, '"energy": NaN'), "BEYOND": text.replace(energy, '"energy": 1e999')}
    file = tmp_path / "wrong.jsonl"
    file.write_text("".join(known.get(line, line) + "\n" for line in lines))
    refused = anodeflow("db", "import", file)
    assert refused.status == 2
    assert words in refused.err
    assert bool(calculation_documents(["calc-slab"])) == ("LINE" in lines)
    missing = anodeflow("db", "import", tmp_path / "missing.jsonl")
    assert (missing.status, "cannot read" in missing.err) == (2, True)


def test_import_of_a_line_that_no_document_fills(anodeflow, tmp_path, monkeypatch):
    monkeypatch.setattr("anodeflow.core.textfile.LONGEST_LINE", 1000)
    bomb = tmp_path / "bomb.jsonl.gz"
    for head in ("", '{"format": "anodeflow documents", "version": 1}\n'):
        bomb.write_bytes(gzip.compress(f"{head}{' ' * 5000}".encode()))
        done = anodeflow("db", "import", bomb)
        assert done.status == 2
        assert f"bomb.jsonl.gz, line {1 + bool(head)}, is longer than 0.001 MB, which no document is" in done.err


def test_import_of_a_file_that_is_not_there(anodeflow, tmp_path):
    done = anodeflow("db", "import", tmp_path / "absent.zip")
    assert done.status == 2
    assert f"cannot read {tmp_path / 'absent.zip'} (No such file or directory): write it" in done.err


def test_import_tells_what_contradicts_the_database_and_what_is_lacking(anodeflow, tmp_path):
    fill()
    file = tmp_path / "all.jsonl"
    anodeflow("db", "export", file)
    head, *lines = file.read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    calculation = next(entry for entry in entries if entry["@class"] == "CalculationDoc")
    other = calculation | {"document": calculation["document"] | {"energy": -99.0}}
    file.write_text("\n".join([head, json.dumps(other)]) + "\n")
    told = anodeflow("db", "import", file)
    assert told.status == 1
    energy = calculation["document"]["energy"]
    words = f"{calculation['document']['id']} (its energy is {energy:.6g} eV there and -99 eV in the file) is in the"
    assert f"{words} database with other content, and stays there as it is" in told.err
    assert calculation_documents([calculation["document"]["id"]])[calculation["document"]["id"]].energy != -99.0

    study = next(entry for entry in entries if entry["@class"] == "AdsorptionDoc")
    best = study["document"]["sites"][study["document"]["most_stable"]]
    known = best["binding_energy"]
    for energy, differs in ((known - 0.001, False), (known - 1.0, True)):
        best["binding_energy"] = energy
        file.write_text("\n".join([head, json.dumps(study)]) + "\n")
        told = anodeflow("db", "import", file)
        words = f"is {known:.6g} eV there and {energy:.6g} eV in the file) is in the database with other content"
        assert (words in told.err) == differs
    best["binding_energy"] = known
    ids = study["document"]["calculation_ids"]
    other = study | {"document": study["document"] | {"calculation_ids": ids | {"slab": ids["bulk"]}}}
    file.write_text("\n".join([head, json.dumps(other)]) + "\n")
    told = anodeflow("db", "import", file)
    assert f"its slab is the calculation {ids['slab']} there and {ids['bulk']} in the file" in told.err
    alone = study | {"document": study["document"] | {"campaign": "alone", "calculation_ids": {"slab": "nowhere"}}}
    file.write_text("\n".join([head, json.dumps(alone)]) + "\n")
    told = anodeflow("db", "import", file)
    assert (told.status, "rests on calculations that neither" in told.err) == (1, True)


@pytest.mark.slow
def test_calculations_as_an_ase_database(anodeflow, tmp_path):
    fill(adsorption(campaign="2026", document_id="document-3", calculation_ids={"slab": "calc-neb"}))
    file = tmp_path / "results.db"
    assert "3 calculations" in anodeflow("db", "export", "--ase", file).out
    with connect(file) as rows:
        (slab,) = rows.select(calculation_id="calc-slab")
        expected = calculation_document()
        assert slab.energy == expected.energy
        assert slab.forces.tolist() == expected.forces
        assert slab.positions == pytest.approx(expected.structure.cart_coords)
        assert (slab.campaign, slab.system, slab.study, slab.site, slab.task) == (
            *("test", "Li(001)", "adsorption", "slab", "relax"),
        )
        assert slab.settings_hash == "settings-1"
        assert slab.data["settings"] == expected.settings
        # ASE turns 2026 in a query into a number, and finds no text by it.
        (band,) = rows.select(task="neb")
        assert (band.calculation_id, band.campaign) == ("calc-neb", "2026")
    shown = subprocess.run(
        [sys.executable, "-m", "ase", "db", str(file), "site=site 0", "-c", "formula,energy,campaign"],
        capture_output=True,
        text=True,
    )
    assert "Li3" in shown.stdout
    assert "-5.0" in shown.stdout
    for wrong in (file, tmp_path / "results.txt"):
        assert anodeflow("db", "export", "--ase", wrong).status == 2
    assert anodeflow("db", "export").status == 2


@pytest.mark.slow
def test_export_leaves_out_what_is_damaged_and_says_so(anodeflow, tmp_path):
    fill()
    with open_store() as store:
        store.additional_stores["data"].remove_docs({})
    ended = anodeflow("db", "export", tmp_path / "all.jsonl")
    assert ended.status == 1
    assert "1 documents are damaged" in ended.err
    with pytest.warns(UserWarning, match="skipped the NebDoc"):
        assert set(calculation_documents(["calc-slab", "calc-neb"])) == {"calc-slab"}
