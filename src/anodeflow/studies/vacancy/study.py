"""The study of a vacancy: how it becomes jobs, a plan and a section of a report."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.modes_document import ModesDoc
from anodeflow.calculations.neb_document import NebDoc
from anodeflow.structures.slab.spec import SlabSpec
from anodeflow.studies.base import Problem, Study
from anodeflow.studies.compared import Compared, compared, geometry, minus, total
from anodeflow.studies.interface.study import relaxed_interface
from anodeflow.studies.shared.elements import missing_elements
from anodeflow.studies.shared.saddle import highest_energy
from anodeflow.studies.subjects.interfaces import Interface
from anodeflow.studies.subjects.surfaces import Surfaces
from anodeflow.studies.vacancy.document import VacancyDoc, modes_step, stop_step
from anodeflow.studies.vacancy.input import VacancyInput
from anodeflow.studies.vacancy.metal_face import CLEAN
from anodeflow.studies.world import World

if TYPE_CHECKING:
    from jobflow import Flow

    from anodeflow.studies.steps import Steps


class VacancyStudy(Study[VacancyInput, VacancyDoc]):
    """A vacancy made in the alloy, which moves into the metal."""

    name = "vacancy"
    summary = "Vacancy that moves through an interface."
    subject = "interface"
    Input = VacancyInput
    Document = VacancyDoc
    needs = frozenset({"relax", "stress", "neb"})
    place = 70

    def flow(self, input: VacancyInput, subject: Interface, steps: "Steps") -> "Flow":
        """Return the flow on one interface; output: VacancyDoc."""
        from anodeflow.studies.vacancy.flow import VacancyMaker
        from anodeflow.studies.vacancy.metal_face_flow import MetalFaceMaker

        backend, start = subject.backend, relaxed_interface(subject, steps)
        metal = steps.surfaces.metal(input.element)
        bulk, face = steps.bulk(metal, backend), None
        if input.start == "surface":
            spec = _metal_face(input, subject, steps.surfaces)
            own = MetalFaceMaker(relax=steps.relax(backend), slab=spec, metal=input.element, system=subject.group)
            host = steps.surfaces.host(metal)
            where = ("metal's own surface", subject.group, input.element)
            face = steps.once(where, lambda: own.make(bulk.output, host)).output
        maker = VacancyMaker(
            relax=steps.makers(backend).relax(),
            neb=steps.makers(backend).neb(),
            modes=steps.makers(backend).modes() if input.modes else None,
            input=input,
            prescreen=steps.prescreen,
            about=steps.about(subject),
        )
        return maker.make(start.output, bulk.output, face)

    def remarks(self, input: VacancyInput, subject: Interface, world: World) -> Iterator[tuple[str, str]]:
        """Yield that the interface is too narrow for the hops of a vacancy."""
        from anodeflow.studies.vacancy.geometry import narrow_for_hops

        asked = input.barriers and input.steps and not subject.variant
        if asked and (narrow := narrow_for_hops(world.interfaces.cell(subject).width)):
            yield f"{narrow[0].upper()}{narrow[1:]}; set min_width and max_atoms of", subject.name

    def problems(self, input: VacancyInput, subject: Interface, world: World) -> Iterator[Problem]:
        """Yield that the alloy lacks an element."""
        helper = {"helper": input.helper} if "II" in input.paths else {}
        yield from missing_elements(subject, world, {"element": input.element} | helper)

    def compared(self, document: VacancyDoc, of: Mapping[str, CalculationDoc]) -> Iterator[Compared]:
        """Yield energies, barriers and structures beside what the calculations say."""
        energy = {step: found.energy for step, found in of.items()}
        interface, start = energy.get("interface"), energy.get("stop 0")
        atom = of["bulk"].energy_per_atom if "bulk" in of else None
        yield from compared("interface_energy", document.interface_energy, interface)
        made = total(start, atom, minus(interface))
        yield from compared("formation_energy", document.formation_energy, made)
        for index, stop in enumerate(document.stops):
            found = of.get(stop_step(stop))
            over = total(energy.get(stop_step(stop)), minus(start))
            yield from compared(f"stops.{index}.energy", stop.energy, over)
            yield from compared(f"stops.{index}.structure", stop.structure, geometry(found))
        for index, trial in enumerate(document.trials):
            over = total(energy.get(trial.label), minus(start))
            yield from compared(f"trials.{index}.energy", trial.energy, over)
        for index, hop in enumerate(document.hops):
            steps = document.hop_steps(hop)
            bands = [band for band in map(of.get, steps) if isinstance(band, NebDoc)]
            if len(bands) < len(steps):
                continue
            saddles = [of.get(modes_step(step)) for step in steps]
            tops = [highest_energy(band, modes) for band, modes in zip(bands, saddles, strict=True)]
            top, modes = max(tops), saddles[tops.index(max(tops))]
            first, last = bands[0].image_energies[0], bands[-1].image_energies[-1]
            yield from compared(f"hops.{index}.barrier_forward", hop.barrier_forward, top - first)
            yield from compared(f"hops.{index}.barrier_reverse", hop.barrier_reverse, top - last)
            if isinstance(modes, ModesDoc):
                yield from compared(f"hops.{index}.negative_modes", hop.negative_modes, modes.negative_modes)
        for index, each in enumerate(document.extractions):
            whole = CLEAN if CLEAN in each.steps else "interface"
            empty = next(step for step in each.steps if step not in (whole, "bulk"))
            taken = total(energy.get(empty), atom, minus(energy.get(whole)))
            yield from compared(f"extractions.{index}.energy", each.energy, taken)

    def section(self, documents: list[VacancyDoc], context: Any) -> Any:
        """Return the section of a report."""
        from anodeflow.studies.vacancy.report import vacancy_section

        return vacancy_section(documents, context)


def _metal_face(input: VacancyInput, interface: Interface, surfaces: Surfaces) -> SlabSpec:
    """Return the metal's own surface that is set beside the alloy's: the plane that meets it, as wide as the interface.

    Where the interface's metal is another one than that of the vacancy, the (001) surface of the latter.
    """
    system = interface.system
    spec = SlabSpec(vacuum=system.vacuum, min_width=system.min_width)
    if system.metal != surfaces.metal(input.element):
        return spec
    return spec.model_copy(update={"miller": system.metal_miller, "setting": system.setting})
