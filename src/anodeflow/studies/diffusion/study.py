"""The study of diffusion: how it becomes jobs, a plan and a section of a report."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from anodeflow.structures.slab.room import room_warning
from anodeflow.studies.base import AdatomStudy, Problem
from anodeflow.studies.diffusion.document import DiffusionDoc
from anodeflow.studies.diffusion.input import DiffusionInput
from anodeflow.studies.subjects.surfaces import Surface
from anodeflow.studies.world import World

if TYPE_CHECKING:
    from jobflow import Flow

    from anodeflow.studies.steps import Steps

_ONE_HOP = 5.0
"""Surface cells that are wider than this, in Å, have minima on the way from one to the next."""


class DiffusionStudy(AdatomStudy[DiffusionInput, DiffusionDoc]):
    """Hops of an adatom between the minima of a surface, and the cheapest way across."""

    name = "diffusion"
    summary = "Hops of the adatom."
    Input = DiffusionInput
    Document = DiffusionDoc
    needs = frozenset({"relax", "stress", "neb"})
    starts_from = "adsorption"
    place = 40
    quantities: ClassVar[dict[str, str]] = {"barrier_forward": "barrier of surface diffusion"}
    headlines: ClassVar[dict[str, str]] = dict.fromkeys(("barrier_forward", "barrier_reverse"), "cheapest path")

    def flow(self, input: DiffusionInput, subject: Surface, steps: "Steps") -> "Flow":
        """Return the flow on one surface; output: DiffusionDoc."""
        from anodeflow.studies.diffusion.flow import DiffusionMaker

        backend = subject.backend
        maker = DiffusionMaker(
            relax=steps.makers(backend).relax(),
            static=steps.makers(backend).static(),
            neb=steps.makers(backend).neb(),
            modes=steps.makers(backend).modes() if input.modes else None,
            input=input,
            prescreen=steps.prescreen,
            about=steps.about(subject),
        )
        return maker.make(steps.start(self, input, subject).output)

    def remarks(self, input: DiffusionInput, subject: Surface, world: World) -> Iterator[tuple[str, str]]:
        """Yield that the slab is too narrow for hops, or leaves too little room."""
        slab = world.surfaces.slab(subject)
        width = slab.own_image_distance
        if not subject.variant:
            if width is not None and width < _ONE_HOP:
                yield (
                    "A hop to the next surface cell ends at its own start, so give a larger min_width to",
                    subject.name,
                )
            if narrow := room_warning(slab.structure, slab.layers, slab.fixed_layers):
                yield f"{narrow[0].upper()}{narrow[1:]}; set min_width and layers of", subject.name

    def entry_problems(self, input: DiffusionInput, world: World) -> Iterator[Problem]:
        """Yield what is wrong with the adatom, and that nothing computes the vibrations that are asked for."""
        if input.prefactor == "vineyard":
            prescreen = world.surfaces.prescreen
            if not (world.backend if prescreen is None else prescreen.backend).cheap_forces:
                yield Problem(
                    "prefactor: vineyard takes all second derivatives of the energy, which only a potential computes "
                    "cheaply: add a prescreen, or give the prefactor in 1/s.",
                    ("prefactor",),
                )
            elif not input.modes:
                text = "prefactor: vineyard needs the order of every saddle: leave modes true."
                yield Problem(text, ("prefactor",))
        yield from super().entry_problems(input, world)

    def section(self, documents: list[DiffusionDoc], context: Any) -> Any:
        """Return the section of a report."""
        from anodeflow.studies.diffusion.report import diffusion_section

        return diffusion_section(documents, context)
