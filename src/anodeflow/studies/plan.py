"""What a campaign is going to compute, counted on ideal structures before anything runs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from anodeflow.backends.base import Backend
from anodeflow.calculations.document import Task
from anodeflow.studies.subjects.surfaces import Surface, Surfaces
from anodeflow.studies.world import StudyLike, World

SHARED = "shared"
"""Group of the calculations that belong to no single surface."""


@dataclass(frozen=True)
class PlannedCalculation:
    """A calculation that a campaign will ask for.

    Attributes
    ----------
    label
        What it is.
    task
        relax, relax_cell, static, density or neb.
    atoms
        Number of atoms.
    after
        Labels of the calculations that it waits for.
    group
        Surface (with the changed parameter in a convergence test), or `shared`.
    number
        1; none: as many as the run finds (hops, registry shifts).
    variant
        Whether only a convergence test asks for it.
    prescreen
        Name of the potential that does it before DFT; empty: the backend does it.
    """

    label: str
    task: Task
    atoms: int
    after: tuple[str, ...] = ()
    group: str = SHARED
    number: int | None = 1
    variant: bool = False
    prescreen: str = ""


class Plan:
    """Collects the calculations of a campaign, each once, and remarks on what is made for whom."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.in_variant = False
        self._planned: dict[tuple[Any, ...], list[str]] = {}
        self.calculations: dict[str, PlannedCalculation] = {}
        self._remarks: dict[str, list[str]] = {}

    @property
    def surfaces(self) -> Surfaces:
        """Surfaces of the campaign."""
        return self.world.surfaces

    def study(self, study: StudyLike, input: Any, subject: Any) -> list[str]:
        """Plan a study on a subject; return the labels of the calculations that its document waits for."""
        key = (study.name, subject and subject.name, study.key(input, subject, self.world), self.in_variant)
        if key not in self._planned:
            self._planned[key] = study.plan(input, subject, self)
        return self._planned[key]

    def start(self, study: StudyLike, input: Any, surface: Surface) -> list[str]:
        """Plan the study that another one starts from on a surface, and say whose it is."""
        first, told, campaigns = self.world.start(study, input, surface)
        if not surface.variant:
            article = "an" if first.name[0] in "aeiou" else "a"
            source = f"the campaign's {first.name} study" if campaigns else f"{article} {first.name} study made for it"
            self.remark(f"{study.name} of {input.adsorbate} starts from {source} on", surface.name)
        return self.study(first, told, surface)

    def add(self, planned: PlannedCalculation) -> str:
        """Plan a calculation; return its label."""
        known = self.calculations.get(planned.label)
        if known is None or (known.variant and not self.in_variant):
            self.calculations[planned.label] = replace(planned, variant=self.in_variant)
        return planned.label

    def calculation(
        self,
        label: str,
        task: Task,
        atoms: int,
        after: Sequence[str],
        surface: Surface,
        number: int | None = 1,
    ) -> str:
        """Plan a calculation on a surface; return its label."""
        return self.add(PlannedCalculation(label, task, atoms, tuple(after), surface.name, number))

    def single(self, label: str, task: Task, atoms: int, after: Sequence[str], group: str) -> str:
        """Plan a calculation of some other system than a surface; return its label."""
        return self.add(PlannedCalculation(label, task, atoms, tuple(after), group))

    def several(self, label: str, task: Task, atoms: int, after: Sequence[str], group: str) -> str:
        """Plan calculations of which the run finds how many there are; return their label."""
        return self.add(PlannedCalculation(label, task, atoms, tuple(after), group, number=None))

    def before(
        self, label: str, task: Task, atoms: int, after: Sequence[str], group: str, number: int | None = 1
    ) -> list[str]:
        """Plan what the potential does before a calculation of DFT; return what that has to wait for."""
        if self.surfaces.prescreen is None:
            return list(after)
        name = self.surfaces.prescreen.backend.name
        planned = PlannedCalculation(f"{label} [{name}]", task, atoms, tuple(after), group, number, prescreen=name)
        return [self.add(planned)]

    def relaxation(self, label: str, atoms: int, after: Sequence[str], group: str, several: bool = False) -> str:
        """Plan a relaxation, or as many as the run finds, and that of the potential before it; return its label."""
        before = self.before(label, "relax", atoms, after, group, number=None if several else 1)
        return (self.several if several else self.single)(label, "relax", atoms, before, group)

    def atoms(self, surface: Surface) -> int:
        """Return the number of atoms of the clean slab."""
        return len(self.surfaces.slab(surface).structure)

    def remark(self, text: str, surface: str) -> None:
        """Say something about a surface to the reader of the plan; surfaces of which the same is said are listed."""
        named = self._remarks.setdefault(text, [])
        if surface not in named:
            named.append(surface)

    @property
    def remarks(self) -> list[str]:
        """What is made for whom, one sentence each."""
        return [f"{text} {', '.join(surfaces)}." for text, surfaces in self._remarks.items()]

    def bulk(self, structure: str, backend: Backend) -> str:
        """Plan the relaxation of a bulk."""
        atoms = len(self.surfaces.structure(structure))
        name = self.surfaces.bulk_name(structure, backend)
        return self.add(PlannedCalculation(f"{name} bulk", "relax_cell", atoms))

    def slab(self, surface: Surface) -> str:
        """Plan a clean slab and its bulk."""
        bulk, label = self.bulk(surface.structure, surface.backend), f"{surface.name}: clean slab"
        after = self.before(label, "relax", self.atoms(surface), [bulk], surface.name)
        return self.calculation(label, "relax", self.atoms(surface), after, surface)
