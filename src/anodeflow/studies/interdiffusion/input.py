"""What a campaign file may tell a study of interdiffusion."""

from typing import ClassVar

from pydantic import Field, field_validator

from anodeflow.core.inputs import known_element
from anodeflow.studies.inputs import InterfaceInput


class InterdiffusionInput(InterfaceInput):
    """Energy of the interface with one atom of the alloy exchanged with one of the metal, at rising depth."""

    naming: ClassVar[frozenset[str]] = frozenset({"element"})

    element: str = Field(default="Mg", description="Element of the alloy whose atom goes into the metal.")
    depth: int = Field(
        default=5,
        ge=1,
        le=100,
        description="Planes of the metal that it goes into: 1 to depth.",
        json_schema_extra={"unit": "planes"},
    )
    samples: int = Field(
        default=3,
        ge=1,
        le=100,
        description="Pairs of atoms that are exchanged at each depth; median and range count.",
        json_schema_extra={"unit": "pairs at each depth"},
    )
    dilute_width: float | None = Field(
        default=10.0,
        ge=1,
        le=100,
        description="Least distance, Å, of an atom to its image in the supercells of the dilute limit; none: it is not "
        "computed.",
        json_schema_extra={"unit": "Å"},
    )
    plateau_tolerance: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="How far, in eV, the median of a depth may lie outside of the energies of the other pairs on a "
        "plateau.",
        json_schema_extra={"unit": "eV"},
    )
    there_and_back: bool = Field(
        default=False,
        description="Whether every exchange is undone and relaxed again, which must give the first energy.",
    )

    _element = field_validator("element")(known_element)
