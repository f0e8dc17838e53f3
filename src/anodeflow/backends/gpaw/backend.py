"""GPAW: PBE and its kin, plane waves, in a process of its own (under MPI where there is one)."""

import os
import re
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.backends.base import Availability, Backend, Capability
from anodeflow.backends.drivers.kpoints import fixed_atoms, irreducible_kpoints, is_slab, kpoint_grid
from anodeflow.backends.external.backend import (
    ParallelSettings,
    StepWatcher,
    killed_from_outside,
    last_error,
    run_program,
    tail,
)
from anodeflow.backends.gpaw.extra import with_extra
from anodeflow.backends.gpaw.facts import dataset_valence, log_facts
from anodeflow.backends.gpaw.gpu import missing_for_gpu
from anodeflow.backends.gpaw.installed import dataset_paths, has_mpi, has_scalapack, usable_ranks
from anodeflow.backends.gpaw.settings import LATER_CRITERIA, GpawSettings
from anodeflow.backends.work import LogFacts
from anodeflow.calculations.folder import COARSE_DENSITY_FILE, DENSITY_FILE, CalculationFolder
from anodeflow.calculations.request import Request
from anodeflow.core.errors import BackendUnavailableError, CalculationError, InputError, InterruptedCalculationError
from anodeflow.core.install import install_command, pip
from anodeflow.core.versions import version

_INSTALL = (
    f"install it with {install_command('gpaw')} (a C++ compiler is needed), or by make setup in a source checkout"
)


_ITERATION = re.compile(r"\W*iter: *(\d+)")
_SYMMETRY_TOLERANCE = 1e-4  # of positions, GPAW's units; its own 1e-7 calls the rounding of a CIF file an asymmetry

_RANKS_ON_CARDS = 4  # each holds its share of the card's memory; more do not make it faster
_MANY_ATOMS = 20  # with an electron each, the share of bands below is no less than GPAW's own number
_BANDS = "160%"  # of the occupied ones: with GPAW's own number an SCF may miss states near the Fermi level
_FEW_ATOMS_FOR_A_CARD = 50
"""With more, wave functions begin as random numbers on a card: GPAW begins from atomic orbitals in serial host code."""


class GpawParallel(ParallelSettings):
    """How GPAW is started; it does not change the numbers, so it is not hashed."""

    gpu: bool = Field(
        default=False,
        description="Whether GPAW computes on graphics cards, for which it has to be built; `ranks: auto` is then at "
        "most four, which share the cards.",
    )


