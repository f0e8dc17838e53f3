"""Damaged, swapped and old records: cut off, made again or read, never misread."""

import gzip
import json
import re
import shutil
import tarfile
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from ase.calculators.emt import EMT
from monty.json import MontyDecoder, jsanitize
from pydantic import ValidationError
from relaxations import computed
from test_db_commands import neb_document

from anodeflow.backends.emt import EmtBackend
from anodeflow.backends.registry import load_backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.neb_document import NebDoc
from anodeflow.calculations.steps import append_step, cut_damage, read_steps
from anodeflow.core import version as schema
from anodeflow.core.errors import CalculationError
from anodeflow.database.exchange import Exchanged, exported, import_lines, to_lines
from anodeflow.database.query import calculation_documents, result_rows, study_documents
from anodeflow.database.results_file import read_results
from anodeflow.database.store import open_store
from anodeflow.studies.adsorption.document import AdsorptionDoc
from anodeflow.studies.charge.document import ChargeDoc
from anodeflow.studies.diffusion.document import DiffusionDoc
from anodeflow.studies.rows import ResultRow

OLD = Path(__file__).parent / "data" / "anodeflow-0.1.0"


def garble(line: bytes) -> bytes:
    return line[:40] + b"\x00\xff#" + line[43:]


def digit(line: bytes) -> bytes:
    """Another number, and still JSON: only the checksum tells."""
    place = line.index(b'"energy": ') + len(b'"energy": 1.2')
    return line[:place] + (b"7" if line[place : place + 1] != b"7" else b"3") + line[place + 1 :]


@pytest.mark.parametrize("harm", [garble, digit, lambda line: line[:100] + b"\n", lambda line: b"\n"])
@pytest.mark.parametrize("where", [0, 3])
@pytest.mark.parametrize("with_document", [True, False])
def test_what_follows_damage_is_cut_off_and_computed_again(adatom, harm, where, with_document):
    first, _ = computed(adatom)
    steps = Path(first.directory) / "steps.jsonl"
    lines = steps.read_bytes().splitlines(keepends=True)
    assert len(lines) > 6
    steps.write_bytes(b"".join([*lines[:where], harm(lines[where]), *lines[where + 1 :]]))
    if not with_document:
        Path(first.directory, "calculation.json").unlink()
    again, messages = computed(adatom)
    assert again.converged
    assert again.energy == pytest.approx(first.energy, abs=1e-4)
    assert again.max_force < 0.01
    assert again.ionic_steps == len(read_steps(steps)) == len(steps.read_bytes().splitlines())
    assert np.allclose(again.structure.cart_coords, first.structure.cart_coords, atol=0.02)
    assert any(f"damaged after step {where}" in message.message for message in messages)
    kept = steps.with_name("steps.jsonl.damaged-1").read_bytes()
    assert kept.endswith(lines[-1])
    _, messages = computed(adatom)
    assert messages[-1].state == "reused"


def test_half_a_line_at_the_end_is_no_damage(tmp_path):
    file = tmp_path / "steps.jsonl"
    append_step(file, {"energy": -1.0})
    whole = file.read_bytes()
    file.write_bytes(whole + b'{"energy": -2')
    assert cut_damage(file) == ""
    assert file.read_bytes() == whole
    assert [path.name for path in tmp_path.iterdir()] == ["steps.jsonl"]


def test_lines_of_an_older_anodeflow_have_no_checksum(tmp_path):
    file = tmp_path / "steps.jsonl"
    file.write_text('{"energy": -1.0, "positions": [[0, 0, 0]], "forces": [[0, 0, 0]]}\n')
    append_step(file, {"energy": -2.0})
    assert [step["energy"] for step in read_steps(file)] == [-1.0, -2.0]
    assert '"crc"' not in json.dumps(read_steps(file))


def test_swapped_documents_are_not_taken(adatom):
    other = adatom.copy()
    other.translate_sites([len(other) - 1], [-0.3, 0.0, 0.1], frac_coords=False)
    one, two = computed(adatom)[0], computed(other)[0]
    files = [Path(each.directory) / "calculation.json" for each in (one, two)]
    texts = [file.read_text() for file in files]
    for file, text in zip(files, reversed(texts), strict=True):
        file.write_text(text)
    for structure, wanted in ((adatom, one), (other, two)):
        found, messages = computed(structure)
        assert (found.id, found.energy) == (wanted.id, wanted.energy)
        assert [message.state for message in messages if message.state == "running"] == [], "made from its steps"


@pytest.mark.parametrize(
    "change",
    [
        {"max_force": 0.5},
        {"max_force": 0.001},
        {"ionic_steps": 1, "force_evaluations": 1},
        {"energy": -99.0},
        {"energy": float("nan")},
        {"id": "0" * 20},
        {"task": "static"},
    ],
)
def test_a_document_that_contradicts_its_record_is_made_again(adatom, change):
    first, _ = computed(adatom)
    file = Path(first.directory) / "calculation.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    again, _ = computed(adatom)
    for field in ("id", "task", "energy", "max_force", "ionic_steps"):
        assert getattr(again, field) == getattr(first, field)


