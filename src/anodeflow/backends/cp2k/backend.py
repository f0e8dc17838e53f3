"""CP2K: Gaussians and plane waves (Quickstep) with GTH pseudopotentials, k-points and smearing."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field
from pymatgen.core import Structure

from anodeflow.backends.base import Availability, Capability
from anodeflow.backends.cp2k.asked import complaint
from anodeflow.backends.cp2k.data import (
    INSTALL,
    PROGRAMS,
    data_folder,
    entries,
    find_program,
    program_version,
    valence_electrons,
)
from anodeflow.backends.cp2k.input import (
    abort_reason,
    input_text,
    results,
    scf_cycles,
)
from anodeflow.backends.cp2k.settings import Cp2kSettings
from anodeflow.backends.drivers.kpoints import is_slab
from anodeflow.backends.external.backend import ParallelSettings
from anodeflow.backends.external.code import ExternalCode, Job, RecoveryStep
from anodeflow.core.errors import BackendUnavailableError, InputError

_CHARGE_IN_VACUUM = "Dipole correction needs more vacuum"


class Cp2kParallel(ParallelSettings):
    """How CP2K is started; it does not change the numbers, so it is not hashed."""

    command: str = Field(
        default="auto", description="CP2K's program; auto: the first of cp2k.psmp, cp2k.popt, cp2k.ssmp, cp2k."
    )


class Cp2kBackend(ExternalCode):
    """CP2K's Quickstep by diagonalisation, resumable, with written recovery steps for a stubborn SCF."""

    program: ClassVar[str] = "CP2K"
    homepage: ClassVar[str] = "https://www.cp2k.org/"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"relax", "stress", "spin", "neb"})
    sampling_settings: ClassVar[frozenset[str]] = frozenset({"kpoint_spacing", "fixed_moment"})
    recovery_steps: ClassVar[tuple[RecoveryStep, ...]] = (
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

    def complaint(self) -> str:
        """Return what CP2K, where it is installed, says of the keywords of `extra`."""
        path = find_program(self.parallel.command) if self.settings.extra else None
        words = complaint(path, self.settings.extra) if path else ""
        return words and f"CP2K does not take settings.extra: {words}"

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
            for element in dict.fromkeys(job.atoms.get_chemical_symbols())
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
