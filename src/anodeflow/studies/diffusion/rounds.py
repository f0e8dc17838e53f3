"""The rounds of a diffusion study: suspect minima, ends and paths of hops, their saddles, and at last the document."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from jobflow import Flow, Job, Maker, Response

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.modes_document import ModesDoc
from anodeflow.calculations.neb_document import NebDoc
from anodeflow.core.errors import AnodeflowError, InputError
from anodeflow.core.jobs import job
from anodeflow.screening.effort import effort_of, effort_of_checks
from anodeflow.studies.context import in_context
from anodeflow.studies.diffusion.analysis import diffusion_document
from anodeflow.studies.diffusion.checks import pushed_minima, vibrations
from anodeflow.studies.diffusion.context import DiffusionContext
from anodeflow.studies.diffusion.document import DiffusionDoc
from anodeflow.studies.diffusion.exchanges import find_exchanges, take_ends
from anodeflow.studies.diffusion.false_minima import settle_suspects
from anodeflow.studies.diffusion.hop_choice import decide, screen_hops, take_screened, to_screen
from anodeflow.studies.diffusion.hop_search import HopSearch
from anodeflow.studies.diffusion.prefactors import with_vibrations
from anodeflow.studies.diffusion.routes import landed_at, route_of, take_counterpart
from anodeflow.studies.shared.hop_rounds import Route, review_paths, run_paths, split_at_minima
from anodeflow.studies.shared.once_more import once_more
from anodeflow.studies.shared.saddles import find_modes, review_modes
from anodeflow.studies.shared.steps import followed
from anodeflow.studies.shared.tops import relax_tops, take_tops


@job
@in_context
def review_minima(
    makers: dict[str, Maker],
    search: HopSearch,
    relaxed: dict[str, CalculationDoc | None],
    modes: dict[str, ModesDoc | None],
    study: DiffusionContext,
    failed: Sequence[None] = (),
) -> Response | DiffusionDoc:
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
) -> Response | DiffusionDoc:
    """Take the paths into account; relax images that lie in a dip of their path, or go on with the saddles."""
    return review_paths(
        makers["relax"],
        search,
        bands,
        study,
        HopSearch.record_band,
        split=lambda images, relaxed: split_hops(makers, search, images, relaxed, study),
    ) or next_round(makers, search, study)


@job
@in_context
def split_hops(
    makers: dict[str, Maker],
    search: HopSearch,
    images: dict[str, int],
    relaxed: dict[str, CalculationDoc | None],
    study: DiffusionContext,
    failed: Sequence[None] = (),
) -> Response | DiffusionDoc:
    """Split the hops that have an intermediate minimum, and compute the parts; a new minimum has hops of its own.

    A path whose highest image has no negative mode, and is no minimum either, is relaxed further.
    """
    known, depth = len(search.minima), max(search.splits[int(key)] for key in images) + 1
    failures = split_at_minima(search, images, relaxed, study, landed_at)
    if len(search.minima) > known:
        search.find_hops(depth)
    take_tops(search)
    return next_round(makers, search, study, failures)


@job
@in_context
def choose_hops(
    makers: dict[str, Maker],
    search: HopSearch,
    paths: dict[str, dict[str, Any]],
    study: DiffusionContext,
    failed: Sequence[None] = (),
) -> Response | DiffusionDoc:
    """Take the paths of a potential that learns into account: DFT computes the hops that a way across may need."""
    take_screened(search, paths)
    return next_round(makers, search, study)


@job
@in_context
def review_saddles(
    makers: dict[str, Maker],
    search: HopSearch,
    modes: dict[str, ModesDoc | None],
    study: DiffusionContext,
    failed: Sequence[None] = (),
) -> Response | DiffusionDoc:
    """Take the lowest modes of saddles into account, and follow those of second order down."""
    review_modes(search, modes, partial(take_counterpart, search))
    return next_round(makers, search, study)


@job(output_schema=DiffusionDoc)
@in_context
def collect_diffusion(
    search: HopSearch,
    study: DiffusionContext,
    failed: Sequence[None] = (),
    vibrations: dict[str, ModesDoc | None] | None = None,
) -> DiffusionDoc:
    """Put the document together from the finished search, and the vibrations at minima and saddles if asked for."""
    if vibrations is not None:
        search = with_vibrations(search, vibrations)
    return diffusion_document(search, study)


def next_round(
    makers: dict[str, Maker],
    search: HopSearch,
    study: DiffusionContext,
    failures: dict[str, AnodeflowError] | None = None,
) -> Response | DiffusionDoc:
    """Go on with the search: suspect minima first, then hops, then their saddles; at last the document."""
    failed = dict(failures or {})
    if search.suspects:
        return _push_minima(makers, search, study, failed)
    if search.tops:
        return relax_tops(
            makers["relax"],
            search,
            study,
            failed,
            lambda images, relaxed, told: split_hops(makers, search, images, relaxed, study, told),
        )
    if study.input.exchange:
        find_exchanges(search)
    if fresh := to_screen(makers["neb"], search, study):
        return screen_hops(
            makers["neb"],
            search,
            fresh,
            study,
            failed,
            lambda paths, told: choose_hops(makers, search, paths, study, told),
        )
    if search.waiting:
        return _ends(makers, search, study, failed)
    if search.new_saddles() and "modes" in makers:
        return find_modes(
            makers["modes"],
            search,
            study,
            failed,
            lambda modes, told: review_saddles(makers, search, modes, study, told),
        )
    if search.screened:
        decide(makers["neb"], search, max(study.input.temperatures))
        if search.waiting:
            return _ends(makers, search, study, failed)
    return _finish(makers, search, study, failed)


def _push_minima(
    makers: dict[str, Maker], search: HopSearch, study: DiffusionContext, failures: dict[str, AnodeflowError]
) -> Response:
    """Push the suspect minima along their softest modes and relax them."""
    jobs, relaxed, modes = pushed_minima(makers, search, study)
    return followed(
        jobs,
        failures,
        lambda failed: review_minima(makers, search, relaxed, modes, study, failed),
        f"{study.of_system}: suspect minima",
    )


def _finish(
    makers: dict[str, Maker], search: HopSearch, study: DiffusionContext, failures: dict[str, AnodeflowError]
) -> Response | DiffusionDoc:
    """End with the document; before it come the vibrations, if hops are to have Vineyard's prefactors."""
    jobs = vibrations(makers, search, study) if study.input.prefactor == "vineyard" else {}
    if not jobs and not failures:
        return diffusion_document(search, study)
    found = {place: made.output for place, made in jobs.items()} if jobs else None
    return followed(
        list(jobs.values()),
        failures,
        lambda failed: collect_diffusion(search, study, failed, found),
        f"{study.of_system}: results",
    )


