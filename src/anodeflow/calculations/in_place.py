"""Jobs that put others in their own place."""

from jobflow import CURRENT_JOB, Flow, Job, Response

from anodeflow.calculations.identity import with_stable_uuids
from anodeflow.calculations.rehearsal import rehearsing


def in_place(made: Flow | Job, name: str) -> Response:
    """Return the response that puts a calculation, a job or several in a flow, in place of the current job.

    A flow is not what the current job's `output_schema` says: the job that jobflow adds, to hand on the flow's output,
    holds a reference to it, and would fail by that schema.
    """
    made.name = name
    if not isinstance(made, Flow):
        return Response(replace=made)
    CURRENT_JOB.job.output_schema = None  # type: ignore[assignment]
    return Response(replace=settled(made))


def settled(flow: Flow) -> Flow:
    """Return a flow whose uuids follow from the current job; as it is in a rehearsal, which keeps nothing."""
    return flow if rehearsing() else with_stable_uuids(flow, CURRENT_JOB.job.uuid)
