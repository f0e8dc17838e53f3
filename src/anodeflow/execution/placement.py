"""Says for each calculation of a flow, made now or on the way, where it goes and what it asks the queue for."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from monty.json import MontyDecoder, MontyEncoder

from anodeflow.calculations.placement import Resources
from anodeflow.core.errors import InputError
from anodeflow.core.jobs import in_sequence

if TYPE_CHECKING:
    from jobflow import Flow
    from jobflow_remote.config.base import WorkerBase

Recipe = dict[str, Any]


def placed_flow(flow: "Flow", place: Callable[[Recipe], dict[str, Any]]) -> "Flow":
    """Return a copy of the flow whose calculations carry where they run.

    Parameters
    ----------
    flow
        Flow of a campaign.
    place
        Takes the recipe of a backend and returns jobflow-remote's manager configuration: `worker`, `resources`.
    """

    def visit(node: Any) -> Any:
        if isinstance(node, list):
            return [visit(item) for item in node]
        if not isinstance(node, dict):
            return node
        found = {key: visit(value) for key, value in node.items()}
        # A Maker of ours with a backend, wherever it stands: in a job, or among the arguments of one that makes jobs.
        if isinstance(found.get("backend"), dict) and {"code", "settings"} <= found["backend"].keys():
            found["backend"] |= {"placement": place(found["backend"])}
        return found

    copy = json.loads(json.dumps(visit(json.loads(json.dumps(flow, cls=MontyEncoder)))), cls=MontyDecoder)
    for job, _ in in_sequence(copy).iterflow():
        backend = getattr(job.maker, "backend", None)
        if isinstance(backend, dict):
            job.config.manager_config = dict(backend["placement"])
    return copy


def scheduler_resources(resources: Resources, worker: "WorkerBase", name: str) -> dict[str, Any]:
    """Return what a calculation asks of a worker's queue, in the words of its scheduler.

    Parameters
    ----------
    resources
        Of the backend file.
    worker
        Worker of the project; what it asks for by default stays where the backend says nothing.
    name
        Name of the worker, for the message.

    Raises
    ------
    InputError
        If its scheduler cannot be asked so.
    """
    from qtoolkit.core.data_objects import QResources
    from qtoolkit.core.exceptions import UnsupportedResourcesError

    scheduler = worker.get_scheduler_io()
    defaults = MontyDecoder().process_decoded(worker.resources or {})
    if isinstance(defaults, QResources):
        defaults = scheduler._convert_qresources(defaults)
    cores = resources.cores or 1
    spread: dict[str, Any] = {"processes": cores}
    if resources.nodes:
        if cores % resources.nodes:
            raise InputError(f"{cores} cores cannot be spread evenly over {resources.nodes} nodes: change `resources`.")
        spread = {"nodes": resources.nodes, "processes_per_node": cores // resources.nodes}
    try:
        asked = QResources(
            **spread,
            queue_name=resources.queue,
            time_limit=resources.seconds,
            memory_per_thread=resources.megabytes,
            gpus_per_job=resources.gpus,
        )
        own = scheduler._convert_qresources(asked)
    except UnsupportedResourcesError as error:
        raise InputError(f"worker {name} cannot be asked for these resources: {error}.") from error
    if resources.nodes:
        defaults = {key: value for key, value in defaults.items() if key != "ntasks"}
        own["ntasks"] = cores
    return {**defaults, **own, **resources.options}
