"""Settings that backends have alike: how geometries and paths come to rest, spin, and a code's own keywords."""

from typing import Annotated, Any, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator
from pymatgen.core import Structure

from anodeflow.core.inputs import InputModel
from anodeflow.structures.bulk.magnetism import kept_moment

KpointSpacing = Annotated[
    float,
    Field(
        ge=0.01,
        le=5,
        description="Largest k-point spacing of the Γ-centred grid, Å⁻¹ (2π included).",
        json_schema_extra={"finer": "smaller", "unit": "Å⁻¹"},
    ),
]
"""Field of the codes that compute in a periodic cell."""
SmearingWidth = Annotated[
    float,
    Field(
        gt=0,
        le=2,
        description="Width of the Fermi-Dirac smearing, eV.",
        json_schema_extra={"finer": "smaller", "unit": "eV"},
    ),
]
"""Field of the codes that smear by Fermi and Dirac."""


_LATER = ("energy_tolerance", "evaluations")
"""Settings that came later: at none they are in no dump, so that addresses are those of before."""


class OptimizerSettings(InputModel):
    """How geometries, or the images of a path, step towards rest (BFGS, ASE)."""

    max_steps: int = Field(
        default=200,
        ge=1,
        le=100_000,
        description="Most steps of one attempt: of the atoms, or of all images of a path.",
        json_schema_extra={"unit": "steps"},
    )
    curvature: float = Field(
        default=5.0,
        ge=0.1,
        le=1000,
        description="Initial curvature of the BFGS Hessian, eV/Å².",
        json_schema_extra={"unit": "eV/Å²"},
    )
    max_displacement: float = Field(
        default=0.2, gt=0, le=2, description="Longest step of one atom, Å.", json_schema_extra={"unit": "Å"}
    )
    energy_tolerance: float | None = Field(
        default=None,
        gt=0,
        le=0.1,
        description="Ends a relaxation, or a climb, that began with a potential's Hessian as soon as its energy is "
        "known to be no farther than this from that at rest, eV per cell; that is taken off. None: the forces alone "
        "decide.",
        json_schema_extra={"unit": "eV"},
    )
    evaluations: int | None = Field(
        default=None,
        ge=1,
        le=100,
        description="Ends a relaxation, or a climb, that began with a potential's Hessian after so many evaluations, "
        "whatever the forces are then; what the Hessian still expects is taken off its energy. A lower fidelity, which "
        "warnings name. None: the thresholds decide.",
        json_schema_extra={"unit": "evaluations"},
    )

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if key not in _LATER or value is not None}


class RelaxationSettings(OptimizerSettings):
    """When a relaxation ends, and how it steps."""

    force_threshold: float = Field(
        default=0.01,
        gt=0,
        le=2,
        description="Largest force on a free atom at the end, eV/Å.",
        json_schema_extra={"unit": "eV/Å"},
    )
    stress_threshold: float = Field(
        default=2e-4,
        gt=0,
        le=0.1,
        description="Largest stress component at the end, eV/Å³.",
        json_schema_extra={"unit": "eV/Å³"},
    )


class NebSettings(OptimizerSettings):
    """When a path is relaxed, and how it steps (ASE's NEB, improved tangent)."""

    force_threshold: float = Field(
        default=0.05,
        gt=0,
        le=2,
        description="Largest force on the band at the end, eV/Å.",
        json_schema_extra={"unit": "eV/Å"},
    )
    climb_below: float = Field(
        default=0.5,
        gt=0,
        le=100,
        description="Force on the band below which it climbs, eV/Å.",
        json_schema_extra={"unit": "eV/Å"},
    )
    spring_constant: float = Field(
        default=0.1,
        gt=0,
        le=100,
        description="Of the springs between images, eV/Å².",
        json_schema_extra={"unit": "eV/Å²"},
    )

    @model_validator(mode="after")
    def _climbs(self) -> Self:
        if self.climb_below < self.force_threshold:
            raise ValueError("climb_below is at least force_threshold, or the band ends before it climbs")
        return self


class SpinSettings(InputModel):
    """Settings of a code that knows spin.

    At their defaults, settings that came later are in no dump, so that addresses and uuids are those of before.
    """

    fixed_moment: bool = Field(
        default=False,
        description="Whether a spin-polarised slab keeps the total moment with which its adatom starts, as an isolated "
        "atom always does; else the SCF finds the moment.",
    )

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if value or key not in ("extra", "fixed_moment")}

    def kept_moment(self, structure: Structure) -> float | None:
        """Return the total moment (µB) that a spin-polarised structure must keep; none: the SCF finds it.

        Raises
        ------
        InputError
            If the setting asks it of a structure in which several atoms start with moments.
        """
        return kept_moment(structure, self.fixed_moment)


class CodeSettings(SpinSettings):
    """Settings of a code that takes keywords of its own (`extra`) besides those that have a name here."""

    extra: dict[str, Any] = Field(
        default_factory=dict,
        description="Keywords of the code itself, hashed; not those that another setting or the task decides.",
    )
