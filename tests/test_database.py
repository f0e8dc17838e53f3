"""The database opened on all its kinds, and what goes wrong with each."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from factories import adsorption_document, calculation_document
from jobflow import Flow, JobStore, Response, job, run_locally
from processes import parent_of, wait_until
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from servers import EVERY_KIND, free_port, mongodb_server

from anodeflow.core.errors import DatabaseError, InputError
from anodeflow.core.install import install_command
from anodeflow.core.settings import Settings
from anodeflow.database import server_store, supervisor
from anodeflow.database.embedded import ServerFolder
from anodeflow.database.locks import is_locked
from anodeflow.database.store import open_store

WRITER = """
import sys
from pathlib import Path
from anodeflow.database.store import open_store
from anodeflow.core.settings import Settings

with open_store(Settings(home=Path(sys.argv[1]), embedded=sys.argv[2])) as store:
    for n in range(25):
        store.update({"uuid": f"{sys.argv[3]}-{n}", "index": 1, "output": n})
"""

TELLING_WRITER = """
import sys
from pathlib import Path
from anodeflow.database.store import open_store
from anodeflow.core.settings import Settings

with open_store(Settings(home=Path(sys.argv[1]), embedded="secantusd")) as store:
    for n in range(40):
        record = {"uuid": f"{sys.argv[2]}-{n}", "index": 1, "output": {"number": n, "large": [n] * 1000}}
        store.update(record, save={"data": ["large"]})
        print(n, flush=True)
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mongodb_server(tmp_path_factory.mktemp("mongodb")) as (address, _):
        yield address


