"""The studies of surfaces: how each is built from shared steps, and what it is going to compute.

A new study is an input model (:mod:`anodeflow.campaign.systems`) and an entry of `STUDIES`: a builder and a planner.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from anodeflow.campaign.study import Study
from anodeflow.campaign.surfaces import Surface, Surfaces
from anodeflow.campaign.systems import (
    AdsorptionStudy,
    ChargeStudy,
    DiffusionStudy,
    SurfaceStudy,
)
from anodeflow.structures.sites.site_choice import SiteChoice
from anodeflow.structures.slab.room import room_warning
from anodeflow.studies.convergence.analysis import ConvergenceParameter, joint_values

if TYPE_CHECKING:
    from jobflow import Flow

    from anodeflow.campaign.flow import Steps
    from anodeflow.campaign.plan import Plan


_ONE_HOP = 5.0
"""Surface cells that are wider than this, in Å, have minima on the way from one to the next."""


@dataclass(frozen=True)
class Case:
    """One study on one surface, and the variants of the surface on which a convergence test repeats it.

    Attributes
    ----------
    name
        Name of the study.
    study
        What it was told.
    base
        The surface as asked for.
    adsorption
        The adsorption study of the same adatom on the same surface: the campaign's, or one with defaults.
    has_adsorption
        Whether it is the campaign's.
    choice
        Sites that it studies, in variants too; none: all.
    parameters, variants
        What a convergence test varies, and for each of them the surfaces at its values.
    joint
        The surface with all of them at their finest together; none where fewer than two have a finer value.
    """

    name: str
    study: Any
    base: Surface
    adsorption: AdsorptionStudy
    has_adsorption: bool
    choice: SiteChoice | None
    parameters: list[ConvergenceParameter] = field(default_factory=list)
    variants: list[list[Surface]] = field(default_factory=list)
    joint: Surface | None = None

    @property
    def surfaces(self) -> list[Surface]:
        """All of them, the study's own first."""
        joint = [] if self.joint is None else [self.joint]
        return [self.base, *(surface for row in self.variants for surface in row), *joint]


def cases(surfaces: Surfaces, studies: Sequence[Study]) -> Iterator[Case]:
    """Yield every study of surfaces on each of them.

    Raises
    ------
    InputError
        If a slab cannot be built, or a choice or a value is not possible.
    """
    for entry in studies:
        if not isinstance(entry.input, SurfaceStudy):
            continue
        for surface in surfaces.of(entry.input.systems):
            yield case_of(surfaces, studies, entry, surface)


def case_of(surfaces: Surfaces, studies: Sequence[Study], entry: Study, surface: Surface) -> Case:
    """Return one study on one surface; see :func:`cases`."""
    study = entry.input
    own = study if isinstance(study, AdsorptionStudy) else _campaigns_adsorption(studies, study, surface)
    adsorption = own or AdsorptionStudy(adsorbate=study.adsorbate)
    parameters = list(surfaces.parameters(surface, study.convergence))
    return Case(
        entry.name,
        study,
        surface,
        adsorption,
        own is not None,
        surfaces.choice(surface, adsorption),
        parameters,
        [[surface.varied(each.name, value) for value in each.values] for each in parameters],
        _joint(surface, parameters),
    )


def _joint(surface: Surface, parameters: Sequence[ConvergenceParameter]) -> Surface | None:
    """Return the surface with all parameters at their finest together, if two or more have a finer value."""
    values = joint_values(parameters)
    for name, value in values.items():
        surface = surface.varied(name, value)
    return surface if values else None


def _campaigns_adsorption(studies: Sequence[Study], study: SurfaceStudy, surface: Surface) -> AdsorptionStudy | None:
    """Return the first adsorption study of the same adatom on the surface; none if the campaign has none."""
    for entry in studies:
        other = entry.adsorption
        names = (surface.family, surface.system.name)
        if (
            other is not None
            and other.adsorbate == study.adsorbate
            and (other.systems == "all" or any(name in other.systems for name in names))
        ):
            return other
    return None


def _build_adsorption(case: Case, surface: Surface, steps: "Steps") -> "Flow":
    return steps.adsorption(surface, case.adsorption, case.choice)


