"""What of GPAW is installed here: its datasets, MPI, ScaLAPACK."""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

from anodeflow.backends.external.backend import available_ranks


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
    return available_ranks()
