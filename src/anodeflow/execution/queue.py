"""The state of campaigns in a queue: jobs and their results together, and why some failed."""

import json
import re
import shlex
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from anodeflow.core.errors import AnodeflowError
from anodeflow.execution.job import PROGRESS_FILE
from anodeflow.execution.project import Remote, open_project
from anodeflow.execution.reasons import Reason, reason
from anodeflow.execution.runner import runner_state
from anodeflow.execution.state import CampaignStatus, StepState, StepStatus
from anodeflow.execution.submissions import ACTIVE, STUCK, Submission

if TYPE_CHECKING:
    from jobflow_remote.jobs.data import JobInfo

_STEP: dict[str, StepState] = {
    "WAITING": "planned",
    "READY": "queued",
    "CHECKED_OUT": "queued",
    "UPLOADED": "queued",
    "SUBMITTED": "queued",
    "BATCH_SUBMITTED": "queued",
    "RUNNING": "running",
    "BATCH_RUNNING": "running",
    "RUN_FINISHED": "running",
    "DOWNLOADED": "running",
    "COMPLETED": "finished",
    "FAILED": "failed",
    "REMOTE_ERROR": "failed",
}
_BOOKKEEPING = "store_inputs"  # jobflow's own job, which hands on the output of the jobs that replaced another
_LEAST_ROOM = 64 * 1024  # bytes
_OUTPUT_TAIL = 8000  # characters of the end of what a job printed


def queue_status(note: Submission) -> CampaignStatus:
    """Return the state of a submitted campaign."""
    status = CampaignStatus(
        campaign=note.campaign,
        file=note.file,
        backend=note.backend,
        edition=note.edition,
        state="interrupted",
        started_at=note.submitted_at,
        project=note.project,
        worker=note.worker,
    )
    try:
        with open_project(note.project) as remote:
            jobs = flow_jobs(remote, note)
            if not jobs:
                status.hint = f"it is no longer in the queue of project {note.project}: anodeflow submit"
                return status
            _read_jobs(remote, jobs, status)
            _read_results(remote, jobs, status)
    except AnodeflowError as error:
        status.failures = [str(error)]
    return status


def flow_jobs(remote: Remote, note: Submission) -> "list[JobInfo]":
    """Return the jobs of a submitted campaign, in the order in which they came into the queue."""
    jobs = remote.controller.get_jobs_info(flow_ids=[note.flow])
    return sorted(jobs, key=lambda job: int(re.sub(r"\D", "", job.db_id)))


def job_reason(remote: Remote, job: "JobInfo") -> Reason | None:
    """Return why a job failed, or waits to be tried again; none: neither."""
    state = job.state.value
    if state not in STUCK and not job.remote.error:
        return None
    output = _output(remote, job)
    known = reason(job.error, job.remote.error if state != "FAILED" else None, output)
    if known.kind in ("unknown", "Python error") and _disk_is_full(remote, job):
        return Reason("disk full", f"no room is left in {job.run_dir}")
    if known.kind == "unknown" and state == "FAILED":
        return reason(job.error, None, output, _verdict(remote, job))
    return known


def _read_jobs(remote: Remote, jobs: "list[JobInfo]", status: CampaignStatus) -> None:
    """Fill in the steps, the failures and the state of the whole."""
    for job in jobs:
        state = job.state.value
        if job.name == _BOOKKEEPING and state not in STUCK:
            continue
        step = StepStatus(
            label=job.name,
            state=_STEP.get(state, "interrupted"),
            worker=job.worker,
            queue_id=job.remote.process_id or "",
            queue_state=state,
            seconds=(job.estimated_run_time if state == "RUNNING" else job.run_time) or 0.0,
        )
        why = job_reason(remote, job)
        if why is not None:
            step.message = str(why)
            step.reason = why.kind
            if state in STUCK:
                status.failures.append(f"{job.name}: {why}")
        elif state == "RUNNING":
            _read_progress(remote, job, step)
        status.steps.append(step)
    states = {job.state.value for job in jobs}
    runner, sentence = runner_state(remote)
    status.runner = runner
    if states & set(ACTIVE):
        status.state = "running" if runner != "stopped" else "interrupted"
        if runner == "stopped":
            status.hint = sentence
    elif states & set(STUCK):
        status.state = "failed"
        status.hint = f"anodeflow retry {status.campaign}"
    elif states & {"USER_STOPPED", "STOPPED"}:
        status.hint = "it was cancelled: anodeflow submit puts it into the queue anew, and finds what was computed"
    elif states == {"COMPLETED"}:
        status.state = "finished"
    elif states == {"COMPLETED", "WAITING"}:
        status.state = "running"  # the runner is between two steps


