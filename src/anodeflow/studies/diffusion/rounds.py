"""The rounds of a diffusion study: suspect minima, ends and paths of hops, their saddles, and at last the document."""

from collections.abc import Sequence
from functools import partial

from jobflow import Flow, Job, Maker, Response, job

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.modes_document import ModesDoc
from anodeflow.calculations.neb_document import NebDoc
from anodeflow.core.caveats import Subject
from anodeflow.core.errors import AnodeflowError, CalculationError, InputError
from anodeflow.core.jobs import named
from anodeflow.screening.shortlist import effort_of, effort_of_checks, not_screened, potential_ids
from anodeflow.structures.sites.path import first_path
from anodeflow.studies.context import in_context
from anodeflow.studies.diffusion.analysis import migration_document, record_band
from anodeflow.studies.diffusion.checks import downhill, pushed_minima, saddle_modes, vibrations
from anodeflow.studies.diffusion.context import DiffusionContext
from anodeflow.studies.diffusion.document import MigrationDoc
from anodeflow.studies.diffusion.false_minima import settle_suspects
from anodeflow.studies.diffusion.hop_ends import LostEndError, finish_end, hop_ends
from anodeflow.studies.diffusion.hop_search import HopSearch
from anodeflow.studies.diffusion.prefactors import record_vibrations
from anodeflow.studies.diffusion.saddles import review_modes
from anodeflow.studies.diffusion.splitting import split_hop
from anodeflow.studies.shared.hops import close, relax_dips
from anodeflow.studies.shared.steps import failure_jobs, replaced


@job
@in_context
def review_minima(
    makers: dict[str, Maker],
    search: HopSearch,
    relaxed: dict[str, CalculationDoc | None],
    modes: dict[str, ModesDoc | None],
    study: DiffusionContext,
    failed: Sequence[None] = (),
) -> Response | MigrationDoc:
    """Take out what was no minimum, then look for hops between the others."""
    if search.audit is not None:
        search.audit.effort += effort_of_checks(relaxed.values())
        search.audit.effort += effort_of(modes.values(), potential=True)
    settle_suspects(search, relaxed, modes)
    return next_round(makers, search, study)


@job
@in_context
def run_bands(
    makers: dict[str, Maker],
    search: HopSearch,
    ends: dict[str, CalculationDoc | None],
    study: DiffusionContext,
    failed: Sequence[None] = (),
) -> Response:
    """Compute the paths of all hops that wait, now that their ends are relaxed.

    `failed` here and below: outputs of jobs that only say what could not be done; the document comes after them.
    """
    return _bands(makers, search, ends, study)


@job
@in_context
def review_bands(
    makers: dict[str, Maker],
    search: HopSearch,
    bands: dict[str, NebDoc | None],
    study: DiffusionContext,
    failed: Sequence[None] = (),
) -> Response | MigrationDoc:
    """Take the paths into account; relax images that lie in a dip of their path, or go on with the saddles."""
    jobs, images = relax_dips(
        makers["relax"], search, bands, partial(record_band, search), f"{study.of_system} minimum on hop {{}}".format
    )
    if not jobs:
        return next_round(makers, search, study)
    split = split_hops(makers, search, images, {key: relaxed.output for key, relaxed in jobs.items()}, study)
    return replaced([*jobs.values(), split], split, f"{study.of_system}: minima on hops")


@job
@in_context
def split_hops(
    makers: dict[str, Maker],
    search: HopSearch,
    images: dict[str, int],
    relaxed: dict[str, CalculationDoc | None],
    study: DiffusionContext,
) -> Response | MigrationDoc:
    """Split the hops that have a minimum on their way, and compute the parts."""
    failures: dict[str, AnodeflowError] = {}
    for key, image in images.items():
        found, hop = relaxed[key], search.hops[int(key)]
        if found is None:
            if not search.leave_to_dft(int(key)):
                words = search.dip(int(key), image).words
                close(hop, "failed", f"{words} and could not be relaxed: `anodeflow status` says why")
            continue
        _note(search, Subject("minimum on hop", int(key)), found, by_potential=not hop.profile)
        try:
            split_hop(search, int(key), image, found)
        except CalculationError as error:
            failures[f"{study.of_system} minimum on hop {key}"] = error
    return next_round(makers, search, study, failures)


@job
@in_context
def review_saddles(
    makers: dict[str, Maker],
    search: HopSearch,
    modes: dict[str, ModesDoc | None],
    study: DiffusionContext,
    failed: Sequence[None] = (),
) -> Response | MigrationDoc:
    """Take the lowest modes of saddles into account, and follow those of second order down."""
    if search.audit is not None:
        search.audit.effort += effort_of_checks(modes.values())
    review_modes(search, modes)
    return next_round(makers, search, study)


@job(output_schema=MigrationDoc)
@in_context
def collect_diffusion(
    search: HopSearch,
    study: DiffusionContext,
    failed: Sequence[None] = (),
    vibrations: dict[str, ModesDoc | None] | None = None,
) -> MigrationDoc:
    """Put the document together from the finished search, and the vibrations at minima and saddles if asked for."""
    if vibrations is not None:
        record_vibrations(search, vibrations)
    return migration_document(search, study)


def next_round(
    makers: dict[str, Maker],
    search: HopSearch,
    study: DiffusionContext,
    failures: dict[str, AnodeflowError] | None = None,
) -> Response | MigrationDoc:
    """Go on with the search: suspect minima first, then hops, then their saddles; at last the document."""
    failed = dict(failures or {})
    search.saddles = [index for index in dict.fromkeys(search.saddles) if search.hops[index].state == "done"]
    if search.suspects:
        return _push_minima(makers, search, study, failed)
    if search.waiting:
        return _ends(makers, search, study, failed)
    if search.saddles and "modes" in makers:
        return _saddle_modes(makers, search, study, failed)
    return _finish(makers, search, study, failed)


