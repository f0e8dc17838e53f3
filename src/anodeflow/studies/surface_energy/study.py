"""The study of surface energies: how it becomes jobs and a section of a report."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from anodeflow.studies.base import Problem, Study, attempted
from anodeflow.studies.subjects.surfaces import Surface
from anodeflow.studies.surface_energy.document import SurfaceEnergyDoc
from anodeflow.studies.surface_energy.input import SurfaceEnergyInput
from anodeflow.studies.world import World

if TYPE_CHECKING:
    from jobflow import Flow

    from anodeflow.studies.steps import Steps


class SurfaceEnergyStudy(Study[SurfaceEnergyInput, SurfaceEnergyDoc]):
    """Energy of a face per area, at the chemical potential of a metal."""

    name = "surface_energy"
    summary = "Energy of a surface per area."
    subject = "surface"
    Input = SurfaceEnergyInput
    Document = SurfaceEnergyDoc
    place = 5

    def flow(self, input: SurfaceEnergyInput, subject: Surface, steps: "Steps") -> "Flow":
        """Return the flow on one surface; output: SurfaceEnergyDoc."""
        from anodeflow.studies.surface_energy.faces import with_faces_alike
        from anodeflow.studies.surface_energy.flow import SurfaceEnergyMaker

        surfaces = steps.surfaces
        alike = with_faces_alike(subject, surfaces)
        metal = None
        if len(surfaces.structure(subject.structure).composition) > 1:
            assert input.metal is not None
            metal = steps.bulk(surfaces.metal(input.metal), subject.references)
        maker = SurfaceEnergyMaker(
            static=steps.makers(subject.backend).static(),
            slab=alike.system.slab_spec(),
            held=surfaces.slab(alike).fixed_layers > 0,
            about=steps.screened(subject),
        )
        return maker.make(steps.slab(alike), steps.bulk(subject.structure, subject.backend), metal)

    def problems(self, input: SurfaceEnergyInput, subject: Surface, world: World) -> Iterator[Problem]:
        """Yield what is wrong with the metal, and that no slab has the face on both sides."""
        from anodeflow.studies.surface_energy.faces import with_faces_alike

        crystal = world.surfaces.structure(subject.structure)
        elements = sorted(site.symbol for site in crystal.composition)
        if len(elements) > 2:
            yield Problem(
                f"{subject.name}: {subject.structure} has {len(elements)} elements ({', '.join(elements)}), and the "
                "chemical potential of one metal fixes that of one other: leave the system out."
            )
        elif len(elements) == 2 and input.metal not in elements:
            what = "no metal is named" if input.metal is None else f"it holds no {input.metal}"
            yield Problem(
                f"{subject.name}: {subject.structure} is a compound, and {what}: give the metal "
                f"({' or '.join(elements)}) whose bulk it is in equilibrium with.",
                () if input.metal is None else ("metal",),
            )
        if input.metal is not None:
            yield from attempted(("metal",), world.surfaces.metal, input.metal)
        yield from attempted((), with_faces_alike, subject, world.surfaces)

    def metals(self, input: SurfaceEnergyInput) -> Sequence[str]:
        """Return the metal."""
        return () if input.metal is None else (input.metal,)

    def section(self, documents: list[SurfaceEnergyDoc], context: Any) -> Any:
        """Return the section of a report."""
        from anodeflow.studies.surface_energy.report import surface_energy_section

        return surface_energy_section(documents, context)
