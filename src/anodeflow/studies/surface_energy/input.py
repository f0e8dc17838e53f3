"""What a campaign file may tell a study of surface energies."""

from pydantic import Field, field_validator

from anodeflow.core.inputs import known_element
from anodeflow.studies.inputs import SurfaceInput


class SurfaceEnergyInput(SurfaceInput):
    """Surface energy of some surfaces."""

    metal: str | None = Field(
        default=None,
        description="Element with whose bulk metal a compound is in equilibrium: its chemical potential decides the "
        "surface energy of a face that is not of the compound's composition. Pure metals need none.",
    )

    @field_validator("metal")
    @classmethod
    def _element(cls, metal: str | None) -> str | None:
        return None if metal is None else known_element(metal)
