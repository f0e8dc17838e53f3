"""What ``anodeflow doctor`` tries: each part of anodeflow, and each code."""

import os
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from anodeflow.cli.doctor_runs import energy, python_prints
from anodeflow.cli.telling import Telling
from anodeflow.core.cores import cores
from anodeflow.core.errors import AnodeflowError
from anodeflow.core.install import install_command, pip

if TYPE_CHECKING:
    from anodeflow.backends.mlip.force_fields import Package

TELLING = Telling()
_LIBRARIES = (
    "in a source checkout make setup as root installs what is missing: libscalapack-openmpi-dev libopenblas-dev "
    "libxc-dev openmpi-bin"
)
_GPAW_FLAGS = """
import json, gpaw, gpaw.new.ase_interface
from gpaw import cgpaw
print(json.dumps({
    "version": gpaw.__version__, "libxc": gpaw.get_libraries()["libxc"], "paths": [*map(str, gpaw.setup_paths)],
    "blas": hasattr(cgpaw, "mmm"), "mpi": cgpaw.have_mpi, "scalapack": hasattr(cgpaw, "new_blacs_context"),
}))
"""
_TRIED_OTHERWISE = ("gpaw", "mlip", "emt", "learned")  # a learned model has a file of its own
_TRIALS: dict[str, tuple[str, dict[str, float]]] = {
    "GPAW": ("gpaw-demo", {}),
    "SevenNet": ("mlip", {}),
    "CP2K": ("cp2k-demo", {"kpoint_spacing": 1.0}),
    "Quantum ESPRESSO": ("espresso-li-pbesol", {"kpoint_spacing": 0.5, "cutoff": 400.0}),
}
"""Part -> backend file and changes of its settings that make a trial quick."""


@dataclass(frozen=True)
class Check:
    """What one part of anodeflow does on this machine."""

    name: str
    """The part, for people and for scripts."""
    works: bool
    """Whether it did what it is for."""
    detail: str
    """Versions and places, or what went wrong."""
    remedy: str = ""
    """What to do: about a failure, or to get more out of a part that works."""


def all_checks() -> list[Check]:
    """Try every part. Those that are packages run in processes of their own: a crash stays there."""
    with ThreadPoolExecutor(max_workers=2) as threads:
        gpaw, *packages = [
            threads.submit(_tried, name, trial, remedy)
            for name, trial, remedy in (
                (
                    "GPAW",
                    _gpaw,
                    f"make setup in a source checkout, or {install_command('gpaw')} (needs a C++ compiler)",
                ),
                ("SevenNet", _imports("sevenn", "sevenn.calculator"), install_command("mlip")),
                (
                    "report",
                    _imports("matplotlib", "matplotlib.pyplot", "jinja2", "plotly.graph_objects", "skimage.measure"),
                    install_command("report"),
                ),
                (
                    "jobflow-remote",
                    _imports("jobflow-remote", "jobflow_remote"),
                    install_command("remote"),
                ),
            )
        ]
        machine = [_tried("Python", _python), _tried("home", _home)]
        here = [_tried("EMT", _emt), *_codes(), _tried("database", _database)]
        sevennet, *others = (package.result() for package in packages)
        return [*machine, gpaw.result(), *here, _with_weights(sevennet), *_potentials(), *others]


def computed(check: Check) -> Check:
    """Add to a working check of a backend for metals the energy of bulk Li."""
    backend, settings = _TRIALS.get(check.name, ("", {}))
    if not backend or not check.works:
        return check
    return _tried(
        check.name, lambda: replace(check, detail=f"{check.detail}; {energy(backend, 'Li', 2.98, **settings)}")
    )


def _tried(name: str, trial: Callable[[], Check | str], remedy: str = "") -> Check:
    """Return what `trial` found, in words or as a Check; whatever it raises is a finding too."""
    try:
        with TELLING.trying(name):
            found = trial()
    except AnodeflowError as error:
        return Check(name, False, str(error), remedy)
    except Exception as error:
        return Check(name, False, f"{type(error).__name__}: {error}", remedy)
    return found if isinstance(found, Check) else Check(name, True, found)


def _python() -> str:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return f"{version}, {sys.executable}; {cores()} CPU cores"


def _home() -> str:
    from anodeflow.core.settings import get_settings

    home = get_settings().prepare().home
    return f"{home}, {shutil.disk_usage(home).free / 1e9:.0f} GB free"


