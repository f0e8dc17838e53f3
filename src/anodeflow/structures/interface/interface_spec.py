"""What a user may say of an interface: the same words in a campaign file and on the command line."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from anodeflow.core.inputs import InputModel, listed
from anodeflow.structures.slab.spec import HIGHEST_INDEX, three_indices


class InterfaceSpec(InputModel):
    """A coherent interface, alloy below and metal on top: planes, thickness, size of its cell, strain, registry."""

    alloy_miller: tuple[int, int, int] = listed(default=(0, 0, 1), description="Plane of the alloy, in `setting`.")
    metal_miller: tuple[int, int, int] = listed(default=(0, 0, 1), description="Plane of the metal, in `setting`.")
    setting: Literal["host", "conventional", "cell"] = Field(
        default="host",
        description="Which axes the Miller indices of both refer to: those of the parent lattice on which an ordered "
        "alloy stands ((001) of hcp is the basal plane), of the conventional cell, or of the cell as given.",
    )
    alloy_layers: int = Field(
        default=4,
        ge=1,
        le=200,
        description="Atomic planes of the alloy.",
        json_schema_extra={"finer": "larger", "unit": ""},
    )
    metal_layers: int = Field(
        default=8,
        ge=1,
        le=200,
        description="Atomic planes of the metal; an atom sees the free surface from two planes below it.",
        json_schema_extra={"finer": "larger", "unit": ""},
    )
    max_atoms: int = Field(
        default=150, ge=2, le=2000, description="Most atoms of the cell.", json_schema_extra={"unit": "atoms"}
    )
    max_strain: float = Field(
        default=0.05,
        gt=0,
        lt=0.5,
        description="Largest von Mises strain, 0.05 is 5 %.",
        json_schema_extra={"unit": "fraction"},
    )
    min_width: float = Field(
        default=6.5,
        ge=0,
        le=1000,
        description="Least distance between an atom and its image in the plane, Å: an exchanged atom should not see "
        "its own images.",
        json_schema_extra={"finer": "larger", "unit": "Å"},
    )
    strained: Literal["metal", "alloy", "shared"] = Field(
        default="metal", description="Which side takes the strain of the common cell; shared: half of it each."
    )
    vacuum: float = Field(
        default=12.0,
        gt=0,
        le=200,
        description="Vacuum between the two free faces, Å.",
        json_schema_extra={"finer": "larger", "unit": "Å"},
    )
    gap: float | None = Field(
        default=None,
        gt=0,
        le=20,
        description="Distance of the two planes at the interface before the relaxation, Å; default: the mean of the "
        "plane spacings of both crystals.",
        json_schema_extra={"unit": "Å"},
    )
    registry_grid: tuple[int, int] = listed(
        default=(3, 3),
        description="Lateral shifts of the metal that are tried: points along the two vectors of the smallest cell "
        "of shifts that differ, fewer where they would lie closer than 0.5 Å.",
    )
    termination: Annotated[int, Field(ge=0, le=10_000)] | Literal["all"] = Field(
        default=0, description="Number of the termination, as `anodeflow build interface --list` numbers them, or all."
    )
    fixed_layers: int = Field(
        default=1,
        ge=0,
        le=200,
        description="Planes held fixed at the free face of one side, so that nothing drifts. The other side is always "
        "free: were both held, neither gap nor registry could relax.",
    )
    fixed_side: Literal["alloy", "metal"] = Field(
        default="alloy",
        description="Which side they are of. A film of a soft metal may change its crystal as it relaxes; held at its "
        "free face it stands for thick metal under a thin layer of alloy.",
    )
    rattle: float = Field(
        default=0.05,
        ge=0,
        lt=0.5,
        description="Standard deviation of the random displacements that the free atoms get before the relaxation, Å: "
        "else symmetry holds a soft metal on a saddle, from which every later step of a study falls.",
        json_schema_extra={"unit": "Å"},
    )

    _written = field_validator("alloy_miller", "metal_miller", mode="before")(three_indices)

    @field_validator("alloy_miller", "metal_miller")
    @classmethod
    def _some_plane(cls, miller: tuple[int, int, int]) -> tuple[int, int, int]:
        if miller == (0, 0, 0):
            raise ValueError("Miller indices (0, 0, 0) name no plane: give at least one that is not zero")
        if max(map(abs, miller)) > HIGHEST_INDEX:
            raise ValueError(
                f"Miller indices are at most {HIGHEST_INDEX}, a plane like {miller} has no cell to compute"
            )
        return miller

    @field_validator("registry_grid")
    @classmethod
    def _some_point(cls, grid: tuple[int, int]) -> tuple[int, int]:
        if min(grid) < 1:
            raise ValueError(f"a registry grid takes at least one point each way, not {grid[0]} x {grid[1]}")
        if max(grid) > 50:
            raise ValueError(f"a registry grid takes at most 50 points each way, not {grid[0]} x {grid[1]}")
        return grid
