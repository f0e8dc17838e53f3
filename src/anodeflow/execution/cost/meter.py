"""Counts what the calculations of a campaign's code take in one run."""

from anodeflow.backends.base import Backend
from anodeflow.calculations.folder import CalculationFolder
from anodeflow.calculations.progress import Progress
from anodeflow.calculations.request import Request
from anodeflow.calculations.steps import processor_seconds
from anodeflow.execution.state import Used


class Meter:
    """A gate that lets everything pass and counts it, and the listener that hears how far it is.

    Only steps that are recorded count: what was computed before this run does not, nor does a step under way.

    Parameters
    ----------
    code
        Name of the code that is counted; potentials before it are not.
    """

    def __init__(self, code: str) -> None:
        self.code = code
        self._before: dict[str, int] = {}
        self._folders: dict[str, CalculationFolder] = {}
        self._sizes: dict[str, int] = {}
        self._taken: dict[str, Used] = {}

    @property
    def used(self) -> Used:
        """What has been used so far."""
        total = Used(calculations=len(self._folders))
        for each in self._taken.values():
            total.force_evaluations += each.force_evaluations
            total.scf_cycles += each.scf_cycles
            total.processor_hours += each.processor_hours
        return total

    @property
    def counted(self) -> set[str]:
        """Ids of the calculations that are counted."""
        return set(self._folders)

    def admit(self, backend: Backend, request: Request, label: str, folder: CalculationFolder) -> None:
        """Count a calculation that begins. The parts of a search for modes are counted, not the search itself."""
        if backend.code != self.code or (request.task == "modes" and not backend.cheap_forces):
            return
        self._folders[folder.path.name] = folder
        self._before[folder.path.name] = len(folder.steps())

    def __call__(self, message: Progress) -> None:
        """Hear of a calculation: its record is read when it has grown."""
        identifier = message.calculation_id
        if identifier not in self._folders or message.state == "reused":
            return
        record = self._folders[identifier].steps_file
        size = record.stat().st_size if record.is_file() else 0
        if size != self._sizes.get(identifier):
            self._sizes[identifier] = size
            self.look(identifier)

    def look(self, identifier: str) -> None:
        """Read the record of a calculation."""
        steps = self._folders[identifier].steps()[self._before[identifier] :]
        self._taken[identifier] = Used(
            force_evaluations=len(steps),
            scf_cycles=sum(step.get("scf_cycles") or 0 for step in steps),
            processor_hours=processor_seconds(steps) / 3600,
        )

    def look_at_all(self) -> None:
        """Read all records once more, at the end of a run."""
        for identifier in self._folders:
            self.look(identifier)