def _gpaw() -> Check:
    """Import GPAW, read what its extension was compiled with, and start it on all cores."""
    found = python_prints(_GPAW_FLAGS)
    elements = {file.split(".")[0] for path in found["paths"] if os.path.isdir(path) for file in os.listdir(path)}
    detail = ", ".join(
        [
            found["version"],
            f"libxc {found['libxc']}" if found["libxc"] else "no libxc (its own PBE serves)",
            "BLAS" if found["blas"] else "no BLAS (that of scipy serves)",
            f"PAW datasets of {len(elements)} elements",
        ]
    )
    if not elements:
        return Check("GPAW", False, detail, f"{pip()} gpaw-data, or set GPAW_SETUP_PATH")
    if not found["mpi"] or not shutil.which("mpiexec"):
        what = "no mpiexec" if found["mpi"] else "no MPI"
        return Check("GPAW", True, f"{detail}, {what}: one core", _LIBRARIES)
    ranks = cores()
    try:
        # Under MPI GPAW wants to be imported by its own front end.
        size = python_prints(
            "from gpaw.mpi import world; world.rank or print(world.size)",
            launcher=("mpiexec", "-n", str(ranks)),
            options=("-m", "gpaw", "python"),
        )
        problem = "" if size == ranks else f"{ranks} ranks were asked for, and {size} came"
    except AnodeflowError as error:
        problem = str(error)
    if problem:
        remedy = "put the mpiexec first on PATH whose MPI GPAW was compiled with, or set ranks: 1 in the backend file"
        return Check("GPAW", False, f"{detail}, but mpiexec fails: {problem}", remedy)
    if not found["scalapack"]:
        limit = "no ScaLAPACK: at most as many MPI ranks as k-points times spins"
        return Check("GPAW", True, f"{detail}, MPI on {ranks} cores, {limit}", _LIBRARIES)
    return Check("GPAW", True, f"{detail}, MPI on {ranks} cores, ScaLAPACK")


def _imports(distribution: str, *modules: str) -> Callable[[], str]:
    """Return the trial that imports the modules of a package."""

    def trial() -> str:
        version = python_prints(
            f"import json, importlib.metadata, {', '.join(modules)}; "
            f"print(json.dumps(importlib.metadata.version({distribution!r})))"
        )
        return f"{distribution} {version}"

    return trial


def _with_weights(check: Check) -> Check:
    """Add to SevenNet's check what weights are here."""
    from anodeflow.backends.mlip.force_fields import provider

    return replace(check, detail=f"{check.detail}, {weights(provider('SevenNet'))}") if check.works else check


def _potentials() -> list[Check]:
    """Name every other force field of atomate2 that is installed here; none is imported, and no model loaded."""
    from anodeflow.backends.mlip.force_fields import installed

    return [
        Check(
            names[0],
            True,
            f"{package.version}, installed; {weights(package)}"
            + (f"; also as {', '.join(names[1:])}" if len(names) > 1 else ""),
        )
        for package, names in installed().items()
        if "SevenNet" not in names
    ]


def weights(package: "Package") -> str:
    """Say whether weights of a package's own models are on this machine."""
    number = package.found_weights()
    if number is None:
        return "its models are files of your own, or where it keeps them is not known"
    if number:
        return f"{number} file{'' if number == 1 else 's'} of weights"
    return f"no weights yet in {package.weights.partition('*')[0]}: it downloads them when a model is first used"


def _emt() -> str:
    return f"for tests; {energy('emt', 'Cu', 2.55)}"


def _codes() -> list[Check]:
    """Ask the other backends, those that other packages registered among them, whether their code is here."""
    from anodeflow.backends.registry import backend_class, codes

    def ask(code: str) -> Check:
        asked = backend_class(code)
        found = asked.availability()
        detail = " ".join(words for words in (found.version, found.detail) if words)
        return Check(asked.program or code, found.works, detail, found.remedy)

    return [_tried(code, partial(ask, code)) for code in codes() if code not in _TRIED_OTHERWISE]


def _database() -> str:
    from anodeflow.core.settings import get_settings
    from anodeflow.database.store import open_store

    settings = get_settings()
    with open_store(settings) as store:
        if settings.database:
            kind = f"MongoDB server, database {store.docs_store._collection.database.name}"
        elif type(store.docs_store).__name__ == "MontyStore":
            kind = f"SQLite in {settings.home / 'database'}"
        else:
            kind = f"embedded server (secantusd) in {settings.home / 'database'}"
        return f"{kind}, {store.count()} documents"
