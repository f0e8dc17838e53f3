"""Takes a submitted campaign out of the queue: what waits stays undone, what runs is ended."""

import time
from typing import TYPE_CHECKING

from anodeflow.core.errors import AnodeflowError
from anodeflow.execution.project import Remote, open_project
from anodeflow.execution.queue import flow_jobs
from anodeflow.execution.submissions import ACTIVE, Submission

if TYPE_CHECKING:
    from jobflow_remote.jobs.data import JobInfo

_PATIENCE = 60.0  # s to wait for jobs that the runner holds at the moment


def active_jobs(note: Submission) -> "list[JobInfo]":
    """Return the jobs of a submitted campaign that wait for others, are in the queue or run."""
    with open_project(note.project) as remote:
        return _active(remote, note)


def cancel(note: Submission) -> list[str]:
    """End the jobs of a submitted campaign; return a sentence for each.

    Results and folders of calculations stay: a campaign that is submitted again finds and continues them.

    Raises
    ------
    AnodeflowError
        If the runner does not let go of a job.
    """
    said: dict[str, str] = {}
    deadline = time.monotonic() + _PATIENCE
    with open_project(note.project) as remote:
        # Those that wait first: nothing is to begin when what it waits for has ended. A job that ends may add others.
        while jobs := _active(remote, note):
            names = {job.db_id: job.name for job in jobs}
            remote.controller.stop_jobflow(flow_uuid=note.flow)
            left = _active(remote, note)
            still = {job.db_id for job in left}
            said |= {key: f"{name}: will not begin" for key, name in names.items() if key not in still}
            for job in left:
                try:
                    remote.controller.stop_job(db_id=job.db_id)
                    said[job.db_id] = f"{job.name}: ended"
                except Exception as error:  # jobflow-remote's: locked, or it has ended meanwhile
                    if time.monotonic() > deadline:
                        reason = " ".join(str(error).split())
                        raise AnodeflowError(f"{job.name} cannot be cancelled ({reason}): try again.") from error
                    time.sleep(0.5)
    return list(said.values())


def _active(remote: Remote, note: Submission) -> "list[JobInfo]":
    return [job for job in flow_jobs(remote, note) if job.state.value in ("WAITING", "BATCH_RUNNING", *ACTIVE)]
