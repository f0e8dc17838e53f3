"""Interdiffusion: an atom of the alloy exchanged with one of the metal, deeper and deeper, all relaxed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from jobflow import Flow, Job, Maker, OutputReference, Response

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.errors import AnodeflowError, CalculationError, InputError
from anodeflow.core.jobs import job
from anodeflow.core.labels import Label
from anodeflow.screening.makers import Prescreen, PrescreenedRelaxMaker
from anodeflow.screening.relaxation import relaxation
from anodeflow.screening.shortlist import start_record
from anodeflow.studies.context import SubjectContext, in_context
from anodeflow.studies.expected import Expected, Told, expects, screened
from anodeflow.studies.interdiffusion.analysis import interdiffusion_document
from anodeflow.studies.interdiffusion.context import InterdiffusionContext
from anodeflow.studies.interdiffusion.dilute_limit import DiluteLimit
from anodeflow.studies.interdiffusion.document import InterdiffusionDoc
from anodeflow.studies.interdiffusion.exchange import (
    Exchange,
    check_depth,
    exchanged,
    find_exchanges,
)
from anodeflow.studies.interdiffusion.input import InterdiffusionInput
from anodeflow.studies.interface.document import InterfaceDoc
from anodeflow.studies.shared.steps import failure_jobs, replaced


@dataclass
class InterdiffusionMaker(Maker):
    """Makes the flow of an interdiffusion study, which starts from a relaxed interface.

    Attributes
    ----------
    relax
        Maker that relaxes positions, with the settings of the interface.
    name
        Name of the flow.
    input
        What is asked for; its dilute limit is another flow (`dilute` of :meth:`make`).
    prescreen
        Potential that relaxes first; none: there is none.
    about
        Names that the document and its rows carry, and what a convergence test changed; without a system,
        that of the interface.
    """

    relax: Maker
    name: str = "interdiffusion"
    input: InterdiffusionInput = field(default_factory=InterdiffusionInput)
    prescreen: Prescreen | None = None
    about: SubjectContext = field(default_factory=SubjectContext)

    def make(
        self, interface: InterfaceDoc | OutputReference, dilute: DiluteLimit | OutputReference | None = None
    ) -> Flow:
        """Build the flow.

        Parameters
        ----------
        interface
            Document of the relaxed interface (or a reference to it), with the same settings.
        dilute
            The same exchange far from any interface (:mod:`anodeflow.studies.interdiffusion.dilute_flow`), which the
            document sets beside it; none: it does not.

        Returns
        -------
        Flow
            Output: InterdiffusionDoc.
        """
        prescreen = None if self.prescreen is None else self.prescreen.settings()
        study = InterdiffusionContext.told(self.about, input=self.input, prescreen=prescreen)
        relax = self.relax
        if self.prescreen is not None:
            relax = PrescreenedRelaxMaker(self.prescreen, relax)
        start = exchange_atoms(relax, interface, study, dilute)
        start.name = str(Label(f"exchanges of {self.input.element}", study.system))
        return Flow([start], output=start.output, name=str(Label(self.name, study.system)))


def exchanges_to_come(told: Told) -> Iterator[Expected]:
    """Yield the exchanges that are going to be relaxed: how many pairs differ is found in the run."""
    study: InterdiffusionContext = told["study"]
    label = f"{study.system}: {study.input.element} exchanged"
    yield from screened(label, "relax", told.atoms("interface"), study.by_potential)
    if study.input.there_and_back:
        back = f"{label} and back"
        yield from screened(back, "relax", told.atoms("interface"), study.by_potential, (label,))


@job
@in_context
@expects(exchanges_to_come)
def exchange_atoms(
    relax: Maker, interface: InterfaceDoc, study: InterdiffusionContext, dilute: DiluteLimit | None = None
) -> Response:
    """Exchange atoms of the alloy with some of each plane of the metal and relax.

    A depth that the metal does not have is reported as a step that failed; the others go on.

    Raises
    ------
    InputError
        If the alloy has no such element.
    """
    system = study.system or interface.system
    study = replace(study, system=system)
    layers, element = interface.metal_depth, study.input.element
    exchanges: list[Exchange] = []
    failures: dict[str, AnodeflowError] = {}
    try:
        check_depth(study.input.depth, layers, system)
    except InputError as error:
        failures[f"{system}: {element} below depth {layers}"] = error
    for depth in range(1, min(study.input.depth, layers) + 1):
        exchanges += find_exchanges(interface.structure, interface.layer, element, depth, study.input.samples, system)
    jobs = []
    for exchange in exchanges:
        label = f"{system}: {element} at {exchange.step}"
        structure = exchanged(interface.structure, exchange.alloy_atom, exchange.metal_atom)
        jobs.append(relaxation(relax, structure, label, interface.structure, start_record(interface.prescreen)))
    told = failure_jobs(failures)
    missing = [str(error) for error in failures.values()]
    outputs = [each.output for each in jobs]
    after = [each.output for each in told]
    if study.input.there_and_back:
        last = undo_exchanges(relax, interface, exchanges, outputs, missing, study, after, dilute)
    else:
        last = collect_interdiffusion(interface, exchanges, outputs, missing, study, {}, after, dilute)
    return replaced([*jobs, *told, last], last, f"{system}: exchanges of {element}")


@job
@in_context
def undo_exchanges(
    relax: Maker,
    interface: InterfaceDoc,
    exchanges: list[Exchange],
    results: list[CalculationDoc | None],
    missing: list[str],
    study: InterdiffusionContext,
    failed: Sequence[None] = (),
    dilute: DiluteLimit | None = None,
) -> Response:
    """Put the atoms of every relaxed exchange back and relax once more."""
    returns: dict[str, Flow | Job] = {}
    for exchange, result in zip(exchanges, results, strict=True):
        if result is not None:
            label = f"{study.system}: {study.input.element} at {exchange.step_back}"
            structure = exchanged(result.structure, exchange.alloy_atom, exchange.metal_atom)
            record = start_record(interface.prescreen)
            returns[exchange.step] = relaxation(relax, structure, label, interface.structure, record)
    outputs = {step: made.output for step, made in returns.items()}
    last = collect_interdiffusion(interface, exchanges, results, missing, study, outputs, (), dilute)
    return replaced([*returns.values(), last], last, f"{study.system}: exchanges of {study.input.element} undone")


@job(output_schema=InterdiffusionDoc)
@in_context
def collect_interdiffusion(
    interface: InterfaceDoc,
    exchanges: list[Exchange],
    results: list[CalculationDoc | None],
    missing: list[str],
    study: InterdiffusionContext,
    returned: dict[str, CalculationDoc | None],
    failed: Sequence[None] = (),
    dilute: DiluteLimit | None = None,
) -> InterdiffusionDoc:
    """Put the document together; `failed`: outputs of jobs that only say what could not be done.

    Raises
    ------
    CalculationError
        If no exchange could be relaxed.
    """
    if not any(results):
        raise CalculationError(f"{study.system}: no exchange of {study.input.element} could be relaxed; see the steps.")
    return interdiffusion_document(interface, exchanges, results, missing, study, returned, dilute)
