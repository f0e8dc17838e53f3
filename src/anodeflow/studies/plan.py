"""What a campaign is going to compute, counted on ideal structures before anything runs."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from pymatgen.core import Structure

from anodeflow.backends.base import Backend
from anodeflow.calculations.document import Task
from anodeflow.calculations.request import Request

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
    structure
        An ideal structure in whose cell it is computed, of about its atoms; none: not known before the run.
    by
        Backend that computes it; none: that of the campaign, or the potential.
    request
        What it will be asked for; ideal where it waits for others; none: not known before the run.
    """

    label: str
    task: Task
    atoms: int
    after: tuple[str, ...] = ()
    group: str = SHARED
    number: int | None = 1
    variant: bool = False
    prescreen: str = ""
    structure: Structure | None = field(default=None, compare=False, repr=False)
    by: Backend | None = field(default=None, compare=False, repr=False)
    request: Request | None = field(default=None, compare=False, repr=False)

    def plain(self) -> dict[str, Any]:
        """Return what identifies it, as plain data."""
        names = ("label", "task", "atoms", "after", "group", "number", "variant", "prescreen")
        return {name: getattr(self, name) for name in names}


class Plan:
    """Collects the calculations of a campaign, each once, and remarks on what is made for whom."""

    def __init__(self) -> None:
        self.in_variant = False
        self.calculations: dict[str, PlannedCalculation] = {}
        self.documents: dict[tuple[Any, ...], set[str]] = {}
        """Key of a study on a subject (as its flow has in :class:`~anodeflow.studies.steps.Steps`) -> labels of the
        calculations that its document waits for."""
        self._remarks: dict[str, list[str]] = {}

    def add(self, planned: PlannedCalculation) -> str:
        """Plan a calculation; return its label."""
        if planned.label not in self.calculations:
            self.calculations[planned.label] = replace(planned, variant=self.in_variant)
        return planned.label

    def want(self, labels: Iterable[str]) -> None:
        """Say that a study needs calculations and all that they wait for; not only a convergence test does, then."""
        if self.in_variant:
            return
        left = list(labels)
        while left:
            planned = self.calculations[left.pop()]
            if planned.variant:
                self.calculations[planned.label] = replace(planned, variant=False)
                left += planned.after

    def remark(self, text: str, surface: str) -> None:
        """Say something about a surface to the reader of the plan; surfaces of which the same is said are listed."""
        named = self._remarks.setdefault(text, [])
        if surface not in named:
            named.append(surface)

    @property
    def remarks(self) -> list[str]:
        """What is made for whom, one sentence each."""
        return [f"{text} {', '.join(surfaces)}." for text, surfaces in self._remarks.items()]
