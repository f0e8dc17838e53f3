"""The study of interdiffusion: how it becomes jobs, a plan and a section of a report."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from anodeflow.studies.base import Problem, Study
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

    def section(self, documents: list[InterdiffusionDoc], context: Any) -> Any:
        """Return the section of a report."""
        from anodeflow.studies.interdiffusion.report import interdiffusion_section

        return interdiffusion_section(documents, context)
