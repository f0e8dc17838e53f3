"""What a campaign file may tell the study."""

from pydantic import Field

from anodeflow.studies.inputs import InterfaceInput


class WorkOfAdhesionInput(InterfaceInput):
    """Work of adhesion of some interfaces."""

    relaxed: bool = Field(default=True, description="Relax the two sides after they are parted; false: leave them.")
