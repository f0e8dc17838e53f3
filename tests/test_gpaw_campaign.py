"""A whole campaign with real GPAW on a tiny slab: killed in the middle, gone on with, and equal to plain ASE."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from processes import processes_naming

from anodeflow import query
from anodeflow.database.query import study_documents

pytestmark = [pytest.mark.gpaw, pytest.mark.slow]

BACKEND = """\
code: gpaw
description: tiny
settings: {cutoff: 250, kpoint_spacing: 0.6, smearing_width: 0.1}
relaxation: {force_threshold: 0.02, stress_threshold: 0.0003}
"""
CAMPAIGN = """\
name: tiny
backend: tiny-gpaw.yaml
systems:
  - {name: Li(001), structure: Li, layers: 3, fixed_layers: 1, vacuum: 8, min_width: 0}
studies:
  - adsorption: {adsorbate: Li, sites: [hollow], atom_box: [7.0, 7.5, 8.0]}
"""
RUN = [sys.executable, "-m", "anodeflow", "run"]


def documents(home: Path) -> dict[Path, float]:
    """Finished calculations and when they were written."""
    return {file: file.stat().st_mtime for file in home.glob("calculations/*/*/calculation.json")}


def running_step(home: Path) -> dict | None:
    """The site relaxation that is under way, once it has done two ionic steps."""
    try:
        status = json.loads((home / "campaigns" / "tiny.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    for step in status["steps"]:
        if step["state"] == "running" and "at site" in step["label"] and step["ionic_steps"] >= 2:
            return step
    return None


def positions(folder: Path) -> list[list[list[float]]]:
    return [json.loads(line)["positions"] for line in (folder / "steps.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def killed_and_finished(tmp_path_factory):
    """Run the campaign, kill it with SIGKILL while a site relaxes, run it again to its end."""
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "tiny-gpaw.yaml").write_text(BACKEND)
    (folder / "tiny.yaml").write_text(CAMPAIGN)
    home = folder / "home"
    environment = os.environ | {"ANODEFLOW_HOME": str(home), "ANODEFLOW_EMBEDDED": "sqlite", "OMP_NUM_THREADS": "1"}
    command = [*RUN, str(folder / "tiny.yaml")]
    with (
        (folder / "first.log").open("w") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log) as run,
    ):
        try:
            deadline = time.monotonic() + 400
            while (step := running_step(home)) is None:
                assert run.poll() is None, (folder / "first.log").read_text()
                assert time.monotonic() < deadline, (folder / "first.log").read_text()
                time.sleep(0.1)
        finally:  # or it would stay behind a test that failed
            run.kill()
    assert run.returncode == -signal.SIGKILL
    identifier = step["calculation_id"]
    broken_off = home / "calculations" / identifier[:2] / identifier
    time.sleep(2)
    survivors = processes_naming(broken_off)
    before = {"documents": documents(home), "steps": positions(broken_off), "survivors": survivors}
    status = subprocess.run(
        [sys.executable, "-m", "anodeflow", "status", "tiny", "--format", "json"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    second = subprocess.run(command, env=environment, capture_output=True, text=True)
    return {
        "home": home,
        "before": before,
        "status": json.loads(status.stdout)[0],
        "broken_off": broken_off,
        "second": second,
    }


@pytest.fixture
def finished(killed_and_finished, monkeypatch):
    monkeypatch.setenv("ANODEFLOW_HOME", str(killed_and_finished["home"]))
    return killed_and_finished


def test_kill_leaves_no_process_and_says_interrupted(finished):
    assert finished["before"]["survivors"] == []
    assert finished["status"]["state"] == "interrupted"
    assert "interrupted" in {step["state"] for step in finished["status"]["steps"]}


def test_second_run_goes_on_from_the_last_step(finished):
    assert finished["second"].returncode == 0, finished["second"].stderr
    assert "resumed - ionic step" in finished["second"].stdout
    earlier, now = finished["before"]["steps"], positions(finished["broken_off"])
    assert len(earlier) >= 2
    assert now[: len(earlier)] == earlier, "the steps of the first attempt stand"
    assert len({json.dumps(step) for step in now}) == len(now), "no geometry was computed twice"
    document = json.loads((finished["broken_off"] / "calculation.json").read_text())
    assert document["restarts"] == 1
    assert document["force_evaluations"] == len(now)
    assert document["converged"]


def test_nothing_finished_ran_again_and_nothing_is_lost_or_doubled(finished):
    before, after = finished["before"]["documents"], documents(finished["home"])
    assert len(before) >= 3
    assert all(after[file] == written for file, written in before.items())
    assert len(after) == 4
    assert len(study_documents("tiny")) == 1
    rows = query(campaign="tiny")
    assert sorted(rows.property) == ["binding_energy", "binding_energy_bulk"]


def test_numbers_are_those_of_plain_ase_and_gpaw(finished):
    """The same hollow site with ASE's slab, ASE's optimiser and one GPAW call each: within 2 meV."""
    from ase import Atoms
    from ase.build import bcc100, bulk
    from ase.constraints import FixAtoms
    from ase.filters import FrechetCellFilter
    from ase.optimize import BFGS
    from gpaw import GPAW

    def calculator(kpts, **more):
        occupations = {"name": "fermi-dirac", "width": 0.1} | more.pop("occupations", {})
        return GPAW(
            mode={"name": "pw", "ecut": 250},
            xc="PBE",
            kpts={"size": kpts, "gamma": True},
            occupations=occupations,
            txt=None,
            **more,
        )

    crystal = bulk("Li", "bcc", a=3.44, cubic=True)
    crystal.calc = calculator((4, 4, 4))
    BFGS(FrechetCellFilter(crystal), logfile=None).run(fmax=3e-4 * crystal.get_volume(), steps=30)
    slab = bcc100("Li", (1, 1, 3), a=np.mean(crystal.cell.lengths()), vacuum=4)
    slab.pbc = (True, True, False)
    slab.set_constraint(FixAtoms(mask=slab.get_tags() == 3))
    adsorbed = slab.copy()
    adsorbed.append("Li")
    adsorbed.positions[-1] = [*(slab[-1].position[:2] + slab.cell.lengths()[:2] / 2), slab[-1].z + 1.6]
    energies = []
    for atoms in (slab, adsorbed):
        atoms.calc = calculator((4, 4, 1), poissonsolver={"dipolelayer": "xy"})
        BFGS(atoms, logfile=None, alpha=5).run(fmax=0.02, steps=60)
        energies.append(atoms.get_potential_energy())
    atom = Atoms("Li", cell=(7.0, 7.5, 8.0), magmoms=[1])
    atom.center()
    atom.calc = calculator((1, 1, 1), occupations={"fixmagmom": True})
    binding = energies[1] - energies[0]
    rows = query(campaign="tiny").set_index("property").value
    assert rows["binding_energy"] == pytest.approx(binding - atom.get_potential_energy(), abs=2e-3)
    assert rows["binding_energy_bulk"] == pytest.approx(binding - crystal.get_potential_energy() / 2, abs=2e-3)


def run_charged(finished) -> subprocess.CompletedProcess:
    """Run the campaign with charge and diffusion; what it shares with the other one is found."""
    file = finished["home"].parent / "charged.yaml"
    more = "  - charge: {adsorbate: Li, grid_spacing: 0.1}\n  - diffusion: {adsorbate: Li}\n"
    file.write_text(CAMPAIGN.replace("name: tiny", "name: charged") + more)
    environment = os.environ | {"ANODEFLOW_EMBEDDED": "sqlite", "OMP_NUM_THREADS": "1"}
    return subprocess.run([*RUN, str(file)], env=environment, capture_output=True, text=True)


def test_charge_goes_through_and_a_hop_that_cannot_be_is_told(finished, monkeypatch):
    monkeypatch.setenv("ANODEFLOW_EMBEDDED", "sqlite")
    ended = run_charged(finished)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stdout + ended.stderr
    assert "larger min_width" in ended.stderr, "the cell is one hop wide: the end of each hop is the image of its start"
    (document,) = [found for found in study_documents("charged") if found.study == "charge"]
    rows = query(campaign="charged", study="charge").set_index("property")
    assert rows.value["charge_donated"] == document.charge_donated
    assert rows.unit["charge_donated"] == "e"
    electrons = sum(document.atom_electrons) + document.non_nuclear_electrons + document.vacuum_electrons
    assert electrons == pytest.approx(12, abs=0.012)
    assert min(document.atom_electrons) > 2
    assert abs(document.difference.integral) < 1e-3
    assert document.difference.accumulated > 0.05

    from ase.io.cube import read_cube_data
    from ase.units import Bohr

    density, atoms = read_cube_data(document.difference.cube_file)
    assert density.shape == document.grid_shape
    assert atoms.get_chemical_symbols() == ["Li"] * 4
    element = atoms.get_volume() / Bohr**3 / density.size
    assert density.sum() * element == pytest.approx(document.difference.integral, abs=1e-4)
    assert density.clip(0).sum() * element == pytest.approx(document.difference.accumulated, rel=1e-3)

    # A density cut short: the charge study fails in a sentence, and what else there is stays.
    file = (
        finished["home"]
        / "calculations"
        / document.calculation_ids["density"][:2]
        / document.calculation_ids["density"]
    )
    whole = (file / "density.npz").read_bytes()
    (file / "density.npz").write_bytes(whole[: len(whole) // 2])
    again = run_charged(finished)
    assert again.returncode == 1
    assert "Traceback" not in again.stdout + again.stderr
    told = subprocess.run(
        [sys.executable, "-m", "anodeflow", "status", "charged", "--format", "json"],
        env=os.environ | {"ANODEFLOW_EMBEDDED": "sqlite"},
        capture_output=True,
        text=True,
        check=False,
    )
    failures = " ".join(json.loads(told.stdout)[0]["failures"])
    assert "damaged or cut short" in failures
    assert "larger min_width" in failures
    assert "binding_energy" in set(query(campaign="charged").property)
