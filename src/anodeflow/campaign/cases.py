"""One study on one subject, and the variants of the subject on which a convergence test repeats it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from anodeflow.studies.base import KINDS, Converged, Study, Subject
from anodeflow.studies.convergence.analysis import ConvergenceParameter, joint_values
from anodeflow.studies.world import World


@dataclass(frozen=True)
class Case:
    """One study on one subject.

    Attributes
    ----------
    study
        The study.
    input
        Its options.
    subject
        The subject as asked for; none: the study has none.
    parameters, variants
        What a convergence test varies, and for each of them the subjects at its values.
    joint
        The subject with all of them at their finest together; none where fewer than two have a finer value.
    """

    study: Study[Any, Any]
    input: Any
    subject: Subject | None
    parameters: list[ConvergenceParameter] = field(default_factory=list)
    variants: list[list[Subject]] = field(default_factory=list)
    joint: Subject | None = None

    @property
    def subjects(self) -> list[Subject | None]:
        """All of them, the study's own first."""
        joint = [] if self.joint is None else [self.joint]
        return [self.subject, *(subject for row in self.variants for subject in row), *joint]


def cases(world: World) -> Iterator[Case]:
    """Yield every study of a campaign on each of its subjects; those of interfaces and alloys after all of surfaces.

    Those of a kind that a package brings come with the alloys.

    Raises
    ------
    InputError
        If a slab or an interface cannot be built, or a choice or a value is not possible.
    """
    order = {kind: place for place, kind in enumerate(KINDS)}
    of_campaign = [(study, None) for study in world.studies.values() if study.Input is None]
    entries = [(world.studies[entry.name], entry.input) for entry in world.entries]
    for study, input in sorted([*entries, *of_campaign], key=lambda each: order.get(each[0].subject, order["alloy"])):
        for subject in study.subjects(input, world):
            yield _case(world, study, input, subject)


def _case(world: World, study: Any, input: Any, subject: Subject | None) -> Case:
    varied = input.convergence if isinstance(input, Converged) else {}
    if not varied or subject is None:
        return Case(study, input, subject)
    parameters = world.parameters(subject, varied)
    variants = [[subject.varied(each.name, value) for value in each.values] for each in parameters]
    return Case(study, input, subject, parameters, variants, _joint(subject, parameters))


def _joint(subject: Subject, parameters: Sequence[ConvergenceParameter]) -> Subject | None:
    """Return the subject with all parameters at their finest together, if two or more have a finer value."""
    values = joint_values(parameters)
    for name, value in values.items():
        subject = subject.varied(name, value)
    return subject if values else None
