"""Settings that decide pw.x's numbers."""

from pathlib import Path
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from anodeflow.backends.base import CodeSettings
from anodeflow.backends.code_settings import KpointSpacing, SmearingWidth
from anodeflow.backends.espresso.extra import checked
from anodeflow.core.inputs import by_element, listed


class EspressoSettings(CodeSettings):
    """What decides the numbers of pw.x. All of it is hashed and stored with every calculation.

    A number that a convergence test may vary says in which direction it is `finer`, and its unit.
    """

    pseudopotential_folder: Path = listed(
        description="Folder of the pseudopotentials; not hashed: what the files hold is."
    )
    pseudopotentials: dict[str, str] = Field(
        min_length=1, description="UPF file of each element; its functional is the one that is computed with."
    )
    cutoff: float = Field(
        default=680.0,
        gt=100,
        le=5000,
        description="Plane-wave cutoff of the wave functions, eV (680 eV are 50 Ry).",
        json_schema_extra={"finer": "larger", "unit": "eV"},
    )
    density_cutoff: float | None = Field(
        default=None,
        gt=400,
        le=50_000,
        description="Plane-wave cutoff of the density, eV; default: 8 times that of the wave functions.",
        json_schema_extra={"finer": "larger", "unit": "eV"},
    )
    kpoint_spacing: KpointSpacing = 0.20
    smearing_width: SmearingWidth = 0.1
    dipole_correction: bool = Field(default=True, description="Sawtooth potential in the vacuum of slabs.")
    scf_tolerance: float = Field(
        default=1e-7,
        gt=0,
        le=0.1,
        description="Estimated error of the energy at the end of the SCF, eV/atom.",
        json_schema_extra={"finer": "smaller", "unit": "eV per atom"},
    )
    max_scf_cycles: int = Field(
        default=100,
        ge=1,
        le=10_000,
        description="SCF cycles before a recovery step.",
        json_schema_extra={"unit": "cycles"},
    )

    _elements = field_validator("pseudopotentials")(by_element)

    @model_validator(mode="after")
    def _finer_density(self) -> Self:
        if self.density_cutoff is not None and self.density_cutoff < 4 * self.cutoff:
            raise ValueError(
                "density_cutoff is at least 4 times the cutoff of the wave functions, whose squares it holds"
            )
        return self

    @field_validator("extra")
    @classmethod
    def _own(cls, extra: dict[str, Any]) -> dict[str, Any]:
        return checked(extra)
