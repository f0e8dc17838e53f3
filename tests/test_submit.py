"""What is said to a queue, and what is made of its answers; no cluster is needed."""

import json
import os
from pathlib import Path

import pytest
from monty.json import MontyEncoder
from pydantic import ValidationError
from pymatgen.core import Lattice, Structure

from anodeflow.backends.registry import load_backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.placement import Resources
from anodeflow.core.errors import InputError
from anodeflow.execution.placement import placed_flow, scheduler_resources
from anodeflow.execution.reasons import reason

COPPER = Structure(Lattice.cubic(3.61), ["Cu"] * 4, [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])

CAMPAIGN = """
name: copper
backend: emt
systems:
  - {name: Cu(001), structure: Cu, miller: [0, 0, 1], layers: 3, fixed_layers: 1, vacuum: 8, min_width: 5}
studies:
  - adsorption: {adsorbate: Cu, systems: [Cu(001)]}
"""


# --- resources ---


def test_resources_in_plain_units():
    asked = Resources(cores=4, time="1-02:03:04", memory="1.5G")
    assert asked.seconds == ((24 + 2) * 60 + 3) * 60 + 4
    assert asked.megabytes == 1536
    assert Resources(time="0:30:00").seconds == 1800
    assert Resources().seconds is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"time": "30"}, "H:MM:SS"),
        ({"time": "12:99:00"}, "H:MM:SS"),
        ({"memory": "2000"}, "with its unit"),
        ({"cores": 0}, "greater than or equal to 1"),
        ({"core": 2}, "Extra inputs"),
    ],
)
def test_wrong_resources(wrong, said):
    with pytest.raises(ValidationError, match=said):
        Resources(**wrong)


def test_resources_do_not_change_what_is_computed(tmp_path):
    plain, rich = tmp_path / "plain.yaml", tmp_path / "rich.yaml"
    plain.write_text("code: emt\n")
    rich.write_text("code: emt\nresources: {cores: 8, time: '24:00:00', queue: long, options: {account: me}}\n")
    one, other = load_backend(plain), load_backend(rich)
    assert one.settings_hash() == other.settings_hash()
    assert {"resources", "placement"}.isdisjoint(one.recipe())
    assert other.recipe()["resources"]["cores"] == 8
    assert Makers(load_backend(rich)).relax().make(COPPER).config.manager_config == {}


def slurm_worker(**resources):
    pytest.importorskip("jobflow_remote")
    from jobflow_remote.config.base import LocalWorker

    return LocalWorker(type="local", scheduler_type="slurm", work_dir="/tmp", resources=resources)


def test_a_worker_is_asked_in_the_words_of_its_scheduler():
    worker = slurm_worker(partition="short", ntasks=1, time="01:00:00", account="chem")
    asked = scheduler_resources(
        Resources(cores=16, time="24:00:00", memory="2G", queue="long", options={"qos": "high"}), worker, "main"
    )
    assert asked == {
        "partition": "long",
        "ntasks": 16,
        "time": "1-0:0:0",
        "account": "chem",
        "mem_per_cpu": 2048,
        "qos": "high",
    }
    assert scheduler_resources(Resources(), worker, "main")["partition"] == "short"
    spread = scheduler_resources(Resources(cores=8, nodes=2), worker, "main")
    assert (spread["nodes"], spread["ntasks"], spread["ntasks_per_node"]) == (2, 8, 4)
    script = worker.get_scheduler_io().get_submission_script("true", options=asked)
    for line in ("--partition=long", "--ntasks=16", "--mem-per-cpu=2048", "--account=chem"):
        assert f"#SBATCH {line}" in script
    with pytest.raises(InputError, match="7 cores cannot be spread evenly over 2 nodes"):
        scheduler_resources(Resources(cores=7, nodes=2), worker, "main")


def test_calculations_carry_their_place_however_deep(tmp_path):
    """Those that are made on the way too: the Makers that make them stand among the arguments of other jobs."""
    from anodeflow import Campaign

    file = tmp_path / "copper.yaml"
    file.write_text(CAMPAIGN)
    seen = []

    def place(recipe):
        seen.append(recipe["code"])
        return {"worker": "big", "resources": {"ntasks": 4}}

    flow = placed_flow(Campaign.from_file(file).flow(), place)
    jobs = {job.name: job for job, _ in flow.iterflow()}
    assert jobs["Cu bulk"].config.manager_config == {"worker": "big", "resources": {"ntasks": 4}}
    assert jobs["Cu(001): cut slab"].config.manager_config == {}
    assert set(seen) == {"emt"}
    later = json.dumps(jobs["Cu(001): Cu on all sites"], cls=MontyEncoder)
    assert '"placement": {"worker": "big"' in later
    # The uuids are those of the flow that runs here: documents are replaced, not doubled.
    assert {job.uuid for job in jobs.values()} == {job.uuid for job, _ in Campaign.from_file(file).flow().iterflow()}


