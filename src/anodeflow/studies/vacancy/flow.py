"""Vacancy: from the alloy's surface through an interface, stop by stop on two paths, and the band of every hop."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from jobflow import Flow, Maker, OutputReference, Response

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.caveats import GO_ALONG
from anodeflow.core.errors import CalculationError
from anodeflow.core.jobs import job
from anodeflow.core.labels import Label
from anodeflow.screening.makers import Prescreen, guided
from anodeflow.screening.relaxation import relaxation
from anodeflow.screening.shortlist import not_screened, potential_ids, start_record
from anodeflow.structures.geometry.positions import unwrapped
from anodeflow.studies.context import SubjectContext, in_context
from anodeflow.studies.expected import Expected, Told, expects, screened
from anodeflow.studies.interface.analysis import left_planes, of_bulks
from anodeflow.studies.interface.document import InterfaceDoc
from anodeflow.studies.shared.saddles import modes_of_saddles
from anodeflow.studies.shared.steps import replaced
from anodeflow.studies.vacancy.context import VacancyContext
from anodeflow.studies.vacancy.geometry import released
from anodeflow.studies.vacancy.input import VacancyInput
from anodeflow.studies.vacancy.metal_face import MetalFace
from anodeflow.studies.vacancy.prescreen import begin_audit
from anodeflow.studies.vacancy.rounds import relax_trials
from anodeflow.studies.vacancy.search import start_search


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
    modes
        Maker that finds the lowest modes of saddles; none: the order of the saddles is not known.
    name
        Name of the flow.
    input
        What is asked for.
    prescreen
        Potential that relaxes stops and paths first; none: there is none.
    about
        Names that the document and its rows carry, and what a convergence test changed; without a system,
        that of the interface.
    """

    relax: Maker
    neb: Maker
    modes: Maker | None = None
    name: str = "vacancy"
    input: VacancyInput = field(default_factory=VacancyInput)
    prescreen: Prescreen | None = None
    about: SubjectContext = field(default_factory=SubjectContext)

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
            Relaxed bulk of the input's `element`, for the vacancy's formation energy; none: it is not given.
        face
            What taking an atom out of the metal's own surface costs (:mod:`anodeflow.studies.vacancy.metal_face_flow`),
            beside which the document sets the alloy's; none: it does not.

        Returns
        -------
        Flow
            Output: VacancyDoc.
        """
        prescreen = None if self.prescreen is None else self.prescreen.settings()
        modes = self.modes if self.input.modes and self.input.barriers else None
        if modes is not None and self.prescreen is not None:
            modes = guided(modes, self.prescreen)
        study = VacancyContext.told(self.about, input=self.input, prescreen=prescreen, modes_maker=modes)
        makers: dict[str, Maker] = {"relax": self.relax, "neb": self.neb}
        if self.prescreen is not None:
            makers = self.prescreen.makers(makers)
        first = make_vacancy(makers, interface, bulk, study, face)
        first.name = str(Label(f"{study.input.element} vacancy", study.system))
        return Flow([first], output=first.output, name=str(Label(self.name, study.system)))


def stops_and_hops(told: Told) -> Iterator[Expected]:
    """Yield the stops and hops that are going to be asked for; how many there are is found in the run."""
    study: VacancyContext = told["study"]
    atoms, by, first = told.atoms("interface"), study.by_potential, None
    interface: InterfaceDoc | None = told["interface"] if study.input.start == "surface" else None
    if interface is not None and released(interface.structure, interface.layer) is not None:
        free = f"{study.system}: interface with the alloy's surface free"
        yield from screened(free, "relax", atoms, by, number=1)
        first = (free,)
    stops = f"{study.of_system}, its stops"
    yield from screened(stops, "relax", atoms - 1, by, first)
    if study.input.barriers and study.input.steps:
        hops = f"{study.of_system}, its hops"
        yield from screened(hops, "neb", atoms - 1, by, (stops,))
        if study.modes_maker is not None:
            yield from modes_of_saddles(
                study.modes_maker, f"{study.of_system}, modes of its saddles", atoms - 1, by, hops
            )


@job
@in_context
@expects(stops_and_hops)
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
    free = released(interface.structure, interface.layer) if study.input.start == "surface" else None
    if free is None:
        return relax_trials(makers, search, study)
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
            # Those of the relaxation before are not those of this one; which crystal it still is holds for both, and
            # so do those of the crystals themselves.
            "warnings": [
                *of_bulks(interface),
                *(each for each in interface.warnings if each.code == "not-like-bulk"),
                *left_planes(relaxed.structure, interface.layer),
                *(each.under("interface") for each in relaxed.warnings if each.code in GO_ALONG),
            ],
        }
    )
    search = start_search(again, bulk, study, face)
    search.audit = begin_audit(interface, study, relaxed)
    search.warnings += not_screened("interface", relaxed, search.audit)
    search.calculation_ids |= potential_ids({"interface": relaxed})
    return relax_trials(makers, search, study)
