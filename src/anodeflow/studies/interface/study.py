"""The relaxed interface, from which the studies of interfaces start; it may be asked for alone."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from anodeflow.calculations.document import CalculationDoc
from anodeflow.studies.base import Study
from anodeflow.studies.compared import Compared, compared, energy_of, geometry
from anodeflow.studies.interface.document import InterfaceDoc
from anodeflow.studies.interface.input import RelaxedInterfaceInput
from anodeflow.studies.subjects.interfaces import Interface

if TYPE_CHECKING:
    from jobflow import Flow

    from anodeflow.studies.steps import Steps


class InterfaceStudy(Study[RelaxedInterfaceInput, InterfaceDoc]):
    """An alloy on a metal, shifted until both fit, and relaxed."""

    name = "interface"
    summary = "Interface relaxed, and no more."
    subject = "interface"
    Input = RelaxedInterfaceInput
    Document = InterfaceDoc
    place = 50

    def flow(self, input: RelaxedInterfaceInput, subject: Interface, steps: "Steps") -> "Flow":
        """Return the flow of one interface; output: InterfaceDoc."""
        from anodeflow.studies.interface.flow import InterfaceMaker

        system, backend = subject.system, subject.backend
        maker = InterfaceMaker(
            relax=steps.makers(backend).relax(),
            static=steps.makers(backend).static(),
            spec=system.interface_spec(),
            alloy=system.alloy,
            metal=system.metal,
            prescreen=steps.prescreen,
            about=steps.about(subject),
        )
        alloy, metal = steps.bulk(system.alloy, backend), steps.bulk(system.metal, backend)
        hosts = (steps.surfaces.host(system.alloy), steps.surfaces.host(system.metal))
        return maker.make(alloy.output, metal.output, *hosts)

    def compared(self, document: InterfaceDoc, of: Mapping[str, CalculationDoc]) -> Iterator[Compared]:
        """Yield energies and the structure beside what the calculations say."""
        relaxed = of.get("interface")
        yield from compared("energy", document.energy, energy_of(relaxed))
        yield from compared("free_energy", document.free_energy, None if relaxed is None else relaxed.free_energy)
        yield from compared("structure", document.structure, geometry(relaxed))
        for name, slab in (("alloy", of.get("alloy slab")), ("metal", of.get("metal slab"))):
            yield from compared(f"{name}_slab_energy", getattr(document, f"{name}_slab_energy"), energy_of(slab))

    def section(self, documents: list[InterfaceDoc], context: Any) -> Any:
        """Return the section of a report."""
        from anodeflow.studies.interface.report import interfaces_section

        return interfaces_section(documents, context)


INTERFACE = InterfaceStudy()


def relaxed_interface(subject: Interface, steps: "Steps") -> Any:
    """Return the flow of the relaxed interface that another study starts from."""
    return steps.study(INTERFACE, RelaxedInterfaceInput(), subject)
