"""What the tests on the cluster share: a database, a project, its runner, and campaigns of two small jobs."""

import copy
import json
import os
import shlex
import shutil
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from processes import processes_naming, wait_until
from pymongo import MongoClient
from ruamel.yaml import YAML
from slurm_cluster import APT, PARTITION, SlurmCluster, missing_programs

from anodeflow.calculations.backend_makers import Makers
from anodeflow.database.embedded import ServerFolder
from anodeflow.execution.job import PROGRESS_FILE
from anodeflow.execution.submissions import ACTIVE, STUCK

PROJECT, WORKER, SMALL = "test", "main", "small"
_ENTRY_POINT = "[anodeflow.backends]\nslow-emt = slurm_slow_emt:SlowEmtBackend\n"
_TESTS = Path(__file__).parent


class Queue:
    """A project on a Slurm cluster, its runner running."""

    def __init__(self, cluster: SlurmCluster) -> None:
        self.cluster = cluster
        base = cluster.base
        self.home, self.projects, self.jobs_folder = base / "home", base / "projects", base / "jobs"
        self.small = base / "small"
        self.plugin = base / "plugin"
        self.environment = {
            "SLURM_CONF": str(cluster.configuration),
            "ANODEFLOW_HOME": str(self.home),
            "ANODEFLOW_EMBEDDED": "secantusd",
            "ANODEFLOW_DATABASE_IDLE": "0.5",
            "JFREMOTE_PROJECTS_FOLDER": str(self.projects),
        }

    def start(self) -> None:
        """Write the project and start its runner and database."""
        from anodeflow.execution.cluster import ClusterInput, write_project
        from anodeflow.execution.runner import start_runner

        metadata = self.plugin / "slow_emt-1.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "entry_points.txt").write_text(_ENTRY_POINT)
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: slow-emt\nVersion: 1\n")
        shutil.copy(_TESTS / "slurm_slow_emt.py", self.plugin)
        path = [str(self.plugin), os.environ.get("PYTHONPATH")]  # jobs run the anodeflow that is tested
        file = write_project(
            ClusterInput(
                project=PROJECT,
                kind="slurm",
                worker=WORKER,
                work_dir=self.jobs_folder,
                partition=PARTITION,
                time="00:10:00",
                poll=0.25,
                setup=[f"export PYTHONPATH={shlex.quote(os.pathsep.join(filter(None, path)))}"],
            )
        )
        yaml = YAML()
        content = yaml.load(file.read_text())
        content["runner"]["delta_retry"] = [1.0, 1.0, 1.0]  # given up after seconds instead of minutes
        content["workers"][SMALL] = copy.deepcopy(content["workers"][WORKER]) | {"work_dir": str(self.small)}
        with file.open("w") as stream:
            yaml.dump(content, stream)
        start_runner(PROJECT)

    def stop(self) -> None:
        """Stop runner and database."""
        from anodeflow.database.service import stop_service
        from anodeflow.execution.runner import stop_runner

        stop_runner(PROJECT)
        stop_service(self.home / "database" / "secantusd", force=True)

    # --- campaigns of two jobs ---

    def submit(self, name: str, held: bool = True, **options: Any) -> Any:
        """Submit a relaxation of a distorted copper cell and an evaluation of its result.

        Parameters
        ----------
        name
            Of the campaign.
        held
            Whether the relaxation waits after two steps, until :meth:`release`.
        options
            `worker`, `cells` along each axis, and `resources` of the backend.
        """
        from jobflow import Flow
        from pymatgen.core import Lattice, Structure
        from slurm_slow_emt import SlowEmtBackend

        from anodeflow.execution.project import open_project
        from anodeflow.execution.state import now
        from anodeflow.execution.submissions import Submission
        from anodeflow.execution.submit import submit_flow

        worker, cells = options.pop("worker", WORKER), options.pop("cells", 1)
        backend = SlowEmtBackend.model_validate(
            {"name": "slow-emt", "settings": {"hold": f"hold-{name}"}, "relaxation": {"force_threshold": 0.002}}
            | options
        )
        if held:
            (self.home / f"hold-{name}").touch()
        # Another geometry for each campaign.
        places = [[0.0, 0.03 + zlib.crc32(name.encode()) / 1e12, 0], [0.5, 0.5, 0.02], [0.5, 0, 0.5], [0.02, 0.5, 0.47]]
        structure = Structure(Lattice.cubic(3.61), ["Cu"] * 4, places)
        structure = structure * cells
        relaxed = Makers(backend).relax().make(structure, label=f"{name}: relaxation")
        relaxed.name = f"{name}: relaxation"
        static = Makers(backend).static().make(relaxed.output.structure, label=f"{name}: evaluation")
        static.name = f"{name}: evaluation"
        flow = Flow([relaxed, static], name=name)
        flow.update_metadata({"campaign": name, "backend": backend.name})
        note = Submission(
            campaign=name, backend="slow-emt", project=PROJECT, worker=worker, flow="", jobs=0, submitted_at=now()
        )
        with open_project(PROJECT) as remote:
            return submit_flow(remote, flow, note)

    def release(self, name: str) -> None:
        """Let the relaxation of a campaign go on."""
        (self.home / f"hold-{name}").unlink()

    def status(self, name: str) -> Any:
        """State of a campaign, as `anodeflow status` has it."""
        from anodeflow.core.settings import get_settings
        from anodeflow.execution.queue import queue_status
        from anodeflow.execution.submissions import submissions

        (note,) = submissions(get_settings(), name)
        return queue_status(note)

    def wait(self, name: str, state: str = "finished", seconds: float = 400.0) -> Any:
        """Wait until nothing of the campaign is on its way; return its state, which must be `state`."""

        def ended() -> bool:
            states = {job["state"] for job in self.jobs(name)}
            # Between the end of a job and the start of the next neither is on its way.
            return not states & set(ACTIVE) and (states == {"COMPLETED"} or bool(states & set(STUCK)))

        assert wait_until(ended, seconds, every=0.5), self.status(name)
        status = self.status(name)
        assert status.state == state, status
        return status

    def wait_for_steps(self, name: str, count: int = 2) -> str:
        """Wait until the relaxation of a campaign has evaluated some geometries; return its number in Slurm."""

        def told() -> dict[str, Any]:
            job = self.jobs(name)[0]
            file = Path(job["run_dir"] or "") / PROGRESS_FILE
            known = job["state"] == "RUNNING" and file.is_file()
            return {"number": job["remote"]["process_id"]} | (
                json.loads(file.read_text()) if known else {"ionic_step": 0}
            )

        assert wait_until(lambda: told()["ionic_step"] >= count, 180, every=0.3), self.status(name)
        return told()["number"]

    def wait_for_reason(self, name: str, kind: str) -> str:
        """Wait until `status` says why the first job of a campaign does not go on; return what it says."""
        assert wait_until(lambda: self.jobs(name)[0]["remote"]["error"], 120), self.status(name)
        step = self.status(name).steps[0]
        assert step.reason == kind, step
        return step.message

    def jobs(self, name: str) -> list[dict[str, Any]]:
        """What the database holds of the jobs of a campaign; far cheaper than `status`.

        They are found as `status` finds them, by the flow of the campaign: a job knows its campaign only if whoever
        made the flow told it.
        """
        from anodeflow.core.settings import get_settings
        from anodeflow.execution.submissions import submissions

        (note,) = submissions(get_settings(), name)
        server = ServerFolder(self.home / "database" / "secantusd").recorded()
        assert server is not None
        with MongoClient(server.uri) as client:
            database = client["anodeflow"]
            flow = database[f"queue_{PROJECT}_flows"].find_one({"uuid": note.flow}, ["jobs"])
            assert flow is not None, f"campaign {name} is not in the queue"
            found = list(
                database[f"queue_{PROJECT}_jobs"].find(
                    {"uuid": {"$in": flow["jobs"]}}, ["state", "run_dir", "remote", "db_id"]
                )
            )
        assert found, f"campaign {name} has no jobs in the queue"
        return sorted(found, key=lambda job: int(job["db_id"]))

    def retry(self, name: str, **resources: str) -> list[Any]:
        """Do what `anodeflow retry` does; return what it said it would do."""
        from anodeflow.calculations.placement import Resources
        from anodeflow.core.settings import get_settings
        from anodeflow.execution.project import open_project
        from anodeflow.execution.retry import plan_retry, retry
        from anodeflow.execution.submissions import submissions

        (note,) = submissions(get_settings(), name)
        with open_project(PROJECT) as remote:
            plan = plan_retry(remote, note)
        retry(plan, Resources(**resources) if resources else None)
        return plan.repairs

    def folders(self, name: str) -> list[Path]:
        """Folders of the finished calculations of a campaign."""
        return [
            self.home / "calculations" / step.calculation_id[:2] / step.calculation_id
            for step in self.status(name).steps
            if step.state == "finished"
        ]

    def attempts(self, name: str) -> int:
        """Processes that contributed to the relaxation of a finished campaign."""
        return json.loads((self.folders(name)[0] / "calculation.json").read_text())["restarts"] + 1

    def check_nothing_ran_twice(self, name: str) -> None:
        """Every geometry of a finished campaign is on record once, and was evaluated once."""
        evaluated = (self.home / "evaluations.log").read_text().splitlines()
        assert len(evaluated) == len(set(evaluated))
        relaxation, evaluation = self.folders(name)
        for folder, least in ((relaxation, 5), (evaluation, 1)):
            steps = [json.loads(line) for line in (folder / "steps.jsonl").read_text().splitlines()]
            assert len({json.dumps(step["positions"]) for step in steps}) == len(steps) >= least
            assert sum(line.startswith(f"{folder.name} ") for line in evaluated) == len(steps)
            document = json.loads((folder / "calculation.json").read_text())
            assert document["converged"]
            assert document["ionic_steps"] == len(steps)

    def runner_processes(self) -> list[psutil.Process]:
        """The runner and its supervisor; another session of tests may have one of the same name."""
        runners = [
            process
            for process in processes_naming(f"-p {PROJECT} runner run")
            if process.environ().get("JFREMOTE_PROJECTS_FOLDER") == str(self.projects)
        ]
        return runners + processes_naming(f"{self.projects}")


