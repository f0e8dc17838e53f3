"""GPAW: PBE and its kin, plane waves, in a process of its own (under MPI where there is one)."""

import ctypes
import math
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Literal

import spglib
from pydantic import BaseModel, ConfigDict, Field, field_validator
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.backends.base import Availability, Backend, Capability
from anodeflow.backends.calculation import COARSE_DENSITY_FILE, DENSITY_FILE
from anodeflow.backends.driver import largest_force
from anodeflow.backends.folder import CalculationFolder
from anodeflow.backends.neb import band_progress
from anodeflow.backends.request import Request
from anodeflow.errors import CalculationError, InputError, InterruptedCalculationError

_INSTALL = "install it with pip install 'anodeflow[gpaw]' (a C++ compiler is needed; see `make setup`)"


_SYMMETRY_TOLERANCE = 1e-4  # of positions, GPAW's units; its own 1e-7 calls the rounding of a CIF file an asymmetry


class GpawSettings(BaseModel):
    """What decides GPAW's numbers. All of it is hashed and stored with every calculation.

    A number that a convergence test may vary says in which direction it is `finer`, and its unit.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    functional: Literal["LDA", "PBE", "RPBE", "revPBE"] = Field(default="PBE", description="Exchange-correlation.")
    cutoff: float = Field(
        default=350.0,
        gt=100,
        description="Plane-wave cutoff, eV.",
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
    dipole_correction: bool = Field(default=True, description="Dipole layer in the vacuum of slabs.")
    setups: dict[str, str] = Field(
        default_factory=dict, description="PAW dataset of an element other than the default: {Mg: '2'}."
    )
    energy_tolerance: float = Field(
        default=5e-4,
        gt=0,
        description="SCF: change of energy, eV/valence electron.",
        json_schema_extra={"finer": "smaller", "unit": "eV"},
    )
    density_tolerance: float = Field(
        default=1e-4,
        gt=0,
        description="SCF: change of density, e/valence electron.",
        json_schema_extra={"finer": "smaller", "unit": "e"},
    )
    max_scf_cycles: int = Field(default=150, ge=1, description="SCF cycles before a remedy is tried.")


class GpawParallel(BaseModel):
    """How GPAW is started; it does not change the numbers, so it is not hashed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ranks: int | Literal["auto"] = Field(
        default="auto", description="MPI ranks; auto: SLURM_NTASKS in a Slurm job, else the cores (1 without MPI)."
    )
    launcher: str = Field(default="mpiexec -n {ranks}", description="Command in front of Python.")

    @field_validator("ranks")
    @classmethod
    def _positive(cls, ranks: int | str) -> int | str:
        if isinstance(ranks, int) and ranks < 1:
            raise ValueError("ranks must be 1 or more, or auto")
        return ranks


