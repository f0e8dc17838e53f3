"""A campaign: a YAML file, validated, becomes one flow of jobs.

The file says which surfaces are studied, how, and with which backend; docs/campaigns.md lists every key.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from anodeflow.campaign_input import AdsorptionStudy, Study, System
from anodeflow.data import data_folder
from anodeflow.errors import InputError
from anodeflow.yamlfile import YamlFile

if TYPE_CHECKING:
    from jobflow import Flow
    from pymatgen.core import Structure

    from anodeflow.backends.base import Backend
    from anodeflow.execution.local import RunReport
    from anodeflow.structures.slabs import SlabCell


@dataclass(frozen=True)
class PlannedCalculation:
    """A calculation that a campaign will ask for.

    Attributes
    ----------
    label
        What it is.
    task
        relax, relax_cell or static.
    atoms
        Number of atoms.
    after
        Labels of the calculations that it waits for.
    """

    label: str
    task: str
    atoms: int
    after: tuple[str, ...] = ()


class Campaign(BaseModel):
    """Surfaces, studies and a backend, under one name.

    >>> Campaign.from_file("workflows/quickstart.yaml").run()   # doctest: +SKIP
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", description="Name of the campaign, in all results.")
    description: str = Field(default="", description="What it is for.")
    reference: str | None = Field(default=None, description="DOI of the paper whose values are printed beside ours.")
    backend: str = Field(description="Name of a file in configs/backends, or path of one.")
    systems: list[System] = Field(min_length=1, description="Surfaces.")
    studies: list[Study] = Field(min_length=1, description="Studies.")

    _file: YamlFile | None = PrivateAttr(default=None)
    _built: dict[tuple[Any, ...], Any] = PrivateAttr(default_factory=dict)

    @classmethod
    def from_file(cls, path: str | Path, backend: str | None = None) -> "Campaign":
        """Read a campaign file.

        Parameters
        ----------
        path
            YAML file, or the name of a campaign that comes with anodeflow (quickstart).
        backend
            Backend instead of the one that the file names.

        Raises
        ------
        InputError
            A sentence, with its line, for each thing that is wrong with the form of the file.
        """
        path = Path(path)
        shipped = data_folder("workflows") / f"{path}.yaml"
        file = YamlFile.read(shipped if not path.exists() and shipped.is_file() else path)
        campaign = file.validate(cls)
        if backend is not None:
            campaign = campaign.model_copy(update={"backend": backend})
        campaign._file = file
        return campaign

    @property
    def path(self) -> Path | None:
        """Path of the campaign file; none for a campaign made in Python."""
        return self._file.path if self._file else None

    def load_backend(self) -> "Backend":
        """Return the backend of the campaign (paths are relative to the campaign file).

        Raises
        ------
        InputError
            If there is no such backend file, or it is wrong.
        """
        from anodeflow.backends import load_backend

        return load_backend(self._beside(self.backend))

    def check(self) -> list[PlannedCalculation]:
        """Check everything that can be checked before anything runs, and return the calculations to come.

        Raises
        ------
        InputError
            A sentence, with its line, for each thing that is wrong: unknown structures, impossible slabs, elements
            that the backend does not know, studies that it cannot do, a code that is not installed.
        """
        backend = self.load_backend()
        problems: list[str] = []

        def attempt(action: Any, *location: Any) -> Any:
            try:
                return action()
            except InputError as error:
                problems.append(f"{self._where(*location)}: {error}")
                return None

        attempt(backend.check_available, "backend")
        self._check_names(problems)
        for index, system in enumerate(self.systems):
            structure = attempt(lambda name=system.structure: self._structure(name), "systems", index, "structure")
            if structure is not None:
                elements = {site.specie.symbol for site in structure}
                attempt(lambda e=elements: backend.check_elements(e), "systems", index, "structure")
                attempt(lambda s=system: self._expand(s), "systems", index)
        for index, entry in enumerate(self.studies):
            study = entry.adsorption
            assert study is not None
            missing = study.needs - backend.capabilities
            if missing:
                problems.append(
                    f"{self._where('studies', index)}: adsorption needs {', '.join(sorted(missing))}, which backend "
                    f"{backend.name} ({backend.code}) does not have: choose another backend or leave the study out."
                )
            attempt(lambda s=study: backend.check_elements({s.adsorbate}), "studies", index, "adsorption")
            attempt(lambda s=study: self._metal(s.adsorbate), "studies", index, "adsorption", "adsorbate")
        if problems:
            raise InputError("\n".join(dict.fromkeys(problems)))
        return list(self._plan())

    def flow(self) -> "Flow":
        """Return the flow of the whole campaign; steps that studies share are one job in it.

        Its jobs keep their uuids when it is built again.
        """
        from jobflow import Flow

        from anodeflow.structures.catalogue import host_lattice
        from anodeflow.workflows.adsorption import AdsorptionMaker
        from anodeflow.workflows.identity import with_stable_uuids
        from anodeflow.workflows.references import atom_job, bulk_job, slab_flow

        backend = self.load_backend()
        relax, relax_cell, static = backend.relax(), backend.relax(cell=True), backend.static()
        shared: dict[tuple[Any, ...], Any] = {}

        def once(key: tuple[Any, ...], make: Any) -> Any:
            if key not in shared:
                shared[key] = make()
            return shared[key]

        def bulk(name: str) -> Any:
            return once(("bulk", name), lambda: bulk_job(relax_cell, self._structure(name), Path(name).stem))

        studies = []
        for study, system in self._pairs():
            metal = self._metal(study.adsorbate)
            host = host_lattice(self._beside(system.structure))
            own_bulk = bulk(system.structure)
            slab = once(
                ("slab", system.name),
                lambda b=own_bulk, s=system, h=host: slab_flow(relax, b.output.structure, s.slab_spec(), h, s.name),
            )
            maker = AdsorptionMaker(
                relax=relax,
                relax_cell=relax_cell,
                static=static,
                adsorbate=study.adsorbate,
                slab=system.slab_spec(),
                spin_polarized=system.spin_polarized,
                atom_box=study.atom_box,
                atom_reference_reliable=backend.atom_reference_reliable,
                campaign=self.name,
                system=system.name,
                reference=self.reference,
            )
            studies.append(
                maker.make(
                    self._structure(system.structure),
                    self._structure(metal),
                    host,
                    slab=slab,
                    atom=once(
                        ("atom", study.adsorbate, study.atom_box),
                        lambda s=study: atom_job(static, s.adsorbate, s.atom_box),
                    ),
                    bulk=bulk(metal),
                )
            )
        flow = Flow([*shared.values(), *studies], name=self.name)
        flow.update_metadata({"campaign": self.name, "backend": backend.name})
        return with_stable_uuids(flow, f"{self.name}/{backend.settings_hash()}")

    def run(self, listener: Any = None) -> "RunReport":
        """Run the campaign here, or go on with it; see :func:`anodeflow.execution.local.run_campaign`."""
        from anodeflow.execution.local import run_campaign

        return run_campaign(self, listener)

    def _pairs(self) -> Iterator[tuple[AdsorptionStudy, System]]:
        """Yield each study with each of its surfaces, one a termination."""
        for entry in self.studies:
            study = entry.adsorption
            assert study is not None
            for system in self.systems:
                if study.systems == "all" or system.name in study.systems:
                    for expanded in self._expand(system):
                        yield study, expanded

    def _expand(self, system: System) -> list[System]:
        """Return one system a termination where all are asked for; their numbers are those of the catalogue's bulk.

        Raises
        ------
        InputError
            If the slab cannot be built.
        """
        slabs = self._slabs(system)
        if system.termination != "all" or len(slabs) == 1:
            return [system.model_copy(update={"termination": slabs[0].number})]
        return [
            system.model_copy(update={"termination": slab.number, "name": f"{system.name}:{slab.number}"})
            for slab in slabs
        ]

    def _slabs(self, system: System) -> "list[SlabCell]":
        """Return the slab of a system, or those of all its terminations, cut from the catalogue's bulk."""
        from anodeflow.structures.catalogue import host_lattice
        from anodeflow.structures.slabs import build_slab, build_slabs

        spec = system.slab_spec()

        def build() -> "list[SlabCell]":
            bulk, host = self._structure(system.structure), host_lattice(self._beside(system.structure))
            return build_slabs(bulk, spec, host) if spec.termination == "all" else [build_slab(bulk, spec, host)]

        return self._once(("slabs", system.structure, spec), build)

    def _plan(self) -> Iterator[PlannedCalculation]:
        """Yield the calculations, each once, sites counted on the ideal slabs of the catalogue's bulks."""
        from anodeflow.structures.sites import adsorption_sites

        seen = set()

        def new(planned: PlannedCalculation) -> list[PlannedCalculation]:
            fresh = planned.label not in seen
            seen.add(planned.label)
            return [planned] if fresh else []

        for study, system in self._pairs():
            metal = self._metal(study.adsorbate)
            own, reference = f"{Path(system.structure).stem} bulk", f"{metal} bulk"
            yield from new(PlannedCalculation(own, "relax_cell", len(self._structure(system.structure))))
            yield from new(PlannedCalculation(reference, "relax_cell", len(self._structure(metal))))
            atom = f"{study.adsorbate} atom"
            yield from new(PlannedCalculation(atom, "static", 1))
            slab = self._slabs(system)[0].structure
            clean = f"{system.name}: clean slab"
            yield from new(PlannedCalculation(clean, "relax", len(slab), (own,)))
            sites = self._once(
                ("sites", system.structure, system.slab_spec(), study.adsorbate),
                lambda slab=slab, study=study: adsorption_sites(slab, study.adsorbate),
            )
            for site in sites:
                label = f"{system.name}: {study.adsorbate} at site {site.index} ({site.label})"
                yield from new(PlannedCalculation(label, "relax", len(slab) + 1, (clean,)))

    def _check_names(self, problems: list[str]) -> None:
        """Add a sentence for every name that stands twice or stands for nothing."""
        names = [system.name for system in self.systems]
        for index, name in enumerate(names):
            if name in names[:index]:
                problems.append(f"{self._where('systems', index, 'name')}: the name {name!r} is taken already.")
        for index, entry in enumerate(self.studies):
            study = entry.adsorption
            assert study is not None
            for place, name in enumerate(study.systems if study.systems != "all" else []):
                if name not in names:
                    problems.append(
                        f"{self._where('studies', index, 'adsorption', 'systems', place)}: unknown system {name!r}; "
                        f"there is {', '.join(names)}."
                    )

    def _structure(self, name: str) -> "Structure":
        from anodeflow.structures.catalogue import load_structure

        return self._once(("structure", name), lambda: load_structure(self._beside(name)))

    def _once(self, key: tuple[Any, ...], make: Any) -> Any:
        """Return what `make` gives, made once a campaign."""
        if key not in self._built:
            self._built[key] = make()
        return self._built[key]

    @staticmethod
    def _metal(element: str) -> str:
        from anodeflow.structures.catalogue import elemental_bulk

        return elemental_bulk(element)

    def _beside(self, name: str) -> str:
        """Return a path relative to the campaign file as one that can be opened; a catalogue name as it is."""
        if self._file is not None and Path(name).suffix and not Path(name).is_absolute():
            beside = self._file.path.parent / name
            if beside.exists():
                return str(beside)
        return name

    def _where(self, *location: Any) -> str:
        return self._file.where(*location) if self._file else f"campaign {self.name}"
