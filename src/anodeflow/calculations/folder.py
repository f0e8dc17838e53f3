"""The folder of one calculation: its lock, its steps, its finished document.

    input.json       what was asked for
    steps.jsonl      one line per evaluated geometry, written as soon as it is known
    outcome.json     how the code ended: converged or not, remedies
    calculation.json the finished CalculationDoc
    lock             held (flock) by whoever computes here

An interrupted calculation has steps but no outcome; it goes on from its last whole line
(:mod:`anodeflow.calculations.steps`).
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from anodeflow.calculations.steps import append_step, cut_damage, read_steps

__all__ = ["COARSE_DENSITY_FILE", "DENSITY_FILE", "CalculationFolder", "append_step", "read_steps", "write_atomically"]

DENSITY_FILE, COARSE_DENSITY_FILE = "density.npz", "density-coarse.npz"
"""All-electron densities (:mod:`anodeflow.core.density`) in the folder of a calculation of one."""


class CalculationFolder:
    """Reads and writes the files of one calculation.

    Parameters
    ----------
    path
        The folder; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.document = self.path / "calculation.json"
        self.input = self.path / "input.json"
        self.outcome = self.path / "outcome.json"
        self.steps_file = self.path / "steps.jsonl"

    @contextmanager
    def locked(self, on_wait: Callable[[], None] | None = None) -> Iterator[IO[str]]:
        """Hold the folder's lock; call `on_wait` once if another process has it.

        The lock goes with the open file: a child that inherits it keeps the folder locked even when its
        parent is killed, so that no two codes ever write to one folder.

        Yields
        ------
        file
            The open lock file, to be handed to child processes.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / "lock").open("w", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if on_wait:
                    on_wait()
                fcntl.flock(file, fcntl.LOCK_EX)
            yield file

    def steps(self) -> list[dict[str, Any]]:
        """Return the evaluated geometries so far, up to a line that is cut short by a kill or damaged."""
        return read_steps(self.steps_file)

    def cut_damage(self) -> str:
        """Cut off a damaged record where the damage begins; return what was done, nothing if it is whole."""
        return cut_damage(self.steps_file)

    def read(self, file: Path) -> dict[str, Any] | None:
        """Return the JSON of one of the files; none if it is missing or damaged."""
        try:
            return json.loads(file.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError, RecursionError):
            return None

    def write(self, file: Path, content: str) -> None:
        """Write a file so that a reader sees the old one or the new one, whole, whatever happens."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_atomically(file, content)


def write_atomically(file: Path, content: str) -> None:
    """Write `content` beside `file`, flush it to the disk, then put it in its place."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(file)
    except OSError:  # a full disk: what is half there would fill it further
        temporary.unlink(missing_ok=True)
        raise


def write_once(file: Path, content: str) -> str:
    """Write `content` as :func:`write_atomically` does, unless the file is there; return what it holds then.

    Of several processes that write at once one wins, and all go on with what that one wrote.
    """
    own = file.with_name(f".{file.name}.{os.getpid()}.own")
    write_atomically(own, content)
    try:
        os.link(own, file)
    except FileExistsError:
        return file.read_text(encoding="utf-8")
    except OSError:  # a file system without hard links
        own.replace(file)
    finally:
        own.unlink(missing_ok=True)
    return content
