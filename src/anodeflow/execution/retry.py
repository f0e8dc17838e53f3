"""Runs again what failed of a submitted campaign, and only that."""

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from anodeflow.calculations.placement import Resources
from anodeflow.core.errors import AnodeflowError, InputError
from anodeflow.execution.placement import scheduler_resources
from anodeflow.execution.project import Remote, open_project
from anodeflow.execution.queue import flow_jobs, job_reason
from anodeflow.execution.reasons import Reason
from anodeflow.execution.submissions import ACTIVE, STUCK, Submission

if TYPE_CHECKING:
    from jobflow_remote.jobs.data import JobInfo

Action = Literal["run again", "go on", "submit again"]
_PATIENCE = 60.0  # s to wait for jobs that the runner holds at the moment


@dataclass(frozen=True)
class Repair:
    """What will be done about a job."""

    label: str
    db_id: str
    action: Action
    """run again: it failed; go on: the runner gave up between two states; submit again: the whole campaign."""
    reason: Reason


@dataclass
class Plan:
    """What will be done about a campaign."""

    note: Submission
    repairs: list[Repair] = field(default_factory=list)
    again: bool = False
    """Whether the campaign is put into the queue anew: later steps were made of a failure, and it cannot be undone."""


def plan_retry(remote: Remote, note: Submission) -> Plan:
    """Return what a retry would do; nothing is changed."""
    jobs = flow_jobs(remote, note)
    plan = Plan(note)
    for job in jobs:
        if _needs_somebody(job):
            action: Action = "go on" if _goes_on(job) else "run again"
            plan.repairs.append(Repair(job.name, job.db_id, action, job_reason(remote, job) or Reason("unknown")))
            plan.again = plan.again or (action == "run again" and _used(remote, note, job))
    return plan


def retry(plan: Plan, resources: Resources | None = None) -> list[str]:
    """Do what the plan says; return a sentence for each job.

    Parameters
    ----------
    plan
        Of :func:`plan_retry`.
    resources
        What the failed jobs ask of the queue from now on; fields that are not set stay as they were.

    Raises
    ------
    InputError
        If the campaign has to be submitted again while part of it still runs, or with other resources.
    """
    if plan.again and resources is not None:
        raise InputError(
            f"campaign {plan.note.campaign} is submitted again as a whole: write what it asks of the queue into "
            "`resources` of its backend file."
        )
    with open_project(plan.note.project) as remote:
        if plan.again:
            _check_ended(remote, plan.note)
            return [_submit_again(plan.note)]
        return [_repair(remote, repair, resources) for repair in plan.repairs]


def _needs_somebody(job: "JobInfo") -> bool:
    """Whether a job failed, or waits to be tried again after an error."""
    return job.state.value in STUCK or (job.state.value in ACTIVE and job.remote.error is not None)


def _goes_on(job: "JobInfo") -> bool:
    """Whether the runner can take the job up where it gave up, or tries again and again, without running it again."""
    state = job.previous_state if job.state.value == "REMOTE_ERROR" else job.state
    # Collected outputs that could not be read will not be better the next time.
    return state is not None and state.value in ("CHECKED_OUT", "UPLOADED", "SUBMITTED", "RUNNING")


def _used(remote: Remote, note: Submission, job: "JobInfo") -> bool:
    """Whether a later step went on without the job and made other jobs: jobflow-remote cannot take that back."""
    from jobflow_remote.jobs.data import FlowDoc

    flow = FlowDoc.model_validate(remote.controller.flows.find_one({"uuid": note.flow}))
    return any(max(flow.ids_mapping[uuid]) > index for uuid, index in flow.descendants(job.uuid))


def _repair(remote: Remote, repair: Repair, resources: Resources | None) -> str:
    controller = remote.controller
    deadline = time.monotonic() + _PATIENCE
    while True:
        job = controller.get_job_info(db_id=repair.db_id)
        if job is None or not _needs_somebody(job):
            return f"{repair.label}: comes again after what it waits for"
        try:
            if resources is not None:
                _set_resources(remote, job, resources)
            if _goes_on(job):
                controller.retry_job(db_id=repair.db_id)
                return f"{repair.label}: goes on"
            _wait_for_descendants(remote, job, deadline)
            controller.rerun_job(db_id=repair.db_id, force=True)
            return f"{repair.label}: runs again"
        except Exception as error:  # jobflow-remote's: locked, or a state that does not allow it
            if "ocked" not in type(error).__name__ + str(error) or time.monotonic() > deadline:
                said = " ".join(str(error).split())
                raise AnodeflowError(f"{repair.label} cannot be run again ({said}).") from error
            time.sleep(0.5)


def _wait_for_descendants(remote: Remote, job: "JobInfo", deadline: float) -> None:
    """Wait until no later step runs: it would be set back under way."""
    from jobflow_remote.jobs.data import FlowDoc
    from jobflow_remote.jobs.state import RUNNING_STATES_V

    while True:
        flow = FlowDoc.model_validate(remote.controller.flows.find_one({"jobs": job.uuid}))
        later = [uuid for uuid, _ in flow.descendants(job.uuid)]
        if not remote.controller.jobs.count_documents({"uuid": {"$in": later}, "state": {"$in": RUNNING_STATES_V}}):
            return
        if time.monotonic() > deadline:
            raise InputError(f"steps that follow {job.name} are running: wait for their end, then retry.")
        time.sleep(0.5)


def _set_resources(remote: Remote, job: "JobInfo", resources: Resources) -> None:
    """Change what a job asks of its queue."""
    from jobflow_remote.utils.db import JobLockedError

    controller, worker = remote.controller, remote.worker(job.worker)
    given = scheduler_resources(resources, worker.model_copy(update={"resources": {}}), job.worker)
    if resources.cores is None:
        given = {key: value for key, value in given.items() if key not in ("ntasks", "nodes", "ntasks_per_node")}
    with controller.lock_job(filter={"db_id": job.db_id}, get_locked_doc=True) as lock:
        if lock.locked_document is None:
            raise JobLockedError(f"job {job.db_id} is locked")
        before = lock.locked_document.get("resources") or worker.resources or {}
        lock.update_on_release = {"$set": {"resources": {**before, **given}}}


def _check_ended(remote: Remote, note: Submission) -> None:
    if any(job.state.value in ACTIVE for job in flow_jobs(remote, note)):
        raise InputError(
            f"later steps of campaign {note.campaign} were made of a failure, so it has to be submitted again, but "
            "part of it still runs: retry once that has ended."
        )


def _submit_again(note: Submission) -> str:
    from anodeflow.campaign.model import Campaign
    from anodeflow.execution.submit import submit_campaign

    if not note.file:
        raise InputError(f"campaign {note.campaign} was made in Python: submit it again from there, with again=True.")
    campaign = Campaign.from_file(note.file, note.backend_option, note.without, note.prescreen_option)
    submit_campaign(
        campaign,
        *(note.project, note.worker, note.mlip_worker),
        backend=note.backend_option,
        without=note.without,
        prescreen=note.prescreen_option,
        again=True,
    )
    return f"{note.campaign}: submitted again; what is computed already is found"
