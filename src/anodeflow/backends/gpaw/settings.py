"""The settings of GPAW: what decides its numbers."""

from typing import Any, Literal

from pydantic import Field, field_validator

from anodeflow.backends.base import CodeSettings
from anodeflow.backends.code_settings import KpointSpacing, SmearingWidth
from anodeflow.backends.gpaw.extra import checked
from anodeflow.core.inputs import by_element

LATER_CRITERIA = ("eigenstate_tolerance", "total_energy_tolerance")


class GpawSettings(CodeSettings):
    """What decides GPAW's numbers. All of it is hashed and stored with every calculation.

    A number that a convergence test may vary says in which direction it is `finer`, and its unit.
    """

    functional: Literal["LDA", "PBE", "RPBE", "revPBE"] = Field(default="PBE", description="Exchange-correlation.")
    cutoff: float = Field(
        default=350.0,
        gt=100,
        le=5000,
        description="Plane-wave cutoff, eV.",
        json_schema_extra={"finer": "larger", "unit": "eV"},
    )
    kpoint_spacing: KpointSpacing = 0.20
    smearing_width: SmearingWidth = 0.1
    dipole_correction: bool = Field(default=True, description="Dipole layer in the vacuum of slabs.")
    setups: dict[str, str] = Field(
        default_factory=dict, description="PAW dataset of an element other than the default: {Mg: '2'}."
    )
    energy_tolerance: float = Field(
        default=5e-4,
        gt=0,
        le=0.1,
        description="SCF: change of energy, eV/valence electron.",
        json_schema_extra={"finer": "smaller", "unit": "eV per valence electron"},
    )
    density_tolerance: float = Field(
        default=1e-4,
        gt=0,
        le=0.1,
        description="SCF: change of density, e/valence electron.",
        json_schema_extra={"finer": "smaller", "unit": "e per valence electron"},
    )
    eigenstate_tolerance: float = Field(
        default=1e-6,
        gt=0,
        le=0.1,
        description="SCF: change of the wave functions, eV²/valence electron.",
        json_schema_extra={"finer": "smaller", "unit": "eV² per valence electron"},
    )
    total_energy_tolerance: float = Field(
        default=2e-4,
        gt=0,
        le=0.1,
        description="SCF: change of the total energy over three cycles, eV; beside `energy_tolerance`, which large "
        "cells meet too early.",
        json_schema_extra={"finer": "smaller", "unit": "eV"},
    )
    max_scf_cycles: int = Field(
        default=150,
        ge=1,
        le=10_000,
        description="SCF cycles before a recovery step.",
        json_schema_extra={"unit": "cycles"},
    )

    _elements = field_validator("setups")(by_element)

    @field_validator("extra")
    @classmethod
    def _own(cls, extra: dict[str, Any]) -> dict[str, Any]:
        return checked(extra)