@contextmanager
def set_environment(queue: Queue) -> Iterator[None]:
    """Set environment variables, and let whoever submits have the plug-in installed, for the time of the context."""
    from anodeflow.backends.registry import codes

    with pytest.MonkeyPatch.context() as patch:
        for name, value in queue.environment.items():
            patch.setenv(name, value)
        patch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
        patch.delenv("ANODEFLOW_DATABASE", raising=False)
        patch.syspath_prepend(queue.plugin)
        patch.setitem(codes(), "slow-emt", "slurm_slow_emt:SlowEmtBackend")
        yield


@pytest.fixture(scope="session")
def slurm_session() -> Iterator[Queue]:
    """Cluster, database and runner for all tests; none of their processes is left at the end."""
    missing = missing_programs()
    if missing:
        pytest.skip(f"Slurm is not installed ({', '.join(missing)}): {APT}")
    for package in ("jobflow_remote", "secantus"):
        pytest.importorskip(package, reason="pip install 'anodeflow[remote]'")
    cluster = SlurmCluster()
    queue = Queue(cluster)
    try:
        cluster.start()
        with set_environment(queue):
            queue.start()
        yield queue
    finally:
        try:
            if queue.projects.is_dir():
                with set_environment(queue):
                    queue.stop()
        finally:
            cluster.stop()
    assert processes_naming(cluster.base) == []


@pytest.fixture
def queue(slurm_session: Queue, home: Path) -> Iterator[Queue]:
    """The queue, with the environment in which commands find it."""
    with set_environment(slurm_session):
        yield slurm_session
