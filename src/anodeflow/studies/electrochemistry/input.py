"""What a campaign file may tell a study of electrochemistry."""

from typing import ClassVar

from pydantic import Field, field_validator, model_validator

from anodeflow.core.inputs import known_element
from anodeflow.studies.inputs import StudyInput


class ElectrochemistryInput(StudyInput):
    """Convex hull, voltages and capacities of a binary alloy, from all orderings studies of the campaign on it."""

    naming: ClassVar[frozenset[str]] = frozenset({"ion", "partner"})

    ion: str = Field(default="Li", description="Element that carries the charge.")
    partner: str = Field(default="Mg", description="The other element.")

    _element = field_validator("ion", "partner")(known_element)

    @model_validator(mode="after")
    def _two(self) -> "ElectrochemistryInput":
        if self.ion == self.partner:
            raise ValueError("ion and partner are two elements")
        return self
