"""Jobs that check what a diffusion study found: pushed minima, modes of saddles, paths off saddles, vibrations."""

from typing import Any

from jobflow import Flow, Job, JobConfig, Maker, OnMissing, Response
from pymatgen.core import Structure

from anodeflow.calculations.in_place import in_place
from anodeflow.calculations.modes_document import ModesDoc
from anodeflow.core.jobs import job, named
from anodeflow.screening.makers import PrescreenedNebMaker, PrescreenedRelaxMaker, guided, to_the_end
from anodeflow.structures.geometry.transfer import path_direction
from anodeflow.structures.sites.minima import soft_push
from anodeflow.studies.diffusion.context import DiffusionContext
from anodeflow.studies.diffusion.hop_search import HopSearch
from anodeflow.studies.shared.hop_rounds import Route


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
            made = named(_modes(makers["cheap modes"], minimum.structure, name), name)
            jobs.append(made)
            softest = modes[key] = made.output
        label = f"{study.of_system} at {place} ({minimum.label}), pushed and relaxed"
        push = named(relax_pushed(maker, search.adsorption.slab, minimum.structure, softest, label), label)
        push.config = JobConfig(on_missing_references=OnMissing.NONE)
        jobs.append(push)
        relaxed[key] = push.output
    return jobs, relaxed, modes


def saddle_modes(makers: dict[str, Maker], search: HopSearch, study: DiffusionContext) -> dict[str, Job]:
    """Return the jobs that find the lowest modes of the saddles that are new (index of a hop -> job)."""
    jobs: dict[str, Job] = {}
    for index in search.saddles:
        label = f"{study.of_system} hop {index}, modes of its saddle"
        hop = search.hops[index]
        top = hop.saddle_image
        options = {
            "refine": True,
            "rest": search.rests.get(str(index)),
            "along": path_direction(hop.images[top - 1], hop.images[top + 1]).tolist(),
        }
        jobs[str(index)] = named(_modes(makers["modes"], hop.images[top], label, **options), label)
    return jobs


def vibrations(makers: dict[str, Maker], search: HopSearch, study: DiffusionContext) -> dict[str, Job]:
    """Return the jobs that find all vibrations at minima and saddles (`minimum N`, `hop N` -> job)."""
    jobs: dict[str, Job] = {}
    places = {minimum.name: minimum.structure for minimum in search.minima}
    places |= {hop.name: hop.images[hop.saddle_image] for hop in search.hops if hop.negative_modes == 1}
    for place, structure in places.items():
        label = f"{study.of_system} {place}, vibrations"
        label += f" [{study.prescreen.backend}]" if study.prescreen is not None else ""
        jobs[place] = named(_modes(makers["cheap modes"], structure, label, full=True), label)
    return jobs


def downhill(maker: Any, search: HopSearch, index: int) -> Route:
    """Return the path of a hop that is computed again, without symmetry, pushed off a saddle of second order.

    `maker`: that of all paths.
    """
    hop, path = search.hops[index], search.downhill.pop(str(index))
    first = search.total_energy(hop.initial)
    options: dict[str, Any] = {}
    if isinstance(maker, PrescreenedNebMaker):  # the potential has had its say
        maker = guided(to_the_end(maker.then), maker.prescreen)
        if hop.band is not None:
            options["band"] = hop.band
        if len(path) == 3:
            options["tangent"] = path_direction(hop.images[0], hop.images[-1]).tolist()
    energies = (first, first + hop.profile[-1].energy)
    return Route(path, energies, options, maker, ", off its saddle of second order")


def _modes(maker: Any, structure: Structure, label: str, **options: Any) -> Job:
    """Return the job that finds the lowest modes of a structure at rest; `options` as of the backends' `ModesMaker`."""
    return named(maker.make(structure, label=label, **options), label)
