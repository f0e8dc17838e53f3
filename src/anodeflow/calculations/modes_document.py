"""The document of the lowest modes of one geometry, or of all of its vibrations."""

from typing import Literal

from pydantic import BaseModel, Field, FiniteFloat

from anodeflow.calculations.document import CalculationDoc


class RestRecord(BaseModel):
    """What a code found for the geometry whose modes are looked for: the highest image of a path."""

    energy: FiniteFloat = Field(description="Total energy extrapolated to zero smearing, eV per cell.")
    free_energy: FiniteFloat = Field(description="Free energy, consistent with the forces, eV per cell.")
    forces: list[list[FiniteFloat]] = Field(description="Forces on the atoms, eV/Å, fixed atoms included.")


class ModesDoc(CalculationDoc):
    """Directions in which the energy of a minimum or a saddle bends least, all free atoms moving.

    `structure`, `energy` and `forces` are those of `initial_structure`, or of the saddle that was walked up to from it;
    the modes are those of `initial_structure`, or of that saddle if another mode may have become negative on the way.
    """

    curvatures: list[float] = Field(description="Curvatures of the lowest modes, the lowest first, eV/Å².")
    uncertainties: list[float] = Field(
        description="How far each may be from an exact curvature, eV/Å²: the norm of H·v - curvature·v, or, where only "
        "the signs were looked for, the farther of its bounds, the guide being right to a factor of two elsewhere."
    )
    modes: list[list[list[float]]] = Field(
        description="The modes (modes, atoms, 3), of unit length; zero where atoms are fixed."
    )
    modes_of: Literal["initial_structure", "structure"] = Field(
        default="initial_structure", description="Geometry that the modes are those of."
    )
    negative_modes: int = Field(
        description="Modes of negative curvature: 0 at a minimum, 1 at a saddle of first order. The lowest one counts "
        "below -0.01 eV/Å², others below -0.05 (documents of before: -0.01): what is nearer to zero is flat."
    )
    certain: bool | None = Field(
        default=None,
        description="Whether the number of negative modes (none, one, two or more) is certain; none: a document of "
        "before, whose warnings tell.",
    )
    frequencies: list[float] = Field(
        default_factory=list,
        description="Frequencies of all modes of the free atoms, THz, imaginary ones negative; empty where only the "
        "lowest modes were computed.",
    )
    guide: str | None = Field(
        default=None, description="Backend whose second derivatives the search of the modes began with; none: none."
    )
    static_ids: list[str] = Field(
        default_factory=list,
        description="Ids of the static calculations of the displaced geometries, where each is one of its own.",
    )
