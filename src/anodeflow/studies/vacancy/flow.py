"""Vacancy: from the alloy's surface through an interface, stop by stop on two paths, and the band of every hop."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

from jobflow import Flow, Job, Maker, OutputReference, Response, job

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.neb_document import NebDoc
from anodeflow.core.errors import AnodeflowError, CalculationError
from anodeflow.core.jobs import named
from anodeflow.screening.makers import Prescreen, relaxation
from anodeflow.screening.shortlist import not_screened, potential_ids, start_record
from anodeflow.structures.geometry.positions import unwrapped
from anodeflow.structures.sites.path import first_path
from anodeflow.studies.context import in_context
from anodeflow.studies.interface.document import InterfaceDoc
from anodeflow.studies.shared.hops import relax_dips
from anodeflow.studies.shared.steps import failure_jobs, replaced
from anodeflow.studies.vacancy.analysis import vacancy_document
from anodeflow.studies.vacancy.context import VacancyContext
from anodeflow.studies.vacancy.document import PathName, VacancyDoc
from anodeflow.studies.vacancy.geometry import released
from anodeflow.studies.vacancy.hops import record_band, split_hop
from anodeflow.studies.vacancy.metal_face import MetalFace
from anodeflow.studies.vacancy.prescreen import begin_audit
from anodeflow.studies.vacancy.search import VacancySearch, propose, start_search
from anodeflow.studies.vacancy.stops import settle


@dataclass
class VacancyMaker(Maker):
    """Makes the flow of a vacancy study, which starts from a relaxed interface.

    What the paths are: :mod:`anodeflow.studies.vacancy.search`.

    Attributes
    ----------
    relax
        Maker that relaxes positions (stops, minima found on the way of hops), with the interface's settings.
    neb
        Maker that relaxes a path; see the backends' `NebMaker`.
    name
        Name of the flow.
    element
        Element whose atom is taken out, and whose atoms hop.
    helper
        Element of the atom that hops first on path II.
    start
        Where the vacancy is made: "surface", the alloy's outermost layer with the element, or "interface", its layer
        at the metal.
    steps
        Hops of each path.
    samples
        Places of the vacancy that are relaxed at each step (nearest neighbours, inequivalent); the lowest counts.
    images
        Images of a hop's path between its two ends.
    paths
        Paths that are followed: I, II.
    barriers
        Whether the paths of the hops are computed; without them only the energies of the stops are.
    prescreen
        Potential that relaxes stops and paths first; none: there is none.
    campaign, system, reference
        Names that the document and its rows carry, and the DOI of the paper to compare with; without a system, that
        of the interface.
    variant
        Parameters that a convergence test changed, for the document.
    """

    relax: Maker
    neb: Maker
    name: str = "vacancy"
    element: str = "Li"
    helper: str = "Mg"
    start: Literal["surface", "interface"] = "surface"
    steps: int = 4
    samples: int = 2
    images: int = 5
    paths: tuple[PathName, ...] | list[PathName] = ("I", "II")
    barriers: bool = True
    prescreen: Prescreen | None = None
    campaign: str = ""
    system: str = ""
    reference: str | None = None
    variant: dict[str, float] = field(default_factory=dict)

    def make(
        self,
        interface: InterfaceDoc | OutputReference,
        bulk: CalculationDoc | OutputReference | None = None,
        face: MetalFace | OutputReference | None = None,
    ) -> Flow:
        """Build the flow.

        Parameters
        ----------
        interface
            Document of the relaxed interface (or a reference to it), made with the same settings.
        bulk
            Relaxed bulk of `element`, for the vacancy's formation energy; none: it is not given.
        face
            What taking an atom out of the metal's own surface costs (:mod:`anodeflow.studies.vacancy.metal_face_flow`),
            beside which the document sets the alloy's; none: it does not.

        Returns
        -------
        Flow
            Output: VacancyDoc.
        """
        study = VacancyContext(
            campaign=self.campaign,
            system=self.system,
            reference=self.reference,
            variant=self.variant,
            prescreen=None if self.prescreen is None else self.prescreen.settings(),
            element=self.element,
            helper=self.helper,
            start=self.start,
            steps=self.steps,
            samples=self.samples,
            images=self.images,
            paths=list(self.paths),
            barriers=self.barriers,
        )
        makers: dict[str, Maker] = {"relax": self.relax, "neb": self.neb}
        if self.prescreen is not None:
            makers = self.prescreen.makers(makers)
        first = make_vacancy(makers, interface, bulk, study, face)
        first.name = f"{self.system}: {self.element} vacancy".removeprefix(": ")
        return Flow([first], output=first.output, name=f"{self.system}: {self.name}".removeprefix(": "))


@job
@in_context
def make_vacancy(
    makers: dict[str, Maker],
    interface: InterfaceDoc,
    bulk: CalculationDoc | None,
    study: VacancyContext,
    face: MetalFace | None = None,
) -> Response:
    """Take an atom out of the alloy, at the places that come into question.

    Raises
    ------
    InputError
        If the alloy has no such atom, or no helper.
    """
    study = replace(study, system=study.system or interface.system)
    search = start_search(interface, bulk, study, face)
    search.audit = begin_audit(interface, study)
    free = released(interface.structure, interface.layer) if study.start == "surface" else None
    if free is None:
        return _relax_trials(makers, search, study)
    label = f"{study.system}: interface with the alloy's surface free"
    relaxed = relaxation(makers["relax"], free, label, interface.structure, start_record(interface.prescreen))
    last = start_free(makers, interface, relaxed.output, bulk, study, face)
    return replaced([relaxed, last], last, f"{study.of_system}: surface")


@job
@in_context
def start_free(
    makers: dict[str, Maker],
    interface: InterfaceDoc,
    relaxed: CalculationDoc | None,
    bulk: CalculationDoc | None,
    study: VacancyContext,
    face: MetalFace | None = None,
) -> Response:
    """Take an atom out of the interface that was relaxed once more, now that its alloy may give way.

    Raises
    ------
    CalculationError
        If that relaxation failed.
    """
    if relaxed is None:
        raise CalculationError(
            f"{study.system}: the interface could not be relaxed with the alloy's surface free; see that step."
        )
    again = interface.model_copy(
        update={
            "structure": unwrapped(interface.structure, relaxed.structure),
            "energy": relaxed.energy,
            "converged": relaxed.converged,
            "calculation_ids": interface.calculation_ids | {"interface": relaxed.id},
        }
    )
    search = start_search(again, bulk, study, face)
    search.audit = begin_audit(interface, study, relaxed)
    search.warnings += not_screened("interface", relaxed, search.audit)
    search.calculation_ids |= potential_ids({"interface": relaxed})
    return _relax_trials(makers, search, study)


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
        return _relax_trials(makers, search, study, failures)
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


def _relax_trials(
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
            path = first_path(ends[0].structure, final, study.images, threshold=0.1)
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


def _of(study: VacancyContext) -> str:
    """Return the system and the vacancy, with which all labels begin."""
    return f"{study.system}: {study.element} vacancy"
