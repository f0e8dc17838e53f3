"""Who may talk to the embedded server: its owner, and nobody else on the machine."""

import json
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from processes import processes_naming, wait_until
from pymongo import MongoClient
from pymongo.errors import ConnectionFailure, OperationFailure
from servers import free_port, mongodb_server

from anodeflow.core.errors import DatabaseError
from anodeflow.core.settings import get_settings
from anodeflow.database.embedded import ServerFolder, embedded_server, listens
from anodeflow.database.secret import USER, certificate, read_secret
from anodeflow.database.service import start_service, stop_service
from anodeflow.database.supervisor import _server_process
from anodeflow.execution.project import _renew_login

HOLDER = """
import sys, time
from pathlib import Path
from anodeflow.database.locks import file_lock
with file_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that every user may look into, where a home can be; no process of it may outlive the test."""
    pytest.importorskip("secantus")
    monkeypatch.setenv("ANODEFLOW_DATABASE_IDLE", "0.2")
    monkeypatch.setenv("ANODEFLOW_EMBEDDED", "secantusd")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        folder.chmod(0o755)
        monkeypatch.setenv("ANODEFLOW_HOME", str(folder / "home"))
        yield folder
        for storage in folder.rglob("secret.json"):
            stop_service(storage.parent, force=True)
        assert wait_until(lambda: not processes_naming(folder)), processes_naming(folder)


def server_folder(place: Path) -> ServerFolder:
    return ServerFolder(place / "home" / "database" / "secantusd")


def as_nobody(action: Callable[[], object]) -> str:
    """Do something as another user, in a process of its own; return what came of it."""
    reader, writer = os.pipe()
    if not (child := os.fork()):
        try:
            other = pwd.getpwnam("nobody")
            os.setgroups([])
            os.setgid(other.pw_gid)
            os.setuid(other.pw_uid)
            said = f"done: {action()}"
        except BaseException as error:
            said = f"{type(error).__name__} {getattr(error, 'code', '')}"
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        said = stream.read()
    os.waitpid(child, 0)
    return said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_is_refused(place, anodeflow):
    address = anodeflow("db", "start").out.strip()
    folder = server_folder(place)
    assert "@" not in address
    with MongoClient(folder.recorded().uri) as ours:
        ours.anodeflow.queue.insert_one({"_id": "job", "command": "ours"})

    def ask(command: dict, uri: str = address) -> str:
        def action() -> object:
            with MongoClient(uri, serverSelectionTimeoutMS=5000) as client:
                return client.admin.command(command)

        return as_nobody(action)

    def change() -> object:
        with MongoClient(address) as client:
            return client.anodeflow.queue.update_one({"_id": "job"}, {"$set": {"command": "theirs"}})

    assert as_nobody(folder.secret_file.read_text).startswith("PermissionError")
    assert as_nobody(lambda: os.listdir(place / "home")).startswith("PermissionError")
    assert as_nobody(change) == "OperationFailure 13"
    assert ask({"listDatabases": 1}) == "OperationFailure 13"
    assert ask({"createUser": "theirs", "pwd": "theirs", "roles": ["root"]}) == "OperationFailure 13"
    guessed = address.replace("://", f"://{USER}:guessed@")
    assert ask({"listDatabases": 1}, uri=guessed) == "OperationFailure 18"
    with MongoClient(folder.recorded().uri) as ours:
        assert ours.anodeflow.queue.find_one()["command"] == "ours"


