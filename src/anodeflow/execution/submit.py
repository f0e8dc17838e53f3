"""Hands a campaign to jobflow-remote, and keeps a note of where it went."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from anodeflow.backends.registry import backend_class
from anodeflow.calculations.placement import Resources
from anodeflow.core.errors import InputError
from anodeflow.core.settings import Settings, get_settings
from anodeflow.execution.placement import placed_flow, scheduler_resources
from anodeflow.execution.project import Remote, open_project
from anodeflow.execution.queue import queue_status
from anodeflow.execution.state import CampaignStatus, keep_edition, now
from anodeflow.execution.submissions import ACTIVE, STUCK, Submission, submissions

if TYPE_CHECKING:
    from jobflow import Flow

    from anodeflow.campaign.model import Campaign


def submit_campaign(
    campaign: "Campaign",
    project: str,
    worker: str,
    mlip_worker: str | None = None,
    *,
    backend: str | None = None,
    without: Sequence[str] = (),
    prescreen: str | None = None,
    again: bool = False,
) -> Submission:
    """Put a campaign into the queue of a project; what is computed already will be found, not computed again.

    Parameters
    ----------
    campaign
        A campaign; it is checked first.
    project
        Name of the project (``anodeflow cluster init``).
    worker
        Name of its worker.
    mlip_worker
        Worker of calculations with a machine-learned potential; default: `worker`.
    backend, without, prescreen
        Backend, studies left out and prescreen with which the campaign was read from its file, for the note.
    again
        Put it anew in the place of one that failed.

    Returns
    -------
    Submission

    Raises
    ------
    InputError
        If it cannot run, or is in the queue already.
    DatabaseError
        If a database does not answer.
    """
    campaign.check()
    with open_project(project) as remote:
        return submit_flow(
            remote,
            campaign.flow(),
            Submission(
                campaign=campaign.name,
                backend=campaign.load_backend().name,
                edition=campaign.edition(),
                file=str(campaign.path.resolve()) if campaign.path else "",
                backend_option=backend,
                without=list(without),
                prescreen_option=prescreen,
                project=project,
                worker=worker,
                mlip_worker=mlip_worker,
                flow="",
                jobs=0,
                submitted_at=now(),
            ),
            again,
        )


def submit_flow(remote: Remote, flow: "Flow", note: Submission, again: bool = False) -> Submission:
    """Put a flow into the queue as its note says; return the note with the flow's uuid and number of jobs."""
    from jobflow_remote import submit_flow as hand_over

    for name in filter(None, (note.worker, note.mlip_worker)):
        remote.worker(name)

    def place(recipe: dict[str, Any]) -> dict[str, Any]:
        potential = backend_class(recipe["code"]).is_potential
        name = note.mlip_worker if potential and note.mlip_worker else note.worker
        placement: dict[str, Any] = {"worker": name}
        if recipe.get("resources"):
            resources = Resources.model_validate(recipe["resources"])
            placement["resources"] = scheduler_resources(resources, remote.worker(name), name)
        elif name != note.worker:
            placement["resources"] = dict(remote.worker(name).resources or {})
        return placement

    flow = placed_flow(flow, place)
    flow.metadata |= {"campaign": note.campaign, "backend": note.backend}
    settings = get_settings().prepare()
    last = _last_state(settings, note)
    _make_room(remote, flow.uuid, note.campaign, again)
    if last is not None:
        keep_edition(settings, last)
    ids = hand_over(flow, worker=note.worker, project=note.project)
    note = note.model_copy(update={"flow": flow.uuid, "jobs": len(ids)})
    note.save(settings)
    return note


def _last_state(settings: Settings, note: Submission) -> CampaignStatus | None:
    """Return the state of an earlier edition whose place in the queue a campaign is going to take; none: no other."""
    for last in submissions(settings, note.campaign):
        if (last.backend, last.project) == (note.backend, note.project) and last.edition != note.edition:
            return queue_status(last)
    return None


def _make_room(remote: Remote, uuid: str, name: str, again: bool) -> None:
    """Take an earlier, ended flow of the same campaign out of the queue; its results and calculations stay.

    A campaign keeps the uuids of its jobs, so that its documents are replaced and not doubled; the queue takes
    each uuid once.

    Raises
    ------
    InputError
        If it is on its way, or has failed and `again` is not set.
    """
    controller = remote.controller
    if controller.flows.find_one({"uuid": uuid}) is None:
        return
    states = {str(job.state.value) for job in controller.get_jobs_info(flow_ids=[uuid])}
    if states & set(ACTIVE):
        raise InputError(f"campaign {name} is in the queue already: follow it with anodeflow status {name}.")
    if states & set(STUCK) and not again:
        raise InputError(
            f"campaign {name} is in the queue already, and part of it failed: anodeflow retry {name} runs that again "
            "(--again puts the whole campaign anew)."
        )
    controller.delete_flow(uuid, delete_files=True, cancel_processes=False, wait=30)
