"""A study of another package (tests/plugin_study): all commands know it, and nothing of anodeflow names it."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parent / "plugin_study"
ROOT = Path(__file__).parents[1]
CAMPAIGN = """\
name: silver
backend: emt
systems: []
interfaces:
  - {name: Ag/Al, alloy: Ag, metal: Al, alloy_layers: 3, metal_layers: 4, max_atoms: 100, vacuum: 8}
studies:
  - interface: {}
  - work_of_adhesion: {}
"""


def install(folder: Path, package: Path = PLUGIN) -> Path:
    """Put a package where an installer would: its modules, and what it registers."""
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    shutil.copytree(package / "src", folder)
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    groups = project["entry-points"].items()
    text = "".join(f"[{group}]\n" + "".join(f"{name} = {of}\n" for name, of in each.items()) for group, each in groups)
    (info / "entry_points.txt").write_text(text)
    return folder


@pytest.fixture
def run(tmp_path) -> Callable[..., subprocess.CompletedProcess]:
    """Run Python with the package installed; `home` is a name for its ANODEFLOW_HOME."""
    path = os.pathsep.join([str(install(tmp_path / "site")), str(ROOT / "src")])

    def command(*arguments: object, home: str = "home") -> subprocess.CompletedProcess:
        environment = os.environ | {"PYTHONPATH": path, "ANODEFLOW_HOME": str(tmp_path / home)}
        return subprocess.run(
            [sys.executable, *map(str, arguments)], env=environment, capture_output=True, text=True, cwd=tmp_path
        )

    return command


# One process for all commands: each would import everything anew.
_COMMANDS = """
import contextlib, io, json, os, sys
from anodeflow.cli import main

told = []
for home, *words in json.loads(sys.argv[1]):
    os.environ["ANODEFLOW_HOME"], sys.argv = home, ["anodeflow", *words]
    out, status = io.StringIO(), 0
    with contextlib.redirect_stdout(out):
        try:
            main()
        except SystemExit as end:
            status = end.code or 0
    told.append({"status": status, "out": out.getvalue()})
print(json.dumps(told))
"""


@pytest.mark.slow
def test_commands_know_a_study_of_another_package(run, tmp_path):
    file, exported, backup = tmp_path / "silver.yaml", tmp_path / "silver.jsonl", tmp_path / "silver.backup"
    file.write_text(CAMPAIGN)
    asked = ("query", "campaign=silver", "--format", "json")
    commands = [
        ("home", "check", file, "--format", "json"),
        ("home", "run", file, "--quiet"),
        ("home", *asked),
        ("home", "report", "silver", "-o", tmp_path / "report"),
        ("home", "db", "export", exported),
        ("other", "db", "import", exported),
        ("other", *asked),
        ("home", "db", "backup", backup),
        ("third", "db", "restore", backup),
        ("home", "export", "silver", "-o", tmp_path / "silver.json.gz"),
        ("fourth", "report", "--results", tmp_path / "silver.json.gz", "-o", tmp_path / "elsewhere"),
    ]
    plain = [[str(word) for word in words] for words in commands]
    done = run("-c", _COMMANDS, json.dumps([[str(tmp_path / home), *words] for home, *words in plain]))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [(one["status"], words) for one, words in zip(told, plain, strict=True) if one["status"]] == [], told
    checked, _, rows_here, _, _, _, rows_there, _, restored, _, _ = (one["out"] for one in told)

    planned = {each["label"]: each for each in json.loads(checked)["calculations"]}
    parted = {"Ag/Al: alloy parted", "Ag/Al: metal parted"}
    assert parted < set(planned), "the plan follows from the flow alone"
    assert "Ag/Al: interface" in planned["Ag/Al: alloy parted"]["after"]

    rows = {row["property"]: row for row in json.loads(rows_here)}
    work = rows["work_of_adhesion"]
    assert (work["study"], work["unit"], work["system"]) == ("work_of_adhesion", "J/m²", "Ag/Al")
    # The interface parts its sides before either has relaxed: another way to the same slabs.
    assert work["value"] == pytest.approx(rows["work_of_separation"]["value"], abs=0.01)
    assert 0.5 < work["value"] < 4
    assert len(work["calculation_ids"]) == 3

    for place in ("report", "elsewhere"):
        page = (tmp_path / place / "index.html").read_text()
        assert f"To part Ag/Al takes {work['value']:.3f} J/m² [emt]." in page
    (line,) = csv.DictReader(StringIO((tmp_path / "report" / "tables" / "work-of-adhesion.csv").read_text()))
    assert float(line["work_of_adhesion (J/m²)"]) == pytest.approx(work["value"])

    assert {row["property"]: row for row in json.loads(rows_there)} == rows
    assert "found complete" in restored


_SUITE = """
from anodeflow.testing.study_conformance import StudyConformance


class TestWorkOfAdhesion(StudyConformance):
    study = "work_of_adhesion"
    campaign = {campaign!r}
"""


@pytest.mark.slow
def test_it_passes_the_suite_of_studies(run, tmp_path):
    file = tmp_path / "test_adhesion.py"
    file.write_text(_SUITE.format(campaign=CAMPAIGN))
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", file)
    assert done.returncode == 0, done.stdout
    assert "9 passed" in done.stdout


_READS = """
from anodeflow.core.decoding import foreign_module
document = {"@module": "anodeflow_adhesion.document", "@class": "WorkOfAdhesionDoc"}
maker = {"@module": "anodeflow_adhesion.flow", "@class": "WorkOfAdhesionMaker"}
other = {"@module": "anodeflow_adhesionless.flow", "@class": "Any"}
for content, jobs in ((document, False), (maker, False), (maker, True), (other, True)):
    print(foreign_module(content, jobs=jobs))
"""


def test_documents_of_an_installed_study_are_read_and_those_of_others_are_not(run):
    found = run("-c", _READS).stdout.split()
    assert found == ["None", "anodeflow_adhesion.flow", "None", "anodeflow_adhesionless.flow"]


def test_nothing_of_anodeflow_names_it():
    files = [*(ROOT / "src").rglob("*.py"), *(ROOT / "src").rglob("*.j2"), ROOT / "pyproject.toml"]
    assert not [file for file in files if "adhesion" in file.read_text().replace("work of adhesion", "")]


def test_the_page_on_studies_shows_what_the_package_holds():
    page = (ROOT / "docs" / "studies.md").read_text()
    pieces = re.findall(r"`(tests/plugin_(?:study|subject)/[^`]*)`:\n\n```\w+\n(.*?)```", page, re.DOTALL)
    assert len(pieces) == page.count("```") / 2 >= 4
    for file, piece in pieces:
        assert piece in (ROOT / file).read_text(), file
