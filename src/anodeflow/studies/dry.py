"""The plan of a campaign from the flows of its studies: their jobs run, and their calculations are noted, not made.

Jobs that find their structures by geometry (cut a slab, look for sites) need nothing for that. A job that decides on
energies says with :func:`~anodeflow.studies.expected.expects` what it is going to ask for; it does not run here, nor
does what comes after it. The document of a study is made only where another job begins with it.
"""

import inspect
from collections.abc import Hashable, Iterable, Iterator, Sequence, Set
from itertools import islice
from types import MethodType
from typing import Any, cast

from jobflow import CURRENT_JOB, Flow, Job, OutputReference, Response
from pymatgen.core import Structure

from anodeflow.backends.base import Backend
from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.rehearsal import NotRehearsedError, Rehearsed, rehearsal
from anodeflow.core.errors import InputError
from anodeflow.core.labels import Label
from anodeflow.studies.document import StudyDoc
from anodeflow.studies.expected import Expected, declared
from anodeflow.studies.expected import expects as expects  # packages with a study of their own find it here
from anodeflow.studies.plan import SHARED, Plan, PlannedCalculation
from anodeflow.studies.steps import Steps
from anodeflow.studies.world import StudyLike, World


class DryRun:
    """Runs flows without their calculations and plans what they ask for; a step that studies share runs once.

    Parameters
    ----------
    world
        Surfaces, interfaces and studies of a campaign.
    """

    def __init__(self, world: World) -> None:
        self.world, self.plan = world, Plan()
        self.steps = Steps(world, {"campaign": "", "reference": None})
        self.labels: dict[str, set[str]] = {}
        """uuid of a job -> labels of the calculations that its output waits for."""
        self._outputs: dict[str, Any] = {}
        self._documents: dict[str, Job] = {}
        """uuid -> job that makes the document of a study, and was not needed so far."""
        self._unknown: set[str] = set()
        """uuids of jobs whose output is not known before the run."""
        self._steps = 0
        """Steps that have run, the first ones of those made."""
        self._studied: dict[Hashable, list[str]] = {}
        self._subject: Any = None
        self._cells: dict[str, Structure] = {}
        """Group -> its largest structure so far."""
        self._backends: dict[tuple[str, str], Backend] = {}
        """Group, and potential or none -> who computes there."""

    def study(self, study: StudyLike, input: Any, subject: Any) -> list[str]:
        """Plan a study on a subject; return the labels of the calculations that its document waits for.

        Raises
        ------
        InputError
            If its flow cannot be built, or one of its jobs cannot be rehearsed.
        """
        key = (study.name, subject and subject.name, study.key(input, subject, self.world), self.plan.in_variant)
        if key not in self._studied:
            self._remark(study, input, subject)
            with rehearsal():  # its calculations are to be noted, too
                flow = self.steps.study(study, input, subject)
            self.system = SHARED if subject is None else subject.name
            self._subject = subject
            try:
                for each in list(islice(self.steps.made.values(), self._steps, None)):
                    self._run([] if each is None else [each], frozenset())
            except _CannotRehearseError as error:
                on = f" on {subject.name}" if subject is not None else ""
                raise InputError(f"the plan of {study.name}{on} cannot be derived: {error}") from error
            self._steps = len(self.steps.made)
            self._studied[key] = [] if flow is None else sorted(self.waits(_uuids(flow)))
            self.plan.want(self._studied[key])
            self.plan.documents.setdefault(key[:-1], set()).update(self._studied[key])
        return self._studied[key]

    def waits(self, uuids: Iterable[str]) -> set[str]:
        """Return the labels of the calculations that the outputs of jobs wait for."""
        return {label for uuid in uuids for label in self.labels.get(uuid, ())}

    def argument(self, value: Any) -> Any:
        """Return an argument of a job with the outputs that it refers to; none for what is not known before the run."""
        if isinstance(value, OutputReference):
            if (document := self._documents.pop(value.uuid, None)) is not None:
                self._execute(document, self.labels[document.uuid])
            found = self.argument(self._outputs.get(value.uuid))
            for kind, name in value.attributes if found is not None else ():
                found = found[name] if kind == "i" else getattr(found, name)
            return found
        if isinstance(value, dict):
            return {name: self.argument(each) for name, each in value.items()}
        return type(value)(map(self.argument, value)) if type(value) in (list, tuple) else value

    def _remark(self, study: StudyLike, input: Any, subject: Any) -> None:
        """Say whose document a study starts from, and what else its reader should know."""
        if study.starts_from and not subject.variant:
            first, _, campaigns = self.world.start(study, input, subject)
            article = "an" if first.name[0] in "aeiou" else "a"
            source = f"the campaign's {first.name} study" if campaigns else f"{article} {first.name} study made for it"
            self.plan.remark(f"{study.name} of {input.adsorbate} starts from {source} on", subject.name)
        for text, about in study.remarks(input, subject, self.world):
            self.plan.remark(text, about)

    def _run(self, nodes: Sequence[Flow | Job], before: frozenset[str]) -> None:
        """Run jobs and flows, and what their jobs put in their place; all of it waits for the labels `before`."""
        left = {job.uuid: job for job in _jobs(nodes) if job.uuid not in self.labels}
        while left:
            self._run_one(next(iter(left.values())), left, before)

    def _run_one(self, job: Job, left: dict[str, Job], before: frozenset[str]) -> None:
        """Run a job out of those that are `left`, after those of them that it needs."""
        del left[job.uuid]
        # In their order: what comes first in a plan must not hang on random numbers.
        needed = dict.fromkeys(each.uuid for each in _references([job.function_args, job.function_kwargs]))
        for uuid in needed:
            if uuid in left:
                self._run_one(left[uuid], left, before)
        self._job(job, needed.keys(), before)

    def _job(self, job: Job, needed: Set[str], before: frozenset[str]) -> None:
        # What a replaced job had in hand stands in the arguments of those in its place.
        after = self.labels[job.uuid] = self.waits(needed) or set(before)
        if (declaration := declared(_function(job))) is not None:
            what, task = declaration
            told = _Told(self, job, after)
            label = f"{self.system}: {what}"
            expected = [Expected(label, task, told.atoms())] if isinstance(what, str) else list(what(told))
            self.labels[job.uuid] = {self._expected(each, after) for each in expected} or after
            self._unknown.add(job.uuid)
        elif needed & self._unknown:
            self._unknown.add(job.uuid)
        elif isinstance(job.output_schema, type) and issubclass(job.output_schema, StudyDoc):
            self._documents[job.uuid] = job
        else:
            self._execute(job, after)

    def _execute(self, job: Job, after: set[str]) -> None:
        """Run a job whose arguments are known; keep its output, plan its calculations, run what it puts in its place.

        Raises
        ------
        _CannotRehearseError
            If it fails.
        """
        arguments, keywords = self.argument(list(job.function_args)), self.argument(dict(job.function_kwargs))
        outer, CURRENT_JOB.job = CURRENT_JOB.job, job
        try:
            with rehearsal() as notes:
                response = _function(job)(*arguments, **keywords)
        except NotRehearsedError:
            response = None
        except Exception as error:
            raise _CannotRehearseError(
                f"{job.name} fails in a rehearsal, whose energies are all zero ({type(error).__name__}: {error}); mend "
                "it, or let it declare what it asks for by @expects."
            ) from error
        finally:
            CURRENT_JOB.job = outer
        if notes:
            self.labels[job.uuid] = {self.plan.add(self._planned(note, after)) for note in notes}
        if response is None:
            self._unknown.add(job.uuid)
        elif isinstance(response, Response) and response.replace is not None:
            place: Any = response.replace
            self._run([place], frozenset(after))
            self._outputs[job.uuid] = place.output
            inner = set(_uuids(place))
            self.labels[job.uuid] = self.waits(inner) or self.labels[job.uuid]
            if inner & self._unknown:
                self._unknown.add(job.uuid)
        else:
            self._outputs[job.uuid] = response.output if isinstance(response, Response) else response

    def _planned(self, note: Rehearsed, after: set[str]) -> PlannedCalculation:
        """Return a calculation that a job asked for."""
        potential = self.world.surfaces.prescreen
        screening = potential is not None and Label.read(note.label).by == potential.backend.name
        by = note.by.name if screening else ""
        group, task, structure = _group(note.label), note.request.task, note.request.structure
        known = self._cells.get(group)
        if known is None or len(structure) > len(known):
            self._cells[group] = structure
        backend = self._backends[group, by] = cast(Backend, note.by)
        return PlannedCalculation(
            note.label, task, len(structure), tuple(sorted(after)), group,
            prescreen=by, structure=structure, by=backend, request=note.request,
        )  # fmt: skip

    def _expected(self, each: Expected, after: set[str]) -> str:
        """Plan calculations that a job declared; return their label."""
        waits = tuple(sorted(after)) if each.after is None else each.after
        group = _group(each.label)
        backend = self._backends.get((group, each.prescreen))
        if backend is None and each.prescreen and self.world.surfaces.prescreen is not None:
            backend = self.world.surfaces.prescreen.backend
        elif backend is None and not each.prescreen:  # only the potential's calculations were rehearsed there
            backend = getattr(self._subject, "backend", None)
        return self.plan.add(
            PlannedCalculation(
                each.label, each.task, each.atoms, waits, group, each.number,
                prescreen=each.prescreen, structure=self._cells.get(group), by=backend,
            )
        )  # fmt: skip


