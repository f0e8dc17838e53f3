"""The interfaces of a campaign: one a termination, with settings of its own."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from anodeflow.backends.base import Backend
from anodeflow.structures.interface.assembly import InterfaceCell
from anodeflow.structures.interface.interface_spec import InterfaceSpec
from anodeflow.structures.interface.interfaces import build_interface, enumerate_interfaces
from anodeflow.studies.convergence.analysis import variant_label
from anodeflow.studies.subjects.surfaces import Surfaces
from anodeflow.studies.subjects.systems import InterfaceSystem
from anodeflow.studies.subjects.varying import changed_model


@dataclass(frozen=True)
class Interface:
    """One termination of an interface of the campaign, and how it is computed.

    Attributes
    ----------
    system
        The interface, its termination a number.
    family
        Name of the interface in the campaign file, without the termination.
    backend
        Backend of the interface and of the bulks that it is built from.
    variant
        Parameters that a convergence test changed -> their values; empty: as asked for.
    origin
        The interface as asked for, of a variant.
    """

    system: InterfaceSystem
    family: str
    backend: Backend
    variant: dict[str, float] = field(default_factory=dict)
    origin: "Interface | None" = None
    spec: ClassVar[type[InterfaceSpec]] = InterfaceSpec

    @property
    def base(self) -> "Interface":
        """The interface as asked for."""
        return self.origin or self

    @property
    def name(self) -> str:
        """Name in results: Li3Mg7/Li, or Li3Mg7/Li:1, or Li3Mg7/Li [vacuum 15]."""
        return self.system.name + self._varied

    @property
    def group(self) -> str:
        """Name of what all terminations share: Li3Mg7/Li, or Li3Mg7/Li [kpoint_spacing 0.2]."""
        return self.family + self._varied

    @property
    def _varied(self) -> str:
        return f" [{variant_label(self.variant)}]" if self.variant else ""

    def varied(self, parameter: str, value: float) -> "Interface":
        """Return the interface with one parameter changed.

        Raises
        ------
        InputError
            If the interface or the backend does not allow the value.
        """
        system, backend = self.system, self.backend
        if parameter in InterfaceSpec.model_fields:
            system = changed_model(system, parameter, value)
        else:
            backend = backend.with_settings({parameter: value})
        return Interface(system, self.family, backend, self.variant | {parameter: value}, self.base)


class Interfaces:
    """Makes what the campaign's planning needs of its interfaces, each once.

    Parameters
    ----------
    systems
        Interfaces of the campaign.
    surfaces
        Its surfaces, which know bulks and the backend.
    """

    def __init__(self, systems: Sequence[InterfaceSystem], surfaces: Surfaces) -> None:
        self.systems, self.surfaces = systems, surfaces

    def known(self) -> list[str]:
        """Return the names that `interfaces` of a study may take: those of interfaces, and of terminations."""
        names = [system.name for system in self.systems]
        return names + [each.name for each in self.of("all") if each.name not in names]

    def of(self, wanted: list[str] | Literal["all"]) -> list[Interface]:
        """Return the interfaces or terminations called so, in the order of the campaign.

        Raises
        ------
        InputError
            If an interface cannot be built, or the backend does not allow a setting.
        """
        return [
            interface
            for system in self.systems
            for interface in self.terminations(system)
            if wanted == "all" or interface.family in wanted or interface.name in wanted
        ]

    def terminations(self, system: InterfaceSystem) -> list[Interface]:
        """Return one interface a termination where all are asked for, else one.

        Raises
        ------
        InputError
            If the interface cannot be built, or the backend does not allow a setting.
        """
        cells = self.cells(system)
        backend = self.surfaces.backend
        backend = backend.with_settings(system.settings) if system.settings else backend
        several = system.termination == "all" and len(cells) > 1
        return [
            Interface(
                system.model_copy(
                    update={
                        "termination": cell.number,
                        "name": f"{system.name}:{cell.number}" if several else system.name,
                    }
                ),
                system.name,
                backend,
            )
            for cell in cells
        ]

    def cells(self, system: InterfaceSystem) -> list[InterfaceCell]:
        """Return the ideal interface, or those of all terminations, from the bulks of the catalogue."""
        spec, surfaces = system.interface_spec(), self.surfaces

        def build() -> list[InterfaceCell]:
            crystals = (surfaces.structure(system.alloy), surfaces.structure(system.metal))
            hosts = (surfaces.host(system.alloy), surfaces.host(system.metal))
            if spec.termination == "all":
                return enumerate_interfaces(*crystals, spec, *hosts)
            return [build_interface(*crystals, spec, *hosts)]

        return surfaces.once(("interfaces", system.alloy, system.metal, spec), build)

    def cell(self, interface: Interface) -> InterfaceCell:
        """Return the ideal interface, from the bulks of the catalogue."""
        return self.cells(interface.system)[0]

    def own_value(self, subject: Interface, parameter: str) -> float | None:
        """Return the value that an interface has of a parameter."""
        holder = subject.system if parameter in InterfaceSpec.model_fields else subject.backend.settings
        return getattr(holder, parameter)