def test_a_placed_maker_places_the_jobs_it_makes():
    from jobflow import Flow

    from anodeflow.calculations.identity import _plain, with_stable_uuids
    from anodeflow.calculations.makers import CalculationMaker

    recipe = load_backend("emt").recipe() | {"placement": {"worker": "gpu"}}
    maker = CalculationMaker(task="static", backend=recipe)
    job = maker.make(COPPER, label="copper")
    assert job.config.manager_config == {"worker": "gpu"}
    assert job.maker is not None
    # On a cluster it has the uuid that it has here.
    elsewhere = CalculationMaker(task="static", backend=load_backend("emt").recipe()).make(COPPER, label="copper")
    uuids = [with_stable_uuids(Flow([one]), "seed").job_uuids for one in (job, elsewhere)]
    assert uuids[0] == uuids[1]
    # Nor does it matter that makers know of guides: without one it is the job that it was before they did.
    assert '"guide"' not in _plain(json.dumps({"maker": {"guide": {}, "task": "static"}}))
    assert '"guide"' in _plain(json.dumps({"maker": {"guide": {"code": "emt"}}}))
    # Nor when and in how many goes a calculation was done that a job is handed.
    handed = {
        "id": "calc",
        "energy": -1.0,
        "finished_at": "2026-01-01",
        "wall_time": 1.0,
        "restarts": 0,
        "directory": "a",
    }
    again = handed | {"finished_at": "2026-01-02", "wall_time": 2.0, "restarts": 1, "directory": "b"}
    assert _plain(json.dumps([handed])) == _plain(json.dumps([again]))
    assert _plain(json.dumps([handed])) != _plain(json.dumps([handed | {"energy": -2.0}]))
    # It still runs, and finds what was computed without a place.
    plain = CalculationMaker(task="static", backend=load_backend("emt").recipe())
    assert maker.calculate(COPPER).id == plain.calculate(COPPER).id


# --- reasons ---

TRACEBACK = 'Traceback (most recent call last):\n  File "run.py", line 64, in run\n    response = job.run()\n'
ENDED = "The output file was downloaded, but it does not contain the response."
NEVER = "The output file was not present in the download folder."
ERRORS = "anodeflow.core.errors"
STEPD = "slurmstepd-n1: error: *** JOB 1 ON n1 CANCELLED AT 2026-11-24T02:16:58"
SBATCH = "Remote error: submission failed. SubmissionResult(exit_code=1, stdout='', stderr='sbatch: error: "
SQUEUE = "qtoolkit.core.exceptions.CommandFailedError: command squeue failed: slurm_load_jobs error: "
SILENT = "Unable to contact slurm controller (connect failure)"


@pytest.mark.parametrize(
    ("kind", "error", "remote_error", "output", "verdict"),
    [
        ("walltime", ENDED, None, f"{STEPD} DUE TO TIME LIMIT ***", None),
        ("cancelled", ENDED, None, f"{STEPD} ***", None),
        ("node failure", ENDED, None, f"{STEPD} DUE TO NODE FAILURE, SEE SLURMCTLD LOG FOR DETAILS ***", None),
        ("out of memory", ENDED, None, "slurmstepd: error: Detected 1 oom_kill event in StepId=12.batch.", None),
        ("walltime", ENDED, None, "=>> PBS: job killed: walltime 3605 exceeded limit 3600", None),
        ("cancelled", NEVER, None, "", "CANCELLED 0:0"),
        ("walltime", NEVER, None, "", "TIMEOUT 0:15"),
        ("out of memory", NEVER, None, "", "OUT_OF_MEMORY 0:125"),
        ("signal", ENDED, None, "slurm_script: line 9: 4711 Segmentation fault  python -m x", None),
        ("signal", ENDED, None, "", "FAILED 0:9"),
        ("disk full", ENDED, None, "OSError: [Errno 28] No space left on device", None),
        ("disk full", f"{TRACEBACK}OSError: [Errno 28] No space left on device", None, "", None),
        ("out of memory", f"{TRACEBACK}MemoryError", None, "", None),
        (
            "SCF",
            f"{TRACEBACK}{ERRORS}.CalculationError: GPAW on Li: the SCF did not converge in 750 cycles.",
            None,
            "",
            None,
        ),
        (
            "signal",
            f"{TRACEBACK}{ERRORS}.InterruptedCalculationError: GPAW on Li was killed by SIGKILL.",
            None,
            "",
            None,
        ),
        ("Python error", f"{TRACEBACK}ValueError: no such thing", None, "", None),
        ("submission", None, f"{SBATCH}invalid partition specified: nosuch\\n')", None, None),
        ("queue unreachable", None, f"{SBATCH}Batch job submission failed: {SILENT}\\n')", None, None),
        ("queue unreachable", None, f"Remote error: {TRACEBACK}{SQUEUE}{SILENT}\n", None, None),
        ("unknown", NEVER, None, "", None),
    ],
)
def test_reasons(kind, error, remote_error, output, verdict):
    found = reason(error, remote_error, output, verdict)
    assert found.kind == kind
    sentence = str(found)
    assert sentence.startswith(kind)
    assert "\n" not in sentence
    assert "Traceback" not in sentence


