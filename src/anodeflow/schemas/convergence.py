"""The document of a convergence test: one study repeated over one parameter after another."""

from typing import Literal

from pydantic import BaseModel, Field

from anodeflow.schemas.rows import ResultRow
from anodeflow.schemas.study import StudyDoc


class ConvergencePoint(BaseModel):
    """The study's answers at one value of one parameter, the others as in the study itself."""

    value: float = Field(description="Value of the parameter.")
    chosen: bool = Field(description="Whether it is the value that the study itself uses.")
    properties: dict[str, float] = Field(description="Property -> value; empty if the study failed there.")
    document_id: str | None = Field(description="Id of the study document; none if it failed.")


class ConvergenceSeries(BaseModel):
    """One parameter."""

    parameter: str = Field(
        description="layers, vacuum, min_width, or a setting of the backend: kpoint_spacing, cutoff."
    )
    unit: str = Field(description="Unit of the parameter; empty for a number.")
    finest: float = Field(description="Its most demanding value: the one that the others are measured against.")
    points: list[ConvergencePoint] = Field(description="From the least demanding value to the most demanding one.")
    errors: dict[str, float] = Field(description="Property -> value as chosen minus value at `finest`.")


class ConvergenceDoc(StudyDoc):
    """How far the numbers of one study still move when it is done better."""

    study: Literal["convergence"] = "convergence"
    of: str = Field(description="Name of the study that was repeated: adsorption, diffusion ...")
    base_document_id: str = Field(description="Id of the study's own document.")
    units: dict[str, str] = Field(description="Property -> unit.")
    series: list[ConvergenceSeries] = Field(description="One a parameter.")
    remaining_errors: dict[str, float] = Field(
        description="Property -> sum over the parameters of the magnitudes of `errors`: how far it may be off."
    )

    def rows(self) -> list[ResultRow]:
        """Return the remaining error of each property."""
        return [
            self._row("convergence_error", error, self.units[name], list(self.calculation_ids), f"{self.of}: {name}")
            for name, error in self.remaining_errors.items()
        ]
