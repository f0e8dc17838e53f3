"""What a campaign file may tell a study of charge."""

from typing import Literal

from pydantic import Field

from anodeflow.studies.inputs import AdatomInput

BaderProgram = Literal["anodeflow", "baderkit", "henkelman"]
"""Programs that cut a density into Bader basins."""


class ChargeInput(AdatomInput):
    """Bader charge and charge-density difference of the most stable adatom on some surfaces."""

    grid_spacing: float = Field(
        default=0.07, ge=0.02, le=0.5, description="Spacing of the density's grid, Å.", json_schema_extra={"unit": "Å"}
    )
    program: BaderProgram | None = Field(
        default=None, description="Program of the Bader analysis; none: anodeflow's own."
    )