class GpawBackend(Backend):
    """GPAW with plane waves, resumable, with written recovery steps for a stubborn SCF."""

    program: ClassVar[str] = "GPAW"
    homepage: ClassVar[str] = "https://gpaw.readthedocs.io/"
    foreign_runs: ClassVar[str] = "anodeflow.backends.gpaw.foreign:runs_in"
    foreign_files: ClassVar[str] = "its text output"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {"relax", "stress", "spin", "charge_density", "neb", "potential"}
    )
    sampling_settings: ClassVar[frozenset[str]] = frozenset({"kpoint_spacing", "fixed_moment"})

    code: Literal["gpaw"] = "gpaw"
    settings: GpawSettings = Field(default_factory=GpawSettings)
    parallel: GpawParallel = Field(default_factory=GpawParallel)

    @classmethod
    def availability(cls) -> Availability:
        """Say whether GPAW can be imported, and with how many processes it can run."""
        if find_spec("gpaw") is None or find_spec("_gpaw") is None:
            return Availability(False, "", "GPAW is not installed", _INSTALL)
        if find_spec("gpaw_data") is None and "GPAW_SETUP_PATH" not in os.environ:
            return Availability(False, version("gpaw"), "GPAW has no PAW datasets", f"{pip()} gpaw-data")
        try:
            import _gpaw  # noqa: F401
        except ImportError as error:
            return Availability(False, version("gpaw"), f"GPAW's extension does not load ({error})", _INSTALL)
        detail = f"MPI with {usable_ranks()} ranks" if has_mpi() else "without MPI: one core"
        return Availability(True, version("gpaw"), detail)

    def check_available(self) -> None:
        """Raise BackendUnavailableError if GPAW does not work here, or not on a card that its file asks for."""
        super().check_available()
        if self.parallel.gpu and (missing := missing_for_gpu()):
            raise BackendUnavailableError(
                f"backend {self.name}: parallel: gpu: {missing}; take gpu out of the backend file, or see "
                "docs/backends.md, GPAW on graphics cards."
            )

    def version(self) -> str:
        """Return the version of GPAW and that of its PAW datasets (none of ours if GPAW_SETUP_PATH leads elsewhere)."""
        try:
            return f"{version('gpaw')}, gpaw-data {version('gpaw-data')}"
        except PackageNotFoundError:
            return version("gpaw") if find_spec("gpaw") else ""

    def check_elements(self, elements: Iterable[str]) -> None:
        """Raise InputError for an element without a PAW dataset."""
        for element in sorted(elements):
            if self.dataset(element) is None:
                raise InputError(
                    f"backend {self.name}: GPAW has no PAW dataset {self.dataset_name(element)} for {element}: "
                    "choose another element, dataset (setups) or backend."
                )

    def valence(self, element: str) -> float:
        """Return the valence electrons of an element's PAW dataset; those outside of its core without the dataset."""
        file = self.dataset(element)
        return (file and dataset_valence(file)) or super().valence(element)

    def dataset(self, element: str) -> Path | None:
        """Return the file of an element's PAW dataset; none if there is none."""
        name = self.dataset_name(element)
        files = (path / (name + end) for path in dataset_paths() for end in ("", ".gz"))
        return next((file for file in files if file.is_file()), None)

    def dataset_name(self, element: str) -> str:
        """Return the name of an element's PAW dataset: Mg.2.PBE."""
        names = [element, self.settings.setups.get(element, ""), self.settings.functional]
        return ".".join(name for name in names if name)

    def log_facts(self, folder: Path) -> LogFacts:
        """Return cores and memory from GPAW's log."""
        return log_facts(folder / "gpaw.txt")

    def all_settings(self) -> dict[str, Any]:
        """Return the settings that decide a result.

        Criteria of the SCF that came later are left out at their defaults, with which energies agree within 0.5 meV
        with those of before (docs/performance.md): what was computed then is found again.
        """
        settings = super().all_settings()
        for name in LATER_CRITERIA:
            if settings[name] == GpawSettings.model_fields[name].default:
                del settings[name]
        return settings

    def parameters(self, structure: Structure) -> dict[str, Any]:
        """Return the keyword arguments of the GPAW calculator for a structure, as plain data."""
        settings = self.settings
        parameters: dict[str, Any] = {
            "mode": {"name": "pw", "ecut": settings.cutoff},
            "xc": settings.functional,
            "kpts": {"size": kpoint_grid(structure, settings.kpoint_spacing), "gamma": True},
            "occupations": {"name": "fermi-dirac", "width": settings.smearing_width},
            "convergence": {
                "energy": settings.energy_tolerance,
                "density": settings.density_tolerance,
                "eigenstates": settings.eigenstate_tolerance,
                "total_energy": settings.total_energy_tolerance,
            },
            "maxiter": settings.max_scf_cycles,
            "symmetry": {
                # A fixed atom and a free one are not each other's mirror image, though they look it at the start.
                "extra_ids": fixed_atoms(structure),
                "tolerance": _SYMMETRY_TOLERANCE,
            },
        }
        if len(structure) >= _MANY_ATOMS:
            parameters["nbands"] = _BANDS
        if settings.setups:
            parameters["setups"] = settings.setups
        if settings.dipole_correction and is_slab(structure):
            parameters["poissonsolver"] = {"dipolelayer": "xy"}
        if settings.kept_moment(structure) is not None:
            parameters["occupations"]["fixmagmom"] = True
        return with_extra(parameters, settings.extra)

    def write_inputs(self, request: Request, folder: Path) -> None:
        """Write what the driver reads: structure, parameters of GPAW, task (see :meth:`Backend.write_inputs`)."""
        calculation = CalculationFolder(folder)
        calculation.write(calculation.input, self._asked(request, folder))

    def _asked(self, request: Request, folder: Path) -> str:
        """Return a request as the driver reads it."""
        from ase.io.jsonio import encode

        def atoms(structure: Structure) -> Any:
            return AseAtomsAdaptor.get_atoms(structure, msonable=False)

        asked: dict[str, Any] = {
            "atoms": atoms(request.structure),
            "task": request.task,
            "relaxation": self.relaxation.model_dump(),
            "parameters": self.parameters(request.structure),
            "options": request.options,
        }
        if self.parallel.gpu:
            asked["parameters"] |= {"parallel": {"gpu": True}}
            if len(request.structure) > _FEW_ATOMS_FOR_A_CARD:
                asked["parameters"] |= {"random": True}
        if request.task == "neb":
            asked["images"] = [atoms(image) for image in request.images]
        if request.surrogate is not None:
            asked["surrogate"] = request.surrogate.command(folder)
        if request.task == "density":
            spacing = request.options["grid_spacing"]
            asked["densities"] = {DENSITY_FILE: spacing, COARSE_DENSITY_FILE: 2 * spacing}
        encoded: str = encode(asked)
        return encoded

    def execute(self, request: Request, folder: CalculationFolder, lock: int, tell: Any) -> None:
        """Run the driver in a process of its own and watch it (see :meth:`Backend.execute`)."""
        structure = request.structure
        folder.outcome.unlink(missing_ok=True)
        folder.write(folder.input, self._asked(request, folder.path))
        log = folder.path / "driver.log"
        watch = StepWatcher(request, folder, tell, lambda: scf_iteration(folder.path / "gpaw.txt"))
        status = run_program(self.command(folder, structure), folder.path, lock, log, None, watch)
        if status != 0:
            raise _failure(status, structure, folder, log)

    def command(self, folder: CalculationFolder, structure: Structure) -> list[str]:
        """Return the command that runs the driver on the folder of a structure's calculation."""
        ranks = usable_ranks() if self.parallel.ranks == "auto" else self.parallel.ranks
        if self.parallel.gpu and self.parallel.ranks == "auto":
            ranks = min(ranks, _RANKS_ON_CARDS)
        if has_mpi() and not has_scalapack():
            # Without ScaLAPACK GPAW 26.7 crashes when there are more ranks than k-points times spins.
            ranks = min(ranks, irreducible_kpoints(structure, self.settings.kpoint_spacing))
        launcher = self.parallel.launch(ranks) if has_mpi() else []
        driver = Path(__file__).with_name("driver.py")
        return [*launcher, sys.executable, "-m", "gpaw", "python", os.fspath(driver), os.fspath(folder.path)]


def scf_iteration(log: Path) -> int | None:
    """Return the number of the last SCF iteration in GPAW's log; none before the first."""
    for line in reversed(tail(log)):
        found = _ITERATION.match(line)
        if found:
            return int(found[1])
    return None


def _failure(status: int, structure: Structure, folder: CalculationFolder, log: Path) -> CalculationError:
    """Say why the driver ended without a result."""
    what = f"GPAW on {structure.composition.reduced_formula}"
    if name := killed_from_outside(status):
        return InterruptedCalculationError(
            f"{what} was killed by {name}; run again to go on from its last step (log: {log})."
        )
    reason = (folder.read(folder.outcome) or {}).get("error")
    if reason:
        return CalculationError(f"{what}: {reason} (logs: {folder.path / 'gpaw.txt'}, {log}).")
    return CalculationError(f"{what} ended with status {status}: {last_error(log)} (log: {log}).")
