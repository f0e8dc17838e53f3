"""The document of a cohesive energy."""

from typing import Literal

from pydantic import Field

from anodeflow.studies.document import StudyDoc
from anodeflow.studies.rows import ResultRow


class CohesiveEnergyDoc(StudyDoc):
    """What it takes to make single atoms of a crystal, per atom."""

    study: Literal["cohesive_energy"] = "cohesive_energy"
    formula: str = Field(description="Formula of the crystal's cell.")
    bulk_energy: float = Field(description="Energy of the relaxed crystal, eV/atom.")
    atom_energy: float = Field(description="Energy of the isolated atom, eV.")
    cohesive_energy: float = Field(description="Energy of the atom less that of the crystal per atom, eV/atom.")

    def rows(self) -> list[ResultRow]:
        """Return the cohesive energy."""
        return [self._row("cohesive_energy", self.cohesive_energy, "eV/atom", ["bulk", "atom"], self.formula)]