def _plan_adsorption(case: Case, surface: Surface, plan: "Plan") -> None:
    plan.adsorption(surface, case.adsorption, case.choice)


def _build_charge(case: Case, surface: Surface, steps: "Steps") -> "Flow":
    from anodeflow.studies.charge.flow import ChargeMaker

    study: ChargeStudy = case.study
    maker = ChargeMaker(
        density=surface.backend.static(charge_density=True, grid_spacing=study.grid_spacing),
        adsorbate=study.adsorbate,
        system=surface.name,
        variant=surface.variant,
        **steps.labels,
    )
    adsorption = _build_adsorption(case, surface, steps)
    key = ("charge", surface.name, study.adsorbate, study.grid_spacing, adsorption.uuid)
    return steps.once(key, lambda: maker.make(adsorption.output))


def _plan_charge(case: Case, surface: Surface, plan: "Plan") -> None:
    sites = _plan_needed_adsorption(case, surface, plan)
    atoms, adsorbate = plan.atoms(surface), case.study.adsorbate
    for what, number in ((f"{adsorbate} on slab", atoms + 1), ("slab alone", atoms), (f"{adsorbate} alone", 1)):
        plan.calculation(f"{surface.name}: density of {what}", "density", number, sites, surface)


def _build_diffusion(case: Case, surface: Surface, steps: "Steps") -> "Flow":
    from anodeflow.studies.diffusion.flow import DiffusionMaker

    study: DiffusionStudy = case.study
    maker = DiffusionMaker(
        relax=surface.backend.relax(),
        static=surface.backend.static(),
        neb=surface.backend.neb(),
        modes=surface.backend.modes() if study.modes else None,
        adsorbate=study.adsorbate,
        images=study.images,
        prefactor=study.prefactor,
        temperatures=study.temperatures,
        prescreen=steps.prescreen,
        system=surface.name,
        variant=surface.variant,
        **steps.labels,
    )
    adsorption = _build_adsorption(case, surface, steps)
    key = ("diffusion", surface.name, study.model_dump_json(), adsorption.uuid)
    return steps.once(key, lambda: maker.make(adsorption.output))


def _plan_diffusion(case: Case, surface: Surface, plan: "Plan") -> None:
    sites = _plan_needed_adsorption(case, surface, plan)
    width = plan.surfaces.slab(surface).own_image_distance
    if width is not None and width < _ONE_HOP and not surface.variant:
        plan.remark("A hop to the next surface cell ends at its own start, so give a larger min_width to", surface.name)
    slab = plan.surfaces.slab(surface)
    if not surface.variant and (narrow := room_warning(slab.structure, slab.layers, slab.fixed_layers)):
        plan.remark(f"{narrow[0].upper()}{narrow[1:]}; set min_width and layers of", surface.name)
    atoms = plan.atoms(surface) + 1
    label = f"{surface.name}: hops between its minima"
    after = plan.before(label, "neb", atoms, sites, surface.name, number=None)
    plan.calculation(label, "neb", atoms, after, surface, number=None)


def _plan_needed_adsorption(case: Case, surface: Surface, plan: "Plan") -> list[str]:
    """Plan the adsorption that a study starts from, and say whose it is."""
    if not surface.variant:
        source = "the campaign's adsorption study" if case.has_adsorption else "an adsorption study made for it"
        plan.remark(f"{case.name} of {case.study.adsorbate} starts from {source} on", surface.name)
    return plan.adsorption(surface, case.adsorption, case.choice)


@dataclass(frozen=True)
class StudyKind:
    """How a study is built and planned.

    Attributes
    ----------
    build
        Returns the flow of the study on a surface (that of the case, or a variant of it); its output is the document.
    plan
        Plans its calculations.
    """

    build: "Callable[[Case, Surface, Steps], Flow]"
    plan: "Callable[[Case, Surface, Plan], None]"


STUDIES = {
    "adsorption": StudyKind(_build_adsorption, _plan_adsorption),
    "charge": StudyKind(_build_charge, _plan_charge),
    "diffusion": StudyKind(_build_diffusion, _plan_diffusion),
}
"""Name of a study in a campaign file -> how it is built and planned."""
