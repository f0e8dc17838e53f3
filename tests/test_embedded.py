"""The embedded server: started, shared, restarted and stopped, with real processes and real kills."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from processes import parent_of, processes_naming, wait_until
from pymongo import MongoClient

from anodeflow.core.errors import DatabaseError
from anodeflow.database import embedded
from anodeflow.database.embedded import Server, ServerFolder, embedded_server
from anodeflow.database.locks import file_lock, is_locked
from anodeflow.database.server import Service
from anodeflow.database.service import stop_service

pytestmark = pytest.mark.slow

CLIENT = """
import sys, time
from pathlib import Path
from pymongo import MongoClient
from anodeflow.database.embedded import embedded_server

with embedded_server(Path(sys.argv[1])) as server, MongoClient(server.uri) as client:
    for n in range(int(sys.argv[2])):
        client.test.documents.insert_one({"_id": f"{sys.argv[3]}-{n}"})
    print(server.pid, flush=True)
    time.sleep(float(sys.argv[4]))
"""


def client_process(folder: Path, documents: int, name: str, stay: float = 0.0) -> subprocess.Popen:
    command = [sys.executable, "-c", CLIENT, str(folder), str(documents), name, str(stay)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def documents_of(server: Server) -> set[str]:
    with MongoClient(server.uri, serverSelectionTimeoutMS=10000) as client:
        return {document["_id"] for document in client.test.documents.find()}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Folder of a server that stops soon after its last client; no process of it may outlive the test."""
    pytest.importorskip("secantus")
    monkeypatch.setenv("ANODEFLOW_DATABASE_IDLE", "0.2")
    yield tmp_path / "server"
    assert wait_until(lambda: not processes_naming(tmp_path)), processes_naming(tmp_path)


def test_all_clients_share_one_server_on_loopback(folder):
    with embedded_server(folder) as first:
        with embedded_server(folder) as second:
            assert second == first
        other = client_process(folder, 1, "other")
        assert other.communicate()[0].strip() == str(first.pid)
        assert documents_of(first) == {"other-0"}
        socket.create_connection(("127.0.0.1", first.port)).close()
        with pytest.raises(ConnectionRefusedError):  # bound to 127.0.0.1 itself, not to every address
            socket.create_connection(("127.0.0.2", first.port))


def test_stops_after_its_last_client_and_keeps_the_documents(folder):
    with embedded_server(folder) as server, MongoClient(server.uri) as client:
        client.test.documents.insert_one({"_id": "kept"})
        time.sleep(1.2)
        assert server.answers(), "it stopped under a client"
        assert len(processes_naming(folder)) == 2, "server and supervisor"
    assert wait_until(lambda: not processes_naming(folder))
    assert not server.answers()
    assert not ServerFolder(folder).state.exists()
    with embedded_server(folder) as server:
        assert documents_of(server) == {"kept"}


def test_outlives_the_process_that_started_it(folder):
    starter = client_process(folder, 1, "starter", stay=60)
    pid = int(starter.stdout.readline())
    with embedded_server(folder) as server:
        starter.kill()
        starter.wait()
        time.sleep(1.5)
        assert server.pid == pid
        assert documents_of(server) == {"starter-0"}


def test_simultaneous_starts_give_one_server_and_all_documents(folder):
    clients = [client_process(folder, 25, name, stay=0.5) for name in ("a", "b", "c")]
    pids = {client.communicate(timeout=60)[0].strip() for client in clients}
    assert len(pids) == 1
    assert pids != {""}
    with embedded_server(folder) as server:
        assert documents_of(server) == {f"{name}-{n}" for name in "abc" for n in range(25)}


def test_killed_server_comes_back_under_its_clients(folder):
    with embedded_server(folder) as server, MongoClient(server.uri, serverSelectionTimeoutMS=15000) as client:
        for n in range(60):
            client.test.documents.insert_one({"_id": str(n)})  # acknowledged
            if n == 30:
                os.kill(server.pid, signal.SIGKILL)
        with embedded_server(folder) as again:
            assert again.port == server.port
            assert again.pid != server.pid
            assert documents_of(again) == {str(n) for n in range(60)}


@pytest.mark.parametrize("victims", ["both", "supervisor"])
def test_killed_supervisor_is_replaced(folder, victims):
    with embedded_server(folder) as server, MongoClient(server.uri) as client:
        for n in range(30):
            client.test.documents.insert_one({"_id": str(n)})
        os.kill(parent_of(server.pid), signal.SIGKILL)
        if victims == "both":
            os.kill(server.pid, signal.SIGKILL)
        assert wait_until(lambda: not is_locked(ServerFolder(folder).supervisor_lock))
        assert ServerFolder(folder).recorded() == server, "the stale record is what this test is about"
        with embedded_server(folder) as again:
            assert again.pid != server.pid
            assert documents_of(again) == {str(n) for n in range(30)}
            servers = [process.pid for process in processes_naming(f"--storage-path {folder}")]
            assert servers == [again.pid]


