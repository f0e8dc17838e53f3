"""The sides of an interface, and one way to bring its two crystals together."""

from typing import Literal

from pydantic import BaseModel, Field

Side = Literal["alloy", "metal"]


class InterfaceCandidate(BaseModel):
    """One way to bring the two crystals together, and why it was not taken."""

    number: int = Field(description="Number of the termination.")
    termination: str = Field(description="Planes that meet, alloy/metal: Li2Mg3/Li.")
    atoms: int = Field(description="Atoms of the cell.")
    area: float = Field(description="Area of the cell, Å².")
    width: float = Field(description="Least distance between an atom and its image in the plane, Å.")
    von_mises_strain: float = Field(description="Von Mises strain (a fraction).")
    chosen: bool = Field(description="Whether it is the one of the document.")
    reason: str = Field(default="", description="Why it was not chosen.")