def test_a_reason_quotes_what_was_said():
    said = reason(TRACEBACK + "anodeflow.core.errors.CalculationError: Li bulk: it broke (log: /x).", None, None)
    assert said.detail == "Li bulk: it broke (log: /x)."
    assert (
        reason(None, "submission failed. (stderr='sbatch: error: no account\\n')", None).detail
        == "sbatch: error: no account"
    )


# --- projects ---


@pytest.fixture
def server(monkeypatch, home, tmp_path_factory):
    """An embedded server, stopped at the end; its folder is short, as a project's must be."""
    pytest.importorskip("jobflow_remote")
    pytest.importorskip("secantus")
    monkeypatch.setenv("ANODEFLOW_EMBEDDED", "secantusd")
    monkeypatch.setenv("ANODEFLOW_DATABASE_IDLE", "0.3")
    monkeypatch.setenv("JFREMOTE_PROJECTS_FOLDER", str(home.parent / "projects"))
    yield
    from anodeflow.database.service import stop_service

    stop_service(home / "database" / "secantusd", force=True)


@pytest.mark.slow
def test_projects_of_all_kinds(server, home, anodeflow):
    from anodeflow.execution.project import load_project

    made = anodeflow("cluster", "init", "--project", "here", "--format", "json")
    assert made.status == 0, made.err
    checks = {(check["of"], check["what"]): check for check in json.loads(made.out)}
    assert checks["database", "queue and results"]["ok"]
    assert checks["main", "work folder"]["detail"].startswith(str(home / "jobs" / "here"))
    assert checks["main", "program"]["ok"], checks
    assert not checks["runner", "runs"]["ok"]
    file = home.parent / "projects" / "here.yaml"
    assert file.stat().st_mode & 0o777 == 0o600

    again = anodeflow("cluster", "init", "--project", "here")
    assert (again.status, "exists already" in again.err) == (2, True)

    slurm = ("cluster", "init", "--project", "hpc", "--kind", "slurm")
    assert "give --partition" in anodeflow(*slurm).err.lower()
    anodeflow(*slurm, "--partition", "normal", "--setup", "module load openmpi")  # no such partition here: status 1
    worker = load_project("hpc").workers["main"]
    assert worker.resources["partition"] == "normal"
    assert worker.pre_run.splitlines()[0] == "module load openmpi"
    assert f"export ANODEFLOW_HOME={home}" in worker.pre_run
    assert "export ANODEFLOW_THREADS=${SLURM_CPUS_ON_NODE:-1}" in worker.pre_run
    assert (
        f"export ANODEFLOW_THREADS={len(os.sched_getaffinity(0))}\n"
        in f"{load_project('here').workers['main'].pre_run}\n"
    )

    far = ("cluster", "init", "--project", "far", "--kind", "slurm-ssh", "--partition", "normal")
    missing = anodeflow(*far)
    assert missing.status == 2
    assert "--host, --work-dir, --home, --python" in missing.err
    there = ("--host", "127.0.0.1", "--port", "1", "--work-dir", "/w", "--home", "/h", "--python", "/v/bin/python")
    unreachable = anodeflow(*far, *there)
    assert unreachable.status == 1
    assert "main: can be reached: 127.0.0.1" in unreachable.out
    assert load_project("far").workers["main"].execution_cmd == "/v/bin/python -m anodeflow.execution.job {}"


