"""Crystals of OPTIMADE providers: fetched once, kept, read without a network; what is hostile or wrong is refused."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from factories import calculation_document, li_bulk, li_slab
from pymatgen.core import Structure

from anodeflow.campaign.model import Campaign
from anodeflow.core import fetching
from anodeflow.core.errors import InputError
from anodeflow.database.store import open_store
from anodeflow.structures.bulk import online as module
from anodeflow.structures.bulk.catalogue import load_structure
from anodeflow.structures.bulk.online import Online, online

CRYSTAL = {
    "lattice_vectors": [[4.05, 0, 0], [0, 4.05, 0], [0, 0, 4.05]],
    "cartesian_site_positions": [[0, 0, 0], [0, 2.025, 2.025], [2.025, 0, 2.025], [2.025, 2.025, 0]],
    "species": [{"name": "Al", "chemical_symbols": ["Al"], "concentration": [1.0]}],
    "species_at_sites": ["Al"] * 4,
    "nsites": 4,
    "dimension_types": [1, 1, 1],
    "chemical_formula_reduced": "Al",
    "last_modified": "2026-01-01T00:00:00Z",
}


class Provider(ThreadingHTTPServer):
    """A provider of this machine that answers what a test says."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: Any = {}
        self.status, self.headers_sent, self.delay = 200, {}, 0.0
        super().__init__(("127.0.0.1", 0), _Answers)

    def entry(self, identity: str = "al-1", **changes: Any) -> None:
        attributes = {key: value for key, value in {**CRYSTAL, **changes}.items() if value is not ...}
        self.answer = {"data": {"id": identity, "type": "structures", "attributes": attributes}}


class _Answers(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        time.sleep(self.server.delay)
        content = self.server.answer
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(self.server.status)
        for name, value in self.server.headers_sent.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    with Provider() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setenv(
            "ANODEFLOW_OPTIMADE", json.dumps({"mine": f"http://127.0.0.1:{server.server_port}/optimade"})
        )
        server.entry()
        yield server
        server.shutdown()
        thread.join()


def campaign(folder: Path, structure: str) -> Path:
    file = folder / "mine.yaml"
    file.write_text(
        f"name: mine\nbackend: emt\nreferences: {{Al: '{structure}'}}\n"
        f"systems:\n  - {{name: Al(001), structure: '{structure}', miller: [0, 0, 1], layers: 3, vacuum: 10}}\n"
        "studies:\n  - adsorption: {adsorbate: Al, systems: [Al(001)]}\n"
    )
    return file


def test_names_of_crystals():
    assert online("mp-149") == Online("mp", "mp-149")
    assert online("optimade:mp/mp-149") == Online("mp", "mp-149")
    assert Online("mp", "mp-149").file == "mp-149.json"
    assert online("optimade:mcloud.mc3d/a/b:1") == Online("mcloud.mc3d", "a/b:1")
    assert Online("mcloud.mc3d", "a/b:1").file == "mcloud.mc3d-a_b_1.json"
    for file in ("Li", "mp-149.cif", "./mp-149", "sub/mp-149", "mp-x"):
        assert online(file) is None
    for wrong in (
        "optimade:",
        "optimade:mp",
        "optimade:mp/",
        "optimade:mp/../secret",
        "optimade:mp/a?b",
        "optimade:/x",
    ):
        with pytest.raises(InputError, match="names no crystal of a provider"):
            online(wrong)


def test_a_crystal_is_fetched_once_and_kept_beside_the_campaign(provider, anodeflow, tmp_path, monkeypatch):
    name = "optimade:mine/al-1"
    file = campaign(tmp_path, name)
    first = Campaign.from_file(file)
    assert first.check()
    assert len(provider.asked) == 1
    assert provider.asked[0].startswith("/optimade/v1/structures/al-1?response_fields=lattice_vectors,")
    kept = tmp_path / "crystals" / "mine-al-1.json"
    told = json.loads(kept.read_text())["provenance"]
    assert told["url"].endswith(provider.asked[0])
    assert (told["provider"], told["id"], told["formula"]) == ("mine", "al-1", "Al")
    assert len(told["answer_sha256"]) == 64
    provider.entry(lattice_vectors=[[5, 0, 0], [0, 5, 0], [0, 0, 5]])  # what the provider has by now is no matter
    again = Campaign.from_file(file)
    assert again.edition() == first.edition()
    monkeypatch.setattr("anodeflow.structures.bulk.online.fetch", lambda *_: pytest.fail("fetched again"))
    assert anodeflow("check", file).status == 0
    assert len(provider.asked) == 1
    kept.write_text(kept.read_text().replace("4.05", "4.06"))
    ended = anodeflow("check", file)
    assert ended.status == 2
    assert "is not what was fetched of al-1" in ended.err


def test_structures_of_commands_are_kept_at_home(provider, anodeflow, home, tmp_path):
    for number in (1, 2):
        out = tmp_path / f"slab-{number}.vasp"
        ended = anodeflow("build", "slab", "optimade:mine/al-1", "--miller", 0, 0, 1, "--layers", 3, "-o", out)
        assert ended.status == 0, ended.err
    assert len(provider.asked) == 1
    assert (home / "crystals" / "mine-al-1.json").is_file()
    # A campaign takes what is there already.
    Campaign.from_file(campaign(tmp_path, "optimade:mine/al-1")).check()
    assert len(provider.asked) == 1
    assert (tmp_path / "crystals" / "mine-al-1.json").is_file()


@pytest.mark.slow
def test_our_own_server_is_a_provider(monkeypatch, tmp_path):
    """From one database into another one's campaign: the structure that comes out is the one that went in."""
    pytest.importorskip("optimade.server")
    from test_optimade import running

    from anodeflow.interchange.adopt import store_calculation
    from anodeflow.interchange.optimade_app import optimade_app

    bulk = li_bulk()
    with open_store() as store:
        store_calculation(store, calculation_document(id="bulk", structure=bulk, initial_structure=bulk))
        slab = Structure(li_slab().lattice, li_slab().species, li_slab().frac_coords)
        slab.lattice = type(slab.lattice)(slab.lattice.matrix, pbc=(True, True, False))
        store_calculation(store, calculation_document(id="slab", structure=slab))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with running(lambda port: optimade_app(open_store, f"http://127.0.0.1:{port}")) as port:
        monkeypatch.setenv("ANODEFLOW_OPTIMADE", json.dumps({"ours": f"http://127.0.0.1:{port}/v1/"}))
        found = load_structure("optimade:ours/bulk")
        with pytest.raises(InputError, match="not periodic in three dimensions"):
            load_structure("optimade:ours/slab")
        with pytest.raises(InputError, match=r"has no structure 'none'|has no none of ours"):
            load_structure("optimade:ours/none")
    assert found.matches(bulk)
    assert abs(found.lattice.matrix - bulk.lattice.matrix).max() < 1e-9
    assert load_structure("optimade:ours/bulk") == found, "without the server"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"chemical_formula_reduced": "Al3Mg"}, "its sites are Al, and its formula is Al3Mg"),
        ({"dimension_types": [1, 1, 0]}, "not periodic in three dimensions"),
        (
            {"species": [{"name": "Al", "chemical_symbols": ["Al", "Mg"], "concentration": [0.5, 0.5]}]},
            "partly occupied",
        ),
        ({"species": [{"name": "Al", "chemical_symbols": ["Al"], "concentration": [0.5]}]}, "partly occupied"),
        ({"species": [{"name": "Al", "chemical_symbols": ["vacancy"], "concentration": [1]}]}, "vacancy"),
        ({"nsites": 3}, "do not fit each other"),
        ({"nsites": 10**9}, "atoms"),
        ({"lattice_vectors": None}, "do not fit each other"),
        ({"lattice_vectors": [[0, 0, 0]] * 3}, "cell"),
        ({"lattice_vectors": ...}, "lattice_vectors"),
        ({"cartesian_site_positions": [[0, 0]] * 4}, "do not fit each other"),
        ({"identity": "al-2"}, "it is the entry 'al-2'"),
    ],
)
def test_what_contradicts_itself_is_refused(provider, home, changes, words):
    provider.entry(**changes)
    with pytest.raises(InputError, match=words):
        load_structure("optimade:mine/al-1")
    assert not (home / "crystals").exists()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "cannot be taken"),
        (b"<html>", "cannot be taken"),
        (b'{"data": null}', "has no structure 'al-1'"),
        (b'{"data": []}', "cannot be taken"),
        (b"[" * 100_000, "cannot be taken"),
        (
            json.dumps({"data": {"id": "al-1", "attributes": CRYSTAL}}).replace("4.05", "NaN").encode(),
            "NaN is no number",
        ),
        (json.dumps({"data": {"id": "al-1", "attributes": CRYSTAL}}).replace("4.05", "1e999").encode(), "is no number"),
        (b" " * 6_000_000, "answers more than 5 MB"),
    ],
)
def test_hostile_answers_are_refused(provider, answer, words):
    provider.answer = answer
    with pytest.raises(InputError, match=words):
        load_structure("optimade:mine/al-1")