def _ends(
    makers: dict[str, Maker], search: HopSearch, study: DiffusionContext, failures: dict[str, AnodeflowError]
) -> Response | DiffusionDoc:
    """Relax the ends that are only guessed, then compute the paths of the hops that wait."""
    failed = dict(failures)
    jobs: dict[str, Flow | Job] = {}
    for index in [index for index in search.waiting if not search.goes_on(index)]:
        try:
            ends = take_ends(search, index)
        except InputError as error:
            search.give_up(index, error)
            failed[study.label(search.step_of(index))] = error
            continue
        if ends.guessed:
            label = study.label(f"end of {search.step_of(index)}")
            jobs[str(index)] = search.relaxation(makers["relax"], ends.final, label)
    if not jobs:
        return _bands(makers, search, {}, study, failed)
    relaxed = {key: made.output for key, made in jobs.items()}
    return followed(
        list(jobs.values()),
        failed,
        lambda told: run_bands(makers, search, relaxed, study, told),
        f"{study.of_system}: ends of hops",
    )


def _bands(
    makers: dict[str, Maker],
    search: HopSearch,
    relaxed: dict[str, CalculationDoc | None],
    study: DiffusionContext,
    failures: dict[str, AnodeflowError] | None = None,
) -> Response:
    """Compute the paths of the hops that wait, `relaxed` being the ends that were only guessed."""

    def route(index: int) -> Route | None:
        if search.goes_on(index):
            return once_more(makers["neb"], search, index)
        if str(index) in relaxed and relaxed[str(index)] is None:
            search.hops[index].message = "its end could not be relaxed: `anodeflow status` says why"
            return None
        return route_of(search, study.input.images, index, relaxed.get(str(index)))

    return run_paths(
        makers["neb"],
        search,
        study,
        route,
        failures or {},
        lambda bands, told: review_bands(makers, search, bands, study, told),
    )