class GpawBackend(Backend):
    """GPAW with plane waves, resumable, with a written ladder of remedies for a stubborn SCF."""

    capabilities: ClassVar[frozenset[Capability]] = frozenset({"relax", "stress", "spin", "charge_density", "neb"})
    sampling_settings: ClassVar[frozenset[str]] = frozenset({"kpoint_spacing"})

    code: Literal["gpaw"] = "gpaw"
    settings: GpawSettings = Field(default_factory=GpawSettings)
    parallel: GpawParallel = Field(default_factory=GpawParallel)

    @classmethod
    def availability(cls) -> Availability:
        """Say whether GPAW can be imported, and with how many processes it can run."""
        if find_spec("gpaw") is None or find_spec("_gpaw") is None:
            return Availability(False, "", "GPAW is not installed", _INSTALL)
        if find_spec("gpaw_data") is None and "GPAW_SETUP_PATH" not in os.environ:
            return Availability(False, version("gpaw"), "GPAW has no PAW datasets", "pip install gpaw-data")
        try:
            import _gpaw  # noqa: F401
        except ImportError as error:
            return Availability(False, version("gpaw"), f"GPAW's extension does not load ({error})", _INSTALL)
        detail = f"MPI with {usable_ranks()} ranks" if has_mpi() else "without MPI: one core"
        return Availability(True, version("gpaw"), detail)

    def version(self) -> str:
        """Return the version of GPAW and that of its PAW datasets (none of ours if GPAW_SETUP_PATH leads elsewhere)."""
        try:
            return f"{version('gpaw')}, gpaw-data {version('gpaw-data')}"
        except PackageNotFoundError:
            return version("gpaw") if find_spec("gpaw") else ""

    def check_elements(self, elements: Iterable[str]) -> None:
        """Raise InputError for an element without a PAW dataset."""
        for element in sorted(elements):
            names = [element, self.settings.setups.get(element, ""), self.settings.functional]
            dataset = ".".join(name for name in names if name)
            if not any((path / (dataset + end)).is_file() for path in dataset_paths() for end in ("", ".gz")):
                raise InputError(
                    f"backend {self.name}: GPAW has no PAW dataset {dataset} for {element}: "
                    "choose another element, dataset (setups) or backend."
                )

    def parameters(self, structure: Structure) -> dict[str, Any]:
        """Return the keyword arguments of the GPAW calculator for a structure, as plain data."""
        settings = self.settings
        is_slab = tuple(structure.lattice.pbc) == (True, True, False)
        parameters: dict[str, Any] = {
            "mode": {"name": "pw", "ecut": settings.cutoff},
            "xc": settings.functional,
            "kpts": {"size": kpoint_grid(structure, settings.kpoint_spacing), "gamma": True},
            "occupations": {"name": "fermi-dirac", "width": settings.smearing_width},
            "convergence": {"energy": settings.energy_tolerance, "density": settings.density_tolerance},
            "maxiter": settings.max_scf_cycles,
            "symmetry": {
                # A fixed atom and a free one are not each other's mirror image, though they look it at the start.
                "extra_ids": fixed_atoms(structure),
                "tolerance": _SYMMETRY_TOLERANCE,
            },
        }
        if settings.setups:
            parameters["setups"] = settings.setups
        if settings.dipole_correction and is_slab:
            parameters["poissonsolver"] = {"dipolelayer": "xy"}
        if not any(structure.lattice.pbc) and any(structure.site_properties.get("magmom") or []):
            # An isolated atom keeps the moment of its ground state: smearing must not mix other terms in.
            parameters["occupations"]["fixmagmom"] = True
        return parameters

    def execute(self, request: Request, folder: CalculationFolder, lock: int, tell: Any) -> None:
        """Run the driver in a process of its own and watch it (see :meth:`Backend.execute`)."""
        from ase.io.jsonio import encode

        def atoms(structure: Structure) -> Any:
            return AseAtomsAdaptor.get_atoms(structure, msonable=False)

        structure = request.structure
        folder.outcome.unlink(missing_ok=True)
        asked: dict[str, Any] = {
            "atoms": atoms(structure),
            "task": request.task,
            "relaxation": self.relaxation.model_dump(),
            "parameters": self.parameters(structure),
            "options": request.options,
        }
        if request.task == "neb":
            asked["images"] = [atoms(image) for image in request.images]
        if request.task == "density":
            spacing = request.options["grid_spacing"]
            asked["densities"] = {DENSITY_FILE: spacing, COARSE_DENSITY_FILE: 2 * spacing}
        folder.write(folder.input, encode(asked))
        log = folder.path / "driver.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                self.command(folder, structure),
                cwd=folder.path,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(lock,),
                preexec_fn=_die_with_parent,
            )
            try:
                _watch(process, request, folder, tell)
            except BaseException:
                process.terminate()
                process.wait()
                raise
        if process.returncode != 0:
            raise _failure(process.returncode, structure, folder, log)

    def command(self, folder: CalculationFolder, structure: Structure) -> list[str]:
        """Return the command that runs the driver on the folder of a structure's calculation."""
        ranks = usable_ranks() if self.parallel.ranks == "auto" else self.parallel.ranks
        if has_mpi() and not has_scalapack():
            # Without ScaLAPACK GPAW 26.7 crashes when there are more ranks than k-points times spins.
            ranks = min(ranks, irreducible_kpoints(structure, self.settings.kpoint_spacing))
        launcher = shlex.split(self.parallel.launcher.format(ranks=ranks)) if has_mpi() and ranks > 1 else []
        driver = Path(__file__).with_name("gpaw_driver.py")
        return [*launcher, sys.executable, "-m", "gpaw", "python", os.fspath(driver), os.fspath(folder.path)]


def fixed_atoms(structure: Structure) -> list[int]:
    """Return for each atom a number that tells which of its directions are free (7: all, 0: none)."""
    flags = structure.site_properties.get("selective_dynamics") or [None] * len(structure)
    return [7 if free is None else sum(bool(axis) << bit for bit, axis in enumerate(free)) for free in flags]


def kpoint_grid(structure: Structure, spacing: float) -> list[int]:
    """Return the smallest grid with at most `spacing` (Å⁻¹, 2π included) between k-points; 1 along no period."""
    lengths = structure.lattice.reciprocal_lattice.abc
    # 1e-6: a cell a hair smaller than another must not get one point more
    return [
        max(1, math.ceil(length / spacing - 1e-6)) if periodic else 1
        for length, periodic in zip(lengths, structure.lattice.pbc, strict=True)
    ]


