"""CP2K: Gaussians and plane waves (Quickstep) with GTH pseudopotentials, k-points and smearing."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator
from pymatgen.core import Structure

from anodeflow.backends.base import Availability, Capability, CodeSettings
from anodeflow.backends.cp2k.data import (
    INSTALL,
    PROGRAMS,
    data_folder,
    entries,
    find_program,
    program_version,
    valence_electrons,
)
from anodeflow.backends.cp2k.extra import checked
from anodeflow.backends.cp2k.input import (
    abort_reason,
    input_text,
    results,
    scf_cycles,
)
from anodeflow.backends.drivers.kpoints import is_slab
from anodeflow.backends.external.backend import ParallelSettings
from anodeflow.backends.external.code import ExternalCode, Job, Remedy
from anodeflow.core.errors import BackendUnavailableError, InputError

_CHARGE_IN_VACUUM = "Dipole correction needs more vacuum"


class Cp2kSettings(CodeSettings):
    """What decides CP2K's numbers. All of it is hashed and stored with every calculation.

    A number that a convergence test may vary says in which direction it is `finer`, and its unit.
    """

    functional: Literal["LDA", "PBE", "BLYP"] = Field(default="PBE", description="Exchange-correlation.")
    basis_set: str = Field(default="DZVP-MOLOPT-SR-GTH", description="Basis set of every element.")
    basis_sets: dict[str, str] = Field(default_factory=dict, description="Basis set of an element other than that.")
    basis_file: str = Field(default="BASIS_MOLOPT", description="File of CP2K's data folder that holds them.")
    potential: str = Field(default="GTH-PBE", description="Pseudopotential of every element.")
    potentials: dict[str, str] = Field(
        default_factory=dict, description="Pseudopotential of an element other than that: {Mg: GTH-PBE-q2}."
    )
    potential_file: str = Field(default="GTH_POTENTIALS", description="File of CP2K's data folder that holds them.")
    cutoff: float = Field(
        default=5500.0,
        gt=500,
        description="Plane-wave cutoff of the density on the finest grid, eV (5500 eV are 404 Ry).",
        json_schema_extra={"finer": "larger", "unit": "eV"},
    )
    relative_cutoff: float = Field(
        default=680.0,
        gt=100,
        description="Cutoff that decides on which grid a Gaussian goes, eV (680 eV are 50 Ry).",
        json_schema_extra={"finer": "larger", "unit": "eV"},
    )
    kpoint_spacing: float = Field(
        default=0.20,
        gt=0,
        description="Largest k-point spacing of the Γ-centred grid, Å⁻¹ (2π included).",
        json_schema_extra={"finer": "smaller", "unit": "Å⁻¹"},
    )
    smearing_width: float = Field(
        default=0.1,
        gt=0,
        description="Width of the Fermi-Dirac smearing, eV.",
        json_schema_extra={"finer": "smaller", "unit": "eV"},
    )
    extra_bands: float = Field(default=0.5, gt=0, description="Empty bands, as a share of the occupied ones.")
    dipole_correction: bool = Field(default=True, description="Surface dipole correction of slabs.")
    integral_tolerance: float = Field(
        default=1e-12, gt=0, description="EPS_DEFAULT: what is left out of integrals and grids."
    )
    scf_tolerance: float = Field(
        default=1e-6,
        gt=0,
        description="EPS_SCF: largest change of the density at the end of the SCF.",
        json_schema_extra={"finer": "smaller", "unit": ""},
    )
    max_scf_cycles: int = Field(default=60, ge=1, description="SCF cycles before a remedy is tried.")

    @field_validator("extra")
    @classmethod
    def _own(cls, extra: dict[str, Any]) -> dict[str, Any]:
        return checked(extra)

    def basis_set_of(self, element: str) -> str:
        """Return the name of an element's basis set."""
        return self.basis_sets.get(element, self.basis_set)

    def potential_of(self, element: str) -> str:
        """Return the name of an element's pseudopotential."""
        return self.potentials.get(element, self.potential)


class Cp2kParallel(ParallelSettings):
    """How CP2K is started; it does not change the numbers, so it is not hashed."""

    command: str = Field(
        default="auto", description="CP2K's program; auto: the first of cp2k.psmp, cp2k.popt, cp2k.ssmp, cp2k."
    )


