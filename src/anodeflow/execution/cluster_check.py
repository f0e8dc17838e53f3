"""Checks a project of jobflow-remote: database, runner, and everything that a job on each worker will need."""

import shlex
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from anodeflow import __version__
from anodeflow.core.errors import AnodeflowError
from anodeflow.execution.project import Remote, load_project, open_project
from anodeflow.execution.runner import runner_state

if TYPE_CHECKING:
    from jobflow_remote.config.base import WorkerBase
    from jobflow_remote.remote.host import BaseHost

_PATIENCE = 60  # s for a command on a worker
_PROBE = "import anodeflow, sys; print('anodeflow', anodeflow.__version__, sys.executable)"


class Check(BaseModel):
    """One thing that was looked at."""

    of: str = Field(description="database, runner, or the name of a worker.")
    what: str = Field(description="What was looked at.")
    ok: bool = Field(description="Whether it is well.")
    detail: str = Field(description="What was found, and what to do about it.")
    needed: bool = Field(default=True, description="Whether jobs fail without it.")


def check_project(name: str) -> list[Check]:
    """Return what was found of a project; nothing is changed but a probe file that is written and removed.

    Raises
    ------
    InputError
        If there is no such project, or its file is wrong.
    """
    project = load_project(name)
    checks = []
    try:
        with open_project(name) as remote:
            checks += [_queue(remote), _runner(remote)]
    except AnodeflowError as error:
        checks.append(Check(of="database", what="answers", ok=False, detail=str(error)))
    for worker_name, worker in project.workers.items():
        checks += _check_worker(worker_name, worker)
    return checks


def _queue(remote: Remote) -> Check:
    ready = remote.controller.auxiliary.find_one({"next_id": {"$exists": True}}) is not None
    count = remote.controller.jobs.count_documents({}) if ready else 0
    detail = f"it answers; {count} jobs in the queue" if ready else "no queue in it yet: jf admin reset"
    return Check(of="database", what="queue and results", ok=ready, detail=detail)


def _runner(remote: Remote) -> Check:
    state, sentence = runner_state(remote)
    return Check(of="runner", what="runs", ok=state != "stopped", detail=sentence, needed=False)


def _check_worker(name: str, worker: "WorkerBase") -> list[Check]:
    def check(what: str, ok: bool, detail: str, needed: bool = True) -> Check:
        return Check(of=name, what=what, ok=ok, detail=detail, needed=needed)

    host = worker.get_host()
    try:
        host.connect()
        error = host.test()
    except Exception as problem:  # of ssh, of many kinds
        error = str(problem)
    if error:
        place = getattr(worker, "host", "this machine")
        return [check("can be reached", False, f"{place}: {' '.join(str(error).split())}: see host, user and key.")]
    try:
        return [check(*found) for found in _look(worker, host)]
    finally:
        host.close()


Run = Callable[[str], tuple[int, str]]
"""Runs a shell command on a worker; returns its status and what it printed, on one line."""


def _look(worker: "WorkerBase", host: "BaseHost") -> Iterator[tuple[Any, ...]]:
    """Yield what was looked at on a worker: what, whether it is well, detail, whether it is needed."""

    def run(command: str) -> tuple[int, str]:
        try:
            out, err, status = host.execute(f"bash -c {shlex.quote(command)}", timeout=_PATIENCE)
        except Exception as problem:
            return 1, " ".join(str(problem).split())
        return status, " ".join((out if status == 0 else err or out).split())

    folder = shlex.quote(str(worker.work_dir))
    status, said = run(
        f"mkdir -p {folder} && touch {folder}/.probe && rm {folder}/.probe && df -h --output=avail {folder}"
    )
    good = f"{worker.work_dir}, {said.split()[-1]} free" if status == 0 else ""
    yield "work folder", status == 0, good or f"{said}: change work_dir in the project file."
    before = worker.pre_run or ""
    home = '"$ANODEFLOW_HOME"'
    status, said = run(f"{before}\ntest -n {home} && mkdir -p {home} && test -w {home} && echo {home}")
    bad = f"{said or 'pre_run sets no ANODEFLOW_HOME'}: change pre_run in the project file."
    yield "home of the jobs", status == 0, said if status == 0 else bad
    yield _program(worker, before, run)
    if worker.scheduler_type == "slurm":
        yield from _look_at_slurm(worker, run)
    elif "hell" in str(worker.scheduler_type):
        status, _ = run("command -v ps")
        yield "ps", status == 0, "found" if status == 0 else "it is missing, and needed: apt install procps."


def _program(worker: "WorkerBase", before: str, run: Run) -> tuple[Any, ...]:
    python = shlex.split(worker.execution_cmd or "python {}")[0]
    if "python" not in python:
        python = "python"  # jf, which must stand beside it
    status, said = run(f"{before}\n{shlex.quote(python)} -c {shlex.quote(_PROBE)}")
    words = said.split()
    if status != 0 or "anodeflow" not in words:
        return "program", False, f"{said[-200:]}: correct pre_run or execution_cmd."
    version = words[words.index("anodeflow") + 1]
    other = "" if version == __version__ else f", and {__version__} here: install the same version there."
    return "program", not other, f"anodeflow {version} at {words[-1]}{other}"


def _look_at_slurm(worker: "WorkerBase", run: Run) -> Iterator[tuple[Any, ...]]:
    status, said = run(
        "for name in sbatch squeue scancel sinfo; do command -v $name >/dev/null || "
        "{ echo no $name on the PATH >&2; exit 1; }; done; sinfo -h -o %R"
    )
    partitions = dict.fromkeys(said.split()) if status == 0 else {}
    yield "Slurm", status == 0, f"partitions {', '.join(partitions)}" if status == 0 else f"{said}."
    resources = worker.resources if isinstance(worker.resources, dict) else {}
    partition = str(resources.get("partition", ""))
    if status == 0 and partition:
        known = partition in partitions
        bad = f"there is no {partition}: correct resources in the project file."
        yield "partition", known, partition if known else bad
        if known:
            _, nodes = run(f"sinfo -h -p {shlex.quote(partition)} -o '%D %t'")
            usable = any(state in nodes for state in ("idle", "mix", "alloc"))
            yield "nodes", usable, nodes if usable else f"{nodes}: none of them takes jobs now.", False
    if "no-requeue" not in str(resources.get("qverbatim", "")):
        yield (
            *("one master", False),
            "Slurm may start a job anew behind the runner: put qverbatim: '#SBATCH --no-requeue' into resources.",
            False,
        )
