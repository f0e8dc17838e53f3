"""A study of another package on subjects of a kind of its own (tests/plugin_subject)."""

import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from test_plugin_study import ROOT, install

from anodeflow.core.errors import InputError
from anodeflow.studies import registry
from anodeflow.studies.base import Study
from anodeflow.studies.surface_energy.study import SurfaceEnergyStudy

PLUGIN = Path(__file__).parent / "plugin_subject"
CAMPAIGN = """\
name: cohesion
backend: emt
studies:
  - cohesive_energy: {crystals: [Al, Ag], convergence: {box: [14]}}
"""
SUITE = """\
from anodeflow.testing.study_conformance import StudyConformance


class TestCohesiveEnergy(StudyConformance):
    study = "cohesive_energy"
    campaign = open("campaign.yaml").read()
"""


@pytest.fixture
def python(tmp_path):
    path = os.pathsep.join([str(install(tmp_path / "site", PLUGIN)), str(ROOT / "src")])
    environment = os.environ | {"PYTHONPATH": path, "ANODEFLOW_HOME": str(tmp_path / "home")}
    (tmp_path / "campaign.yaml").write_text(CAMPAIGN)

    def run(*arguments: object, status: int = 0) -> str:
        ended = subprocess.run(
            [sys.executable, *map(str, arguments)], env=environment, capture_output=True, text=True, cwd=tmp_path
        )
        assert ended.returncode == status, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr

    return run


@pytest.mark.slow
def test_a_package_brings_a_study_on_subjects_of_its_own(python):
    checked = json.loads(python("-m", "anodeflow", "check", "campaign.yaml", "--format", "json"))
    assert {each["label"]: each["variant"] for each in checked["calculations"]} == {
        "Al bulk": False, "Ag bulk": False,
        "Al [box 12 x 13 x 14] atom": False, "Ag [box 12 x 13 x 14] atom": False,
        "Al [box 14 x 15 x 16] atom": True, "Ag [box 14 x 15 x 16] atom": True,
    }  # fmt: skip
    python("-m", "anodeflow", "run", "campaign.yaml", "--quiet")
    rows = json.loads(python("-m", "anodeflow", "query", "--format", "json"))
    found = {row["system"]: row for row in rows if row["property"] == "cohesive_energy"}
    assert set(found) == {"Al", "Ag", "Al [box 14]", "Ag [box 14]"}
    for element in ("Al", "Ag"):
        crystal = bulk(element)
        crystal.calc = EMT()
        atom = Atoms(element, cell=[12, 13, 14], calculator=EMT())
        # The catalogue's lattice is relaxed; ASE's is that of experiment, 1 % off.
        plain = atom.get_potential_energy() - crystal.get_potential_energy()
        assert found[element]["value"] == pytest.approx(plain, abs=0.02)
        assert found[element]["unit"] == "eV/atom"
    errors = {row["system"]: row["value"] for row in rows if row["study"] == "convergence"}
    assert errors == {"Al": pytest.approx(0, abs=1e-6), "Ag": pytest.approx(0, abs=1e-6)}
    python("-m", "anodeflow", "report", "cohesion", "-o", "report")


WRONG = {
    "{crystals: [Ag, Li3Mg]}": "Li3Mg is a compound: name a crystal of one element.",
    "{crystals: [Li]}": "backend emt: EMT has no parameters for Li",
    "{crystals: [Unobtainium]}": "there is no structure 'Unobtainium'",
    "{}": "it names no crystal: list some under crystals.",
    "{crystals: [Al], convergence: {boxes: [9]}}": "neither a crystal nor backend emt has a number 'boxes' to vary",
    "{crystals: [Cu], convergence: {box: [1]}}": "box 1: expected a number of at least 6",
    "{crystals: [Al]}": "cohesive_energy on Al is asked for above already",
}


@pytest.mark.slow
def test_what_is_wrong_with_them_is_told_with_its_line(python, tmp_path):
    head = CAMPAIGN[: CAMPAIGN.index("  - ")]
    (tmp_path / "campaign.yaml").write_text(head + "".join(f"  - cohesive_energy: {told}\n" for told in WRONG))
    said = python("-m", "anodeflow", "check", "campaign.yaml", status=2).splitlines()
    for line, words in enumerate(WRONG.values(), 4):
        assert any(f"campaign.yaml, line {line}: {words}" in each for each in said), (words, said)


@pytest.mark.slow
def test_a_study_on_subjects_of_its_own_passes_the_suite(python, tmp_path):
    (tmp_path / "test_suite.py").write_text(SUITE)
    assert "9 passed" in python("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "test_suite.py")


def test_a_study_on_a_kind_that_nobody_knows_is_refused(monkeypatch):
    class Lost(SurfaceEnergyStudy):
        name, subject = "lost", "cluster"

    assert Lost.subjects is Study.subjects
    point = EntryPoint("lost", "lost:Lost", registry.ENTRY_POINTS)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    monkeypatch.setattr(EntryPoint, "load", lambda self: Lost)
    with pytest.raises(InputError, match=r"the study lost of lost:Lost is made on a cluster, and does not say"):
        registry.studies.__wrapped__()
