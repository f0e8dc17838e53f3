"""What a campaign is going to compute, counted on ideal slabs before anything runs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from anodeflow.backends.base import Backend
from anodeflow.calculations.document import Task
from anodeflow.campaign.alloys import plan_alloy_studies
from anodeflow.campaign.interfaces import Interfaces
from anodeflow.campaign.metal import metal_pairs, metals
from anodeflow.campaign.studies import STUDIES, cases
from anodeflow.campaign.study import Study
from anodeflow.campaign.surfaces import Surface, Surfaces
from anodeflow.campaign.systems import AdsorptionStudy
from anodeflow.structures.sites.site_choice import SiteChoice
from anodeflow.studies.metal_reference.analysis import slab_differences

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

    def __init__(self, surfaces: Surfaces) -> None:
        self.surfaces = surfaces
        self.in_variant = False
        self.calculations: dict[str, PlannedCalculation] = {}
        self._remarks: dict[str, list[str]] = {}

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

    def adsorption(self, surface: Surface, study: AdsorptionStudy, choice: SiteChoice | None) -> list[str]:
        """Plan the adatoms on a surface and their references; return the labels of the adatoms."""
        self.bulk(surface.structure, surface.backend)
        self.bulk(self.surfaces.metal(study.adsorbate), surface.references)
        atom = self.surfaces.atom_name(study.adsorbate, study.atom_box, surface.references)
        self.add(PlannedCalculation(f"{atom} atom", "static", 1))
        slab = self.slab(surface)
        sites = self.surfaces.chosen(surface, study.adsorbate, choice)
        labels = [f"{surface.name}: {study.adsorbate} at site {site.index} ({site.label})" for site in sites]
        atoms, potential = self.atoms(surface) + 1, self.surfaces.prescreen
        if potential is None:
            return [self.calculation(label, "relax", atoms, [slab], surface) for label in labels]
        crystal = len(self.surfaces.structure(self.surfaces.metal(study.adsorbate)))
        self.before(f"{study.adsorbate} atom", "static", 1, [slab], SHARED)
        self.before(f"{study.adsorbate} bulk", "relax_cell", crystal, [slab], SHARED)
        ranked = [name for label in labels for name in self.before(label, "relax", atoms, [slab], surface.name)]
        most = min(potential.input.keep, len(labels))
        label = f"{surface.name}: {study.adsorbate} at the best sites, at most {most}"
        return [self.calculation(label, "relax", atoms, ranked, surface, number=None)]


def plan_campaign(surfaces: Surfaces, interfaces: Interfaces, studies: Sequence[Study]) -> Plan:
    """Return the plan of all studies, their variants for convergence tests included.

    Raises
    ------
    InputError
        If a slab cannot be built, or a choice or a value is not possible.
    """
    plan = Plan(surfaces)
    for case in cases(surfaces, studies):
        for surface in case.surfaces:
            plan.in_variant = bool(surface.variant)
            STUDIES[case.name].plan(case, surface, plan)
    plan.in_variant = False
    _plan_metal(surfaces, studies, plan)
    plan_alloy_studies(interfaces, studies, plan)
    return plan


def _plan_metal(surfaces: Surfaces, studies: Sequence[Study], plan: Plan) -> None:
    """Say what binding_energy_vs_metal refers to; it computes nothing of its own."""
    for pair in metal_pairs(surfaces, studies):
        surface, metal = pair.case.base, pair.metal.base
        text = f"binding_energy_vs_metal of {pair.case.adsorption.adsorbate} refers to {metal.name}"
        different = ", ".join(slab_differences(surface.system.model_dump(), metal.system.model_dump()))
        plan.remark(f"{text}{f', which differs ({different}),' if different else ''} on", surface.name)
    for entry in studies:
        study = entry.adsorption
        if study is not None and study.metal_system is None and len(found := metals(surfaces, studies, study)) > 1:
            text = f"No binding_energy_vs_metal of {study.adsorbate}: no metal_system says which is meant:"
            for surface in found:
                plan.remark(text, surface.name)
