"""The plan of a study from its own flow: the jobs run, their calculations are noted instead of made.

Jobs that find their structures by geometry (cut a slab, look for sites) need nothing for that. A job that decides on
energies says with :func:`expects` what it is going to ask for; it does not run here, nor does what comes after it.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

from jobflow import Flow, Job, JobStore
from maggma.stores import MemoryStore

from anodeflow.calculations.document import Task
from anodeflow.calculations.rehearsal import Rehearsed, rehearsal
from anodeflow.core.errors import AnodeflowError
from anodeflow.studies.plan import SHARED, Plan, PlannedCalculation
from anodeflow.studies.steps import Steps
from anodeflow.studies.world import StudyLike

_EXPECTED = "anodeflow_expects"
F = TypeVar("F", bound=Callable[..., Any])


def expects(what: str, task: Task = "relax") -> Callable[[F], F]:
    """Declare, below ``@job``, that a function decides on energies, and what calculations it is going to ask for.

    Parameters
    ----------
    what
        Their label in a plan, after the name of the system: `hops between its minima`.
    task
        Their task.
    """

    def declare(function: F) -> F:
        setattr(function, _EXPECTED, (what, task))
        return function

    return declare


def planned_by_flow(study: StudyLike, input: Any, subject: Any, plan: Plan) -> list[str]:
    """Plan the calculations of a study on one subject; return the labels of those that its document waits for."""
    steps = Steps(plan.world, {"campaign": "", "reference": None})
    flow = study.flow(input, subject, steps)
    run = _DryRun(plan, subject and subject.name)
    shared = list(steps.made.values())
    for each in [*shared, *([] if flow is None or flow in shared else [flow])]:
        run.run(each)
    return [] if flow is None else sorted(run.waits(_uuids(flow)))


class _DryRun:
    """Runs flows with a store in memory and plans what they ask for."""

    def __init__(self, plan: Plan, system: str | None) -> None:
        self.plan, self.system = plan, system or SHARED
        self.store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
        self.store.connect()
        self.labels: dict[str, set[str]] = {}
        """uuid of a job -> labels of the calculations that its output waits for."""
        self.unknown: set[str] = set()
        """uuids of jobs whose output is not known before the run."""

    def waits(self, uuids: Iterable[str]) -> set[str]:
        """Return the labels of the calculations that the outputs of jobs wait for."""
        return {label for uuid in uuids for label in self.labels.get(uuid, ())}

    def run(self, node: Flow | Job, before: frozenset[str] = frozenset()) -> None:
        """Run a flow or a job, and what its jobs put in their place; all of it waits for the labels `before`."""
        for job in [node] if isinstance(node, Job) else [job for job, _ in node.iterflow()]:
            self._job(job, before)

    def _job(self, job: Job, before: frozenset[str]) -> None:
        needed = {reference.uuid for reference in job.input_references}
        # What a replaced job had in hand stands in the arguments of those in its place.
        after = self.waits(needed) or set(before)
        self.labels[job.uuid] = after
        expected = getattr(getattr(job.function, "original", job.function), _EXPECTED, None)
        if expected is not None:
            what, task = expected
            atoms = max((self.plan.calculations[label].atoms for label in after), default=0)
            self.labels[job.uuid] = {
                self.plan.add(
                    PlannedCalculation(f"{self.system}: {what}", task, atoms, tuple(sorted(after)), self.system, None)
                )
            }
        if expected is not None or needed & self.unknown:
            self.unknown.add(job.uuid)
            return
        with rehearsal() as notes:
            try:
                response = job.run(self.store)
            except AnodeflowError:
                response = None
            except (ArithmeticError, LookupError, TypeError, ValueError):
                # A document made of energies that are all zero: nothing is computed after it.
                response = None
        if notes:
            self.labels[job.uuid] = {self._planned(note, after) for note in notes}
        if response is None:
            self.unknown.add(job.uuid)
        elif response.replace is not None:
            place = cast(Flow | Job, response.replace)
            self.run(place, frozenset(after))
            self.labels[job.uuid] = self.waits(_uuids(place)) or self.labels[job.uuid]

    def _planned(self, note: Rehearsed, after: set[str]) -> str:
        """Plan a calculation that a job asked for; those without the system's name are shared."""
        prescreen = self.plan.surfaces.prescreen
        screening = prescreen is not None and note.backend == prescreen.backend.name
        group = self.system if note.label.startswith(f"{self.system}:") else SHARED
        planned = PlannedCalculation(note.label, note.task, note.atoms, tuple(sorted(after)), group)
        if screening:
            planned = PlannedCalculation(
                note.label, note.task, note.atoms, tuple(sorted(after)), group, prescreen=note.backend
            )
        return self.plan.add(planned)


def _uuids(node: Flow | Job) -> list[str]:
    """Return the uuids that the output of a flow or a job refers to."""
    if isinstance(node, Job):
        return [node.uuid]
    from jobflow.core.reference import find_and_get_references

    return [reference.uuid for reference in find_and_get_references(node.output)]