def test_password_is_in_one_file_only(place, anodeflow):
    printed = [anodeflow("db", "start", "--format", "json"), anodeflow("db", "status"), anodeflow("query")]
    printed += [anodeflow("db", "status", "--format", "json"), anodeflow("db", "stop", "--hlep")]
    folder = server_folder(place)
    server = folder.recorded()
    password = read_secret(folder.secret_file).password
    assert len(password) > 40
    for outcome in printed:
        assert password not in outcome.out + outcome.err
    assert password not in repr(server)
    for process in processes_naming(place):
        assert password not in " ".join(process.cmdline())
        assert password not in " ".join(process.environ().values())
    assert any("--auth" in process.cmdline() for process in processes_naming(place))
    for file in place.rglob("*"):
        if file.is_file() and file != folder.secret_file:
            assert password.encode() not in file.read_bytes(), file
    assert stat.S_IMODE(folder.secret_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert stat.S_IMODE((place / "home").stat().st_mode) == 0o700
    # whoever asks for it gets it
    assert anodeflow("db", "uri").out.strip() == server.uri
    assert password in server.uri


def test_first_start_talks_to_its_certificate_alone(place):
    place = place / "server"
    place.mkdir()
    port = free_port()
    with certificate(place) as file:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        pem = str(file)
        keys = ("--tls-cert-file", pem, "--tls-key-file", pem, "--tls-ca-file", pem)
        process = _server_process(ServerFolder(place), port, *keys, "--tls-require-client-cert")
        try:
            assert wait_until(lambda: listens(port))
            ours = {"tls": True, "tlsCAFile": pem, "directConnection": True, "serverSelectionTimeoutMS": 1000}
            with MongoClient("127.0.0.1", port, tlsCertificateKeyFile=pem, **ours) as client:
                assert client.admin.command("ping")["ok"]
            for options in ({}, ours, {"tls": True, "tlsInsecure": True}):
                options = options | {"directConnection": True, "serverSelectionTimeoutMS": 1000}
                with MongoClient("127.0.0.1", port, **options) as client, pytest.raises(ConnectionFailure):
                    client.admin.command("ping")
        finally:
            process.kill()
            process.wait()
    assert not file.exists()


def test_database_of_an_older_anodeflow_gets_a_password(place):
    path = place / "server"
    path.mkdir(mode=0o755)
    with mongodb_server(path) as (address, process):
        with MongoClient(f"mongodb://{address}/?directConnection=true") as client:
            client.anodeflow.outputs.insert_one({"_id": "kept"})
            client.anodeflow.command("createUser", "theirs", pwd="theirs", roles=[{"role": "root", "db": "admin"}])
        process.terminate()
        for _ in range(100):
            if not listens(int(address.split(":")[1])) and process.poll() is not None:
                break
            assert wait_until(lambda: process.poll() is not None, 0.2) or True
    with embedded_server(path) as server, MongoClient(server.uri) as client:
        assert client.anodeflow.outputs.find_one({"_id": "kept"})
        assert [user["user"] for user in client.admin["system.users"].find()] == [USER]
        with MongoClient(server.address) as stranger, pytest.raises(OperationFailure, match="requires authentication"):
            stranger.anodeflow.outputs.find_one()
        theirs = server.address.replace("://", "://theirs:theirs@") + "&authSource=anodeflow"
        with MongoClient(theirs) as stranger, pytest.raises(OperationFailure, match="uthentication failed"):
            stranger.anodeflow.outputs.find_one()
    assert stat.S_IMODE(path.stat().st_mode) == 0o700


@pytest.mark.parametrize("used", [False, True])
def test_server_of_an_older_anodeflow_that_still_runs(place, used):
    """It lets everybody in: it is stopped, or where it is in use the user is told to."""
    path = place / "server"
    path.mkdir()
    folder = ServerFolder(path)
    held = [subprocess.Popen([sys.executable, "-c", HOLDER, str(folder.supervisor_lock)], stdout=subprocess.PIPE)]
    if used:
        held.append(subprocess.Popen([sys.executable, "-c", HOLDER, str(folder.clients_lock)], stdout=subprocess.PIPE))
    try:
        for process in held:
            process.stdout.readline()
        old = {"host": socket.gethostname(), "port": free_port(), "pid": held[0].pid, "supervisor": held[0].pid}
        folder.state.write_text(json.dumps(old))
        if used:
            with pytest.raises(DatabaseError, match="older anodeflow, lets in every user"), embedded_server(path):
                pass
            assert held[0].poll() is None
        else:
            with embedded_server(path) as server:
                assert held[0].wait(5) == -signal.SIGTERM
                assert server.guarded
    finally:
        for process in held:
            process.kill()
            process.wait()


# --- a copied home ---


@pytest.mark.parametrize("orphaned", [False, True])
def test_copy_of_a_live_folder_leaves_the_original_alone(place, orphaned):
    original, copy = place / "original", place / "copy"
    server = start_service(original)
    with MongoClient(server.uri) as client:
        client.anodeflow.outputs.insert_one({"_id": "before"})
        shutil.copytree(original, copy, symlinks=True)
        if orphaned:
            os.kill(server.supervisor, signal.SIGKILL)
        with embedded_server(copy) as other, MongoClient(other.uri) as theirs:
            assert other.port != server.port
            assert other.password != server.password
            theirs.anodeflow.outputs.insert_one({"_id": "in the copy"})
            client.anodeflow.outputs.insert_one({"_id": "after"})
            assert {entry["_id"] for entry in client.anodeflow.outputs.find()} == {"before", "after"}
            assert server.answers(), "the copy ended the original's server"
            # A program that knows the original is no friend of the copy.
            known = server.uri.replace(f":{server.port}/", f":{other.port}/")
            with MongoClient(known) as stranger, pytest.raises(OperationFailure, match="uthentication failed"):
                stranger.anodeflow.outputs.find_one()
        assert not ServerFolder(copy).service().kept
    with embedded_server(original) as again, MongoClient(again.uri) as client:
        assert {entry["_id"] for entry in client.anodeflow.outputs.find()} == {"before", "after"}
        assert (again.port, again.password) == (server.port, server.password)


def test_moved_folder_keeps_its_port_and_password(place):
    before, after = place / "before", place / "after"
    server = start_service(before)
    stop_service(before)
    before.rename(after)
    again = start_service(after)
    assert (again.port, again.password) == (server.port, server.password)


# --- projects of jobflow-remote ---


def test_project_of_an_older_anodeflow_learns_the_password(place, monkeypatch):
    monkeypatch.setenv("JFREMOTE_PROJECTS_FOLDER", str(place))
    server = start_service(server_folder(place).path)
    stranger = "mongodb://127.0.0.1:1/?directConnection=true"
    file = place / "hpc.yaml"
    file.write_text(f'a: {{"uri": "{server.address}"}}  # mine\nb: {stranger}\nc: {{u: {server.address}, d: x}}\n')
    file.chmod(0o644)
    assert _renew_login("hpc", get_settings())
    lines = file.read_text().splitlines()
    assert lines[0] == f'a: {{"uri": "{server.uri}"}}  # mine'
    assert lines[1] == f"b: {stranger}"
    assert lines[2] == f"c: {{u: {server.uri}, d: x}}"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not _renew_login("hpc", get_settings())
