"""What all tests share: a home of their own, one thread, their order and division among processes."""

import os
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from slurm_queue import queue, slurm_session  # noqa: F401  (fixtures, one cluster for all modules)

os.environ["OMP_NUM_THREADS"] = "1"
# Ranks that wait for each other give the core to the tests beside them (pytest -n 2).
os.environ.setdefault("OMPI_MCA_mpi_yield_when_idle", "1")

# Tests write thousands of small files that must reach the disk before anything goes on: in memory they do at once.
_MEMORY = Path("/dev/shm")
_ROOM = 4 * 1024**3  # bytes; a whole run leaves less than one


def _is_fit(folder: Path) -> bool:
    """Whether a folder in memory is there, has room, and programs of tests may be run from it."""
    if not os.access(folder, os.W_OK):
        return False
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize > _ROOM and not found.f_flag & os.ST_NOEXEC


if _is_fit(_MEMORY):
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))

# About what a test takes, s, by its marks: enough to let the longest files begin first.
_SECONDS = {"slurm": 30, "gpaw": 15, "mlip": 5, "slow": 4}


def _group(file: str) -> str:
    """Tests that share fixtures: those of a file, and all on the Slurm cluster, which is brought up once."""
    name = Path(file).stem
    return "test_slurm" if name.startswith("test_slurm") else name


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the groups that take longest first, so that the last ones are short; before all Slurm, which mostly waits."""
    groups: dict[str, list[pytest.Item]] = {}
    for item in items:
        groups.setdefault(_group(item.path.name), []).append(item)

    def seconds(item: pytest.Item) -> float:
        return max((_SECONDS.get(mark.name, 0.1) for mark in item.iter_markers()), default=0.1)

    longest = sorted(groups, key=lambda name: (name == "test_slurm", sum(map(seconds, groups[name]))), reverse=True)
    items[:] = [item for name in longest for item in groups[name]]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep a group in one process. (`--dist loadgroup`, made for this, does nothing with pytest 9.2.)"""
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _group(nodeid.split("::")[0])

    return Groups(config, log)


# Most processor time of a test in the quick lane, s: far above half a second, for who comes first imports for all.
_QUICK = 10.0
_SLOW_MARKS = frozenset(_SECONDS)
_SPENT = pytest.StashKey[float]()


def _processor() -> float:
    return sum(os.times()[:4])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    """Count what fixtures take, for that of a file is paid by its first test."""
    began = _processor()
    yield
    item.stash[_SPENT] = _processor() - began


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Fail a test that would keep `make test-quick` waiting: it bears the mark of none that may."""
    began = _processor()
    yield
    spent = item.stash[_SPENT] + _processor() - began
    if spent > _QUICK and not any(mark.name in _SLOW_MARKS for mark in item.iter_markers()):
        pytest.fail(f"it took {spent:.1f} s of the processor: mark it slow, or let it do less", pytrace=False)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty ANODEFLOW_HOME; the embedded database is SQLite unless a test says otherwise."""
    for name in ("ANODEFLOW_DATABASE", "ANODEFLOW_DATABASE_NAME"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "home"
    monkeypatch.setenv("ANODEFLOW_HOME", str(folder))
    monkeypatch.setenv("ANODEFLOW_EMBEDDED", "sqlite")
    monkeypatch.setenv("ANODEFLOW_CONFIG", str(tmp_path / "no-settings.toml"))
    return folder


@pytest.fixture
def adatom() -> Any:
    """Al beside the bridge of Al(001), with room to relax."""
    from relaxations import bridge

    return bridge().copy()


@dataclass
class Outcome:
    """What a command printed, and how it ended."""

    status: int
    out: str
    err: str


@pytest.fixture
def anodeflow(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run the command line in this process: ``anodeflow("check", file)``."""
    from anodeflow.cli import main

    def run(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["anodeflow", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            status = 0
        except SystemExit as stop:
            status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    return run
