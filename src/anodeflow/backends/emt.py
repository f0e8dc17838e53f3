"""ASE's effective-medium theory: milliseconds a step, for tests and for trying a campaign out."""

from collections.abc import Iterable
from typing import Any, ClassVar, Literal

from pydantic import Field

from anodeflow.backends.base import Availability
from anodeflow.backends.inprocess import InProcessBackend
from anodeflow.core.errors import InputError
from anodeflow.core.inputs import InputModel
from anodeflow.core.versions import version

_ELEMENTS = ("Al", "Cu", "Ag", "Au", "Ni", "Pd", "Pt", "H", "C", "N", "O")


class EmtSettings(InputModel):
    """EMT has nothing to set."""


class EmtBackend(InProcessBackend):
    """EMT of Jacobsen, Stoltze and Nørskov (Surf. Sci. 366, 394 (1996)) as ASE implements it."""

    program: ClassVar[str] = "EMT"
    homepage: ClassVar[str] = "https://ase-lib.org/"
    code: Literal["emt"] = "emt"
    settings: EmtSettings = Field(default_factory=EmtSettings)

    @classmethod
    def availability(cls) -> Availability:
        """EMT comes with ASE."""
        return Availability(True, version("ase"), "ASE's EMT")

    def version(self) -> str:
        """Return the version of ASE."""
        return version("ase")

    def check_elements(self, elements: Iterable[str]) -> None:
        """Raise InputError for an element without EMT parameters."""
        for element in sorted(elements):
            if element not in _ELEMENTS:
                raise InputError(
                    f"backend {self.name}: EMT has no parameters for {element}; it knows {', '.join(_ELEMENTS)}: "
                    "choose another backend."
                )

    def calculator(self) -> Any:
        """Return ASE's EMT calculator."""
        from ase.calculators.emt import EMT

        return EMT()
