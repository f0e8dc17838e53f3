"""A campaign as an RO-Crate, and back: what it says, that it is valid, that hostile ones are refused."""

import gzip
import json
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
from exchange_factories import CAMPAIGN, run_campaign_in

from anodeflow.campaign.model import Campaign
from anodeflow.cli.status import _closing
from anodeflow.core.errors import InputError
from anodeflow.core.settings import get_settings
from anodeflow.database.query import calculation_documents, result_rows
from anodeflow.database.store import open_store
from anodeflow.execution.local import run_campaign
from anodeflow.execution.state import read_status
from anodeflow.interchange.crate import author, licence
from anodeflow.interchange.crate_read import crate_lines
from anodeflow.interchange.inputs import campaign_inputs


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a campaign file and the home in which it was run."""
    pytest.importorskip("rocrate")
    return run_campaign_in(tmp_path_factory.mktemp("crate"))


@pytest.fixture
def there(ran: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ANODEFLOW_HOME", str(ran / "home"))
    return ran


def graph(place: Path) -> dict[str, Any]:
    """Entities of a crate by their ids."""
    name = "ro-crate-metadata.json"
    text = (place / name).read_text() if place.is_dir() else zipfile.ZipFile(place).read(name).decode()
    return {each["@id"]: each for each in json.loads(text)["@graph"]}


@pytest.mark.slow
def test_a_crate_says_what_was_done_and_comes_back(there, anodeflow, tmp_path, monkeypatch):
    place = tmp_path / "al.zip"
    terms = ("--licence", "cc-by-4.0", "--author", "Ada Lovelace, 0000-0002-1825-0097", "--author", "N. N.")
    ended = anodeflow("export", "al", "--ro-crate", place, *terms)
    assert ended.status == 0, ended.err
    assert "without" not in ended.out
    found = graph(place)
    root = found["./"]
    assert root["license"] == {"@id": "https://spdx.org/licenses/CC-BY-4.0"}
    assert [found[each["@id"]]["name"] for each in root["author"]] == ["Ada Lovelace", "N. N."]
    assert root["author"][0] == {"@id": "https://orcid.org/0000-0002-1825-0097"}
    assert root["citation"] == {"@id": "https://doi.org/10.1002/adfm.202009712"}
    assert root["description"].startswith("Al on Al(001).")
    action = found[root["mentions"]["@id"]]
    assert action["@type"] == "CreateAction"
    assert action["name"] == "adsorption of Al(001)"
    programs = {found[each["@id"]]["name"] for each in action["instrument"]}
    assert programs == {"anodeflow", "emt"}
    assert {each["@id"] for each in action["object"]} >= {"campaign.yaml", "structures/Al.vasp", "backends/emt.yaml"}
    with zipfile.ZipFile(place) as archive:
        assert archive.testzip() is None
        assert archive.read("campaign.yaml").decode() == CAMPAIGN
        lines = gzip.decompress(archive.read("documents.jsonl.gz")).decode()
        table = archive.read("results.csv").decode().splitlines()
        for entity in found.values():
            if entity["@type"] == "File":
                assert archive.getinfo(entity["@id"]).file_size == int(entity["contentSize"])
    assert str(there) not in lines, "no folder of this machine"
    rows = result_rows({"campaign": "al"})
    assert len(table) == 1 + len(rows) > 1
    ids = rows[0].calculation_ids
    before = calculation_documents(ids)

    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path / "elsewhere"))
    ended = anodeflow("db", "import", place)
    assert ended.status == 0, ended.err
    assert "imported 1 study and 6 calculations" in ended.out
    after = result_rows({"campaign": "al"})
    assert [(row.property, row.value) for row in after] == [(row.property, row.value) for row in rows]
    there_now = calculation_documents(ids)
    assert [there_now[each].forces for each in ids] == [before[each].forces for each in ids]


@pytest.mark.slow
def test_nothing_is_made_up(there, anodeflow, tmp_path):
    place = tmp_path / "al"
    ended = anodeflow("export", "al", "--ro-crate", place)
    assert "without a licence" in ended.out
    assert "without authors" in ended.out
    assert not graph(place)["./"].keys() & {"license", "author", "publisher"}
    (there / "al.yaml").write_text(CAMPAIGN.replace("layers: 3", "layers: 4"))
    try:
        ended = anodeflow("export", "al", "--ro-crate", place, "--force")
        assert "without the campaign file and its structures" in ended.out
        assert not {"campaign.yaml", "structures/Al.vasp"} & graph(place).keys()
        ended = anodeflow("export", "al", "--ro-crate", place, "--force", "--file", there / "al.yaml")
        assert ended.status == 2
        assert "was changed since they were made" in ended.err
    finally:
        (there / "al.yaml").write_text(CAMPAIGN)
    ended = anodeflow("export", "al", "--ro-crate", place)
    assert ended.status == 2
    assert "already" in ended.err
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    assert anodeflow("export", "al", "--ro-crate", tmp_path / "full", "--force").status == 2
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine", "what is no crate is not replaced"
    tar = anodeflow("export", "al", "--ro-crate", tmp_path / "al.tar")
    assert (tar.status, (tmp_path / "al.tar").exists()) == (2, False)
    assert "a crate is a folder, or NAME.zip" in tar.err
    assert "belong to --ro-crate" in anodeflow("export", "al", "--licence", "MIT").err


@pytest.mark.slow
def test_it_keeps_the_musts(there, anodeflow, tmp_path):
    """RO-Crate 1.1 and Process Run Crate 0.5, as far as their MUSTs are of an archive like this one."""
    place = tmp_path / "al"
    anodeflow("export", "al", "--ro-crate", place, "--licence", "MIT")
    found = graph(place)
    descriptor, root = found["ro-crate-metadata.json"], found["./"]
    assert descriptor["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    assert descriptor["about"] == {"@id": "./"}
    assert root["@type"] == "Dataset"
    assert {"name", "description", "datePublished", "license", "hasPart", "conformsTo"} <= root.keys()
    assert root["conformsTo"]["@id"] == "https://w3id.org/ro/wfrun/process/0.5"
    files = {each["@id"] for each in found.values() if each["@type"] == "File"}
    assert {each["@id"] for each in root["hasPart"]} == files
    assert files == {str(file.relative_to(place)) for file in place.rglob("*") if file.is_file()} - {descriptor["@id"]}
    assert all(found[each]["encodingFormat"] for each in files)
    text = json.dumps(list(found.values()))
    referred = {each for each in found if f'{{"@id": "{each}"}}' in text}
    assert set(found) - referred <= {"ro-crate-metadata.json"}, "nothing stands there that nobody refers to"
    for each in found.values():
        if each["@type"] == "CreateAction":
            assert {"instrument", "object", "result", "endTime", "name"} <= each.keys()
            for key in ("instrument", "object", "result"):
                assert all(other["@id"] in found for other in each[key])


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("rocrate-validator") is None, reason="roc-validator is not installed")
@pytest.mark.parametrize("profile", ["ro-crate-1.1", "process-run-crate-0.5"])
def test_the_validator_of_crates_passes(there, anodeflow, tmp_path, profile):
    """roc-validator, in an environment of its own (it asks for an older rich); it needs the network once."""
    place = tmp_path / "al.zip"
    anodeflow("export", "al", "--ro-crate", place, "--licence", "MIT")
    command = ["rocrate-validator", "-y", "validate", "-p", profile, "-l", "required", str(place)]
    ended = subprocess.run(command, capture_output=True, text=True)
    if "URLError" in ended.stdout or "Unable to retrieve" in ended.stdout:
        pytest.skip("the validator did not get at the definitions of RO-Crate")
    assert ended.returncode == 0, ended.stdout


def crate(folder: Path, documents: bytes | None = None, **changes: Any) -> Path:
    """A folder that looks like a crate of ours."""
    folder.mkdir(exist_ok=True)
    head = json.dumps({"format": "anodeflow documents", "version": 1}) + "\n"
    (folder / "documents.jsonl.gz").write_bytes(gzip.compress(head.encode()) if documents is None else documents)
    entities = [{"@id": "./", "@type": "Dataset"}, {"@id": "documents.jsonl.gz", "@type": "File"} | changes]
    (folder / "ro-crate-metadata.json").write_text(json.dumps({"@graph": entities}))
    return folder


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"@id": "../documents.jsonl.gz"}, "lies outside of it"),
        ({"@id": "/etc/passwd"}, "lies outside of it"),
        ({"@id": "a\\..\\b"}, "lies outside of it"),
        ({"@id": "data.csv"}, "of another program"),
        ({"documents": b"no gzip"}, "damaged"),
        ({"documents": gzip.compress(b'{"format": "anodeflow documents", "version": 1}\n')[:-8]}, "damaged"),
    ],
)
def test_hostile_crates_are_refused(anodeflow, tmp_path, changes, words):
    ended = anodeflow("db", "import", crate(tmp_path / "crate", **changes))
    assert ended.status == 2
    assert words in ended.err
    assert len(ended.err.strip().splitlines()) == 1


def test_hostile_archives_are_refused(anodeflow, tmp_path, monkeypatch):
    whole = crate(tmp_path / "crate")
    assert list(crate_lines(whole))
    assert anodeflow("db", "import", whole).status == 0
    with zipfile.ZipFile(tmp_path / "crate.zip", "w") as archive:
        archive.writestr("../../evil", "x")
        for file in whole.iterdir():
            archive.write(file, file.name)
    assert anodeflow("db", "import", tmp_path / "crate.zip").status == 0, "nothing is unpacked"
    assert not (tmp_path.parent / "evil").exists()
    (whole / "documents.jsonl.gz").unlink()
    (whole / "documents.jsonl.gz").symlink_to("/etc/hostname")
    assert "leads out of the crate" in anodeflow("db", "import", whole).err
    (whole / "documents.jsonl.gz").unlink()
    monkeypatch.setattr("anodeflow.interchange.crate_read._LARGEST_LINE", 1000)
    bomb = crate(tmp_path / "bomb", gzip.compress(b"x" * 100_000))
    assert "more than a crate of anodeflow does" in anodeflow("db", "import", bomb).err
    line = json.dumps({"@class": "CalculationDoc", "document": {"energy": float("nan")}, "completed_at": None})
    head = json.dumps({"format": "anodeflow documents", "version": 1})
    nan = crate(tmp_path / "nan", gzip.compress(f"{head}\n{line}\n".encode()))
    assert "NaN is no number" in anodeflow("db", "import", nan).err
    (nan / "ro-crate-metadata.json").write_text("{")
    assert "damaged or no RO-Crate" in anodeflow("db", "import", nan).err
    with open_store() as store:
        assert store.docs_store.count() == 0


def test_licences_and_authors_are_checked():
    assert licence("mit") == "MIT"
    for wrong in ("", "my own", "MIT OR Apache-2.0", "LicenseRef-mine", "CC-BY-9.9"):
        with pytest.raises(InputError, match="no licence of the SPDX list"):
            licence(wrong)
    assert author("Ada Lovelace").orcid == ""
    assert author("A, https://orcid.org/0000-0002-1694-233X").orcid == "https://orcid.org/0000-0002-1694-233X"
    for wrong in ("", "Ada,", "Ada, 0000-0002-1825-0098", "Ada, 1234", ", 0000-0002-1825-0097"):
        with pytest.raises(InputError, match="is no author"):
            author(wrong)


def test_the_campaign_file_is_found_from_another_folder(tmp_path, monkeypatch):
    """A run noted the name as it was typed: exported from elsewhere, its crate had no campaign file."""
    work, elsewhere = tmp_path / "work", tmp_path / "elsewhere"
    for folder in (work, elsewhere):
        folder.mkdir()
    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(work)
    text = "name: one\nbackend: emt\nsystems:\n  - {name: Al(001), structure: Al, miller: [0, 0, 1], layers: 2}\n"
    Path("one.yaml").write_text(text + "studies:\n  - surface_energy: {systems: [Al(001)]}\n", encoding="utf-8")
    campaign = Campaign.from_file(Path("one.yaml"))
    run_campaign(campaign)
    monkeypatch.chdir(elsewhere)
    assert campaign_inputs("one", {campaign.edition()}).files["campaign.yaml"] == work / "one.yaml"
    status = read_status(get_settings(), "one").model_copy(update={"state": "interrupted"})
    assert list(_closing(status, False))[-1] == (
        f"interrupted: anodeflow run {work / 'one.yaml'} goes on from its last step"
    )
    monkeypatch.chdir(work)
    assert "anodeflow run one.yaml goes on" in list(_closing(status, False))[-1]
