"""OPTIMADE: what is served of the database, by the validator of its consortium; and the archive for optimade-maker."""

import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from exchange_factories import run_campaign_in
from factories import calculation_document

from anodeflow.core.errors import InputError
from anodeflow.database.query import result_rows
from anodeflow.database.store import open_store
from anodeflow.interchange import optimade_app as served
from anodeflow.interchange.adopt import store_calculation
from anodeflow.interchange.optimade_entries import FIELDS, entries
from anodeflow.interchange.optimade_export import write_archive

pytest.importorskip("optimade.server")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_campaign_in(tmp_path_factory.mktemp("optimade"))


@pytest.fixture
def there(ran: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ANODEFLOW_HOME", str(ran / "home"))
    return ran


@contextmanager
def running(make: Any) -> Iterator[int]:
    """Run an application, made for a port of this machine, while the context lasts; gives the port."""
    import uvicorn

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # who asks before it runs waits
        port = listener.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(make(port), log_level="error", lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield port
        finally:
            server.should_exit = True
            thread.join()


def live_view(port: int) -> Any:
    from anodeflow.serve.app import create_app

    return create_app("secret", port)


def asked(port: int, path: str, token: str = "secret") -> tuple[int, Any]:
    import requests

    answer = requests.get(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {token}"}, timeout=30)
    return answer.status_code, answer.json() if answer.ok else answer.text


@pytest.mark.slow
def test_the_validator_of_optimade_passes(there):
    from optimade.validator import ImplementationValidator

    with running(live_view) as port:
        validator = ImplementationValidator(
            base_url=f"http://127.0.0.1:{port}/optimade/v1",
            http_headers={"Authorization": "Bearer secret"},
            respond_json=True,
            verbosity=-1,
        )
        validator.validate_implementation()
    results = validator.results
    assert validator.valid, results.failure_messages + results.internal_failure_messages
    assert results.failure_count == results.internal_failure_count == 0
    assert results.success_count >= 40


@pytest.mark.slow
def test_structures_are_served_with_their_results(there):
    rows = result_rows({"campaign": "al"})
    with running(live_view) as port:
        assert asked(port, "/optimade/v1/structures", "wrong")[0] == 403
        status, answer = asked(port, "/optimade/v1/structures?page_limit=50")
        assert status == 200
        found = {each["attributes"]["_anodeflow_step"]: each for each in answer["data"]}
        assert {"bulk", "slab", "atom", "site 0"} <= found.keys()
        assert [found[step]["attributes"]["nperiodic_dimensions"] for step in ("bulk", "slab", "atom")] == [3, 2, 0]
        slab = found["slab"]["attributes"]
        assert slab["dimension_types"] == [1, 1, 0]
        assert slab["_anodeflow_energy"] == pytest.approx(slab["_anodeflow_energy_per_atom"] * slab["nsites"])
        assert slab["last_modified"].endswith("Z")
        results = {each["property"]: each["value"] for each in slab["_anodeflow_results"]}
        assert results["binding_energy"] == next(row.value for row in rows if row.property == "binding_energy")
        status, answer = asked(port, '/optimade/v1/structures?filter=_anodeflow_task="relax_cell" AND nsites=4')
        assert [each["id"] for each in answer["data"]] == [found["bulk"]["id"]]
        status, answer = asked(port, "/optimade/v1/info/structures")
        properties = answer["data"]["properties"]
        for field in FIELDS:
            assert properties[f"_anodeflow_{field.name}"]["description"] == field.description
        assert properties["_anodeflow_energy"]["unit"] == "eV"
        assert asked(port, f"/optimade/v1/structures?page_limit={10**6}")[0] == 403
        links = asked(port, "/optimade/v1/structures?page_limit=1")[1]["links"]
        assert links["next"].startswith(f"http://127.0.0.1:{port}/optimade/v1/structures?")


@pytest.mark.slow
def test_what_is_served_follows_the_database(home, monkeypatch):
    from starlette.testclient import TestClient

    client = TestClient(served.optimade_app(open_store, "http://testserver"))

    def ids() -> list[str]:
        return [each["id"] for each in client.get("/v1/structures").json()["data"]]

    assert ids() == []
    with open_store() as store:
        store_calculation(store, calculation_document(id="first"))
    assert ids() == [], "for some seconds"
    monkeypatch.setattr(served, "_PATIENCE", 0.0)
    assert ids() == ["first"]
    with open_store() as store:
        store_calculation(store, calculation_document(id="second", finished_at="2026-01-02T12:00:00+00:00"))
    assert sorted(ids()) == ["first", "second"]


def test_paths_and_odd_times_are_no_trouble():
    whole = calculation_document(finished_at="")
    (entry,) = entries([whole, calculation_document(task="modes")], [], {})
    assert entry["last_modified"].year == 1970
    assert [each["name"] for each in entry["species"]] == ["Li"]
    assert entry["results"] == []


@pytest.mark.slow
def test_an_archive_for_optimade_maker(there, anodeflow, tmp_path):
    from mongomock import MongoClient
    from optimade.models import StructureResource
    from optimade.utils import insert_from_jsonl
    from ruamel.yaml import YAML

    place = tmp_path / "archive"
    ended = anodeflow("export", "al", "--optimade", place)
    assert ended.status == 0, ended.err
    assert "6 structures of al" in ended.out
    config = YAML(typ="safe").load((place / "optimade.yaml").read_text())
    assert config["entries"] == {"jsonl_path": "optimade.jsonl"}
    assert json.loads((place / "server.json").read_text())["provider"]["prefix"] == "anodeflow"
    text = (place / "optimade.jsonl").read_text()
    assert str(there) not in text
    head, info, *lines = map(json.loads, text.splitlines())
    assert head["x-optimade"]["meta"]["api_version"]
    assert info["properties"]["_anodeflow_energy"]["unit"] == "eV"
    assert len({StructureResource(**line).id for line in lines}) == 6
    told = {key for line in lines for key in line["attributes"] if key.startswith("_")}
    assert told == {f"_anodeflow_{field.name}" for field in FIELDS}

    class Collection:
        """What optimade-python-tools' own reader of such files writes to."""

        def __init__(self) -> None:
            self.collection = MongoClient()["a"]["structures"]

        def insert(self, data: list) -> None:
            self.collection.insert_many(data)

    collection = Collection()
    insert_from_jsonl(place / "optimade.jsonl", {"structures": collection})
    assert collection.collection.count_documents({"_anodeflow_task": "relax_cell"}) == 1
    ended = anodeflow("export", "al", "--optimade", place)
    assert ended.status == 2
    assert "already" in ended.err
    assert anodeflow("export", "al", "--optimade", place, "--force").status == 0


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("optimake") is None, reason="optimade-maker is not installed")
def test_optimade_maker_reads_it(there, anodeflow, tmp_path):
    """In an environment of its own: it asks for an older pandas."""
    anodeflow("export", "al", "--optimade", tmp_path / "archive")
    ended = subprocess.run(["optimake", "convert", tmp_path / "archive", "--overwrite"], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "archive" / "optimade.jsonl").read_text().startswith('{"x-optimade"')


def test_an_archive_without_structures_is_refused(tmp_path):
    with pytest.raises(InputError, match="has no structure yet"):
        write_archive(tmp_path / "none", "al", [])
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "mine.txt").touch()
    with pytest.raises(InputError, match="already"):
        write_archive(tmp_path / "mine", "al", [], force=True)
    assert (tmp_path / "mine" / "mine.txt").exists()
