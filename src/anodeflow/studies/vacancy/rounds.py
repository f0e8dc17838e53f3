"""The rounds of a vacancy study: places that are tried, stops, paths of hops, minima on their way, the document."""

from collections.abc import Sequence
from functools import partial

from jobflow import Flow, Job, Maker, Response, job

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.neb_document import NebDoc
from anodeflow.core.errors import AnodeflowError, CalculationError
from anodeflow.core.jobs import named
from anodeflow.structures.geometry.positions import unwrapped
from anodeflow.structures.sites.path import first_path
from anodeflow.studies.context import in_context
from anodeflow.studies.shared.hops import relax_dips
from anodeflow.studies.shared.steps import failure_jobs, replaced
from anodeflow.studies.vacancy.analysis import vacancy_document
from anodeflow.studies.vacancy.context import VacancyContext
from anodeflow.studies.vacancy.document import VacancyDoc
from anodeflow.studies.vacancy.hops import record_band, split_hop
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
) -> Response:
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
    return _bands(makers, search, study, failures)


@job
@in_context
def review_hops(
    makers: dict[str, Maker],
    search: VacancySearch,
    bands: dict[str, NebDoc | None],
    study: VacancyContext,
    failed: Sequence[None] = (),
) -> Response | VacancyDoc:
    """Take the paths into account; relax images that may be minima on the way, or end with the document."""
    jobs, images = relax_dips(
        makers["relax"],
        search,
        bands,
        partial(record_band, search),
        lambda index: f"{study.of_system}, minimum on {search.step_of(index)}",
    )
    if not jobs:
        return vacancy_document(search, study)
    split = split_hops(makers, search, images, {key: relaxed.output for key, relaxed in jobs.items()}, study)
    return replaced([*jobs.values(), split], split, f"{study.of_system}: minima on hops")


@job
@in_context
def split_hops(
    makers: dict[str, Maker],
    search: VacancySearch,
    images: dict[str, int],
    relaxed: dict[str, CalculationDoc | None],
    study: VacancyContext,
) -> Response:
    """Split the hops that have a minimum on their way, and compute the parts."""
    failures: dict[str, AnodeflowError] = {}
    for key, image in images.items():
        try:
            split_hop(search, int(key), image, relaxed[key])
        except CalculationError as error:
            failures[f"{study.of_system}, minimum on {search.hops[int(key)].label}"] = error
    return _bands(makers, search, study, failures)


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
    jobs: dict[str, Flow | Job] = {}
    for index in search.waiting_trials():
        label = f"{study.of_system}, {search.trials[index].label}"
        jobs[str(index)] = search.relaxation(makers["relax"], search.trial_structure(index), label)
    told = failure_jobs(failures or {})
    outputs = {key: relaxed.output for key, relaxed in jobs.items()}
    last = next_stops(makers, search, outputs, study, [each.output for each in told])
    step = max(search.trials[index].step for index in search.waiting_trials())
    return replaced([*jobs.values(), *told, last], last, f"{study.of_system}: stops {step}")


def _bands(
    makers: dict[str, Maker],
    search: VacancySearch,
    study: VacancyContext,
    failures: dict[str, AnodeflowError],
) -> Response:
    """Compute the paths of the hops that wait."""
    failed = dict(failures)
    jobs: dict[str, Job] = {}
    for index in list(search.waiting):
        hop = search.hops[index]
        ends = search.stops[hop.initial], search.stops[hop.final]
        label = f"{study.of_system}, {hop.label}"
        try:
            final = unwrapped(ends[0].structure, ends[1].structure)
            path = first_path(ends[0].structure, final, study.input.images, threshold=0.1)
        except AnodeflowError as error:
            hop.message = str(error)
            search.waiting.remove(index)
            failed[label] = error
            continue
        energies = (search.zero + ends[0].energy, search.zero + ends[1].energy)
        options = search.path_options(index)
        jobs[str(index)] = named(makers["neb"].make(path, energies, label=label, **options), label)
    told = failure_jobs(failed)
    outputs = [each.output for each in told]
    if jobs:
        last = review_hops(makers, search, {key: band.output for key, band in jobs.items()}, study, outputs)
    else:
        last = collect_vacancy(search, study, outputs)
    return replaced([*jobs.values(), *told, last], last, f"{study.of_system}: paths of hops")