@pytest.mark.slow
def test_a_campaign_in_the_queue(server, home, tmp_path, anodeflow):
    anodeflow("cluster", "init", "--project", "here")
    file = tmp_path / "copper.yaml"
    file.write_text(CAMPAIGN)
    wrong = anodeflow("submit", file, "--project", "there")
    assert (wrong.status, "no project 'there'" in wrong.err) == (2, True)
    wrong = anodeflow("submit", file, "--project", "here", "--worker", "mine")
    assert (wrong.status, "no worker 'mine'; there is main" in wrong.err) == (2, True)
    submitted = anodeflow("submit", file, "--project", "here")
    assert submitted.status == 0, submitted.err
    assert "anodeflow cluster start here" in submitted.out
    twice = anodeflow("submit", file, "--project", "here")
    assert (twice.status, "in the queue already" in twice.err) == (2, True)

    (status,) = json.loads(anodeflow("status", "copper", "--format", "json").out)
    assert status["project"] == "here"
    assert status["runner"] == "stopped"
    states = {step["label"]: step["state"] for step in status["steps"]}
    assert (states["Cu bulk"], states["Cu(001): clean slab"]) == ("queued", "planned")
    assert anodeflow("retry", "copper", "--yes").out == "Nothing of campaign copper failed.\n"
    nowhere = anodeflow("retry", "gold")
    assert (nowhere.status, "no campaign 'gold' was submitted" in nowhere.err) == (2, True)
    # An edited one takes its place in the queue; what became of the one before is still told.
    assert anodeflow("cancel", "copper", "--yes").status == 0
    file.write_text(CAMPAIGN.replace("layers: 3", "layers: 4"))
    assert anodeflow("submit", file, "--project", "here").status == 0
    latest, earlier = json.loads(anodeflow("status", "copper", "--format", "json").out)
    assert earlier["edition"] == status["edition"] != latest["edition"]
    assert (latest["project"], earlier["project"]) == ("here", "here")
    assert {step["state"] for step in earlier["steps"]} == {"interrupted"}
    assert {step["state"] for step in latest["steps"]} == {"queued", "planned"}


ALLOY = """
name: alloy
backend: gpaw-demo
studies:
  - orderings: {composition: LiAg, max_atoms: 4}
"""


@pytest.mark.mlip
@pytest.mark.gpaw
def test_a_worker_for_potentials_and_another_for_dft(server, home, tmp_path, anodeflow):
    from ruamel.yaml import YAML

    from anodeflow.execution.project import open_project

    anodeflow("cluster", "init", "--project", "here")
    project = home.parent / "projects" / "here.yaml"
    content = YAML().load(project.read_text())
    content["workers"]["gpu"] = dict(content["workers"]["main"]) | {"work_dir": str(home / "gpu")}
    with project.open("w") as stream:
        YAML().dump(content, stream)
    file = tmp_path / "alloy.yaml"
    file.write_text(ALLOY)
    wrong = anodeflow("submit", file, "--project", "here", "--mlip-worker", "tpu")
    assert (wrong.status, "no worker 'tpu'; there is main, gpu" in wrong.err) == (2, True)
    submitted = anodeflow("submit", file, "--project", "here", "--mlip-worker", "gpu")
    assert submitted.status == 0, submitted.err

    with open_project("here") as remote:
        jobs = list(remote.controller.jobs.find({}))
    by_code: dict[str, set[str]] = {}
    for job in jobs:
        backend = (job["job"]["function"].get("@bound") or {}).get("backend")
        if isinstance(backend, dict):
            by_code.setdefault(backend["code"], set()).add(job["worker"])
    assert by_code == {"mlip": {"gpu"}, "gpaw": {"main"}}
    # What is made on the way: the Makers among the arguments know their place.
    places = {(code, place["worker"]) for job in jobs for code, place in _placements(job["job"])}
    assert places == {("mlip", "gpu"), ("gpaw", "main")}


def _placements(node):
    """Code and placement of every backend in a document."""
    if isinstance(node, list):
        for item in node:
            yield from _placements(item)
    elif isinstance(node, dict):
        if {"code", "settings", "placement"} <= node.keys():
            yield node["code"], node["placement"]
        for item in node.values():
            yield from _placements(item)


def test_without_a_server_there_is_no_queue(home, monkeypatch, anodeflow):
    pytest.importorskip("jobflow_remote")
    monkeypatch.setenv("JFREMOTE_PROJECTS_FOLDER", str(home.parent / "projects"))
    refused = anodeflow("cluster", "init", "--project", "here")
    assert refused.status == 2
    assert "a queue needs a database server" in refused.err
    assert not Path(home.parent / "projects" / "here.yaml").exists()