def test_another_server_on_the_recorded_port_is_left_alone(folder):
    with embedded_server(folder.with_name("foreign")) as foreign:
        folder.mkdir()
        ServerFolder(folder).record(replace(foreign, pid=1))
        with embedded_server(folder) as server:
            assert server.port != foreign.port
            assert foreign.answers()


def test_the_recorded_port_is_the_end_of_a_connection_of_somebody(folder):
    """It does not listen, and nobody else can bind it."""
    with embedded_server(folder) as server:
        pass
    assert wait_until(lambda: not processes_naming(folder))
    with socket.socket() as end:
        end.bind(("127.0.0.1", 0))
        ServerFolder(folder).record(replace(server, port=end.getsockname()[1]))
        with embedded_server(folder) as again:
            assert again.port != end.getsockname()[1]


@pytest.fixture(scope="module")
def sound_storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Storage of a server that has been stopped."""
    folder = tmp_path_factory.mktemp("sound")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANODEFLOW_DATABASE_IDLE", "0.2")
        with embedded_server(folder):
            pass
    assert wait_until(lambda: not processes_naming(folder))
    return folder / "storage"


@pytest.mark.parametrize("damaged", ["WiredTiger.turtle", "WiredTiger.wt", "secantus_oplog.wt", "*"])
def test_damaged_storage_is_reported_with_its_log(folder, sound_storage, damaged):
    shutil.copytree(sound_storage, folder / "storage")
    for file in (folder / "storage").glob(damaged):
        file.write_bytes(b"\x8fgarbage\xff" * 1000)
    with pytest.raises(DatabaseError, match="does not open") as caught, embedded_server(folder):
        pass
    assert str(folder / "server.log") in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "rror" in (folder / "server.log").read_text(errors="replace")


SUPERVISOR = """
import sys
from pathlib import Path
from anodeflow.database import supervisor

taken, free_port = [int(sys.argv[2])] * 2, supervisor._free_port
supervisor._free_port = lambda: taken.pop() if taken else free_port()
supervisor._is_free = lambda port: True  # who has it is gone by the time that somebody looks
sys.exit(supervisor.main(Path(sys.argv[1])))
"""


def test_port_that_a_connection_takes_first(folder):
    folder.mkdir()
    place = ServerFolder(folder)
    place.claim()
    with socket.socket() as other, place.log.open("ab") as log:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        command = [sys.executable, "-c", SUPERVISOR, str(folder), str(port)]
        assert subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log).returncode == 0
        with embedded_server(folder) as server:
            assert server.port != port
            assert documents_of(server) == set()
    assert place.log.read_text(errors="replace").count("in use") == 2, "while it had no password, and with it"


def test_port_that_is_kept_is_waited_for(folder):
    folder.mkdir()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))  # as a connection has it: nobody listens there
        port = other.getsockname()[1]
        ServerFolder(folder).record_service(Service(port=port, kept=True))
        end = threading.Timer(3.0, other.close)
        end.start()
        try:
            with embedded_server(folder) as server:
                assert server.port == port
        finally:
            end.join()
            stop_service(folder, force=True)


def test_in_use_on_another_machine(folder):
    folder.mkdir()
    ServerFolder(folder).record(Server(host="elsewhere", port=1, pid=1))
    with (
        file_lock(ServerFolder(folder).supervisor_lock),
        pytest.raises(DatabaseError, match="in use on the machine elsewhere"),
        embedded_server(folder),
    ):
        pass


def test_without_secantusd(tmp_path, monkeypatch):
    folder = tmp_path / "server"
    monkeypatch.setattr(embedded, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DatabaseError, match=r"pip install .*secantusdb"), embedded_server(folder):
        pass
    assert not folder.exists()


def test_errors_of_the_context_pass_unchanged(folder):
    with pytest.raises(TimeoutError, match="mine"), embedded_server(folder):
        raise TimeoutError("mine")


def test_lock_excludes_and_is_freed(tmp_path):
    lock = tmp_path / "lock"
    with file_lock(lock, shared=True), file_lock(lock, shared=True):
        assert not is_locked(lock)
        with pytest.raises(TimeoutError, match="lock is locked"), file_lock(lock, patience=0.1):
            pass
    with file_lock(lock):
        assert is_locked(lock)
    assert not is_locked(lock)
