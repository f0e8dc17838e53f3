"""Surface energy: the clean slab, the same as cut where its bottom is held, and the bulks."""

from dataclasses import dataclass, field

from jobflow import Flow, Job, JobConfig, Maker, OnMissing

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.jobs import job
from anodeflow.structures.slab.slabs import SlabCell
from anodeflow.structures.slab.spec import SlabSpec
from anodeflow.studies.context import SlabContext, SubjectContext, in_context
from anodeflow.studies.shared.steps import named
from anodeflow.studies.surface_energy.analysis import surface_energy_document
from anodeflow.studies.surface_energy.document import SurfaceEnergyDoc


@dataclass
class SurfaceEnergyMaker(Maker):
    """Makes the flow of the surface energy of one termination.

    Attributes
    ----------
    static
        Maker that evaluates a structure.
    name
        Name of the flow.
    slab
        The slab, both of whose faces are alike.
    held
        Whether planes at its bottom are held.
    about
        Names that the document and its rows carry, and what a convergence test changed, and the
        potential that relaxed the slab before.
    """

    static: Maker
    name: str = "surface energy"
    slab: SlabSpec = field(default_factory=SlabSpec)
    held: bool = True
    about: SubjectContext = field(default_factory=SubjectContext)

    def make(
        self, slab: Flow, bulk: Flow | Job, metal: Flow | Job | None = None, other: Flow | Job | None = None
    ) -> Flow:
        """Build the flow.

        Parameters
        ----------
        slab
            Flow of the relaxed slab (:func:`anodeflow.studies.shared.references.slab_flow`).
        bulk
            Relaxation of its bulk.
        metal
            Relaxation of the metal that a compound is in equilibrium with; none: it is a pure metal.
        other
            Relaxation of the bulk of a compound's other element, which says whether the compound is stable; none: not
            known. The surface energy does not need it, and is told although it failed.

        Returns
        -------
        Flow
            Output: SurfaceEnergyDoc.
        """
        study = SlabContext.told(self.about, slab_spec=self.slab.model_dump(mode="json"))
        jobs: list[Flow | Job] = []
        ideal = None
        if self.held:
            label = f"{study.system}: slab as cut"
            jobs.append(named(self.static.make(slab.output["cell"].structure, label=label), label))
            ideal = jobs[0].output
        references = bulk.output, None if metal is None else metal.output
        known = {}
        if other is not None:
            found = named(computed(other.output), f"{study.system}: bulk of the other element")
            found.config = JobConfig(on_missing_references=OnMissing.NONE)
            jobs.append(found)
            known["other"] = found.output["calculation"]
        cell, relaxed = slab.output["cell"], slab.output["calculation"]
        last = collect_surface_energy(cell, relaxed, ideal, *references, study, **known)
        last.name = f"{study.system}: {self.name} document"
        return Flow([*jobs, last], output=last.output, name=f"{study.system}: {self.name}")


@job(output_schema=SurfaceEnergyDoc)
@in_context
def collect_surface_energy(
    cell: SlabCell,
    slab: CalculationDoc,
    ideal: CalculationDoc | None,
    bulk: CalculationDoc,
    metal: CalculationDoc | None,
    study: SlabContext,
    other: CalculationDoc | None = None,
) -> SurfaceEnergyDoc:
    """Put the document together (see :func:`surface_energy_document`)."""
    return surface_energy_document(cell, slab, ideal, bulk, metal, study, other)


@job
def computed(calculation: CalculationDoc | None) -> dict[str, CalculationDoc | None]:
    """Return a calculation, or none where it failed."""
    return {"calculation": calculation}
