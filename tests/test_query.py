"""Results read back from every kind of database, and the command that prints them."""

import csv
import importlib
import io
import json
import pkgutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from factories import adsorbed_site, adsorption_document, calculation_document
from jobflow import Flow, Job, JobStore, Response, job, run_locally
from monty.json import jsanitize
from servers import EVERY_KIND, mongodb_server
from typer.testing import CliRunner

import anodeflow
from anodeflow import studies
from anodeflow.cli import app
from anodeflow.cli import query as _command  # noqa: F401  (registers it)
from anodeflow.core.errors import InputError
from anodeflow.core.settings import Settings
from anodeflow.database.embedded import ServerFolder
from anodeflow.database.query import (
    COLUMNS,
    calculation_documents,
    result_rows,
    study_documents,
)
from anodeflow.database.store import open_store
from anodeflow.studies.document import StudyDoc
from anodeflow.studies.registry import document_classes


@job
def adsorption(**changes):
    return adsorption_document(**changes)


@job
def calculation(**changes):
    return calculation_document(**changes)


@job
def hand_on(document):
    return document


@job
def expand():
    study = adsorption(document_id="from-replaced", campaign="first", system="Li3Mg(001)")
    return Response(replace=Flow([study], output=study.output))


def campaigns() -> list[Job]:
    """The jobs of two campaigns."""
    hydride = [adsorbed_site(0, binding_energy=-0.75)]
    return [
        adsorption(document_id="a", campaign="first", system="Li(001)"),
        adsorption(document_id="b", campaign="first", system="LiH(001)", sites=hydride),
        adsorption(
            document_id="c", campaign="second", system="Li(001)", backend="gpaw-demo", settings_hash="settings-2"
        ),
        expand(),
        calculation(id="calc-slab"),
        calculation(id="calc-atom", energy=-0.3),
    ]


def run(store: JobStore, *jobs) -> None:
    run_locally(Flow(list(jobs)), store=store, log=False, ensure_success=True)


def again(first, later):
    """The job `later` under the uuid of the job `first`, as when a campaign is resumed."""
    later.set_uuid(first.uuid)
    return later


@pytest.fixture(scope="module", params=EVERY_KIND)
def filled(request, tmp_path_factory) -> Iterator[dict[str, str]]:
    """A database of each kind, filled by real jobs: the environment variables that name it."""
    folder = tmp_path_factory.mktemp(request.param)
    environment = {"ANODEFLOW_HOME": str(folder), "ANODEFLOW_DATABASE_IDLE": "0.2"}
    with ExitStack() as servers, pytest.MonkeyPatch.context() as patch:
        if request.param == "mongodb":
            address, _ = servers.enter_context(mongodb_server(folder))
            environment["ANODEFLOW_DATABASE"] = f"mongodb://{address}/?directConnection=true"
        else:
            environment["ANODEFLOW_EMBEDDED"] = request.param
        if request.param == "secantusd":
            pytest.importorskip("secantus")
        for name, value in environment.items():
            patch.setenv(name, value)
        with open_store() as store:
            run(store, *campaigns())
            patch.undo()
            yield environment
    deadline = time.monotonic() + 30
    record = ServerFolder(folder / "database" / "secantusd")
    while time.monotonic() < deadline and record.state.exists():
        time.sleep(0.05)
    assert not record.state.exists(), "the server stays behind"