def _push_minima(
    makers: dict[str, Maker], search: HopSearch, study: DiffusionContext, failures: dict[str, AnodeflowError]
) -> Response:
    """Push the suspect minima along their softest modes and relax them."""
    jobs, relaxed, modes = pushed_minima(makers, search, study)
    told = failure_jobs(failures)
    review = review_minima(makers, search, relaxed, modes, study, [each.output for each in told])
    return replaced([*jobs, *told, review], review, f"{study.of_system}: suspect minima")


def _saddle_modes(
    makers: dict[str, Maker], search: HopSearch, study: DiffusionContext, failures: dict[str, AnodeflowError]
) -> Response:
    """Find the lowest modes of the saddles that are new."""
    jobs = saddle_modes(makers, search, study)
    told = failure_jobs(failures)
    outputs = {key: made.output for key, made in jobs.items()}
    review = review_saddles(makers, search, outputs, study, [each.output for each in told])
    return replaced([*jobs.values(), *told, review], review, f"{study.of_system}: saddles")


def _finish(
    makers: dict[str, Maker], search: HopSearch, study: DiffusionContext, failures: dict[str, AnodeflowError]
) -> Response | MigrationDoc:
    """End with the document; before it come the vibrations, if hops are to have Vineyard's prefactors."""
    jobs = vibrations(makers, search, study) if study.input.prefactor == "vineyard" else {}
    told = failure_jobs(failures)
    if not jobs and not told:
        return migration_document(search, study)
    found = {place: made.output for place, made in jobs.items()} if jobs else None
    last = collect_diffusion(search, study, [each.output for each in told], found)
    return replaced([*jobs.values(), *told, last], last, f"{study.of_system}: results")


def _ends(
    makers: dict[str, Maker], search: HopSearch, study: DiffusionContext, failures: dict[str, AnodeflowError]
) -> Response | MigrationDoc:
    """Relax the ends that are only guessed, then compute the paths of the hops that wait."""
    failed = dict(failures)
    jobs: dict[str, Flow | Job] = {}
    for index in [index for index in search.waiting if str(index) not in search.downhill]:
        try:
            ends = hop_ends(search, index)
        except InputError as error:
            _give_up(search, index, error, failed, study)
            continue
        if ends.guessed:
            label = f"{study.of_system} end of hop {index}"
            jobs[str(index)] = search.relaxation(makers["relax"], ends.final, label)
    if not jobs:
        return _bands(makers, search, {}, study, failed)
    told = failure_jobs(failed)
    outputs = {key: relaxed.output for key, relaxed in jobs.items()}
    bands = run_bands(makers, search, outputs, study, [each.output for each in told])
    return replaced([*jobs.values(), *told, bands], bands, f"{study.of_system}: ends of hops")


def _bands(
    makers: dict[str, Maker],
    search: HopSearch,
    relaxed: dict[str, CalculationDoc | None],
    study: DiffusionContext,
    failures: dict[str, AnodeflowError] | None = None,
) -> Response:
    """Compute the paths of the hops that wait, `relaxed` being the ends that were only guessed."""
    failed = dict(failures or {})
    jobs: dict[str, Job] = {}
    for index in list(search.waiting):
        key, hop, end = str(index), search.hops[index], relaxed.get(str(index))
        if key in search.downhill:
            jobs[key] = downhill(
                makers, search, index, f"{study.of_system} hop {index}, off its saddle of second order"
            )
            continue
        if key in relaxed and end is None:
            hop.message = "its end could not be relaxed: `anodeflow status` says why"
            continue
        try:
            ends = hop_ends(search, index)
            final, energy, symmetry = ends.final, search.total_energy(hop.final), ends.symmetry
            if end is not None:
                final, energy = finish_end(search, index, ends, end), end.energy
                _note(search, Subject("end", index), end)
            images = study.input.images
            path = first_path(ends.initial, final, images + (symmetry is not None and images % 2 == 0), symmetry)
        except AnodeflowError as error:
            _give_up(search, index, error, failed, study)
            continue
        label = f"{study.of_system} hop {index}"
        energies = (search.total_energy(hop.initial), energy)
        options = search.path_options(index)
        jobs[key] = named(makers["neb"].make(path, energies, label=label, symmetry=symmetry, **options), label)
    told = failure_jobs(failed)
    outputs = [each.output for each in told]
    last = review_bands(makers, search, {key: band.output for key, band in jobs.items()}, study, outputs)
    return replaced([*jobs.values(), *told, last], last, f"{study.of_system}: paths of hops")


def _note(search: HopSearch, step: Subject, found: CalculationDoc, by_potential: bool = True) -> None:
    """Put a relaxation into the document; `by_potential`: whether the potential was to go before it."""
    search.calculation_ids[str(step)] = found.id
    if search.audit is not None:
        search.audit.effort += effort_of([found])
        search.calculation_ids |= potential_ids({str(step): found})
        search.warnings += not_screened(step, found, search.audit) if by_potential else []


def _give_up(
    search: HopSearch, index: int, error: AnodeflowError, failed: dict[str, AnodeflowError], study: DiffusionContext
) -> None:
    """Note why a hop cannot be computed, in the document and for a job that fails with it."""
    search.hops[index].message = error.remark if isinstance(error, LostEndError) else str(error)
    search.waiting.remove(index)
    failed[f"{study.of_system} hop {index}"] = error
