"""``anodeflow doctor``: tries every part on this machine and says what to do about those that do not work."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import typer

from anodeflow.cli import app
from anodeflow.cli.telling import Telling
from anodeflow.core.errors import AnodeflowError
from anodeflow.core.install import install_command, pip

if TYPE_CHECKING:
    from anodeflow.backends.mlip.force_fields import Package

_TELLING = Telling()
_PATIENCE = 120  # s that one trial may take
_OTHERS = (
    "Python",
    "home",
    "EMT",
    "ase",
    "database",
    "report",
    "jobflow-remote",
)  # all that is no backend for metals
_LIBRARIES = (
    "make setup as root installs what is missing: libscalapack-openmpi-dev libopenblas-dev libxc-dev openmpi-bin"
)
_GPAW_FLAGS = """
import json, gpaw, gpaw.new.ase_interface
from gpaw import cgpaw
print(json.dumps({
    "version": gpaw.__version__, "libxc": gpaw.get_libraries()["libxc"], "paths": [*map(str, gpaw.setup_paths)],
    "blas": hasattr(cgpaw, "mmm"), "mpi": cgpaw.have_mpi, "scalapack": hasattr(cgpaw, "new_blacs_context"),
}))
"""


_NAMES = {"cp2k": "CP2K", "espresso": "Quantum ESPRESSO", "vasp": "VASP"}
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


@app.command()
def doctor(
    run: bool = typer.Option(
        False, "--run", help="Also compute bulk Li with GPAW, SevenNet, CP2K and Quantum ESPRESSO (a minute)."
    ),
    format: Literal["table", "json"] = typer.Option("table", "--format", help="table for people, json for scripts."),
) -> None:
    """Say what works on this machine, and what to do about what does not.

    Every part is tried, not looked up: GPAW is imported and started under MPI, an energy is computed, the
    database is opened. Exit status 0: the home folder, the database and a backend for metals work; 1: not so.

    Example: anodeflow doctor --run --format json
    """
    with _TELLING:
        checks = _checks()
        if run:
            checks = [_computed(check) for check in checks]
    works = _core_works(checks)
    if format == "json":
        print(json.dumps({"works": works, "checks": [asdict(check) for check in checks]}, indent=2))
    else:
        _print_table(checks, works)
    if not works:
        raise typer.Exit(1)


def _checks() -> list[Check]:
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


def _core_works(checks: list[Check]) -> bool:
    """Tell whether a study can be computed and kept. EMT does not count: it knows no Li, Na, K, Mg or Zn."""
    works = {check.name: check.works for check in checks}
    return works["home"] and works["database"] and any(works[name] for name in works.keys() - set(_OTHERS))


def _tried(name: str, trial: Callable[[], Check | str], remedy: str = "") -> Check:
    """Return what `trial` found, in words or as a Check; whatever it raises is a finding too."""
    try:
        with _TELLING.trying(name):
            found = trial()
    except AnodeflowError as error:
        return Check(name, False, str(error), remedy)
    except Exception as error:
        return Check(name, False, f"{type(error).__name__}: {error}", remedy)
    return found if isinstance(found, Check) else Check(name, True, found)


def _python() -> str:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return f"{version}, {sys.executable}; {_cores()} CPU cores"


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _home() -> str:
    from anodeflow.core.settings import get_settings

    home = get_settings().prepare().home
    return f"{home}, {shutil.disk_usage(home).free / 1e9:.0f} GB free"


def _gpaw() -> Check:
    """Import GPAW, read what its extension was compiled with, and start it on all cores."""
    found = _python_prints(_GPAW_FLAGS)
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
    ranks = _cores()
    try:
        # Under MPI GPAW wants to be imported by its own front end.
        size = _python_prints(
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
        version = _python_prints(
            f"import json, importlib.metadata, {', '.join(modules)}; "
            f"print(json.dumps(importlib.metadata.version({distribution!r})))"
        )
        return f"{distribution} {version}"

    return trial


def _with_weights(check: Check) -> Check:
    """Add to SevenNet's check what weights are here."""
    from anodeflow.backends.mlip.force_fields import provider

    return replace(check, detail=f"{check.detail}, {_weights(provider('SevenNet'))}") if check.works else check


