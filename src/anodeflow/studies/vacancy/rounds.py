"""The rounds of a vacancy study: places that are tried, stops, paths of hops, intermediate minima, the document."""

from collections.abc import Sequence
from functools import partial

from jobflow import Maker, Response

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.modes_document import ModesDoc
from anodeflow.calculations.neb_document import NebDoc
from anodeflow.core.errors import AnodeflowError
from anodeflow.core.jobs import job
from anodeflow.structures.geometry.positions import unwrapped
from anodeflow.structures.sites.path import first_path
from anodeflow.studies.context import in_context
from anodeflow.studies.shared.hop_rounds import Route, review_paths, run_paths, split_at_minima
from anodeflow.studies.shared.once_more import once_more
from anodeflow.studies.shared.saddles import find_modes, review_modes
from anodeflow.studies.shared.steps import followed
from anodeflow.studies.shared.tops import relax_tops, take_tops
from anodeflow.studies.vacancy.analysis import vacancy_document
from anodeflow.studies.vacancy.context import VacancyContext
from anodeflow.studies.vacancy.document import VacancyDoc
from anodeflow.studies.vacancy.hops import landed, record_band
from anodeflow.studies.vacancy.search import VacancySearch, propose
from anodeflow.studies.vacancy.stops import settle


@job
@in_context
def next_stops(
    makers: dict[str, Maker],
    search: VacancySearch,
    results: dict[str, CalculationDoc | None],
    study: VacancyContext,
    failed: Sequence[None] = (),
) -> Response | VacancyDoc:
    """Take the lowest place of each path as its next stop and try the next ones, or go on to the bands.

    `failed` here and below: outputs of jobs that only say what could not be done; the document comes after them.

    Raises
    ------
    CalculationError
        If the vacancy stays nowhere.
    """
    failures = settle(search, results, study)
    propose(search, study)
    if search.waiting_trials():
        return relax_trials(makers, search, study, failures)
    return _next_round(makers, search, study, failures)


@job
@in_context
def review_hops(
    makers: dict[str, Maker],
    search: VacancySearch,
    bands: dict[str, NebDoc | None],
    study: VacancyContext,
    failed: Sequence[None] = (),
) -> Response | VacancyDoc:
    """Take the paths into account; relax images that may be intermediate minima, or go on with the saddles."""
    return review_paths(
        makers["relax"],
        search,
        bands,
        study,
        record_band,
        split=lambda images, relaxed: split_hops(makers, search, images, relaxed, study),
    ) or _next_round(makers, search, study)


@job
@in_context
def split_hops(
    makers: dict[str, Maker],
    search: VacancySearch,
    images: dict[str, int],
    relaxed: dict[str, CalculationDoc | None],
    study: VacancyContext,
    failed: Sequence[None] = (),
) -> Response | VacancyDoc:
    """Split the hops that have an intermediate minimum, and compute the parts."""
    failures = split_at_minima(search, images, relaxed, study, landed)
    take_tops(search)
    return _next_round(makers, search, study, failures)


@job
@in_context
def review_saddles(
    makers: dict[str, Maker],
    search: VacancySearch,
    modes: dict[str, ModesDoc | None],
    study: VacancyContext,
    failed: Sequence[None] = (),
) -> Response | VacancyDoc:
    """Take the lowest modes of saddles into account, and follow those of second order down."""
    review_modes(search, modes)
    return _next_round(makers, search, study)


@job(output_schema=VacancyDoc)
@in_context
def collect_vacancy(search: VacancySearch, study: VacancyContext, failed: Sequence[None] = ()) -> VacancyDoc:
    """Put the document together from the finished search."""
    return vacancy_document(search, study)


def relax_trials(
    makers: dict[str, Maker],
    search: VacancySearch,
    study: VacancyContext,
    failures: dict[str, AnodeflowError] | None = None,
) -> Response:
    """Relax the places of the vacancy that wait."""
    jobs = {
        str(index): search.relaxation(
            makers["relax"], search.trial_structure(index), study.label(search.trials[index].label)
        )
        for index in search.waiting_trials()
    }
    outputs = {key: relaxed.output for key, relaxed in jobs.items()}
    step = max(search.trials[index].step for index in search.waiting_trials())
    return followed(
        list(jobs.values()),
        failures or {},
        lambda failed: next_stops(makers, search, outputs, study, failed),
        f"{study.of_system}: stops {step}",
    )


def _next_round(
    makers: dict[str, Maker],
    search: VacancySearch,
    study: VacancyContext,
    failures: dict[str, AnodeflowError] | None = None,
) -> Response | VacancyDoc:
    """Go on with the hops: their paths first, then their saddles; at last the document."""
    told = failures or {}
    if search.tops:
        return relax_tops(
            makers["relax"],
            search,
            study,
            told,
            lambda images, relaxed, failed: split_hops(makers, search, images, relaxed, study, failed),
        )
    if search.waiting:
        return run_paths(
            makers["neb"],
            search,
            study,
            partial(_route, makers["neb"], search, study.input.images),
            told,
            lambda bands, failed: review_hops(makers, search, bands, study, failed),
        )
    if search.new_saddles() and study.modes_maker is not None:
        return find_modes(
            study.modes_maker,
            search,
            study,
            told,
            lambda modes, failed: review_saddles(makers, search, modes, study, failed),
        )
    if not told:
        return vacancy_document(search, study)
    last = partial(collect_vacancy, search, study)
    return followed([], told, last, f"{study.of_system}: results")


def _route(maker: Maker, search: VacancySearch, images: int, index: int) -> Route:
    """Return the way from stop to stop of a hop, by so many images, or how it goes on; `maker`: that of all paths."""
    if search.goes_on(index):
        return once_more(maker, search, index)
    start, end = (search.stops[number] for number in (search.hops[index].initial, search.hops[index].final))
    path = first_path(start.structure, unwrapped(start.structure, end.structure), images, threshold=0.1)
    return Route(path, (search.zero + start.energy, search.zero + end.energy), search.path_options(index))