class _Told:
    """The arguments of a job in a rehearsal (:class:`anodeflow.studies.expected.Told`)."""

    def __init__(self, run: DryRun, job: Job, after: set[str]) -> None:
        self._run, self._after = run, after
        bound = inspect.signature(_function(job)).bind(*job.function_args, **job.function_kwargs)
        bound.apply_defaults()
        self._arguments = bound.arguments

    def __getitem__(self, name: str) -> Any:
        return self._run.argument(self._arguments[name])

    def atoms(self, name: str = "") -> int:
        """Return the number of atoms of the largest calculation that an argument waits for; without a name: any."""
        after = self._after
        if name:
            if isinstance(known := self._arguments[name], CalculationDoc):  # of a job that replaced another one
                return len(known.structure)
            after = self._run.waits(each.uuid for each in _references([self._arguments[name]]))
        return max((self._run.plan.calculations[label].atoms for label in after), default=0)


class _CannotRehearseError(Exception):
    """A job that runs in no rehearsal, in a sentence."""


def _function(job: Job) -> Any:
    """Return the function that a job runs, bound to its Maker if it is a Maker's."""
    original = getattr(job.function, "original", job.function)
    bound = getattr(job.function, "__self__", None)
    return original if bound is None or original is job.function else MethodType(original, bound)


def _references(value: Any) -> Iterator[OutputReference]:
    """Yield the references in arguments of a job, which stand there or in lists and mappings."""
    if isinstance(value, OutputReference):
        yield value
    elif isinstance(value, dict | list | tuple):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _references(each)


def _jobs(nodes: Iterable[Flow | Job]) -> Iterator[Job]:
    """Yield all jobs, those of flows among them."""
    for node in nodes:
        if isinstance(node, Job):
            yield node
        else:
            yield from _jobs(node.jobs)


def _uuids(node: Flow | Job) -> list[str]:
    """Return the uuids that the output of a flow or a job refers to."""
    return [node.uuid] if isinstance(node, Job) else [each.uuid for each in _references([node.output])]


def _group(label: str) -> str:
    """Return the group of a calculation: what stands before the colon of its label; those without are shared."""
    return Label.read(label).system or SHARED