def _potentials() -> list[Check]:
    """Name every other force field of atomate2 that is installed here; none is imported, and no model loaded."""
    from anodeflow.backends.mlip.force_fields import installed

    return [
        Check(
            names[0],
            True,
            f"{package.version}, installed; {_weights(package)}"
            + (f"; also as {', '.join(names[1:])}" if len(names) > 1 else ""),
        )
        for package, names in installed().items()
        if "SevenNet" not in names
    ]


def _weights(package: "Package") -> str:
    """Say whether weights of a package's own models are on this machine."""
    number = package.found_weights()
    if number is None:
        return "its models are files of your own, or where it keeps them is not known"
    if number:
        return f"{number} file{'' if number == 1 else 's'} of weights"
    return f"no weights yet in {package.weights.partition('*')[0]}: it downloads them when a model is first used"


def _emt() -> str:
    return f"for tests; {_energy('emt', 'Cu', 2.55)}"


def _codes() -> list[Check]:
    """Ask the other backends, those that other packages registered among them, whether their code is here."""
    from anodeflow.backends.registry import backend_class, codes

    def ask(code: str) -> Check:
        found = backend_class(code).availability()
        detail = " ".join(words for words in (found.version, found.detail) if words)
        return Check(_NAMES.get(code, code), found.works, detail, found.remedy)

    return [_tried(_NAMES.get(code, code), partial(ask, code)) for code in codes() if code not in _TRIED_OTHERWISE]


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


def _computed(check: Check) -> Check:
    """Add to a working check of a backend for metals the energy of bulk Li."""
    backend, settings = _TRIALS.get(check.name, ("", {}))
    if not backend or not check.works:
        return check
    return _tried(
        check.name, lambda: replace(check, detail=f"{check.detail}; {_energy(backend, 'Li', 2.98, **settings)}")
    )


def _energy(backend: str, element: str, distance: float, **settings: float) -> str:
    """Compute a bcc cell of one atom, `distance` (Å) from its neighbours, where nothing is found finished."""
    from pymatgen.core import Lattice, Structure

    from anodeflow.backends.registry import load_backend

    a = distance / 3**0.5
    cell = Structure(Lattice([[-a, a, a], [a, -a, a], [a, a, -a]]), [element], [[0, 0, 0]])
    began = time.monotonic()
    with _scratch_home():
        from anodeflow.calculations.backend_makers import Makers

        document = Makers(load_backend(backend).with_settings(settings)).static().calculate(cell)
    return f"bcc {element} {document.energy:.3f} eV in {time.monotonic() - began:.1f} s"


@contextmanager
def _scratch_home() -> Iterator[None]:
    """Let ANODEFLOW_HOME be a folder that vanishes, so that a trial is computed and not found finished."""
    before = os.environ.get("ANODEFLOW_HOME")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ANODEFLOW_HOME"] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ["ANODEFLOW_HOME"]
            else:
                os.environ["ANODEFLOW_HOME"] = before


def _python_prints(code: str, launcher: Sequence[str] = (), options: Sequence[str] = ()) -> Any:
    """Run Python code in its own process and return the JSON that it printed last.

    Raises
    ------
    AnodeflowError
        If it fails, with its error as one line.
    """
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    if os.geteuid() == 0:
        environment |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    command = [*launcher, sys.executable, *options, "-c", code]
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
        )
    except subprocess.TimeoutExpired:
        raise AnodeflowError(f"no answer within {_PATIENCE} s") from None
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if "Error" in line]
        raise AnodeflowError((errors or lines or [f"ended with status {done.returncode}"])[-1])
    return json.loads(done.stdout.splitlines()[-1])


def _print_table(checks: list[Check], works: bool) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("", "part", "found", "what to do", box=None, pad_edge=False)
    for check in checks:
        sign = "[green]✓[/]" if check.works else "[red]✗[/]"
        table.add_row(sign, check.name, escape(check.detail), escape(check.remedy))
    console = Console()
    console.print(table)
    console.print(
        "\nReady: a study can be computed and kept here."
        if works
        else "\nNot ready: the home folder, the database and one backend besides EMT must work."
    )
