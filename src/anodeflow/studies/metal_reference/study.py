"""Binding on each surface less that on the adatom's own metal: it comes with every campaign that has both."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from anodeflow.calculations.document import CalculationDoc
from anodeflow.studies.adsorption.own_metal import metal_pairs, metal_surfaces
from anodeflow.studies.adsorption.study import ADSORPTION
from anodeflow.studies.base import Study, StudyInput
from anodeflow.studies.compared import Compared, compared, minus, total
from anodeflow.studies.metal_reference.analysis import slab_differences
from anodeflow.studies.metal_reference.document import MetalReferenceDoc
from anodeflow.studies.world import World

if TYPE_CHECKING:
    from jobflow import Flow

    from anodeflow.studies.steps import Steps


class MetalReferenceStudy(Study[StudyInput, MetalReferenceDoc]):
    """Two studies of adsorption become one number."""

    name = "metal_reference"
    summary = "Binding less that on the adatom's own metal."
    subject = "campaign"
    Document = MetalReferenceDoc
    place = 20
    quantities: ClassVar[dict[str, str]] = {
        "binding_energy_vs_metal": "binding energy less that on the adatom's own metal"
    }

    def flow(self, input: StudyInput, subject: None, steps: "Steps") -> "Flow | None":
        """Return the flow of all comparisons, each job's output a MetalReferenceDoc; none without a pair."""
        from jobflow import Flow, Job

        from anodeflow.studies.metal_reference.flow import metal_reference_job

        jobs: list[Flow | Job] = []
        for pair in metal_pairs(steps.world):
            own = steps.study(ADSORPTION, pair.input, pair.surface).output
            other = steps.study(ADSORPTION, pair.metal_input, pair.metal).output
            jobs.append(metal_reference_job(own, other, pair.surface.name, pair.metal.name))
        return Flow(jobs, name="binding against the adatom's own metal") if jobs else None

    def remarks(self, input: StudyInput, subject: None, world: World) -> Iterator[tuple[str, str]]:
        """Yield what binding_energy_vs_metal refers to, or why there is none."""
        for pair in metal_pairs(world):
            text = f"binding_energy_vs_metal of {pair.input.adsorbate} refers to {pair.metal.name}"
            here, there = (each.system.model_dump() for each in (pair.surface, pair.metal))
            different = ", ".join(slab_differences(here, there))
            yield f"{text}{f', which differs ({different}),' if different else ''} on", pair.surface.name
        for told in world.inputs(ADSORPTION.name):
            if told.metal_system is None and len(found := metal_surfaces(world, told)) > 1:
                text = f"No binding_energy_vs_metal of {told.adsorbate}: no metal_system says which is meant:"
                for surface in found:
                    yield text, surface.name

    def compared(self, document: MetalReferenceDoc, of: Mapping[str, CalculationDoc]) -> Iterator[Compared]:
        """Yield energies beside what the calculations say."""
        energy = {step: found.energy for step, found in of.items()}
        for name, before in (("surface", ""), ("metal", "metal: ")):
            bound = total(energy.get(f"{before}adatom"), minus(energy.get(f"{before}slab")))
            yield from compared(f"{name}.adsorption_energy", getattr(document, name).adsorption_energy, bound)
        both = document.surface.adsorption_energy - document.metal.adsorption_energy
        yield from compared("binding_energy_vs_metal", document.binding_energy_vs_metal, both)

    def section(self, documents: list[MetalReferenceDoc], context: Any) -> Any:
        """Return the section of a report."""
        from anodeflow.studies.metal_reference.report import metal_reference_section

        return metal_reference_section(documents, context)