def _read_progress(remote: Remote, job: "JobInfo", step: StepStatus) -> None:
    """Take over what a running job on a shared file system has told of itself."""
    if not remote.worker(job.worker).is_local or not job.run_dir:
        return
    with suppress(OSError, ValueError, KeyError):
        told = json.loads((Path(job.run_dir) / PROGRESS_FILE).read_text(encoding="utf-8"))
        step.calculation_id, step.ionic_steps = told["calculation_id"], told["ionic_step"]
        step.energy, step.max_force = told["energy"], told["max_force"]


def _read_results(remote: Remote, jobs: "list[JobInfo]", status: CampaignStatus) -> None:
    """Fill in what the database holds of the finished calculations."""
    finished = {job.uuid: job.name for job in jobs if job.state.value == "COMPLETED"}
    fields = ["id", "ionic_steps", "energy", "max_force", "wall_time"]
    found = remote.store.docs_store.query(
        {"uuid": {"$in": sorted(finished)}, "output.task": {"$exists": True}},
        properties=["uuid", *(f"output.{field}" for field in fields)],
    )
    steps = {step.label: step for step in status.steps}
    for document in found:
        step, output = steps.get(finished[document["uuid"]]), document.get("output") or {}
        if step is None or "id" not in output:
            continue
        step.calculation_id, step.ionic_steps = output["id"], output.get("ionic_steps") or 0
        step.energy, step.max_force = output.get("energy"), output.get("max_force")


def _output(remote: Remote, job: "JobInfo") -> str:
    """What a job printed: the end of its files where they can be read, else what the runner kept of them."""
    texts = []
    for name, kept in (("queue.out", job.remote.queue_out), ("queue.err", job.remote.queue_err)):
        text = kept or ""
        if job.run_dir and remote.worker(job.worker).is_local:
            with suppress(OSError):
                text = (Path(job.run_dir) / name).read_text(errors="replace")[-_OUTPUT_TAIL:]
        texts.append(text)
    return "\n".join(texts)


def _disk_is_full(remote: Remote, job: "JobInfo") -> bool:
    """Whether the folder of a job has no room: what it could not write does not tell."""
    if not job.run_dir or not remote.worker(job.worker).is_local:
        return False
    with suppress(OSError):
        return shutil.disk_usage(job.run_dir).free < _LEAST_ROOM
    return False


def _verdict(remote: Remote, job: "JobInfo") -> str | None:
    """State and exit code of a job that Slurm still knows; none: it does not, or is no Slurm."""
    worker, number = remote.worker(job.worker), job.remote.process_id
    if worker.scheduler_type != "slurm" or not number:
        return None
    asked = shlex.quote(number)
    try:
        host = worker.get_host()
        host.connect()
        try:
            told, _, status = host.execute(f"sacct -X -n -P -j {asked} -o State,ExitCode", timeout=20)
            if status == 0 and told.strip():
                state, _, code = told.strip().splitlines()[-1].partition("|")
                return f"{state.split()[0]} {code}"
            told, _, status = host.execute(f"scontrol -o show job {asked}", timeout=20)
        finally:
            host.close()
    except Exception:  # of ssh and shells, of many kinds: no verdict
        return None
    found = dict(re.findall(r"(JobState|ExitCode)=(\S+)", told)) if status == 0 else {}
    return f"{found['JobState']} {found.get('ExitCode', '')}".strip() if "JobState" in found else None