def test_a_document_of_a_newer_anodeflow_is_not_overwritten(adatom):
    first, _ = computed(adatom)
    file = Path(first.directory) / "calculation.json"
    text = json.dumps(json.loads(file.read_text()) | {"schema_version": schema.SCHEMA_VERSION + 1})
    file.write_text(text)
    with pytest.raises(CalculationError, match="written by a newer anodeflow"):
        computed(adatom)
    assert file.read_text() == text


@pytest.mark.parametrize("what", ["energy", "forces"])
@pytest.mark.parametrize("task", ["static", "relax"])
def test_numbers_that_are_none_are_refused_where_they_are_recorded(adatom, home, monkeypatch, what, task):
    class Broken(EMT):
        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            self.results["free_energy"] = self.results["energy"]
            self.results[what] = self.results[what] * np.nan

    monkeypatch.setattr(EmtBackend, "calculator", lambda self: Broken())
    backend = load_backend("emt")
    maker = Makers(backend).static() if task == "static" else Makers(backend).relax()
    with pytest.raises(CalculationError, match="came out as inf or nan"):
        maker.calculate(adatom)
    for file in home.glob("calculations/*/*/steps.jsonl"):
        assert read_steps(file) == []


def test_a_document_with_nan_cannot_be_made(adatom):
    document, _ = computed(adatom)
    with pytest.raises(ValidationError, match="finite"):
        CalculationDoc.model_validate(document.model_dump() | {"energy": float("inf")})


# --- documents of an older anodeflow ---


@pytest.fixture
def old_home(tmp_path, monkeypatch):
    """The home of a campaign that anodeflow 0.1.0 ran, before documents had versions."""
    with tarfile.open(OLD / "home.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(EmtBackend, "version", lambda self: "3.29.0")  # of ASE, with which it was made
    return tmp_path / "home"


def test_results_of_an_older_anodeflow_are_read(old_home):
    rows = json.loads((OLD / "rows.json").read_text())
    found = [row.model_dump() for row in result_rows({})]
    # Today's documents say more; what an old one said they say still.
    today = [{key: row[key] for key in rows[0]} for row in found]
    assert [row for row in rows if row not in today] == []
    studies = study_documents("emt-old")
    assert {type(document) for document in studies} == {AdsorptionDoc, DiffusionDoc}
    assert {document.schema_version for document in studies} == {schema.SCHEMA_VERSION}
    calculations = calculation_documents({identifier for row in rows for identifier in row["calculation_ids"]})
    assert {document.schema_version for document in calculations.values()} == {schema.SCHEMA_VERSION}
    assert {row["schema_version"] for row in found} == {schema.SCHEMA_VERSION}


@pytest.mark.slow
def test_calculations_of_an_older_anodeflow_are_found_again(old_home, tmp_path, anodeflow):
    shutil.copy(OLD / "emt-old.yaml", tmp_path)
    outcome = anodeflow("run", tmp_path / "emt-old.yaml")
    assert outcome.status == 0
    # Pushed minima, the modes of saddles, and the way off one of second order are new; what was computed then is found.
    done, found = map(int, re.findall(r"(\d+) calculations done, (\d+) found finished", outcome.out)[-1])
    assert found >= 9
    new = [line for line in outcome.out.splitlines() if "started" in line]
    assert done <= 6
    assert all(any(word in line for word in ("pushed", "saddle", "softest mode")) for line in new), new
    old = json.loads((OLD / "rows.json").read_text())
    assert len(json.loads(anodeflow("query", "--format", "json").out)) >= len(old)


def test_results_files_of_an_older_anodeflow_are_read():
    studies, calculations = read_results(OLD / "emt-old.json.gz")
    assert len(studies) == 2
    assert len(calculations) == 9
    assert {document.schema_version for document in (*studies, *calculations.values())} == {schema.SCHEMA_VERSION}


FORMER = [(DiffusionDoc, "MigrationDoc", "diffusion"), (ChargeDoc, "ChargeTransferDoc", "charge")]
PUBLISHED = Path(__file__).parents[1] / "docs" / "results" / "surfaces.json.gz"


@pytest.mark.parametrize(("kind", "name", "module"), FORMER)
def test_documents_are_named_after_their_study_and_read_under_their_former_name(kind, name, module):
    text = gzip.decompress(PUBLISHED.read_bytes()).decode()
    assert f'"@class":"{name}"' in text.replace(" ", "")
    documents = [study for study in read_results(PUBLISHED)[0] if study.study == module]
    assert {type(document) for document in documents} == {kind}
    for place in (f"anodeflow.schemas.{module}", f"anodeflow.studies.{module}.document"):
        assert getattr(import_module(place), name) is kind
        stored = jsanitize(documents[0], strict=True) | {"@module": place, "@class": name}
        assert MontyDecoder().process_decoded(stored) == documents[0]
        stored |= {"@class": kind.__name__}
        assert MontyDecoder().process_decoded(stored) == documents[0]


@pytest.mark.slow
def test_stored_and_imported_documents_of_a_former_name_are_one_of_the_present_one(old_home, tmp_path, monkeypatch):
    """What an older anodeflow exported, and its own database, hold the same documents."""
    with open_store() as store:
        assert {each["output"]["@class"] for each in store.query({"output.study": "diffusion"})} == {"MigrationDoc"}
        lines = list(exported(store, Exchanged()))
    assert {each["@class"] for each in lines if "study" in each["document"]} == {"AdsorptionDoc", "DiffusionDoc"}
    former = [each | {"@class": each["@class"].replace("DiffusionDoc", "MigrationDoc")} for each in lines]
    for name in ("home", "other"):
        monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path / name))
        for known, file in enumerate((former, lines)):
            with open_store() as store:
                summary = import_lines(store, to_lines(file), "old.jsonl")
            assert summary.known == (0 if (name, known) == ("other", 0) else len(lines))
        assert [type(each) for each in study_documents("emt-old") if each.study == "diffusion"] == [DiffusionDoc]


