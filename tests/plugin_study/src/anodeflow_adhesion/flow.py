"""Work of adhesion: the relaxed interface, cut in two."""

from dataclasses import dataclass, field

from jobflow import Flow, Maker, OutputReference, Response, job

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.caveats import Caveat
from anodeflow.core.errors import CalculationError
from anodeflow.studies.about import study_fields
from anodeflow.studies.context import SubjectContext
from anodeflow.studies.interface.document import InterfaceDoc
from anodeflow.studies.shared.steps import named, replaced
from anodeflow_adhesion.document import WorkOfAdhesionDoc, work_of_adhesion
from anodeflow_adhesion.input import WorkOfAdhesionInput


@dataclass(frozen=True, kw_only=True)
class WorkOfAdhesionContext(SubjectContext):
    """What the study tells its jobs."""

    input: WorkOfAdhesionInput


@dataclass
class WorkOfAdhesionMaker(Maker):
    """Makes the flow of one interface.

    Attributes
    ----------
    compute
        Maker that relaxes the sides, or evaluates them as they are.
    input
        What is asked for.
    about
        Names that the document carries, and what a convergence test changed.
    """

    compute: Maker
    name: str = "work of adhesion"
    input: WorkOfAdhesionInput = field(default_factory=WorkOfAdhesionInput)
    about: SubjectContext = field(default_factory=SubjectContext)

    def make(self, interface: InterfaceDoc | OutputReference) -> Flow:
        """Build the flow; output: WorkOfAdhesionDoc."""
        study = WorkOfAdhesionContext.told(self.about, input=self.input)
        start = named(part(self.compute, interface, study), f"{study.system}: part")
        return Flow([start], output=start.output, name=f"{study.system}: {self.name}")


@job
def part(compute: Maker, interface: InterfaceDoc, study: WorkOfAdhesionContext) -> Response:
    """Replace itself by a calculation of each side alone, and the document."""
    jobs, energies = [], {}
    for side in ("alloy", "metal"):
        alone = interface.structure.copy()
        alone.remove_sites([index for index, where in enumerate(interface.side) if where != side])
        label = f"{study.system}: {side} parted"
        jobs.append(named(compute.make(alone, label=label), label))
        energies[side] = jobs[-1].output
    last = collect_work_of_adhesion(interface, energies, study)
    return replaced([*jobs, last], last, f"{study.system}: parted")


@job(output_schema=WorkOfAdhesionDoc)
def collect_work_of_adhesion(
    interface: InterfaceDoc, sides: dict[str, CalculationDoc | None], study: WorkOfAdhesionContext
) -> WorkOfAdhesionDoc:
    """Put the document together.

    Raises
    ------
    CalculationError
        If a side could not be computed.
    """
    found = {side: each for side, each in sides.items() if each is not None}
    if len(found) < 2:
        raise CalculationError(f"{study.system}: a side could not be computed alone; see those steps.")
    energies = {side: each.energy for side, each in found.items()}
    steps = {"interface": interface.calculation_ids["interface"]} | {side: each.id for side, each in found.items()}
    settings = interface.settings | {"relaxed": study.input.relaxed}
    warnings = [each.under(f"{side} alone") for side, calculation in found.items() for each in calculation.warnings]
    if not interface.converged:
        warnings.append(Caveat("not-converged", "the relaxation of the interface did not converge"))
    return WorkOfAdhesionDoc(
        **study_fields(study, interface.backend, interface.code, settings, steps),
        warnings=warnings,
        formula=interface.structure.composition.formula,
        termination=interface.termination,
        relaxed=study.input.relaxed,
        area=interface.area,
        interface_energy=interface.energy,
        side_energies=energies,
        work_of_adhesion=work_of_adhesion(sum(energies.values()), interface.energy, interface.area),
    )
