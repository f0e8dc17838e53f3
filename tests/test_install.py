"""What pip makes of the package: every extra resolves, sdist and wheel hold what they should, metadata agree."""

import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from datetime import date
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
USERS = sorted(set(EXTRAS) - {"dev"})


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """Return a folder with sdist and wheel of this source."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def clean_pip(tmp_path_factory) -> list[str]:
    """Return the pip of a new virtual environment, with nothing in it but what PyPI has now."""
    folder = tmp_path_factory.mktemp("clean") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--retries", "1"]
    done = subprocess.run([*pip, "install", "-q", "-U", "pip"], capture_output=True, text=True, env=_environment())
    if done.returncode != 0:
        pytest.skip(f"PyPI is out of reach: {done.stderr.strip().splitlines()[-1]}")
    return pip


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


@pytest.mark.slow
@pytest.mark.parametrize("extra", ["all", "mlip"])  # what both find, every other one finds: it asks for less
def test_plain_pip_resolves_the_extras(built, clean_pip, extra, tmp_path):
    (wheel,) = built.glob("*.whl")
    report = tmp_path / "report.json"
    command = [*clean_pip, "install", "--dry-run", "-q", "--report", str(report), f"{wheel}[{extra}]"]
    done = subprocess.run(command, capture_output=True, text=True, env=_environment())
    assert done.returncode == 0, done.stderr
    names = {one["metadata"]["name"].lower() for one in json.loads(report.read_text())["install"]}
    assert {_name(requirement) for requirement in _requirements(extra)} <= names
    if extra != "mlip":
        assert not [name for name in names if re.search("nvidia|cuda|torch|triton", name)]


@pytest.mark.slow
def test_pins_install_on_the_oldest_python(tmp_path):
    """Debian 12 has 3.11.2, and packages that ask for 3.11.5 were pinned."""
    pytest.importorskip("uv")
    oldest = re.search(r"\d+\.\d+", PROJECT["requires-python"])[0]
    command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "--extra", "dev"]
    command += ["--python-version", f"{oldest}.0", "--constraint", "constraints.txt", "-o", str(tmp_path / "found.txt")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=_environment())
    if "Failed to fetch" in done.stderr or "error sending request" in done.stderr:
        pytest.skip(f"PyPI is out of reach: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    pinned = set(re.findall(r"^[a-z0-9.-]+==\S+", (ROOT / "constraints.txt").read_text(), re.M))
    found = set(re.findall(r"^[a-z0-9.-]+==\S+", (tmp_path / "found.txt").read_text(), re.M))
    assert len(found & pinned) > 100, "the pins were read"


@pytest.mark.parametrize("extra", [extra for extra in USERS if extra != "mlip"])
def test_no_extra_but_that_of_potentials_asks_for_torch(extra):
    assert _requirements(extra).isdisjoint(EXTRAS["mlip"])


def _requirements(extra: str) -> set[str]:
    """Return what an extra asks for, those extras of ours that it names resolved."""
    found = set()
    for requirement in EXTRAS[extra]:
        inner = re.fullmatch(r"anodeflow\[(.*)\]", requirement)
        found |= set().union(*map(_requirements, inner[1].split(","))) if inner else {requirement}
    return found


def _name(requirement: str) -> str:
    return re.match(r"[\w.-]+", requirement)[0].lower()


def test_all_is_all_but_potentials_documentation_and_tests():
    assert _requirements("all") == set().union(*(_requirements(name) for name in set(USERS) - {"all", "mlip", "docs"}))


def test_commands_of_messages_name_what_the_extras_ask_for():
    from anodeflow.core.install import PACKAGES

    for part in PACKAGES.keys() & EXTRAS.keys():
        named = {_name(word.strip("'")) for word in PACKAGES[part].split()}
        assert {_name(requirement) for requirement in EXTRAS[part]} <= named | {"cryptography"}


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_its_data_and_no_tests(built):
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("structures", "workflows", "configs"):
        for file in (ROOT / folder).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                assert f"anodeflow/data/{file.relative_to(ROOT)}" in names
    for file in (ROOT / "src" / "anodeflow").rglob("*.py"):
        assert str(file.relative_to(ROOT / "src")) in names
    assert {name.split("/")[0] for name in names} == {"anodeflow", f"anodeflow-{PROJECT['version']}.dist-info"}


@pytest.mark.slow
def test_the_sdist_holds_what_its_tests_read(built):
    (sdist,) = built.glob("*.tar.gz")
    top = f"anodeflow-{PROJECT['version']}/"
    with tarfile.open(sdist) as archive:
        held = {name.removeprefix(top) for name in archive.getnames()}
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if tracked.returncode != 0:
        pytest.skip("no git checkout: there is nothing to compare with")
    wanted = {name for name in tracked.stdout.splitlines() if not name.startswith(".ci/")}
    assert wanted - held == set()


def test_the_citation_agrees_with_the_package():
    citation = YAML(typ="safe").load(ROOT / "CITATION.cff")
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    assert [reference["doi"] for reference in citation["references"]] == ["10.1002/adfm.202009712"]
    # What the schema of the Citation File Format 1.2.0 demands; cffconvert, which has it, wants older libraries.
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= citation.keys()
    for entry in (citation, *citation["references"]):
        assert all(author.keys() & {"name", "family-names", "alias"} for author in entry["authors"])
    assert {"type", "title", "authors"} <= citation["references"][0].keys()


def test_the_changelog_has_this_version():
    text = (ROOT / "CHANGELOG.md").read_text()
    versions = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (\S+)$", text, re.MULTILINE)
    assert versions[0][0] == PROJECT["version"]
    assert [day for _, day in versions] == sorted((str(date.fromisoformat(day)) for _, day in versions), reverse=True)
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= {
        *("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
    }


def test_the_conda_environment_asks_for_extras_that_there_are():
    environment = YAML(typ="safe").load(ROOT / "environment.yml")
    (pip,) = [one["pip"] for one in environment["dependencies"] if isinstance(one, dict)]
    (package,) = pip
    asked = set(package.removeprefix(".[").removesuffix("]").split(","))
    everything = EXTRAS["all"][0].removeprefix("anodeflow[").removesuffix("]").split(",")
    assert asked == {*everything, "mlip"} - {"gpaw"}, "all that the manual shows; GPAW is conda's"
    floors = {_name(one): one for one in [*PROJECT["dependencies"], *EXTRAS["all"], *EXTRAS["gpaw"], *EXTRAS["report"]]}
    for one in environment["dependencies"]:
        if isinstance(one, str) and ">=" in one and _name(one) in floors:
            assert one == floors[_name(one)]
