"""Jobs that check what a diffusion study found: pushed minima, vibrations."""

from typing import Any

from jobflow import Flow, Job, JobConfig, Maker, OnMissing, Response
from pymatgen.core import Structure

from anodeflow.calculations.in_place import in_place
from anodeflow.calculations.modes_document import ModesDoc
from anodeflow.core.jobs import job, named
from anodeflow.screening.makers import PrescreenedRelaxMaker, guided
from anodeflow.screening.thresholds import to_the_end
from anodeflow.structures.sites.minima import soft_push
from anodeflow.studies.diffusion.context import DiffusionContext
from anodeflow.studies.diffusion.hop_search import HopSearch
from anodeflow.studies.shared.saddles import modes_job


@job
def relax_pushed(maker: Maker, slab: Structure, structure: Structure, softest: ModesDoc | None, label: str) -> Response:
    """Relax a suspect minimum from where it is pushed along its softest mode.

    A Maker with a prescreen is not asked: where the potential lets the adatom roll says nothing about DFT.
    """
    mode, curvature = (None, None) if softest is None else (softest.modes[0], softest.curvatures[0])
    options = {"guided": True} if getattr(maker, "guide", None) else {}
    return in_place(maker.make(soft_push(slab, structure, mode, curvature), label=label, **options), label)


def pushed_minima(
    makers: dict[str, Maker], search: HopSearch, study: DiffusionContext
) -> tuple[list[Flow | Job], dict[str, Any], dict[str, Any]]:
    """Return the jobs that push the suspect minima along their softest modes and relax them.

    Returns
    -------
    list
        The jobs.
    dict, dict
        Index of a minimum -> output of its relaxation, and of its softest mode where a cheap code finds it.
    """
    jobs: list[Flow | Job] = []
    relaxed, modes = {}, {}
    maker: Any = makers["relax"]
    maker = guided(to_the_end(maker.then), maker.prescreen) if isinstance(maker, PrescreenedRelaxMaker) else maker
    for index in search.suspects:
        minimum, key, softest = search.minima[index], str(index), None
        x, y, _ = minimum.position
        place = f"site {minimum.site}" if minimum.site is not None else f"the minimum at ({x:.2f}, {y:.2f})"
        label = f"{study.of_system} at {place} ({minimum.label}), softest mode"
        if "cheap modes" in makers:
            name = f"{label} [{study.prescreen.backend}]" if study.prescreen is not None else label
            made = named(modes_job(makers["cheap modes"], minimum.structure, name), name)
            jobs.append(made)
            softest = modes[key] = made.output
        label = f"{study.of_system} at {place} ({minimum.label}), pushed and relaxed"
        push = named(relax_pushed(maker, search.adsorption.slab, minimum.structure, softest, label), label)
        push.config = JobConfig(on_missing_references=OnMissing.NONE)
        jobs.append(push)
        relaxed[key] = push.output
    return jobs, relaxed, modes


def vibrations(makers: dict[str, Maker], search: HopSearch, study: DiffusionContext) -> dict[str, Job]:
    """Return the jobs that find all vibrations at minima and saddles (`minimum N`, `hop N` -> job)."""
    jobs: dict[str, Job] = {}
    places = {minimum.name: minimum.structure for minimum in search.minima}
    places |= {hop.name: hop.images[hop.saddle_image] for hop in search.hops if hop.negative_modes == 1}
    for place, structure in places.items():
        label = f"{study.of_system} {place}, vibrations"
        label += f" [{study.prescreen.backend}]" if study.prescreen is not None else ""
        jobs[place] = named(modes_job(makers["cheap modes"], structure, label, full=True), label)
    return jobs
