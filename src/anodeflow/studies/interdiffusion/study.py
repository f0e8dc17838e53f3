"""The study of interdiffusion: how it becomes jobs, a plan and a section of a report."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from anodeflow.calculations.document import CalculationDoc
from anodeflow.studies.base import Problem, Study
from anodeflow.studies.compared import Compared, compared, geometry, minus, total
from anodeflow.studies.interdiffusion.document import InterdiffusionDoc
from anodeflow.studies.interdiffusion.input import InterdiffusionInput
from anodeflow.studies.interface.study import relaxed_interface
from anodeflow.studies.shared.elements import missing_elements
from anodeflow.studies.subjects.interfaces import Interface
from anodeflow.studies.world import World

if TYPE_CHECKING:
    from jobflow import Flow

    from anodeflow.studies.steps import Steps


class InterdiffusionStudy(Study[InterdiffusionInput, InterdiffusionDoc]):
    """Atoms of the alloy exchanged with atoms of the metal, plane after plane."""

    name = "interdiffusion"
    summary = "Exchange across an interface."
    subject = "interface"
    Input = InterdiffusionInput
    Document = InterdiffusionDoc
    place = 60

    def flow(self, input: InterdiffusionInput, subject: Interface, steps: "Steps") -> "Flow":
        """Return the flow on one interface; output: InterdiffusionDoc."""
        from anodeflow.studies.interdiffusion.dilute_flow import DiluteLimitMaker
        from anodeflow.studies.interdiffusion.flow import InterdiffusionMaker

        start, backend, system = relaxed_interface(subject, steps), subject.backend, subject.system
        maker = InterdiffusionMaker(
            relax=steps.makers(backend).relax(), input=input, prescreen=steps.prescreen, about=steps.about(subject)
        )
        dilute = None
        if input.dilute_width is not None:
            far = DiluteLimitMaker(
                relax=steps.relax(backend),
                static=steps.makers(backend).static(),
                element=input.element,
                width=input.dilute_width,
                system=subject.group,
            )
            alloy, metal = steps.bulk(system.alloy, backend), steps.bulk(system.metal, backend)
            where = ("dilute", subject.group, input.element, input.dilute_width)
            dilute = steps.once(where, lambda: far.make(alloy.output, metal.output)).output
        return maker.make(start.output, dilute)

    def problems(self, input: InterdiffusionInput, subject: Interface, world: World) -> Iterator[Problem]:
        """Yield that the alloy lacks the element, the metal is of nothing else, or lacks a plane."""
        yield from missing_elements(subject, world, {"element": input.element})
        if {site.specie.symbol for site in world.surfaces.structure(subject.system.metal)} == {input.element}:
            yield Problem(
                f"{subject.name}: its metal is {input.element} itself, and an exchange of equal atoms changes nothing: "
                "name another element.",
                ("element",),
            )
        layers = subject.system.metal_layers
        held = subject.system.fixed_layers if subject.system.fixed_side == "metal" else 0
        if input.depth > layers - held:
            but = f", {held} of them held fixed" if held else ""
            yield Problem(
                f"{subject.name}: its metal has {layers} layers{but}, so nothing goes to depth {input.depth}: lower "
                "depth or raise metal_layers.",
                ("depth",),
            )

    def compared(self, document: InterdiffusionDoc, of: Mapping[str, CalculationDoc]) -> Iterator[Compared]:
        """Yield energies and structures beside what the calculations say."""
        energy = {step: found.energy for step, found in of.items()}
        interface = of.get("interface")
        yield from compared("pristine_energy", document.pristine_energy, energy.get("interface"))
        yield from compared("pristine", document.pristine, geometry(interface))
        for index, point in enumerate(document.points):
            found, back = of.get(point.step), energy.get(f"{point.step} and back")
            pristine = minus(energy.get("interface"))
            exchanged = total(energy.get(point.step), pristine)
            yield from compared(f"points.{index}.exchange_energy", point.exchange_energy, exchanged)
            yield from compared(f"points.{index}.return_energy", point.return_energy, total(back, pristine))
            yield from compared(f"points.{index}.structure", point.structure, geometry(found))
        for index, each in enumerate(document.dilute):
            metal, solution, alloy, antisite = (energy.get(step) for step in each.steps)
            dissolved, replaced = total(solution, minus(metal)), total(antisite, minus(alloy))
            yield from compared(f"dilute.{index}.solution_energy", each.solution_energy, dissolved)
            yield from compared(f"dilute.{index}.antisite_energy", each.antisite_energy, replaced)

    def section(self, documents: list[InterdiffusionDoc], context: Any) -> Any:
        """Return the section of a report."""
        from anodeflow.studies.interdiffusion.report import interdiffusion_section

        return interdiffusion_section(documents, context)