@pytest.fixture
def database(filled: dict[str, str], home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the filled database instead of the empty one of the other tests (`home`)."""
    for name, value in filled.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    """An empty database."""
    with open_store(Settings(home=tmp_path, embedded="sqlite", database=None)) as store:
        yield store


# --- rows and filters, on every kind of database ---


def test_rows_that_are_made_need_no_whole_store(database, filled, monkeypatch):
    expected = result_rows({})

    def opened(store):
        raise AssertionError("the whole store was opened")

    monkeypatch.setattr("anodeflow.database.query._opened", opened)
    assert result_rows({}) == expected
    assert {row.document_id for row in result_rows({"campaign": "first", "system": "Li(*"})} == {"a"}
    # Rows of another anodeflow have to be made anew, which takes the whole store.
    monkeypatch.setattr("anodeflow.database.rows.supersedes", lambda mine, theirs: True)
    with pytest.raises(AssertionError, match="whole store"):
        result_rows({})


@pytest.mark.slow
def test_a_query_imports_neither_jobflow_nor_pymatgen(database):
    assert result_rows({}), "rows are made"
    code = (
        "import sys; from anodeflow.database.query import result_rows; found = len(result_rows({})); "
        "print(found, *{'jobflow', 'maggma', 'pymatgen', 'scipy'} & set(sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told == f"{len(result_rows({}))}\n"


@pytest.mark.parametrize("name", ["rows", "outputs"])
def test_damaged_files_are_told_by_a_query_of_rows_that_are_made(anodeflow, home, name):
    with open_store() as store:
        store.update({"uuid": "a", "index": 1, "output": jsanitize(adsorption_document(), strict=True)})
    assert anodeflow("query").status == 0
    file = home / "database" / "sqlite" / "anodeflow" / f"{name}.collection"
    file.write_bytes(b"x" * file.stat().st_size)
    told = anodeflow("query")
    assert (told.status, told.err.count("\n")) == (2, 1)
    assert "is damaged" in told.err


def test_rows_are_those_of_the_documents(database):
    table = anodeflow.query()
    assert list(table.columns) == list(COLUMNS)
    assert len(table) == 2 * 4
    row = table[(table.document_id == "a") & (table.property == "binding_energy")].iloc[0]
    expected = adsorption_document(document_id="a", campaign="first").rows()[0]
    assert row.to_dict() == expected.model_dump()
    assert row.value == expected.value, "no digit is lost"


@pytest.mark.parametrize(
    ("filters", "documents"),
    [
        ({"campaign": "first"}, {"a", "b", "from-replaced"}),
        ({"campaign": ["first", "second"], "system": "Li(001)"}, {"a", "c"}),
        ({"system": "Li*(001)"}, {"a", "b", "c", "from-replaced"}),
        ({"system": ["LiH*", "Li3*"]}, {"b", "from-replaced"}),
        ({"system": ["LiH(001)", "Li3*"]}, {"b", "from-replaced"}),
        ({"system": "li(001)"}, set()),
        ({"backend": "gpaw-*"}, {"c"}),
        ({"settings_hash": "settings-2"}, {"c"}),
        ({"document_id": ("a", "c")}, {"a", "c"}),
        ({"study": "adsorption", "property": "binding_energy", "value": -0.75}, {"b"}),
        ({"value": ["-0.75"]}, {"b"}),
        ({"unit": "eV", "label": "fourfold*", "campaign": "second"}, {"c"}),
        ({"calculation_ids": "calc-atom", "campaign": "second"}, {"c"}),
        ({"property": "barrier_forward"}, set()),
        ({"campaign": None, "document_id": "a"}, {"a"}),
    ],
)
def test_filters(database, filters, documents):
    assert set(anodeflow.query(**filters).document_id) == documents


def test_filter_by_a_calculation_keeps_only_the_rows_that_rest_on_it(database):
    rows = result_rows({"calculation_ids": "calc-atom", "document_id": "a"})
    assert [row.property for row in rows] == ["binding_energy"]


def test_study_documents_of_a_campaign(database):
    assert {document.document_id for document in study_documents("first")} == {"a", "b", "from-replaced"}
    assert len(study_documents()) == 4
    assert study_documents("none") == []
    (only,) = study_documents("second")
    assert only == adsorption_document(
        document_id="c", campaign="second", backend="gpaw-demo", settings_hash="settings-2"
    )


def test_a_path_that_was_handed_on_in_other_coordinates_is_not_the_calculation(store):
    from test_db_commands import neb_document

    own = neb_document()
    changed = own.model_copy(update={"by_potential": True, "label": "handed on"})
    for number, document in enumerate((own, changed), 1):
        record = {"uuid": f"neb-{number}", "index": 1, "completed_at": f"2026-11-26T12:00:0{number}", "name": "neb"}
        store.update(record | {"output": jsanitize(document, strict=True)})
    assert calculation_documents(["calc-neb"], store)["calc-neb"].label == own.label


def test_calculation_documents_by_id(database):
    found = calculation_documents(["calc-atom", "calc-slab", "calc-slab", "unknown"])
    assert found == {
        "calc-slab": calculation_document(),
        "calc-atom": calculation_document(id="calc-atom", energy=-0.3),
    }
    assert calculation_documents([]) == {}


@pytest.mark.parametrize("name", ["sytem", "sites", "$where"])
def test_unknown_filter(name):
    with pytest.raises(InputError, match=r"campaign, system, study, property, .*calculation_ids") as caught:
        result_rows({name: "x"})
    assert name in str(caught.value)


def test_value_that_is_no_number():
    with pytest.raises(InputError, match="'low'"):
        anodeflow.query(value="low")


# --- which document counts ---


def test_latest_version_of_a_document_wins(store):
    first = adsorption(slab_energy=-1.0)
    run(store, first)
    run(store, again(first, adsorption(slab_energy=-2.0)), adsorption(slab_energy=-2.0))
    run(store, adsorption(slab_energy=-3.0))
    assert [document.slab_energy for document in study_documents(store=store)] == [-3.0]
    assert len(result_rows({}, store)) == 2


def test_document_handed_on_by_another_job_is_listed_once(store):
    study = adsorption()
    run(store, study, hand_on(study.output))
    assert store.count({"output.@class": "AdsorptionDoc"}) == 2
    assert len(study_documents(store=store)) == 1


def test_results_of_old_settings_and_other_campaigns_remain(store):
    run(store, adsorption(document_id="old", settings_hash="old"))
    run(store, adsorption(document_id="new", settings_hash="new"))
    run(store, adsorption(document_id="new", settings_hash="new", campaign="other"))
    rows = result_rows({"property": "binding_energy"}, store)
    assert [(row.campaign, row.settings_hash) for row in rows] == [("test", "old"), ("test", "new"), ("other", "new")]


def test_later_answer_takes_the_place_of_an_earlier_one(store):
    same = {"settings_hash": "same"}
    # One site more, say, that failed at first: other calculations, another id, another job.
    run(store, adsorption(document_id="first", **same))
    run(store, adsorption(document_id="second", **same), adsorption(document_id="elsewhere", system="Mg(001)", **same))
    assert {row.document_id for row in result_rows({}, store)} == {"second", "elsewhere"}
    assert [document.document_id for document in study_documents("test", store)] == ["second", "elsewhere"]


@pytest.mark.parametrize(
    "damage", [{"sites": "gone"}, {"system": None}, {"document_id": []}, {"slab": {"@class": "Structure"}}]
)
def test_damaged_document_is_skipped_with_a_warning(store, damage):
    run(store, adsorption(document_id="sound"), adsorption(document_id="hurt", slab_energy=-1.0))
    entry = store.query_one({"output.document_id": "hurt"})
    entry.pop("_id")
    store.update({**entry, "uuid": "copy", "output": entry["output"] | damage, "completed_at": "2999-01-01"})
    with pytest.warns(UserWarning, match="skipped the AdsorptionDoc of job copy, index 1"):
        documents = study_documents(store=store)
    assert {document.document_id for document in documents} == {"sound", "hurt"}, "the older version counts"
    with pytest.warns(UserWarning, match="skipped"):
        assert len(result_rows({}, store)) == 4


def test_document_without_the_parts_of_its_rows_is_skipped_with_a_warning(store):
    run(store, adsorption(document_id="sound"), adsorption(document_id="hurt", calculation_ids={}))
    with pytest.warns(UserWarning, match="skipped the rows of the AdsorptionDoc hurt"):
        rows = result_rows({}, store)
    assert {row.document_id for row in rows} == {"sound"}


def test_foreign_outputs_are_passed_over(store, recwarn):
    run(store, adsorption())
    outputs = [None, 1, "AdsorptionDoc", [1], {"a": 1}, {"@class": "TaskDoc", "@module": "emmet"}, {"@class": 3}]
    store.update([{"uuid": str(n), "index": 1, "output": output} for n, output in enumerate(outputs)])
    assert len(study_documents(store=store)) == 1
    assert not [warning for warning in recwarn if "skipped" in str(warning.message)]


def test_every_study_document_is_known():
    for found in pkgutil.walk_packages(studies.__path__, "anodeflow.studies."):
        importlib.import_module(found.name)
    ours = {kind.__name__ for kind in StudyDoc.__subclasses__() if kind.__module__.startswith("anodeflow.")}
    assert "AdsorptionDoc" in ours
    assert ours <= set(document_classes())


# --- the command ---


def invoke(*arguments: str):
    return CliRunner().invoke(app, ["query", *arguments])


def test_command_prints_json(database):
    result = invoke("campaign=first", "--format", "json", "--sort", "document_id", "--sort", "-value")
    assert result.exit_code == 0
    rows = json.loads(result.stdout)
    assert rows == [
        row.model_dump()
        for row in sorted(result_rows({"campaign": "first"}), key=lambda row: (row.document_id, -row.value))
    ]
    assert rows[0]["value"] == adsorption_document().binding_energy_bulk


def test_command_prints_csv(database):
    result = invoke(
        "property=binding_energy", "system=LiH(001)", "system=Li(001)", "--format", "csv", "--sort", "value"
    )
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert list(rows[0]) == list(COLUMNS)
    assert [row["document_id"] for row in rows] == ["a", "c", "b"]
    assert float(rows[0]["value"]) == adsorption_document().binding_energy
    assert rows[0]["calculation_ids"] == "calc-0 calc-slab calc-atom"


def test_command_prints_a_table(database):
    result = invoke("document_id=a", "property=binding_energy")
    header, row = result.stdout.splitlines()
    assert header.split()[:6] == ["campaign", "system", "study", "property", "label", "value"]
    assert row.split() == [
        *("first", "Li(001)", "adsorption", "binding_energy", "fourfold", "hollow", "-1.441", "eV", "emt"),
        *("settings", "a"),  # the first eight characters of both ids
    ]


def test_command_without_results_says_so(database):
    for output in ("table", "json", "csv"):
        result = invoke("system=Cs(001)", "--format", output)
        assert result.exit_code == 0
        assert "no result for system=Cs(001)" in result.stderr
        assert {"table": "", "json": "[]\n", "csv": ",".join(COLUMNS) + "\n"}[output] == result.stdout


def test_a_misspelt_value_is_told_with_the_one_there_is(database):
    told = invoke("property=bindin_energy", "study=adsorption", "system=Li(01)").stderr
    assert told.endswith("did you mean property=binding_energy system=Li(001)?\n")
    assert "did you mean" not in invoke("system=K*").stderr


def test_an_empty_database_is_told_as_such(home):
    assert "the database holds no result yet: anodeflow run FILE makes one." in invoke().stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sytem=Li"], ["'sytem'", "campaign, system"]),
        (["Li(001)"], ["'Li(001)'", "KEY=VALUE"]),
        (["value=low"], ["'low'", "number"]),
        (["--sort", "energy"], ["'energy'", "campaign, system"]),
    ],
)
def test_command_refuses_wrong_keys(database, arguments, words):
    error = invoke(*arguments).exception
    assert isinstance(error, InputError)
    assert error.exit_status == 2
    assert all(word in str(error) for word in words)
