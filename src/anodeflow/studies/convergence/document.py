"""The document of a convergence test: one study repeated over one parameter after another, and over all together."""

from itertools import pairwise
from typing import Literal

from pydantic import Field, model_validator

from anodeflow.core.part import Part
from anodeflow.studies.document import StudyDoc
from anodeflow.studies.rows import ResultRow


class ConvergencePoint(Part):
    """The study's answers at one value of one parameter, the others as in the study itself."""

    value: float = Field(description="Value of the parameter.")
    chosen: bool = Field(description="Whether it is the value that the study itself uses.")
    properties: dict[str, float] = Field(description="Property -> value; empty if the study failed there.")
    document_id: str | None = Field(description="Id of the study document; none if it failed.")


class ConvergenceSeries(Part):
    """One parameter."""

    parameter: str = Field(
        description="layers, vacuum, min_width, or a setting of the backend: kpoint_spacing, cutoff."
    )
    unit: str = Field(description="Unit of the parameter; empty for a number.")
    finest: float = Field(description="Its most demanding value: the one that the others are measured against.")
    points: list[ConvergencePoint] = Field(description="From the least demanding value to the most demanding one.")
    errors: dict[str, float] = Field(description="Property -> value as chosen minus value at `finest`.")


class JointPoint(Part):
    """The study's answers with all varied parameters at their most demanding values together."""

    values: dict[str, float] = Field(description="Parameter -> value, of those that have a finer one than the study's.")
    properties: dict[str, float] = Field(description="Property -> value; empty if the study failed there.")
    document_id: str | None = Field(description="Id of the study document; none if it failed.")


class ConvergenceDoc(StudyDoc):
    """How far the numbers of one study still move when it is done better.

    `remaining_errors` and `without_error` follow from `series` and `joint` whenever a document is made or read.
    """

    study: Literal["convergence"] = "convergence"
    of: str = Field(description="Name of the study that was repeated: adsorption, diffusion ...")
    base_document_id: str = Field(description="Id of the study's own document.")
    units: dict[str, str] = Field(description="Property -> unit.")
    series: list[ConvergenceSeries] = Field(description="One a parameter.")
    joint: JointPoint | None = Field(
        default=None,
        description="All parameters at their finest together; none where one parameter alone has a finer value, and in "
        "documents made before it was computed.",
    )
    not_varied: list[str] | None = Field(
        default=None,
        description="Parameters of slab and backend that were not varied: nothing is known of their errors; none in "
        "documents made before they were named.",
    )
    remaining_errors: dict[str, float] = Field(
        default_factory=dict,
        description="Property -> how far it may be off: the largest of |chosen - joint| and of the magnitudes of "
        "`errors`; without a joint point the sum of those magnitudes.",
    )
    without_error: dict[str, str] = Field(
        default_factory=dict,
        description="Property -> why no error can be told, though it was computed at finer values.",
    )

    @model_validator(mode="after")
    def _judge(self) -> "ConvergenceDoc":
        self.remaining_errors, self.without_error = {}, {}
        for name in dict.fromkeys(name for series in self.series for name in series.errors):
            error, why = self._judged(name)
            if why:
                self.without_error[name] = why
            else:
                self.remaining_errors[name] = error
        return self

    def varied(self, name: str) -> list[str]:
        """Return the parameters that the error of a property covers."""
        return [series.parameter for series in self.series if name in series.errors]

    def rows(self) -> list[ResultRow]:
        """Return the remaining error of each property of which it can be told."""
        return [
            self._row("convergence_error", error, self.units[name], list(self.calculation_ids), f"{self.of}: {name}")
            for name, error in self.remaining_errors.items()
        ]

    def _judged(self, name: str) -> tuple[float, str]:
        """Return the error of a property, and why it cannot be told (empty if it can)."""
        counted = [series for series in self.series if name in series.errors]
        alone = [abs(series.errors[name]) for series in counted]
        error = sum(alone)
        if self.joint is not None:
            together = ", ".join(f"{parameter} {value:g}" for parameter, value in self.joint.values.items())
            if name not in self.joint.properties:
                return error, f"the point with all at their finest together ({together}) has no such number"
            chosen = next(p.properties[name] for p in counted[0].points if p.chosen)
            error = max(abs(chosen - self.joint.properties[name]), *alone)
        for series in self.series:
            values = [point.properties[name] for point in series.points if name in point.properties]
            noise = _noise(self.units[name], values)
            steps = [after - before for before, after in pairwise(values)]
            if any(step > noise for step in steps) and any(step < -noise for step in steps):
                return error, f"it does not change monotonically with {series.parameter}"
            if steps and abs(steps[-1]) > error + noise:
                return error, (
                    f"between the two finest values of {series.parameter} it changes by {abs(steps[-1]):.2g} "
                    f"{self.units[name]}, more than the error of {error:.2g} {self.units[name]} that would be told"
                )
        return error, ""


def _noise(unit: str, values: list[float]) -> float:
    """Return below which a change means nothing: 1 meV, as runs are repeatable; of other numbers a thousandth."""
    return 1e-3 if unit == "eV" else 1e-3 * max((abs(value) for value in values), default=0.0)
