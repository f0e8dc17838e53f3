"""What a user may say of a slab: the same words in a campaign file and on the command line."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from anodeflow.core.inputs import InputModel, listed

HIGHEST_INDEX = 20
"""Largest Miller index of a plane."""


def three_indices(given: Any) -> Any:
    """Return what a file gives as Miller indices, to be read as three integers.

    Raises
    ------
    ValueError
        If they are given in another way that people have, with how to write them here: four indices of hexagonal axes,
        digits in a row.
    """
    if isinstance(given, list | tuple) and len(given) == 4 and all(type(index) is int for index in given):
        h, k, i, last = given
        if h + k + i:
            raise ValueError(f"{list(given)} is no plane of hexagonal axes, where h + k + i = 0; give three indices")
        raise ValueError(f"of the four indices of hexagonal axes leave out the third: write [{h}, {k}, {last}]")
    digits = str(given).replace(" ", "") if isinstance(given, int | str) else ""
    if len(digits) == 3 and digits.isdecimal():
        raise ValueError(f"write Miller indices as a list: [{', '.join(digits)}]")
    return given


class SlabSpec(InputModel):
    """A surface slab: which plane, how thick, how much vacuum, how wide, what is held fixed.

    The numbers among its fields say in which direction they are `finer`: a convergence test varies them.
    """

    miller: tuple[int, int, int] = listed(default=(0, 0, 1), description="Miller indices in `setting`.")
    setting: Literal["host", "conventional", "cell"] = Field(
        default="host",
        description="Which axes the Miller indices refer to: those of the parent lattice on which an ordered alloy "
        "stands ((001) of hcp is the basal plane), of the conventional cell, or of the cell as given.",
    )
    layers: int | None = Field(
        default=None,
        ge=1,
        le=200,
        description="Number of atomic layers (6 if no thickness is given).",
        json_schema_extra={"finer": "larger", "unit": ""},
    )
    thickness: float | None = Field(
        default=None,
        gt=0,
        le=500,
        description="Least thickness instead of `layers`, Å.",
        json_schema_extra={"finer": "larger", "unit": "Å"},
    )
    vacuum: float = Field(
        default=15.0,
        gt=0,
        le=200,
        description="Vacuum between the slab and its image, Å.",
        json_schema_extra={"finer": "larger", "unit": "Å"},
    )
    min_width: float = Field(
        default=6.5,
        ge=0,
        le=1000,
        description="Least distance between an atom and its image in the plane, Å; 0: unit cell.",
        json_schema_extra={"finer": "larger", "unit": "Å"},
    )
    fixed_layers: int | None = Field(
        default=None,
        ge=0,
        le=200,
        description="Bottom layers held fixed; default: half of the layers, rounded down.",
        json_schema_extra={"finer": "smaller", "unit": ""},
    )
    termination: Annotated[int, Field(ge=0, le=10_000)] | Literal["all"] = Field(
        default=0,
        description="Number of the termination, as `anodeflow build slab --list` numbers them, or all.",
    )

    _written = field_validator("miller", mode="before")(three_indices)

    @field_validator("miller")
    @classmethod
    def _some_plane(cls, miller: tuple[int, int, int]) -> tuple[int, int, int]:
        if miller == (0, 0, 0):
            raise ValueError("Miller indices (0, 0, 0) name no plane: give at least one that is not zero")
        if max(map(abs, miller)) > HIGHEST_INDEX:
            raise ValueError(
                f"Miller indices are at most {HIGHEST_INDEX}, a plane like {miller} has no cell to compute"
            )
        return miller

    @model_validator(mode="after")
    def _one_measure(self) -> "SlabSpec":
        if self.layers is not None and self.thickness is not None:
            raise ValueError("give either layers or thickness, not both")
        return self
