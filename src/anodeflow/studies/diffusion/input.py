"""What a campaign file may tell a study of diffusion."""

from typing import Literal

from pydantic import Field, field_validator

from anodeflow.core.inputs import each_once
from anodeflow.studies.inputs import AdatomInput

_HIGHEST_PREFACTOR = 1e16  # 1/s


class DiffusionInput(AdatomInput):
    """Hops of one adatom between the minima of some surfaces, and the cheapest way across."""

    images: int = Field(default=5, ge=1, le=100, description="Images of a path between its two ends.")
    prefactor: float | Literal["vineyard"] = Field(
        default=1.0e13,
        description="Attempt frequency of all hops, 1/s; vineyard: each hop's own, from the vibrations of a potential.",
        json_schema_extra={"unit": "1/s"},
    )
    exchange: bool = Field(
        default=False,
        description="Whether hops are searched, too, on which the adatom takes the place of an atom of its own element "
        "in the surface, which moves on instead.",
    )
    hops: Literal["deciding", "all"] = Field(
        default="deciding",
        description="Which hops DFT computes where the potential of a prescreen learns: deciding: those that a way "
        "across the surface may need, within two standard deviations of what it learned; all: every hop.",
    )
    modes: bool = Field(default=True, description="Whether the lowest modes of every saddle are computed.")
    temperatures: list[float] = Field(
        default=[300.0],
        min_length=1,
        max_length=100,
        description="Temperatures of rates and diffusivity, K.",
        json_schema_extra={"unit": "K"},
    )

    _each_once = field_validator("temperatures")(each_once)

    @field_validator("prefactor")
    @classmethod
    def _positive(cls, prefactor: float | str) -> float | str:
        if not isinstance(prefactor, str) and not 0 < prefactor <= _HIGHEST_PREFACTOR:
            raise ValueError(f"prefactor is a frequency in 1/s above 0 and up to {_HIGHEST_PREFACTOR:g}, or vineyard")
        return prefactor

    @field_validator("temperatures")
    @classmethod
    def _above_zero(cls, temperatures: list[float]) -> list[float]:
        if any(not 0 < temperature <= 5000 for temperature in temperatures):
            raise ValueError("temperatures are in K, above 0 and at most 5000")
        return temperatures
