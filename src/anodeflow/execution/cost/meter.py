"""Counts what the calculations of a campaign's code take in one run."""

from typing import Any

from anodeflow.backends.base import Backend
from anodeflow.calculations.folder import CalculationFolder
from anodeflow.calculations.progress import Progress
from anodeflow.calculations.request import Request
from anodeflow.calculations.steps import processor_seconds, read_from
from anodeflow.execution.state import Used


class Meter:
    """A gate that lets everything pass and counts it, and the listener that hears how far it is.

    Only steps that are recorded count, from when a calculation begins here: what was computed before or by another
    process, which is waited for, does not, nor does a step under way.

    Parameters
    ----------
    code
        Name of the code that is counted; potentials before it are not.
    """

    def __init__(self, code: str) -> None:
        self.code = code
        self._admitted: dict[str, CalculationFolder] = {}
        self._folders: dict[str, CalculationFolder] = {}
        self._read: dict[str, int] = {}
        self._total = Used()

    @property
    def used(self) -> Used:
        """What has been used so far."""
        return self._total.model_copy(update={"calculations": len(self._folders)})

    @property
    def counted(self) -> set[str]:
        """Ids of the calculations that are counted."""
        return set(self._folders)

    def admit(self, backend: Backend, request: Request, label: str, folder: CalculationFolder) -> None:
        """Note a calculation that is about to begin. The parts of a search for modes count, not the search itself."""
        if backend.code == self.code and (request.task != "modes" or backend.cheap_forces):
            self._admitted[folder.path.name] = folder

    def __call__(self, message: Progress) -> None:
        """Hear of a calculation: it counts once it begins, and what its record has grown by is read."""
        identifier = message.calculation_id
        if message.state in ("started", "resumed") and identifier in self._admitted:
            self.begin(identifier)
        elif identifier in self._folders and message.state not in ("waiting", "reused"):
            self.look(identifier)

    def begin(self, identifier: str) -> None:
        """Count a calculation from here on; its folder is locked, so nobody else computes in it."""
        self._folders[identifier] = self._admitted.pop(identifier)
        self._read[identifier] = self._new_steps(identifier, 0)[1]

    def look(self, identifier: str) -> None:
        """Read what the record of a calculation has grown by."""
        steps, size = self._new_steps(identifier, self._read[identifier])
        self._read[identifier] += size
        self._total.force_evaluations += len(steps)
        self._total.scf_cycles += sum(step.get("scf_cycles") or 0 for step in steps)
        self._total.processor_hours += processor_seconds(steps) / 3600

    def look_at_all(self) -> None:
        """Read what all records have grown by, at the end of a run."""
        for identifier in self._folders:
            self.look(identifier)

    def _new_steps(self, identifier: str, offset: int) -> tuple[list[dict[str, Any]], int]:
        try:
            return read_from(self._folders[identifier].steps_file, offset)
        except FileNotFoundError:
            return [], 0
