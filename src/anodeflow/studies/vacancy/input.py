"""What a campaign file may tell a study of vacancies."""

from typing import ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from anodeflow.core.inputs import each_once, known_element
from anodeflow.studies.inputs import InterfaceInput


class VacancyInput(InterfaceInput):
    """A vacancy made in the alloy that moves into the metal, by the metal's atoms alone and with a helper's."""

    naming: ClassVar[frozenset[str]] = frozenset({"element", "start"})

    element: str = Field(default="Li", description="Element whose atom is taken out, and whose atoms hop.")
    helper: str = Field(default="Mg", description="Element of the atom that hops first on path II.")
    start: Literal["surface", "interface"] = Field(
        default="surface",
        description="Where the vacancy is made: the alloy's outermost layer with the element, or the one at the metal.",
    )
    steps: int = Field(
        default=4,
        ge=0,
        le=50,
        description="Hops of each path; 0: the vacancy is made, and moves nowhere.",
        json_schema_extra={"unit": "hops"},
    )
    samples: int = Field(default=2, ge=1, le=100, description="Places that are tried at each step; the lowest counts.")
    images: int = Field(default=5, ge=1, le=100, description="Images of a hop's path between its two ends.")
    paths: list[Literal["I", "II"]] = Field(default=["I", "II"], min_length=1, description="Paths: I, II.")
    barriers: bool = Field(default=True, description="Whether the barriers of the hops are computed.")
    modes: bool = Field(default=True, description="Whether the lowest modes of every saddle are computed.")

    _element = field_validator("element", "helper")(known_element)
    _once = field_validator("paths")(each_once)

    @model_validator(mode="after")
    def _two(self) -> "VacancyInput":
        if "II" in self.paths and self.element == self.helper:
            raise ValueError("element and helper of path II are two elements: name another helper, or paths: [I]")
        return self
