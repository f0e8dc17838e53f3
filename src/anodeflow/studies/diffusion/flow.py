"""Diffusion: hops of an adatom between the minima of a surface, each a nudged elastic band, and the way across."""

from dataclasses import dataclass, field, replace

from jobflow import Flow, Maker, OutputReference, Response

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.errors import InputError
from anodeflow.core.jobs import job, named
from anodeflow.core.labels import Label
from anodeflow.screening.effort import effort_of
from anodeflow.screening.makers import Prescreen, guided
from anodeflow.screening.shortlist import start_audit
from anodeflow.structures.sites.minima import pushed
from anodeflow.studies.adsorption.document import AdsorptionDoc
from anodeflow.studies.context import SubjectContext, in_context
from anodeflow.studies.diffusion.context import DiffusionContext
from anodeflow.studies.diffusion.document import DiffusionDoc
from anodeflow.studies.diffusion.expected import hops_and_checks
from anodeflow.studies.diffusion.hop_search import SaddleTest, saddle_tests, start_search
from anodeflow.studies.diffusion.input import DiffusionInput
from anodeflow.studies.diffusion.rounds import next_round
from anodeflow.studies.expected import expects
from anodeflow.studies.shared.steps import replaced


@dataclass
class DiffusionMaker(Maker):
    """Makes the flow of a diffusion study, which starts from an adsorption study of the same adatom.

    Attributes
    ----------
    relax
        Maker that relaxes positions (ends of hops, minima found on a path), with the adsorption study's settings.
    static
        Maker that evaluates a structure (adatoms pushed off sites that may be saddles).
    neb
        Maker that relaxes a path; see the backends' `NebMaker`.
    modes
        Maker that finds the lowest modes of saddles, and of suspect minima where it is cheap; none, where the
        input does without: the saddles' order is not known, and suspect minima are pushed by the adatom alone.
    name
        Name of the flow.
    input
        What is asked for.
    prescreen
        Potential that relaxes ends and paths first, and evaluates the adatoms pushed off sites; none: there is none.
    about
        Names that the document and its rows carry, and what a convergence test changed; without a system,
        that of the adsorption study.
    """

    relax: Maker
    static: Maker
    neb: Maker
    modes: Maker | None = None
    name: str = "diffusion"
    input: DiffusionInput = field(default_factory=DiffusionInput)
    prescreen: Prescreen | None = None
    about: SubjectContext = field(default_factory=SubjectContext)

    def make(self, adsorption: AdsorptionDoc | OutputReference) -> Flow:
        """Build the flow.

        Parameters
        ----------
        adsorption
            Document of the adsorption study (or a reference to it), with the same slab, adatom and settings.

        Returns
        -------
        Flow
            Output: DiffusionDoc.
        """
        study = DiffusionContext.told(
            self.about, input=self.input, prescreen=None if self.prescreen is None else self.prescreen.settings()
        )
        if self.input.modes != (self.modes is not None):
            raise InputError(
                f"{study.of_system}: the input {'asks for' if self.input.modes else 'does without'} modes of saddles, "
                f"and there is {'no' if self.modes is None else 'a'} Maker of modes: let both agree."
            )
        makers: dict[str, Maker] = {"relax": self.relax, "static": self.static, "neb": self.neb}
        cheap = self.modes if getattr(self.modes, "cheap", False) else None
        if self.modes is not None:
            makers["modes"] = self.modes if self.prescreen is None else guided(self.modes, self.prescreen)
        if self.prescreen is not None:
            makers = self.prescreen.makers(makers) | {"static": self.prescreen.static}
            cheap = None if self.modes is None else self.prescreen.modes
        if cheap is not None:
            makers["cheap modes"] = cheap
        elif self.input.prefactor == "vineyard":
            raise InputError(
                f"{study.system}: prefactor: vineyard takes all second derivatives of the energy, which only a "
                "potential computes cheaply: set a prescreen and leave modes true, or give the prefactor in 1/s."
            )
        start = push_adatoms(makers, adsorption, study)
        start.name = str(Label(f"minima of {study.adsorbate}", study.system))
        return Flow([start], output=start.output, name=str(Label(self.name, study.system)))


@job
@in_context
@expects(hops_and_checks)
def push_adatoms(makers: dict[str, Maker], adsorption: AdsorptionDoc, study: DiffusionContext) -> Response:
    """Push the adatom off each site that may be a saddle, then look for hops between minima.

    Raises
    ------
    InputError
        If the adsorption study is one of another adatom.
    CalculationError
        If no site can be a minimum.
    """
    study = replace(study, system=study.system or adsorption.system)
    if adsorption.adsorbate != study.adsorbate:
        raise InputError(
            f"{study.system}: diffusion of {study.adsorbate} cannot start from adsorption of "
            f"{adsorption.adsorbate}: name the same adsorbate in both studies."
        )
    tests = saddle_tests(adsorption, foreign=study.prescreen is not None)
    sites = {site.site: site for site in adsorption.sites}
    jobs = []
    for number, test in enumerate(tests):
        site, which = sites[test.site], [other.site for other in tests[:number]].count(test.site) + 1
        push = f"push {which}" if any(test.direction) else "at rest"
        label = f"{study.of_system} at site {site.site} ({site.final_label}), {push}"
        if study.prescreen is not None:  # it is the potential that evaluates them
            label = f"{label} [{study.prescreen.backend}]"
        jobs.append(named(makers["static"].make(pushed(site.structure, test.direction), label=label), label))
    connect = connect_minima(makers, adsorption, tests, [pushed_job.output for pushed_job in jobs], study)
    return replaced([*jobs, connect], connect, f"{study.of_system}: hops")


@job
@in_context
def connect_minima(
    makers: dict[str, Maker],
    adsorption: AdsorptionDoc,
    tests: list[SaddleTest],
    results: list[CalculationDoc | None],
    study: DiffusionContext,
) -> Response | DiffusionDoc:
    """Push the minima that may be none, find the distinct hops between the others and compute them."""
    search = start_search(adsorption, tests, results)
    if study.prescreen is not None:
        search.audit = start_audit(study.prescreen)
        search.audit.effort += effort_of(results, potential=True)
    return next_round(makers, search, study)
