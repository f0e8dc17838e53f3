"""The document of a work of adhesion."""

from typing import Literal

from ase.units import J, m
from pydantic import Field

from anodeflow.studies.document import StudyDoc
from anodeflow.studies.rows import ResultRow


class WorkOfAdhesionDoc(StudyDoc):
    """What it takes to part the two sides of an interface, per area."""

    study: Literal["work_of_adhesion"] = "work_of_adhesion"
    formula: str = Field(description="Formula of the interface.")
    termination: str = Field(description="Planes that meet, alloy/metal.")
    relaxed: bool = Field(description="Whether the two sides were relaxed after they were parted.")
    area: float = Field(description="Area of the cell, Å².")
    interface_energy: float = Field(description="Energy of the relaxed interface, eV.")
    side_energies: dict[str, float] = Field(description="Side (alloy, metal) -> its energy alone, eV.")
    work_of_adhesion: float = Field(description="Energy of both sides less that of the interface, J/m².")

    def rows(self) -> list[ResultRow]:
        """Return the work of adhesion."""
        steps = ["interface", "alloy", "metal"]
        return [self._row("work_of_adhesion", self.work_of_adhesion, "J/m²", steps, self.termination)]


def work_of_adhesion(sides: float, interface: float, area: float) -> float:
    """Return the work of adhesion, J/m², from energies in eV and an area in Å²."""
    return (sides - interface) / area / (J / m**2)
