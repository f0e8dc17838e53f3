"""The study of surface energies: how it becomes jobs and a section of a report."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.errors import InputError
from anodeflow.studies.base import Problem, Study, attempted
from anodeflow.studies.compared import Compared, compared, energy_of, energy_per_atom, of_crystal
from anodeflow.studies.subjects.surfaces import Surface, backend_key
from anodeflow.studies.surface_energy.document import OTHER, SurfaceEnergyDoc
from anodeflow.studies.surface_energy.input import SurfaceEnergyInput
from anodeflow.studies.world import Entry, World

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
        metal = other = None
        elements = {site.symbol for site in surfaces.structure(subject.structure).composition}
        if len(elements) > 1:
            assert input.metal is not None
            metal = steps.bulk(surfaces.metal(input.metal), subject.references)
            (element,) = elements - {input.metal}
            if _computed(element, subject, steps.world):
                other = steps.bulk(surfaces.metal(element), subject.references)
        maker = SurfaceEnergyMaker(
            static=steps.makers(subject.backend).static(),
            slab=alike.system.slab_spec(),
            held=surfaces.slab(alike).fixed_layers > 0,
            about=steps.screened(subject),
        )
        return maker.make(steps.slab(alike), steps.bulk(subject.structure, subject.backend), metal, other)

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

    def compared(self, document: SurfaceEnergyDoc, of: Mapping[str, CalculationDoc]) -> Iterator[Compared]:
        """Yield energies beside what the calculations say."""
        from anodeflow.studies.surface_energy.analysis import chemical_potentials, face_energy

        slab, ideal, bulk, metal = (of.get(step) for step in ("slab", "ideal slab", "bulk", "metal"))
        yield from compared("slab_energy", document.slab_energy, energy_of(slab))
        yield from compared("ideal_energy", document.ideal_energy, energy_of(ideal))
        if slab is None or bulk is None:
            return
        potentials = chemical_potentials(bulk, metal)
        for element, potential in potentials.items():
            yield from compared(f"chemical_potentials.{element}", document.chemical_potentials.get(element), potential)
        atoms = slab.structure.composition.get_el_amt_dict()
        at_rest = sum(number * potentials[element] for element, number in atoms.items())
        faces = face_energy(slab.energy, energy_of(ideal), at_rest, document.area)
        if metal is not None:
            elements = {
                each.structure[0].specie.symbol: energy_per_atom(each) for each in (metal, of.get(OTHER)) if each
            }
            yield from of_crystal("formation_energy", document.formation_energy, bulk, elements)
        for name, found in zip(("surface_energy", "unrelaxed"), faces, strict=True):
            yield from compared(name, getattr(document, name), found)

    def section(self, documents: list[SurfaceEnergyDoc], context: Any) -> Any:
        """Return the section of a report."""
        from anodeflow.studies.surface_energy.report import surface_energy_section

        return surface_energy_section(documents, context)


def _computed(element: str, surface: Surface, world: World) -> bool:
    """Whether the campaign relaxes the bulk of an element anyway, with the settings of a surface's references."""
    try:
        crystal = world.surfaces.metal(element)
    except InputError:
        return False
    key = backend_key(surface.references)

    def needs(entry: Entry) -> bool:
        study = world.studies[entry.name]
        takes = element in study.metals(entry.input)
        if study.subject != "surface":
            return takes and key == backend_key(world.backend)
        on = world.surfaces.of(entry.input.wanted)
        return any(takes and backend_key(each.references) == key for each in on) or any(
            each.structure == crystal and backend_key(each.backend) == key for each in on
        )

    return any(map(needs, world.entries))
