"""Codes that run in processes of their own: how they are started, watched, and what is said when they are killed."""

import ctypes
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from anodeflow.calculations.folder import CalculationFolder
from anodeflow.calculations.follow import RecordFollower, band_progress
from anodeflow.calculations.request import Request
from anodeflow.calculations.steps import largest_force
from anodeflow.core.cores import cores
from anodeflow.core.inputs import InputModel

MOST_CORES = 1_000_000
_FROM_OUTSIDE = (signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGHUP, signal.SIGXCPU)


class ParallelSettings(InputModel):
    """How a code is started; it does not change the numbers, so it is not hashed."""

    ranks: int | Literal["auto"] = Field(
        default="auto", description="MPI ranks; auto: SLURM_NTASKS in a Slurm job, else the cores (1 without MPI)."
    )
    launcher: str = Field(default="mpiexec -n {ranks}", description="Command in front of the code.")

    @field_validator("ranks")
    @classmethod
    def _positive(cls, ranks: int | str) -> int | str:
        if isinstance(ranks, int) and not 1 <= ranks <= MOST_CORES:
            raise ValueError(f"ranks are 1 to {MOST_CORES:,}, or auto")
        return ranks

    @field_validator("launcher")
    @classmethod
    def _words(cls, launcher: str) -> str:
        try:
            shlex.split(launcher.format(ranks=2))
        except (ValueError, KeyError, IndexError, AttributeError) as error:
            raise ValueError(
                f"{launcher!r} is no command with the number of ranks as {{ranks}}: write mpiexec -n {{ranks}}"
            ) from error
        return launcher

    def launch(self, ranks: int) -> list[str]:
        """Return the words in front of the code's command: none for one rank."""
        return shlex.split(self.launcher.format(ranks=ranks)) if ranks > 1 else []

    def usable(self) -> int:
        """Return the number of ranks asked for, or that of :func:`available_ranks`; 1 where nothing can launch more."""
        if self.ranks != "auto":
            return self.ranks
        launcher = self.launch(2)
        return available_ranks() if launcher and shutil.which(launcher[0]) else 1


def available_ranks() -> int:
    """Return the tasks of the Slurm job, or else the cores that this process may use."""
    return int(os.environ.get("SLURM_NTASKS") or cores())


def environment() -> dict[str, str]:
    """Return the environment of the code: one thread a rank, and Open MPI at ease as root and on few cores.

    A potential that the code asks on its way has one thread as well: the ranks wait on the cores.
    """
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
    return settings | dict(os.environ) | {"OMP_NUM_THREADS": "1", "ANODEFLOW_THREADS": "1"}


def run_program(
    command: Sequence[str], folder: Path, lock: int, output: Path, errors: Path | None, watch: Callable[[], None]
) -> int:
    """Run a command in a calculation's folder until it ends.

    Parameters
    ----------
    command
        Program and arguments.
    folder
        Where it runs.
    lock
        File descriptor of the folder's lock: the child keeps it when its parent is killed.
    output, errors
        Files that get what it prints, at their ends; without `errors` both go to `output`.
    watch
        Called every second, and once at the end.

    Returns
    -------
    int
        Its status; negative: the signal that ended it.
    """
    with output.open("ab") as out, (errors or Path(os.devnull)).open("ab") as err:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err if errors else subprocess.STDOUT,
            pass_fds=(lock,),
            preexec_fn=_die_with_parent,
        )
        pause = 0.05
        try:
            while process.returncode is None:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=pause)
                pause = min(1.0, 2 * pause)
                watch()
        except BaseException:
            process.terminate()
            process.wait()
            raise
    return process.returncode


def _die_with_parent() -> None:
    """Ask Linux to end the child when the job is killed: no code computes on for nobody."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # 1: PR_SET_PDEATHSIG


def ending_signal(status: int) -> signal.Signals | None:
    """Return the signal that a status tells of: that of the process itself, or of a rank (128 more, from mpiexec)."""
    number = -status if status < 0 else status - 128
    return signal.Signals(number) if number in set(signal.Signals) else None


def killed_from_outside(status: int) -> str:
    """Return the name of the signal if somebody killed the code; nothing if it ended or crashed by itself."""
    ended = ending_signal(status)
    # A negative status is the program's own; a launcher says 128 + n of what it does not know, too.
    return ended.name if ended and (status < 0 or ended in _FROM_OUTSIDE) else ""


def last_error(log: Path) -> str:
    """Return the last line of a log that tells of an error, or else its last line."""
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if "Error" in line]
    return (errors or lines or ["no output"])[-1].strip()


class StepWatcher:
    """Tells ionic steps and SCF iterations of a running code, when they are new.

    Parameters
    ----------
    request, folder
        What is computed, and where it is on record.
    tell
        As of :meth:`anodeflow.backends.base.Backend.execute`.
    iteration
        Returns the number of the SCF iteration; none before the first.
    """

    def __init__(
        self, request: Request, folder: CalculationFolder, tell: Any, iteration: Callable[[], int | None]
    ) -> None:
        self.request, self.tell, self.iteration = request, tell, iteration
        self.record = RecordFollower(folder.steps_file)
        self.last: tuple[int, int | None] | None = None
        self.recorded, self.stale = self.record.count, iteration()

    def __call__(self) -> None:
        """Look, and tell what is new."""
        self.record.look()
        count, step = self.record.count, self.record.last
        iteration = self.iteration()
        if count != self.recorded:
            self.recorded, self.stale = count, iteration
        if iteration == self.stale:  # the log still ends with the step before
            iteration = None
        else:
            self.stale = None
        now = (count, iteration)
        if now == self.last:
            return
        self.last = now
        if step and self.request.task == "neb":
            band = band_progress(self.record, self.request)
            self.tell("running", scf_iteration=iteration, scf_cycles=step.get("scf_cycles"), **band)
        else:
            self.tell(
                "running",
                ionic_step=count,
                scf_iteration=iteration,
                scf_cycles=step and step.get("scf_cycles"),
                energy=step and step["energy"],
                max_force=step and largest_force(step["free_forces"]),
            )


def tail(log: Path, size: int = 4000) -> list[str]:
    """Return the last lines of a log, about `size` bytes; none if it is not there yet."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - size))
            return stream.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return []