@pytest.fixture
def settings(request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Settings of the kind of database in `request.param`; an embedded server has ended when the test has."""
    monkeypatch.setenv("ANODEFLOW_DATABASE_IDLE", "0.2")
    kind = getattr(request, "param", "sqlite")
    if kind == "mongodb":
        name = f"{tmp_path.name[-30:]}"
        address = request.getfixturevalue("address")
        yield Settings(home=tmp_path, database=f"mongodb://{address}/?directConnection=true", database_name=name)
        return
    if kind == "secantusd":
        pytest.importorskip("secantus")
    yield Settings(home=tmp_path, embedded=kind)
    deadline = time.monotonic() + 30
    record = ServerFolder(tmp_path / "database" / "secantusd")
    while time.monotonic() < deadline and record.state.exists():
        time.sleep(0.05)
    assert not record.state.exists(), "the server stays behind"


every_kind = pytest.mark.parametrize("settings", EVERY_KIND, indirect=True)


@job
def adsorption(**changes):
    return adsorption_document(**changes)


@job
def calculation(**changes):
    return calculation_document(**changes)


@job
def expand():
    """Give way to a flow, as the sites of a slab do."""
    steps = [calculation(id="calc-0"), adsorption()]
    return Response(replace=Flow(steps, output=steps[1].output))


@job(data="forces")
def calculation_with_large_data():
    return calculation_document(forces=[[0.1, 0.2, 0.3]] * 3)


@every_kind
def test_documents_of_jobs_come_back(settings):
    replaced = expand()
    flow = Flow([replaced, adsorption(campaign="other")])
    with open_store(settings) as store:
        run_locally(flow, store=store, log=False, ensure_success=True)
    with open_store(settings) as store:
        found = list(store.query({"output.@class": {"$in": ["AdsorptionDoc"]}, "output.campaign": "test"}))
        assert [entry["output"]["document_id"] for entry in found] == ["document-1"]
        assert type(adsorption_document()).model_validate(found[0]["output"]) == adsorption_document()
        assert store.query_one({"uuid": replaced.uuid, "index": 1})["output"] is None
        # what a later job sees of the replaced one
        assert store.get_output(replaced.uuid, load=True) == adsorption_document()
        assert store.count({"output.@class": "CalculationDoc"}) == 1


@every_kind
def test_large_objects_go_to_the_additional_store(settings):
    large = calculation_with_large_data()
    with open_store(settings) as store:
        run_locally(large, store=store, log=False, ensure_success=True)
    with open_store(settings) as store:
        assert "blob_uuid" in store.query_one({"uuid": large.uuid})["output"]["forces"]
        assert store.get_output(large.uuid, load=True)["forces"] == [[0.1, 0.2, 0.3]] * 3


@every_kind
def test_running_a_job_again_replaces_its_document(settings):
    first = calculation(energy=-1.0)
    with open_store(settings) as store:
        run_locally(first, store=store, log=False, ensure_success=True)
        again = calculation(energy=-2.0)
        again.set_uuid(first.uuid)
        run_locally(again, store=store, log=False, ensure_success=True)
        assert [entry["output"]["energy"] for entry in store.query({"uuid": first.uuid})] == [-2.0]


@pytest.mark.slow
@pytest.mark.parametrize("settings", EVERY_KIND[:2], indirect=True)
def test_two_processes_write_at_once(settings):
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(settings.home), settings.embedded, name]) for name in "ab"
    ]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0]
    with open_store(settings) as store:
        found = {entry["uuid"] for entry in store.query(properties=["uuid"])}
    assert found == {f"{name}-{n}" for name in "ab" for n in range(25)}


@pytest.mark.slow
@pytest.mark.parametrize("settings", ["secantusd"], indirect=True)
def test_nothing_acknowledged_is_lost_when_the_server_is_killed_under_two_writers(settings):
    """Both go on when it is back; what they were told is stored can be read, large parts included."""
    folder = ServerFolder(settings.home / "database" / "secantusd")
    command = [sys.executable, "-c", TELLING_WRITER, str(settings.home)]

    def is_back(killed: int) -> bool:
        server = folder.recorded()
        return server is not None and server.pid != killed and server.answers()

    with open_store(settings) as store:  # or the server might have ended before it is killed, its writers being done
        writers = {
            name: subprocess.Popen([*command, name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for name in "ab"
        }
        for name in "ab":
            for _ in range(5):
                assert writers[name].stdout.readline(), writers[name].stderr.read()
            killed = folder.recorded().pid
            os.kill(killed, signal.SIGKILL)
            assert wait_until(lambda killed=killed: is_back(killed), 100)
        for writer in writers.values():
            printed = writer.stdout.read()
            assert writer.wait() == 0, writer.stderr.read()
            assert printed.endswith("39\n")
        for name in writers:
            for n in range(40):
                assert store.get_output(f"{name}-{n}", load=True) == {"number": n, "large": [n] * 1000}


def test_clients_wait_longer_than_a_killed_server_may_take_to_be_back():
    """On a machine at work it takes many times the usual two seconds."""
    assert server_store._EMBEDDED_PATIENCE / 1000 > supervisor._DEATH + supervisor._START


def test_auto_takes_what_the_folder_holds(settings, monkeypatch):
    with open_store(settings) as store:
        store.update({"uuid": "kept", "index": 1, "output": 1})
    with open_store(settings.model_copy(update={"embedded": "auto"})) as store:
        assert store.docs_store.name.startswith("monty:")
        assert store.count() == 1
    empty = settings.model_copy(update={"embedded": "auto", "home": settings.home / "other"})
    monkeypatch.setattr("anodeflow.database.place.server_command", lambda: None)
    with open_store(empty) as store:
        assert store.docs_store.name.startswith("monty:")


def test_secantusd_asked_for_but_not_installed(settings, monkeypatch):
    monkeypatch.setattr("anodeflow.database.embedded.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")
    message = sentence_of(settings.model_copy(update={"embedded": "secantusd"}))
    assert "not installed" in message
    assert install_command("database") in message
    with open_store(settings.model_copy(update={"embedded": "auto"})) as store:
        assert store.docs_store.name.startswith("monty:")


@pytest.mark.slow
@pytest.mark.parametrize("settings", EVERY_KIND[:2], indirect=True)
def test_relative_home(settings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with open_store(settings.model_copy(update={"home": Path()})) as store:
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        store.update({"uuid": "kept", "index": 1, "output": 1})
    with open_store(settings) as store:
        assert store.count({"uuid": "kept"}) == 1


@pytest.mark.slow
@pytest.mark.parametrize("settings", ["secantusd"], indirect=True)
def test_auto_prefers_the_server(settings):
    with open_store(settings.model_copy(update={"embedded": "auto"})) as store:
        assert store.docs_store.name.startswith("mongodb://127.0.0.1:")
    assert os.stat(settings.home / "database" / "secantusd").st_mode & 0o077 == 0, "others can read the database"


@pytest.mark.parametrize(
    ("path", "chosen", "name"), [("", None, "anodeflow"), ("lab", None, "lab"), ("lab", "mine", "mine")]
)
def test_name_of_the_database(address, tmp_path, path, chosen, name):
    named = {"database_name": chosen} if chosen else {}
    uri = f"mongodb://{address}/{path}?directConnection=true"
    with open_store(Settings(home=tmp_path, database=uri, **named)) as store:
        assert store.docs_store._collection.database.name == name


# --- wrong input and broken databases ---


def sentence_of(settings: Settings) -> str:
    """The message with which the database does not open."""
    with pytest.raises(DatabaseError) as caught, open_store(settings):
        pass
    message = str(caught.value)
    assert caught.value.exit_status == 2
    assert "\n" not in message
    assert message.endswith(".")
    return message


def test_server_not_reachable(tmp_path):
    uri = f"mongodb://anna:secret@127.0.0.1:{free_port()}/?serverSelectionTimeoutMS=300"
    begin = time.monotonic()
    message = sentence_of(Settings(home=tmp_path, database=uri))
    assert time.monotonic() - begin < 4, "what the URI says counts, not our 5 s"
    assert "does not answer" in message
    assert "refused" in message
    assert "ANODEFLOW_DATABASE" in message
    assert "secret" not in message


@pytest.mark.parametrize(
    "uri",
    [
        "postgres://127.0.0.1/x",
        "mongodb://",
        "mongodb://127.0.0.1:notaport/",
        "mongodb://127.0.0.1:99999/",
        "mongodb://anna:se/cret@127.0.0.1/",
        "mongodb://127.0.0.1/a b",
        "mongodb://127.0.0.1/?authMechanism=PLAIN&serverSelectionTimeoutMS=soon&w=-1",
    ],
)
def test_malformed_uri(tmp_path, uri):
    message = sentence_of(Settings(home=tmp_path, database=uri))
    assert "no usable MongoDB URI" in message
    assert "mongodb://user:password@host:27017/database" in message
    assert "cret" not in message


@pytest.mark.slow
def test_access_refused(tmp_path):
    with mongodb_server(tmp_path) as (address, process):
        with MongoClient(f"mongodb://{address}/?directConnection=true") as client:
            client.admin.command("createUser", "anna", pwd="secret-1", roles=["readWriteAnyDatabase"])
        process.terminate()
        process.wait()
    with mongodb_server(tmp_path, "--auth") as (address, _):
        uri = f"{address}/?directConnection=true&authSource=admin"
        with open_store(Settings(home=tmp_path, database=f"mongodb://anna:secret-1@{uri}")) as store:
            assert store.count() == 0
        for user in ("anna:secret-2@", "nobody:secret-2@", ""):
            message = sentence_of(Settings(home=tmp_path, database=f"mongodb://{user}{uri}"))
            assert "refuses access" in message
            assert "secret" not in message


def use(settings: Settings, action: Callable[[JobStore], object]) -> None:
    with open_store(settings) as store:
        action(store)


@pytest.mark.slow
def test_server_lost_in_the_middle(tmp_path, monkeypatch):
    monkeypatch.setattr("anodeflow.database.server_store._SERVER_PATIENCE", 500)
    with mongodb_server(tmp_path) as (address, process):

        def lose_it(store):
            process.kill()
            process.wait()
            store.count({"uuid": "x"})

        with pytest.raises(DatabaseError, match="does not answer"):
            use(Settings(home=tmp_path, database=f"mongodb://{address}/?directConnection=true"), lose_it)


@pytest.mark.slow
@pytest.mark.parametrize("settings", ["secantusd"], indirect=True)
def test_embedded_server_lost_in_the_middle(settings, monkeypatch):
    monkeypatch.setattr("anodeflow.database.server_store._EMBEDDED_PATIENCE", 2000)
    folder = ServerFolder(settings.home / "database" / "secantusd")

    def lose_it(store):
        store.update({"uuid": "kept", "index": 1, "output": 1})
        server = folder.recorded()
        supervisor = parent_of(server.pid)
        os.kill(supervisor, signal.SIGKILL)
        os.kill(server.pid, signal.SIGKILL)
        store.count({"uuid": "kept"})

    with pytest.raises(DatabaseError, match=r"server\.log and run the command again"):
        use(settings, lose_it)
    with open_store(settings) as store:  # the same again helps, as the message says
        assert store.count({"uuid": "kept"}) == 1


@pytest.mark.parametrize("name", ["outputs", "data"])
@pytest.mark.parametrize("how", ["all", "middle"])
def test_damaged_sqlite_file(settings, name, how):
    with open_store(settings) as store:
        store.update([{"uuid": str(n), "index": 1, "output": "x" * 5000} for n in range(20)])
        store.additional_stores["data"].update([{"blob_uuid": str(n), "data": "x" * 5000} for n in range(20)])
    file = settings.home / "database" / "sqlite" / "anodeflow" / f"{name}.collection"
    for log in file.parent.glob("*-wal"):
        log.unlink()
    content = bytearray(file.read_bytes())
    assert len(content) > 100_000
    span = slice(0, len(content)) if how == "all" else slice(4096, 40960)
    content[span] = os.urandom(len(content[span]))
    file.write_bytes(content)
    message = sentence_of(settings)
    assert "damaged" in message
    assert str(file.parent.parent) in message


@pytest.mark.slow
@pytest.mark.parametrize("settings", ["secantusd"], indirect=True)
@pytest.mark.parametrize("file", ["WiredTiger.wt", "secantus_collections.wt"])  # found at the start, at the first use
def test_damaged_server_storage(settings, file):
    folder = ServerFolder(settings.home / "database" / "secantusd")
    with open_store(settings) as store:
        store.update({"uuid": "lost", "index": 1, "output": 1})
    deadline = time.monotonic() + 30
    while folder.state.exists() or is_locked(folder.supervisor_lock):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    damaged = folder.storage / file
    damaged.write_bytes(os.urandom(damaged.stat().st_size))
    message = sentence_of(settings)
    assert "damaged" in message
    assert str(folder.log) in message
    assert "WiredTiger" in folder.log.read_text(errors="replace")


@pytest.mark.parametrize("kind", EVERY_KIND[:2])
def test_folder_not_writable(tmp_path, kind):
    if kind == "secantusd":
        pytest.importorskip("secantus")
    (tmp_path / "database").write_text("a file in the place of the folder: not even root can write into it")
    message = sentence_of(Settings(home=tmp_path, embedded=kind))
    assert "cannot write" in message
    assert "ANODEFLOW_HOME" in message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_without_permission(tmp_path):
    (tmp_path / "database").mkdir(mode=0o500)
    assert "Permission denied" in sentence_of(Settings(home=tmp_path, embedded="sqlite"))


def test_unknown_kind_of_embedded_database(tmp_path):
    with (
        pytest.raises(InputError, match="auto, secantusd or sqlite"),
        open_store(Settings(home=tmp_path, embedded="x")),
    ):
        pass


@pytest.mark.slow
def test_errors_of_others_pass_unchanged(settings):
    with pytest.raises(ZeroDivisionError), open_store(settings):
        _ = 1 / 0
    with pytest.raises(PyMongoError, match="mine"), open_store(settings):
        raise PyMongoError("mine")


@every_kind
def test_large_parts_of_a_job_that_is_run_again_are_stored_once(settings):
    """jobflow names them anew each time; those that no output refers to go, and all go with the output."""
    with open_store(settings) as store:
        for number in range(3):
            for job_uuid in "ab":
                output = {"number": number, "large": [number] * 10, "larger": [number] * 20}
                record = {"uuid": job_uuid, "index": 1, "output": output}
                store.update(record, save={"data": [["output", "large"], ["output", "larger"]]})
        blobs = store.additional_stores["data"]
        assert blobs.count() == 4
        for job_uuid in "ab":
            assert store.get_output(job_uuid, load=True) == {"number": 2, "large": [2] * 10, "larger": [2] * 20}
        store.remove_docs({"uuid": "a"})
        assert blobs.count() == 2
        assert store.get_output("b", load=True)["large"] == [2] * 10


def test_a_disk_that_was_full_at_the_first_start_leaves_no_broken_database(tmp_path, monkeypatch):
    """SQLite makes the file first and its table then: a file without one is as good as none."""
    from anodeflow.database.store import open_store

    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ANODEFLOW_EMBEDDED", "sqlite")
    with open_store():
        pass
    for file in (tmp_path / "home").rglob("*.collection"):
        file.unlink()
        file.touch()
    with open_store() as store:
        store.update({"uuid": "kept", "index": 1, "output": 1})
        assert store.count({"uuid": "kept"}) == 1


def test_a_full_disk_in_the_middle_is_told_as_one():
    import sqlite3

    from anodeflow.cli.unexpected import sentence

    error = sqlite3.OperationalError("database or disk is full")
    assert sentence(error).startswith("the disk is full (database or disk is full): make room")


@pytest.mark.slow
def test_names_beyond_ascii_where_the_terminal_knows_ascii_alone(tmp_path):
    """Files are UTF-8 whatever the locale; what cannot be shown is shown as something else."""
    import subprocess
    import sys

    file = tmp_path / "c.yaml"
    file.write_text(
        "name: c\nbackend: emt\nsystems:\n  - {name: Al α Å, structure: Al, layers: 2, vacuum: 8, min_width: 0}\n"
        "studies:\n  - surface_energy: {}\n",
        encoding="utf-8",
    )
    environment = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    environment |= {"ANODEFLOW_HOME": str(tmp_path / "home"), "ANODEFLOW_EMBEDDED": "sqlite"}
    for command in (["run", str(file)], ["query"], ["export", "c", "-o", str(tmp_path / "c.json.gz")]):
        ended = subprocess.run(
            [sys.executable, "-m", "anodeflow", *command], env=os.environ | environment, capture_output=True
        )
        assert ended.returncode == 0, ended.stderr.decode("utf-8", "replace")
