"""The surfaces of a campaign: one a termination, with settings of its own, as asked for or in a convergence test."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from pymatgen.core import Structure

from anodeflow.backends.base import Backend
from anodeflow.screening.campaign import CampaignPrescreen
from anodeflow.structures.bulk.atom import BOX
from anodeflow.structures.bulk.catalogue import elemental_bulk, host_lattice, load_crystal
from anodeflow.structures.bulk.host import HostLattice
from anodeflow.structures.slab.slabs import SlabCell, build_slab, build_slabs
from anodeflow.structures.slab.spec import SlabSpec
from anodeflow.studies.convergence.analysis import variant_label
from anodeflow.studies.subjects.systems import System
from anodeflow.studies.subjects.varying import changed_model


@dataclass(frozen=True)
class Surface:
    """One termination of a system of the campaign, and how it is computed.

    Attributes
    ----------
    system
        The system, its termination a number; in a variant with the changed slab.
    family
        Name of the system in the campaign file, without the termination.
    backend
        Backend of its bulk, slab and adatoms.
    references
        Backend of what they are compared with (isolated atom, bulk metal): the same, but for the settings that
        sample the Brillouin zone of another cell.
    variant
        Parameters that a convergence test changed -> their values; empty: as asked for.
    origin
        The surface as asked for, of a variant.
    """

    system: System
    family: str
    backend: Backend
    references: Backend
    variant: dict[str, float] = field(default_factory=dict)
    origin: "Surface | None" = None
    spec: ClassVar[type[SlabSpec]] = SlabSpec

    @property
    def base(self) -> "Surface":
        """The surface as asked for."""
        return self.origin or self

    @property
    def name(self) -> str:
        """Name in results: Li(001), or Li(001) [layers 6]."""
        return f"{self.system.name} [{variant_label(self.variant)}]" if self.variant else self.system.name

    @property
    def structure(self) -> str:
        """Name of its bulk."""
        (structure,) = self.system.structures
        return structure

    def varied(self, parameter: str, value: float) -> "Surface":
        """Return the surface with one parameter changed.

        Raises
        ------
        InputError
            If the slab or the backend does not allow the value.
        """
        system, backend = self.system, self.backend
        if parameter in SlabSpec.model_fields:
            drop = ("layers", "thickness") if parameter in ("layers", "thickness") else ()
            system = changed_model(system, parameter, value, drop)
        else:
            backend = backend.with_settings({parameter: value})
        references = self.references
        if backend is not self.backend and parameter not in backend.sampling_settings:
            references = references.with_settings({parameter: value})
        return Surface(system, self.family, backend, references, self.variant | {parameter: value}, self.base)


class Surfaces:
    """Makes what the campaign's planning needs of its surfaces, each once: bulks, ideal slabs, their sites.

    Parameters
    ----------
    systems
        Systems of the campaign.
    backend
        Backend of the campaign.
    beside
        Function that turns a file name in the campaign file into one that can be opened.
    built
        Where structures, slabs and sites are kept; none of them depends on the backend.
    prescreen
        Potential that goes before the backend; none: there is none.
    references
        Element -> name of its bulk, instead of the catalogue's.
    """

    def __init__(
        self,
        systems: Sequence[System],
        backend: Backend,
        beside: Callable[[str], str] = str,
        built: dict[tuple[Any, ...], Any] | None = None,
        prescreen: CampaignPrescreen | None = None,
        references: Mapping[str, str] | None = None,
    ) -> None:
        self.prescreen, self.references = prescreen, references or {}
        self.systems, self.backend, self._beside = systems, backend, beside
        self._built = {} if built is None else built

    def structure(self, name: str) -> Structure:
        """Return a bulk of the catalogue or of a file."""
        return self._crystal(name)[0]

    def file_notes(self, name: str) -> list[str]:
        """Return what the reader of a bulk's file said of it."""
        return self._crystal(name)[1]

    def _crystal(self, name: str) -> tuple[Structure, list[str]]:
        return self.once(("structure", name), lambda: load_crystal(self._beside(name)))

    def backend_file(self, name: str) -> str:
        """Return the name of a backend, or the path of its file as it can be opened."""
        return self._beside(name) if Path(name).suffix in (".yaml", ".yml") else name

    def same_file(self, one: str, other: str) -> bool:
        """Whether two names of bulks mean the same file or the same crystal of the catalogue."""
        return one == other or Path(self._beside(one)).resolve() == Path(self._beside(other)).resolve()

    def host(self, name: str) -> HostLattice | None:
        """Return the parent lattice of a bulk."""
        return self.once(("host", name), lambda: host_lattice(self._beside(name)))

    def metal(self, element: str) -> str:
        """Return the name of an element's bulk."""
        return self.references.get(element) or self.once(("metal", element), lambda: elemental_bulk(element))

    def known(self) -> list[str]:
        """Return the names that `systems` of a study may take: those of systems, and of terminations."""
        names = [system.name for system in self.systems]
        return names + [each.system.name for each in self.of("all") if each.system.name not in names]

    def of(self, wanted: list[str] | Literal["all"]) -> list[Surface]:
        """Return the surfaces of the systems or terminations called so, in the order of the campaign.

        Raises
        ------
        InputError
            If a slab cannot be built, or the backend does not allow a setting.
        """
        return [
            surface
            for system in self.systems
            for surface in self.terminations(system)
            if wanted == "all" or surface.family in wanted or surface.system.name in wanted
        ]

    def terminations(self, system: System) -> list[Surface]:
        """Return one surface a bulk, and a termination where all are asked for.

        Raises
        ------
        InputError
            If the slab cannot be built, or the backend does not allow a setting.
        """
        backend = self.backend.with_settings(system.settings) if system.settings else self.backend
        shared = {key: value for key, value in system.settings.items() if key not in backend.sampling_settings}
        references = self.backend.with_settings(shared) if shared else self.backend
        surfaces = []
        for structure in system.structures:
            slabs = self._slabs(structure, system.slab_spec())
            name = f"{system.name}:{Path(structure).stem}" if len(system.structures) > 1 else system.name
            several = system.termination == "all" and len(slabs) > 1
            for slab in slabs:
                own = {"structure": structure, "termination": slab.number}
                own["name"] = f"{name}:{slab.number}" if several else name
                surfaces.append(Surface(system.model_copy(update=own), system.name, backend, references))
        return surfaces

    def slab(self, surface: Surface) -> SlabCell:
        """Return the ideal slab, cut from the bulk of the catalogue."""
        return self._slabs(surface.structure, surface.system.slab_spec())[0]

    def bulk_name(self, structure: str, backend: Backend) -> str:
        """Return the name of a bulk, with the settings in which its backend differs from that of the campaign."""
        return Path(structure).stem + self._changes(backend)

    def atom_name(self, element: str, box: tuple[float, float, float], backend: Backend) -> str:
        """Return the name of an isolated atom, with whatever is unusual of its box and its backend."""
        size = "" if box == BOX else f" [box {' x '.join(f'{length:g}' for length in box)}]"
        return element + size + self._changes(backend)

    def _changes(self, backend: Backend) -> str:
        if backend.name != self.backend.name:
            return f" [{backend.name}]"
        usual = self.backend.settings.model_dump()  # some settings are in no dump at their defaults
        words = [f"{name} {value}" for name, value in backend.settings.model_dump().items() if value != usual.get(name)]
        return f" [{', '.join(words)}]" if words else ""

    def own_value(self, subject: Surface, parameter: str) -> float | None:
        """Return the value that a surface has of a parameter; none: it does not use it."""
        if parameter in ("layers", "fixed_layers"):
            return getattr(self.slab(subject), parameter)
        holder = subject.system if parameter in SlabSpec.model_fields else subject.backend.settings
        return getattr(holder, parameter)

    def _slabs(self, structure: str, spec: SlabSpec) -> list[SlabCell]:
        """Return the slab of a bulk, or those of all its terminations."""

        def build() -> list[SlabCell]:
            bulk, host = self.structure(structure), self.host(structure)
            return build_slabs(bulk, spec, host) if spec.termination == "all" else [build_slab(bulk, spec, host)]

        return self.once(("slabs", structure, spec), build)

    def once(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """Return what is kept under `key`, made by `make` when it is asked for the first time."""
        if key not in self._built:
            self._built[key] = make()
        return self._built[key]


def backend_key(backend: Backend) -> str:
    """Return what is equal for backends that compute the same."""
    return backend.model_dump_json()
