"""Finished calculations of others, as their files tell them: what was computed, how, and what came of it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any

import numpy as np
from pymatgen.core import Structure

from anodeflow.backends.base import Backend
from anodeflow.calculations.document import Task
from anodeflow.calculations.request import Request
from anodeflow.calculations.steps import largest_force
from anodeflow.core.errors import InputError

NOT_RELAXED = 0.05
"""Largest force (eV/Å) that a relaxation may leave where its own files do not tell when it was to end."""


@dataclass
class ForeignRun(ABC):
    """One finished calculation.

    Attributes
    ----------
    folder
        Where its files are.
    code, version
        Name of the code, as backends have it, and the version that its output tells.
    task
        relax, relax_cell or static.
    structure
        Structure that it began with; fixed atoms, moments and periodicity as its files tell them.
    steps
        Its ionic steps, as the record of a calculation has them (:mod:`anodeflow.calculations.steps`).
    settings
        What its files say of how it was computed, as plain data.
    files
        Files that were read.
    finished_at
        When it ended, UTC, ISO 8601.
    """

    folder: Path
    code: str
    version: str
    task: Task
    structure: Structure
    steps: list[dict[str, Any]]
    settings: dict[str, Any]
    files: tuple[Path, ...]
    finished_at: str

    @property
    def request(self) -> Request:
        """What a campaign would ask for to get it."""
        return Request(self.task, self.structure)

    @property
    def largest_force(self) -> float:
        """Largest force on a free atom at the end, eV/Å."""
        return largest_force(self.steps[-1]["free_forces"])

    def hashes(self) -> dict[str, str]:
        """Return name -> SHA-256 of the files that were read."""
        found = {}
        for file in self.files:
            with file.open("rb") as stream:
                found[file.name] = file_digest(stream, "sha256").hexdigest()
        return found

    @abstractmethod
    def differences(self, backend: Backend) -> list[str]:
        """Return what keeps it from being the calculation of a backend of its code, a phrase each; empty: nothing."""

    def differences_at_rest(self, backend: Backend) -> list[str]:
        """Return whether forces (and stress) at the end are above the thresholds of a backend, a phrase each."""
        if self.task == "static":
            return []
        found, relaxation = [], backend.relaxation
        if self.largest_force >= relaxation.force_threshold:
            found.append(
                f"the largest force at its end is {self.largest_force:.4f} eV/Å ({backend.name}: below "
                f"{relaxation.force_threshold:g})"
            )
        if self.task == "relax_cell":
            stress = self.steps[-1]["stress"]
            largest = np.inf if stress is None else float(np.abs(stress).max())
            if not largest < relaxation.stress_threshold:
                told = "is not told" if stress is None else f"is {largest:.2g} eV/Å³"
                found.append(
                    f"the largest stress at its end {told} ({backend.name}: below {relaxation.stress_threshold:g})"
                )
        return found


FoundRun = tuple[Path, Callable[[], ForeignRun]]
"""Folder or file of a run, and what reads it."""
RunsIn = Callable[[Path], Iterator[FoundRun]]
"""Yields the runs of one code that lie in a folder itself."""


def refused(words: str) -> Callable[[], ForeignRun]:
    """Return what is called to read a run that cannot be read, and says why."""

    def read() -> ForeignRun:
        raise InputError(words)

    return read
