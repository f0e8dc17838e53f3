"""EMT with all energies, and so all forces and stresses, times a factor."""

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any, Literal

from ase.calculators.emt import EMT, parameters
from ase.calculators.mixing import LinearCombinationCalculator
from pydantic import Field

from anodeflow.backends.base import Availability
from anodeflow.backends.inprocess import InProcessBackend
from anodeflow.core.errors import InputError
from anodeflow.core.inputs import InputModel


class StrongerSettings(InputModel):
    """How much stronger it is than EMT."""

    factor: float = Field(default=2.0, gt=0, description="Factor of all energies.")


class StrongerBackend(InProcessBackend):
    """The backend."""

    code: Literal["stronger"] = "stronger"
    settings: StrongerSettings = Field(default_factory=StrongerSettings)

    @classmethod
    def availability(cls) -> Availability:
        """EMT comes with ASE."""
        return Availability(True, version("ase"), "EMT, stronger")

    def version(self) -> str:
        """Return the version of ASE."""
        return version("ase")

    def check_elements(self, elements: Iterable[str]) -> None:
        """Raise InputError for an element without EMT parameters."""
        if unknown := sorted(set(elements) - set(parameters)):
            raise InputError(f"EMT has no parameters for {', '.join(unknown)}: take other elements.")

    def calculator(self) -> Any:
        """Return a calculator."""
        return LinearCombinationCalculator([EMT()], [self.settings.factor])
