"""What a diffusion study computes beside its paths: pushed adatoms and minima, modes of saddles, vibrations."""

from collections.abc import Sequence

from anodeflow.calculations.mode_search import most_forces
from anodeflow.studies.plan import Plan
from anodeflow.studies.subjects.surfaces import Surface


def plan_checks(
    plan: Plan,
    surface: Surface,
    sites: Sequence[str],
    hops: str,
    *,
    modes: bool,
    vineyard: bool,
) -> None:
    """Plan them; how many there are is found in the run, but each label says what one of them takes at most.

    Parameters
    ----------
    plan, surface
        Plan of the campaign, and the surface that is studied.
    sites, hops
        Labels of the relaxed adatoms and of the paths.
    modes, vineyard
        Whether the study looks for the modes of saddles, and for all vibrations.
    """
    atoms, potential = plan.atoms(surface) + 1, plan.surfaces.prescreen
    pushes = f"{surface.name}: adatoms pushed off sites that may be saddles, at most 3 a site"
    minima = f"{surface.name}: minima that may be saddles, pushed and relaxed, at most once each"
    saddles = f"{surface.name}: modes of its saddles"
    cheap = surface.backend.cheap_forces
    if potential is None:
        plan.calculation(pushes, "static", atoms, sites, surface, number=None)
    else:
        plan.before(pushes, "static", atoms, sites, surface.name, number=None)
    after = plan.before(minima, "modes", atoms, sites, surface.name, number=None) if modes else list(sites)
    plan.calculation(minima, "relax", atoms, after, surface, number=None)
    if modes:
        after = plan.before(saddles, "hessian", atoms, [hops], surface.name, number=None)
        label = saddles if cheap else f"{saddles}, at most {most_forces(potential is not None)} forces each"
        plan.calculation(label, "modes", atoms, after, surface, number=None)
    if vineyard:
        vibrations = f"{surface.name}: vibrations at minima and saddles"
        if potential is None:
            plan.calculation(vibrations, "hessian", atoms, [hops], surface, number=None)
        else:
            plan.before(vibrations, "hessian", atoms, [hops], surface.name, number=None)
