"""A plug-in backend for the tests on a cluster: EMT that stops where a test holds it, and counts evaluations."""

import hashlib
import os
import time
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from ase.calculators.emt import EMT
from pydantic import BaseModel, ConfigDict, Field

from anodeflow.backends.base import Availability
from anodeflow.backends.inprocess import InProcessBackend
from anodeflow.calculations.folder import CalculationFolder
from anodeflow.calculations.request import Request

_PAUSE = 1.1  # s; progress is written once a second
_PATIENCE = 600.0  # s, so that no process stays for ever


class SlowEmtSettings(BaseModel):
    """Where it stops."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hold: str = Field(default="", description="While a file of this name lies in the home, two evaluations are done.")


class SlowEmt(EMT):
    """EMT that may be held before an evaluation, then notes the geometry, then evaluates it."""

    calculation = ""
    """Id of the calculation that this process does."""

    def __init__(self, hold: str) -> None:
        super().__init__()
        self.home, self.hold, self.evaluations = Path(os.environ["ANODEFLOW_HOME"]), hold, 0

    def calculate(self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = ()) -> None:
        """Evaluate the geometry; what a kill interrupts is not noted."""
        if self.hold and (self.home / self.hold).exists():
            time.sleep(_PAUSE)
            deadline = time.monotonic() + _PATIENCE
            while self.evaluations >= 2 and (self.home / self.hold).exists() and time.monotonic() < deadline:
                time.sleep(0.1)
        self.evaluations += 1
        geometry = hashlib.sha256(atoms.positions.round(9).tobytes() + atoms.cell.array.round(9).tobytes()).hexdigest()
        log = os.open(self.home / "evaluations.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(log, f"{self.calculation} {geometry}\n".encode())
        os.close(log)
        super().calculate(atoms, properties, system_changes)


class SlowEmtBackend(InProcessBackend):
    """The backend."""

    code: Literal["slow-emt"] = "slow-emt"
    settings: SlowEmtSettings = Field(default_factory=SlowEmtSettings)

    @classmethod
    def availability(cls) -> Availability:
        """EMT comes with ASE."""
        return Availability(True, version("ase"))

    def version(self) -> str:
        """Version of ASE."""
        return version("ase")

    def check_elements(self, elements: Iterable[str]) -> None:
        """Accept all: the tests use copper."""

    def execute(self, request: Request, folder: CalculationFolder, lock: int, tell: Any) -> None:
        """Compute, knowing what."""
        SlowEmt.calculation = folder.path.name
        super().execute(request, folder, lock, tell)

    def calculator(self) -> SlowEmt:
        """Return a calculator."""
        return SlowEmt(self.settings.hold)
