"""Settings that decide CP2K's numbers."""

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from anodeflow.backends.base import CodeSettings
from anodeflow.backends.code_settings import KpointSpacing, SmearingWidth
from anodeflow.backends.cp2k.extra import checked
from anodeflow.core.inputs import by_element


class Cp2kSettings(CodeSettings):
    """What decides CP2K's numbers. All of it is hashed and stored with every calculation.

    A number that a convergence test may vary says in which direction it is `finer`, and its unit.
    """

    functional: Literal["LDA", "PBE", "BLYP"] = Field(default="PBE", description="Exchange-correlation.")
    basis_set: str = Field(default="DZVP-MOLOPT-SR-GTH", description="Basis set of every element.")
    basis_sets: dict[str, str] = Field(default_factory=dict, description="Basis set of an element other than that.")
    basis_file: str = Field(default="BASIS_MOLOPT", description="File of CP2K's data folder that holds them.")
    potential: str = Field(default="GTH-PBE", description="Pseudopotential of every element.")
    potentials: dict[str, str] = Field(
        default_factory=dict, description="Pseudopotential of an element other than that: {Mg: GTH-PBE-q2}."
    )
    potential_file: str = Field(default="GTH_POTENTIALS", description="File of CP2K's data folder that holds them.")
    cutoff: float = Field(
        default=5500.0,
        gt=500,
        le=50_000,
        description="Plane-wave cutoff of the density on the finest grid, eV (5500 eV are 404 Ry).",
        json_schema_extra={"finer": "larger", "unit": "eV"},
    )
    relative_cutoff: float = Field(
        default=680.0,
        gt=100,
        le=10_000,
        description="Cutoff that decides on which grid a Gaussian goes, eV (680 eV are 50 Ry).",
        json_schema_extra={"finer": "larger", "unit": "eV"},
    )
    kpoint_spacing: KpointSpacing = 0.20
    smearing_width: SmearingWidth = 0.1
    extra_bands: float = Field(default=0.5, gt=0, le=10, description="Empty bands, as a share of the occupied ones.")
    dipole_correction: bool = Field(default=True, description="Surface dipole correction of slabs.")
    integral_tolerance: float = Field(
        default=1e-12, gt=0, le=1e-4, description="EPS_DEFAULT: what is left out of integrals and grids."
    )
    scf_tolerance: float = Field(
        default=1e-6,
        gt=0,
        le=0.1,
        description="EPS_SCF: largest change of the density at the end of the SCF.",
        json_schema_extra={"finer": "smaller", "unit": ""},
    )
    max_scf_cycles: int = Field(
        default=60,
        ge=1,
        le=10_000,
        description="SCF cycles before a recovery step.",
        json_schema_extra={"unit": "cycles"},
    )

    @model_validator(mode="after")
    def _finest_grid(self) -> "Cp2kSettings":
        if self.relative_cutoff > self.cutoff:
            raise ValueError("relative_cutoff is at most the cutoff of the finest grid")
        return self

    _elements = field_validator("basis_sets", "potentials")(by_element)

    @field_validator("extra")
    @classmethod
    def _own(cls, extra: dict[str, Any]) -> dict[str, Any]:
        return checked(extra)

    def basis_set_of(self, element: str) -> str:
        """Return the name of an element's basis set."""
        return self.basis_sets.get(element, self.basis_set)

    def potential_of(self, element: str) -> str:
        """Return the name of an element's pseudopotential."""
        return self.potentials.get(element, self.potential)
