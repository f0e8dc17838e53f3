"""``anodeflow db``: the server kept running and stopped, backed up and restored, exported and imported."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import processes_naming
from pymongo import MongoClient
from test_database import free_port, mongodb_server
from test_embedded import wait_until

from anodeflow.database.embedded import ServerFolder
from anodeflow.database.store import open_store

USER = """
import sys
from pymongo import MongoClient
client = MongoClient(sys.argv[1])
client.admin.command("ping")
print("connected", flush=True)
sys.stdin.read()
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