def test_hosts_that_do_otherwise_are_refused(provider, monkeypatch):
    def told() -> str:
        with pytest.raises(InputError) as found:
            load_structure("optimade:mine/al-1")
        return str(found.value)

    provider.status, provider.headers_sent = 302, {"Location": "http://localhost:1/elsewhere"}
    assert "redirects to another host, http://localhost:1" in told()
    provider.headers_sent = {"Location": "file:///etc/passwd"}
    assert "cannot be fetched" in told() or "status 302" in told()
    provider.status, provider.headers_sent = 404, {}
    assert "status 404): correct the id" in told()
    provider.status = 503
    assert "try again later" in told()
    provider.status, provider.delay = 200, 0.5
    monkeypatch.setattr(fetching, "_SILENCE", 0.1)
    assert "timed out" in told()
    provider.delay = 0.0
    monkeypatch.setattr(fetching, "_LONGEST", -1.0)
    assert "no whole answer" in told()


def test_no_network_and_wrong_providers_are_one_sentence(anodeflow, monkeypatch):
    def unreachable(*_: Any, **__: Any) -> None:
        raise OSError(-2, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", unreachable)
    ended = anodeflow("build", "slab", "mp-149", "--miller", 0, 0, 1)
    assert ended.status == 2
    assert len(ended.err.strip().splitlines()) == 1
    assert "cannot be fetched from https://optimade.materialsproject.org" in ended.err
    assert "connect to the network once" in ended.err
    with pytest.raises(InputError, match="there is no OPTIMADE provider 'nobody'"):
        load_structure("optimade:nobody/1")
    for address, words in [("http://example.org", "not encrypted"), ("ftp://x", "is none"), ("what", "is none")]:
        monkeypatch.setenv("ANODEFLOW_OPTIMADE", json.dumps({"mine": address}))
        with pytest.raises(InputError, match=words):
            load_structure("optimade:mine/1")
    monkeypatch.setenv("ANODEFLOW_OPTIMADE", "no json")
    with pytest.raises(InputError, match="ANODEFLOW_OPTIMADE"):
        load_structure("optimade:mine/1")
    assert module.FOLDER == "crystals"
