"""The study of diffusion: how it becomes jobs, a plan and a section of a report."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.modes_document import ModesDoc
from anodeflow.calculations.neb_document import NebDoc
from anodeflow.structures.slab.room import room_warning
from anodeflow.studies.base import AdatomStudy, Problem
from anodeflow.studies.compared import Compared, compared, geometry, minus, total
from anodeflow.studies.diffusion.document import DiffusionDoc
from anodeflow.studies.diffusion.input import DiffusionInput
from anodeflow.studies.shared.saddle import highest_energy
from anodeflow.studies.subjects.surfaces import Surface
from anodeflow.studies.world import World

if TYPE_CHECKING:
    from jobflow import Flow

    from anodeflow.studies.steps import Steps

_ONE_HOP = 5.0
"""Surface cells that are wider than this, in Å, have intermediate minima from one to the next."""


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
                yield f"{narrow.text[0].upper()}{narrow.text[1:]}; set min_width and layers of", subject.name

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

    def compared(self, document: DiffusionDoc, of: Mapping[str, CalculationDoc]) -> Iterator[Compared]:
        """Yield energies, barriers and structures beside what the calculations say."""
        slab = of.get("slab")
        yield from compared("slab", document.slab, geometry(slab))
        # Energies are over the lowest minimum, which may have no calculation here: they are compared with each other.
        found = {index: of.get(f"site {each.site}") for index, each in enumerate(document.minima) if not each.pushed}
        known = {index: calculation for index, calculation in found.items() if calculation is not None}
        zero = next((each.energy - document.minima[index].energy for index, each in known.items()), None)
        for index, calculation in known.items():
            minimum, over = document.minima[index], total(calculation.energy, minus(zero))
            yield from compared(f"minima.{index}.energy", minimum.energy, over)
            yield from compared(f"minima.{index}.structure", minimum.structure, calculation.structure)
        for index, hop in enumerate(document.hops):
            band, saddle = of.get(hop.name), of.get(f"modes of {hop.name}")
            if not isinstance(band, NebDoc) or hop.barrier_forward is None:
                continue
            top, first, last = highest_energy(band, saddle), band.image_energies[0], band.image_energies[-1]
            forward: float | None = top - first
            if top != max(band.image_energies):  # walked up to: counted as the minima are
                forward = total(top, minus(zero), -document.minima[hop.initial].energy)
            yield from compared(f"hops.{index}.barrier_forward", hop.barrier_forward, forward)
            yield from compared(f"hops.{index}.barrier_reverse", hop.barrier_reverse, total(forward, first - last))
            if isinstance(saddle, ModesDoc):
                yield from compared(f"hops.{index}.negative_modes", hop.negative_modes, saddle.negative_modes)

    def section(self, documents: list[DiffusionDoc], context: Any) -> Any:
        """Return the section of a report."""
        from anodeflow.studies.diffusion.report import diffusion_section

        return diffusion_section(documents, context)