class Cp2kBackend(ExternalCode):
    """CP2K's Quickstep by diagonalisation, resumable, with a written ladder of remedies for a stubborn SCF."""

    program: ClassVar[str] = "CP2K"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"relax", "stress", "spin", "neb"})
    sampling_settings: ClassVar[frozenset[str]] = frozenset({"kpoint_spacing", "fixed_moment"})
    ladder: ClassVar[tuple[Remedy, ...]] = (
        ("density of free atoms, Broyden mixing of 10 % with 16 old densities", {"ALPHA": 0.1, "NBUFFER": 16}),
        (
            "Pulay mixing of 5 % with 16 old densities, long waves damped",
            {"METHOD": "PULAY_MIXING", "ALPHA": 0.05, "NBUFFER": 16, "BETA": 1.0},
        ),
        ("Kerker mixing of 5 %, without old densities", {"METHOD": "KERKER_MIXING", "ALPHA": 0.05, "BETA": 1.0}),
    )

    code: Literal["cp2k"] = "cp2k"
    settings: Cp2kSettings = Field(default_factory=Cp2kSettings)
    parallel: Cp2kParallel = Field(default_factory=Cp2kParallel)

    @classmethod
    def availability(cls) -> Availability:
        """Say whether CP2K and its data are there."""
        path = find_program("auto")
        if path is None:
            return Availability(False, "", f"CP2K is not installed (no {', '.join(PROGRAMS)} on the PATH)", INSTALL)
        version, _ = program_version(path)
        if not version:
            return Availability(False, "", f"{path} does not tell its version", INSTALL)
        folder = data_folder(path)
        if not (folder / "GTH_POTENTIALS").is_file():
            return Availability(
                False,
                version,
                f"CP2K has no data folder (there is no GTH_POTENTIALS in {folder})",
                "apt-get install --no-install-recommends cp2k-data, or set CP2K_DATA_DIR",
            )
        return Availability(True, version, f"{path}, data in {folder}")

    def check_program(self) -> None:
        """Raise BackendUnavailableError if CP2K cannot be found."""
        if find_program(self.parallel.command) is None:
            missing = "CP2K is not installed" if self.parallel.command == "auto" else f"no {self.parallel.command} here"
            raise BackendUnavailableError(f"backend {self.name}: {missing}; {INSTALL}.")

    def version(self) -> str:
        """Return the version of CP2K; empty where it is not installed."""
        path = find_program(self.parallel.command)
        return program_version(path)[0] if path else ""

    def check_elements(self, elements: Iterable[str]) -> None:
        """Raise InputError for an element without pseudopotential or basis set in the files of the settings.

        The same for two that are made for different numbers of electrons: CP2K would compute with them all the same.
        """
        settings, folder = self.settings, data_folder(self._path())
        for element in sorted(elements):
            electrons = []
            for kind, name, file in (
                ("pseudopotential", settings.potential_of(element), settings.potential_file),
                ("basis set", settings.basis_set_of(element), settings.basis_file),
            ):
                known = self._entries(folder / file).get(element, {})
                if name not in known:
                    raise InputError(
                        f"backend {self.name}: CP2K has no {kind} {name} for {element} in {folder / file}: "
                        f"choose another element, {kind} ({kind.split()[0].replace('pseudo', '')}s) or backend."
                    )
                electrons.append(valence_electrons(known[name]))
            if None not in electrons and len(set(electrons)) > 1:
                raise InputError(
                    f"backend {self.name}: {element}'s pseudopotential {settings.potential_of(element)} has "
                    f"{electrons[0]} valence electrons and its basis set {settings.basis_set_of(element)} is made for "
                    f"{electrons[1]}: name two that belong together (potentials, basis_sets)."
                )

    def _entries(self, file: Path) -> dict[str, dict[str, str]]:
        try:
            return entries(file)
        except OSError as error:
            raise InputError(
                f"backend {self.name}: cannot read CP2K's data file {file} ({error.strerror}): name one that is in the "
                "data folder, or set CP2K_DATA_DIR."
            ) from None

    def _path(self) -> str:
        self.check_program()
        return str(find_program(self.parallel.command))

    def prepare(self, job: Job) -> list[str]:
        """Write the input of one geometry; return CP2K's command."""
        path = self._path()
        known = self._entries(data_folder(path) / self.settings.potential_file)
        electrons = {
            element: valence_electrons(known[element][self.settings.potential_of(element)])
            for element in set(job.atoms.get_chemical_symbols())
        }
        file = job.folder / f"{job.name}.inp"
        file.write_text(input_text(job, self.settings, electrons))
        return [*self.parallel.launch(self.parallel.usable()), path, "-i", file.name]

    def read(self, text: str, job: Job) -> dict[str, Any]:
        """Return ASE's results from CP2K's output."""
        return results(text, len(job.atoms), job.with_stress)

    def scf_cycles(self, text: str) -> int | None:
        """Return the number of the last SCF cycle in a piece of CP2K's output."""
        return scf_cycles(text)

    def starts_in_two_stages(self, structure: Structure) -> bool:
        """Return whether a dipole correction waits: on the way from free atoms it finds charge in the vacuum."""
        return self.settings.dipole_correction and is_slab(structure)

    def scf_failed(self, text: str) -> bool:
        """Return whether CP2K said that the SCF did not converge; it goes on and prints an energy all the same.

        Noise of the mixing in the vacuum, of which the dipole correction complains, counts as such.
        """
        return "SCF run NOT converged" in text or _CHARGE_IN_VACUUM in text

    def hopeless(self, text: str) -> str:
        """Return that the vacuum is too thin, if a converged density is refused before the first cycle."""
        if _CHARGE_IN_VACUUM not in text or self.scf_cycles(text) is not None:
            return ""
        return (
            "electrons reach the middle of the vacuum, where the dipole correction wants none: give the slab more "
            "vacuum, 5 Å on either side of the outermost atoms, the adatom among them, or set dipole_correction: false"
        )

    def reason(self, text: str) -> str:
        """Return what CP2K says when it stops."""
        return abort_reason(text)

    def scratch(self, folder: Path) -> list[Path]:
        """Return CP2K's wave functions and density matrices."""
        return [*folder.glob("cp2k-*-RESTART.*")]
