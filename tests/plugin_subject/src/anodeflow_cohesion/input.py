"""What a campaign file may tell the study: the crystals, too, since a campaign lists none."""

from typing import ClassVar

from pydantic import Field

from anodeflow.studies.inputs import Converged


class CohesiveEnergyInput(Converged):
    """Cohesive energy of some crystals."""

    choosing: ClassVar[frozenset[str]] = frozenset({"crystals", "convergence"})

    crystals: list[str] = Field(default=[], description="Crystals of one element: names of the catalogue, or files.")
    box: float = Field(default=12.0, description="Side of the cube that the isolated atom is computed in, Å.")
