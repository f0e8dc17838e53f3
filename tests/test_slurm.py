"""Whole campaigns on a real Slurm cluster of two emulated nodes: submitted, followed, reported."""

import json
import signal
from pathlib import Path

import pytest
from processes import processes_naming, wait_until
from slurm_cluster import PARTITION
from slurm_queue import PROJECT, WORKER, Queue, set_environment

pytestmark = pytest.mark.slurm

COPPER = """
name: copper
backend: {backend}
systems:
  - {{name: Cu(001), structure: Cu, miller: [0, 0, 1], layers: 3, fixed_layers: 1, vacuum: 8, min_width: 5}}
studies:
  - adsorption: {{adsorbate: Cu, systems: [Cu(001)], sites: [hollow]}}
  - diffusion: {{adsorbate: Cu, systems: [Cu(001)], images: 3}}
"""


@pytest.fixture(scope="module")
def screened(slurm_session: Queue, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """File of a prescreened campaign, which runs while the other test waits for its own."""
    from anodeflow.campaign.model import Campaign
    from anodeflow.execution.submit import submit_campaign

    folder = tmp_path_factory.mktemp("screened")
    (folder / "rough.yaml").write_text("code: emt\nrelaxation: {force_threshold: 0.04}\n")
    (folder / "fine.yaml").write_text("code: emt\nrelaxation: {force_threshold: 0.002}\n")
    file = folder / "screened.yaml"
    file.write_text(
        "name: screened\nbackend: fine.yaml\nprescreen: {backend: rough.yaml, keep: 1}\n"
        "systems:\n  - {name: Cu(001), structure: Cu, layers: 3, fixed_layers: 1, vacuum: 8, min_width: 5}\n"
        "studies:\n  - adsorption: {adsorbate: Cu, sites: [top, hollow]}\n"
    )
    with set_environment(slurm_session):
        submit_campaign(Campaign.from_file(file), PROJECT, WORKER)
    return file


@pytest.mark.timeout(1200)  # some twenty jobs, each of which starts Python on a busy machine
@pytest.mark.usefixtures("screened")
def test_adsorption_and_diffusion_to_the_end(queue: Queue, tmp_path: Path, anodeflow) -> None:
    backend = tmp_path / "emt-here.yaml"
    backend.write_text("code: emt\nresources: {cores: 1, time: '00:05:00', memory: 100M, queue: debug}\n")
    file = tmp_path / "copper.yaml"
    file.write_text(COPPER.format(backend=backend))

    submitted = anodeflow("submit", file, "--project", PROJECT, "--worker", WORKER)
    assert submitted.status == 0, submitted.err
    assert "6 jobs in the queue" in submitted.out
    twice = anodeflow("submit", file, "--project", PROJECT, "--worker", WORKER)
    assert twice.status == 2
    assert "in the queue already" in twice.err

    queue.wait("copper", seconds=1000)
    (status,) = json.loads(anodeflow("status", "copper", "--format", "json").out)
    assert status["state"] == "finished", status["failures"]
    assert status["runner"] == "running"
    labels = {step["label"]: step for step in status["steps"]}
    assert labels["Cu bulk"]["energy"] == pytest.approx(-0.028, abs=0.001)
    assert all(step["queue_id"].isdigit() and step["worker"] == WORKER for step in status["steps"])

    # Calculations asked for what the backend file says, made on the way or not; the other steps for little.
    scripts = [script.read_text() for script in queue.jobs_folder.rglob("submit.sh")]
    assert all(f"--partition={PARTITION}" in script and "--no-requeue" in script for script in scripts)
    asked = {script for script in scripts if "--mem-per-cpu=100" in script and "--time=0-0:5:0" in script}
    calculations = [label for label, step in labels.items() if step["calculation_id"]]
    assert len(asked) == len(calculations) > 8

    rows = json.loads(anodeflow("query", "campaign=copper", "--format", "json").out)
    values = {row["property"]: row["value"] for row in rows}
    assert {"binding_energy", "binding_energy_bulk", "barrier_forward"} <= values.keys()

    # The same campaign here: everything is found by its address, and gives the same numbers.
    local = anodeflow("run", file, "--quiet")
    assert local.status == 0, local.err
    assert " 0 calculations done" in f" {local.out.splitlines()[-1]}", local.out
    again = json.loads(anodeflow("query", "campaign=copper", "--format", "json").out)
    assert {row["property"]: row["value"] for row in again} == values


def test_a_prescreened_campaign(queue: Queue, screened: Path, anodeflow) -> None:
    """The potential's file is this user's own: its jobs and its Hessian find it on the cluster, too."""
    queue.wait("screened", seconds=300)
    (status,) = json.loads(anodeflow("status", "screened", "--format", "json").out)
    assert status["state"] == "finished", status["failures"]
    labels = {step["label"]: step for step in status["steps"] if step["calculation_id"]}
    by_potential = {label for label in labels if label.endswith("[rough]")}
    assert len([label for label in by_potential if "at site" in label]) == 2
    assert [label for label in labels if "at site" in label and label not in by_potential] == [
        "Cu(001): Cu at site 2 (fourfold hollow)"
    ]
    began_with = {
        label for label, step in labels.items() if list(queue.home.rglob(f"{step['calculation_id']}/hessian.npy"))
    }
    assert began_with == {"Cu(001): clean slab", "Cu(001): Cu at site 2 (fourfold hollow)"}

    cluster = json.loads(anodeflow("query", "campaign=screened", "--format", "json").out)
    local = anodeflow("run", screened, "--quiet")
    assert local.status == 0, local.err
    assert " 0 calculations done" in f" {local.out.splitlines()[-1]}", local.out
    again = json.loads(anodeflow("query", "campaign=screened", "--format", "json").out)
    values = {row["property"]: row["value"] for row in cluster}
    assert {row["property"]: row["value"] for row in again} == values
    assert values["binding_energy"] < 0


@pytest.mark.gpaw
def test_gpaw_with_two_ranks_killed_and_retried(queue: Queue, tmp_path: Path, anodeflow) -> None:
    from anodeflow.backends.gpaw.backend import GpawBackend, has_mpi

    if not GpawBackend.availability().works or not has_mpi():
        pytest.skip("GPAW with MPI is not installed")
    (tmp_path / "gpaw-two.yaml").write_text(
        "code: gpaw\nsettings: {cutoff: 250, kpoint_spacing: 0.6}\nresources: {cores: 2, time: '00:10:00'}\n"
    )
    from jobflow import Flow
    from pymatgen.core import Lattice, Structure

    from anodeflow.backends.registry import load_backend
    from anodeflow.calculations.backend_makers import Makers
    from anodeflow.execution.project import open_project
    from anodeflow.execution.state import now
    from anodeflow.execution.submissions import Submission
    from anodeflow.execution.submit import submit_flow

    backend = load_backend(tmp_path / "gpaw-two.yaml")
    lithium = Structure(Lattice.cubic(3.44), ["Li", "Li"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    job = Makers(backend).static().make(lithium, label="Li bulk")
    job.name = "Li bulk"
    note = Submission(
        campaign="lithium", backend="gpaw-two", project=PROJECT, worker=WORKER, flow="", jobs=0, submitted_at=now()
    )
    with open_project(PROJECT) as remote:
        submit_flow(remote, Flow([job], name="lithium"), note)

    def ranks() -> list:
        drivers = processes_naming(f"gpaw/driver.py {queue.home}")
        return [process for process in drivers if "mpiexec" not in process.name() and "python" in process.name()]

    # Two ranks, as many as cores were asked for; one of them crashes.
    assert wait_until(lambda: len(ranks()) == 2, 300), queue.status("lithium")
    ranks()[0].send_signal(signal.SIGKILL)
    failed = queue.wait("lithium", "failed")
    assert failed.steps[0].reason == "signal", failed
    shown = anodeflow("retry", "lithium", "--dry-run").out
    assert "Li bulk: signal" in shown
    assert "run again" in shown
    assert anodeflow("retry", "lithium", "--yes").status == 0
    done = queue.wait("lithium", seconds=400)
    assert done.steps[0].energy == pytest.approx(-3.8, abs=0.3)
    assert anodeflow("retry", "lithium", "--yes").out == "Nothing of campaign lithium failed.\n"