def test_a_migration_makes_a_document_of_today_of_an_old_one(monkeypatch):
    """What the next change of a field's name will look like."""
    (old,) = [study for study in read_results(OLD / "emt-old.json.gz")[0] if isinstance(study, AdsorptionDoc)]
    fields = old.model_dump()
    fields["place"] = fields.pop("system")
    del fields["schema_version"]

    def rename(kind, content):
        names = {"place": "system"} if kind == "AdsorptionDoc" else {}
        return {names.get(key, key): value for key, value in content.items()}

    monkeypatch.setitem(schema.MIGRATIONS, 0, rename)
    assert AdsorptionDoc.model_validate(fields).system == old.system
    with pytest.raises(ValidationError, match="newer anodeflow"):
        ResultRow.model_validate(old.rows()[0].model_dump() | {"schema_version": schema.SCHEMA_VERSION + 1})


@pytest.mark.parametrize("version", [None, 1, 2])
def test_potentials_path_is_read_under_its_former_name(version):
    record = {
        "backend": "mlip", "id": "m", "end_ids": [], "energies": [0.0, 0.2, 0.0], "distances": [0.0, 1.0, 2.0],
        "slopes": [0.0] * 3, "climbing_image": 1, "converged": True, "force_evaluations": 9, "mode": "saddle",
    }  # fmt: skip
    fields = {name: value for name, value in neb_document().model_dump().items() if name != "schema_version"}
    del fields["potential_path"]
    fields |= {"band": record} | ({} if version is None else {"schema_version": version})
    assert NebDoc.model_validate(fields).potential_path.barrier_forward == 0.2


def test_what_an_older_anodeflow_recorded_as_nan_is_no_step(tmp_path):
    file = tmp_path / "steps.jsonl"
    old = '{"energy": %s, "positions": [[0, 0, 0]], "forces": [[0, 0, 0]]}\n'
    file.write_text("".join(old % energy for energy in ("-1.0", "NaN", "-2.0")))
    assert [step["energy"] for step in read_steps(file)] == [-1.0]
    assert "after step 1" in cut_damage(file)


@pytest.mark.parametrize("line", [b"[" * 100_000, b"{}", b'{"energy": -1.0}', b'{"energy": NaN}', b"\xff\xfe", b"null"])
def test_a_line_that_is_no_step_ends_the_record(line, tmp_path):
    file = tmp_path / "steps.jsonl"
    append_step(file, {"energy": -1.0})
    whole = file.read_bytes()
    file.write_bytes(whole + line + b"\n" + whole)
    assert [step["energy"] for step in read_steps(file)] == [-1.0]


def changed(text: str, keys: list[str | int], value: object) -> str:
    content = json.loads(text)
    inner = content
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    return json.dumps(content)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "[" * 100_000,
        lambda text: changed(text, ["settings", "relaxation", "force_threshold"], "small"),
        lambda text: changed(text, ["forces"], [[0.0, 0.0, 0.0]]),
        lambda text: changed(text, ["structure", "sites"], []),
        lambda text: changed(text, ["structure", "lattice"], {"@module": "numpy", "@class": "nothing"}),
        lambda text: changed(text, ["energy"], {"@module": "ase.atoms", "@class": "Atoms", "version": []}),
        lambda text: changed(text, ["density_file"], "\0"),
    ],
)
def test_damaged_document_is_made_again_whatever_the_damage(damage, adatom):
    maker = Makers(load_backend("emt")).relax()
    first = maker.calculate(adatom)
    file = Path(first.directory) / "calculation.json"
    file.write_text(damage(file.read_text()))
    again = maker.calculate(adatom)
    assert (again.energy, again.ionic_steps) == (first.energy, first.ionic_steps)