def irreducible_kpoints(structure: Structure, spacing: float) -> int:
    """Return how many k-points (times spins) of the grid are left by symmetry and time reversal."""
    grid = kpoint_grid(structure, spacing)
    moments = structure.site_properties.get("magmom") or []
    cell = (structure.lattice.matrix.tolist(), structure.frac_coords.tolist(), list(structure.atomic_numbers))
    mapping, _ = spglib.get_ir_reciprocal_mesh(grid, cell, is_shift=[0, 0, 0])
    return len(set(mapping.tolist())) * (2 if any(moments) else 1)


def dataset_paths() -> list[Path]:
    """Return the folders in which GPAW looks for PAW datasets."""
    paths = [Path(path) for path in os.environ.get("GPAW_SETUP_PATH", "").split(os.pathsep) if path]
    spec = find_spec("gpaw_data")
    if spec and spec.submodule_search_locations:
        paths += [Path(location) / "setups" for location in spec.submodule_search_locations]
    return paths


def has_mpi() -> bool:
    """Return whether GPAW was compiled with MPI and a launcher is on the PATH."""
    try:
        import _gpaw
    except ImportError:
        return False
    return hasattr(_gpaw, "Communicator") and any(shutil.which(name) for name in ("mpiexec", "srun"))


def has_scalapack() -> bool:
    """Return whether GPAW was compiled with ScaLAPACK."""
    try:
        import _gpaw
    except ImportError:
        return False
    return hasattr(_gpaw, "new_blacs_context")


def usable_ranks() -> int:
    """Return the tasks of the Slurm job, or else the cores that this process may use; 1 without MPI."""
    if not has_mpi():
        return 1
    return int(os.environ.get("SLURM_NTASKS") or len(os.sched_getaffinity(0)))


def environment() -> dict[str, str]:
    """Return the environment of the driver: one thread a rank, and Open MPI at ease as root and on few cores."""
    settings = {
        "OMP_NUM_THREADS": "1",
        # Two runs at once must not be bound to the same cores.
        "OMPI_MCA_hwloc_base_binding_policy": "none",
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
        "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
        # Ranks that wait for one another leave the core to those that work.
        "OMPI_MCA_mpi_yield_when_idle": "1",
    }
    if os.geteuid() == 0:
        settings |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    return settings | dict(os.environ) | {"OMP_NUM_THREADS": "1"}


def _die_with_parent() -> None:
    """Ask Linux to end the child when the job is killed: no code computes on for nobody."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # 1: PR_SET_PDEATHSIG


def _watch(process: subprocess.Popen, request: Request, folder: CalculationFolder, tell: Any) -> None:
    """Wait for the driver and tell its ionic steps and SCF iterations."""
    last: tuple[Any, ...] = ()
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=1.0)
        steps = folder.steps()
        now = (len(steps), scf_iteration(folder.path / "gpaw.txt"))
        if now != last:
            last = now
            step = steps[-1] if steps else None
            if step and request.task == "neb":
                tell("running", scf_iteration=now[1], **band_progress(steps, request))
            else:
                tell(
                    "running",
                    ionic_step=len(steps),
                    scf_iteration=now[1],
                    energy=step and step["energy"],
                    max_force=step and largest_force(step["free_forces"]),
                )
        if process.returncode is not None:
            return


def scf_iteration(log: Path) -> int | None:
    """Return the number of the last SCF iteration in GPAW's log; none before the first."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - 4000))
            lines = stream.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return None
    for line in reversed(lines):
        words = line.split()
        if len(words) > 1 and words[0] == "iter:" and words[1].isdigit():
            return int(words[1])
    return None


def _failure(code: int, structure: Structure, folder: CalculationFolder, log: Path) -> CalculationError:
    """Say why the driver ended without a result."""
    what = f"GPAW on {structure.composition.reduced_formula}"
    if code < 0 or code in (128 + signal.SIGTERM, 128 + signal.SIGKILL):
        name = signal.Signals(-code if code < 0 else code - 128).name
        return InterruptedCalculationError(
            f"{what} was killed by {name}; run again to go on from its last step (log: {log})."
        )
    reason = (folder.read(folder.outcome) or {}).get("error")
    if reason:
        return CalculationError(f"{what}: {reason} (logs: {folder.path / 'gpaw.txt'}, {log}).")
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if "Error" in line]
    last = (errors or lines or ["no output"])[-1].strip()
    return CalculationError(f"{what} ended with status {code}: {last} (log: {log}).")
