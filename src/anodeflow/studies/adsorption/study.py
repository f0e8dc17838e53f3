"""The study of adsorption: how it becomes jobs, a plan and a section of a report."""

from collections.abc import Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.address import content_hash
from anodeflow.studies.adsorption.choice import site_choice
from anodeflow.studies.adsorption.document import AdsorptionDoc
from anodeflow.studies.adsorption.input import AdsorptionInput
from anodeflow.studies.adsorption.own_metal import own_metal
from anodeflow.studies.base import AdatomStudy, Problem, attempted
from anodeflow.studies.compared import Compared, compared, energy_of, energy_per_atom, geometry, minus, total
from anodeflow.studies.subjects.surfaces import Surface
from anodeflow.studies.world import World

if TYPE_CHECKING:
    from jobflow import Flow

    from anodeflow.studies.steps import Steps


class AdsorptionStudy(AdatomStudy[AdsorptionInput, AdsorptionDoc]):
    """Binding of an adatom on the distinct sites of a surface."""

    name = "adsorption"
    summary = "Binding of an adatom."
    Input = AdsorptionInput
    Document = AdsorptionDoc
    place = 10
    quantities: ClassVar[dict[str, str]] = {"binding_energy": "binding energy of the most stable site"}

    def flow(self, input: AdsorptionInput, subject: Surface, steps: "Steps") -> "Flow":
        """Return the flow on one surface; output: AdsorptionDoc."""
        from anodeflow.structures.bulk.magnetism import is_magnetic
        from anodeflow.studies.adsorption.flow import AdsorptionMaker

        system, backend, surfaces = subject.system, subject.backend, steps.surfaces
        metal = surfaces.metal(input.adsorbate)
        slab = steps.slab(subject)
        atom = steps.atom(input.adsorbate, input.atom_box, subject.references)
        bulk = steps.bulk(metal, subject.references)
        maker = AdsorptionMaker(
            relax=steps.makers(backend).relax(),
            relax_cell=steps.makers(backend).relax(cell=True),
            static=steps.makers(backend).static(),
            input=input,
            slab=system.slab_spec(),
            # A magnetic atom has its moment wherever it sits.
            spin_polarized=system.spin_polarized or ("spin" in backend.capabilities and is_magnetic([input.adsorbate])),
            atom_reference_reliable=backend.atom_reference_reliable,
            choice=site_choice(surfaces, subject, input),
            prescreen=steps.prescreen,
            about=steps.about(subject),
        )
        return maker.make(
            surfaces.structure(subject.structure),
            surfaces.structure(metal),
            surfaces.host(subject.structure),
            slab=slab,
            atom=atom,
            bulk=bulk,
        )

    def key(self, input: AdsorptionInput, subject: Any, world: World) -> Hashable:
        """Return what is equal for studies of the same sites of one surface."""
        choice = site_choice(world.surfaces, subject, input)
        return input.adsorbate, input.atom_box, content_hash(choice and choice.numbers)

    def entry_problems(self, input: AdsorptionInput, world: World) -> Iterator[Problem]:
        """Yield what is wrong with the adatom, and names of systems that the campaign does not have."""
        yield from super().entry_problems(input, world)
        if isinstance(input.sites, dict):
            known = world.surfaces.known()
            for wanted in input.sites:
                if wanted not in known:
                    yield Problem(f"unknown system {wanted!r}; there is {', '.join(known)}.", ("sites", wanted))
        if input.metal_system is not None:
            yield from attempted(("metal_system",), own_metal, world, input)

    def problems(self, input: AdsorptionInput, subject: Surface, world: World) -> Iterator[Problem]:
        """Yield what is wrong with the choice of sites."""
        yield from attempted(("sites",), site_choice, world.surfaces, subject, input)

    def compared(self, document: AdsorptionDoc, of: Mapping[str, CalculationDoc]) -> Iterator[Compared]:
        """Yield energies and structures beside what the calculations say."""
        slab, atom, bulk = (of.get(step) for step in ("slab", "atom", "bulk"))
        energy = {step: found.energy for step, found in of.items()}
        references = {
            "binding_energy": energy_of(atom),
            "binding_energy_bulk": energy_per_atom(bulk),
        }
        yield from compared("slab_energy", document.slab_energy, energy.get("slab"))
        yield from compared("atom_energy", document.atom_energy, references["binding_energy"])
        yield from compared("bulk_energy", document.bulk_energy, references["binding_energy_bulk"])
        yield from compared("slab", document.slab, geometry(slab))
        for index, site in enumerate(document.sites):
            found = of.get(site.step)
            yield from compared(f"sites.{index}.structure", site.structure, geometry(found))
            for name, reference in references.items():
                bound = total(energy.get(site.step), minus(energy.get("slab")), minus(reference))
                yield from compared(f"sites.{index}.{name}", getattr(site, name), bound)

    def section(self, documents: list[AdsorptionDoc], context: Any) -> Any:
        """Return the section of a report."""
        from anodeflow.studies.adsorption.report import adsorption_section

        return adsorption_section(documents, context)


ADSORPTION = AdsorptionStudy()
