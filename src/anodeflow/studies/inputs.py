"""What campaign files may tell studies of a kind: the one place where the options that they share are declared."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from anodeflow.core.inputs import InputModel, each_once, known_element


class StudyInput(InputModel):
    """What every study may be told."""

    choosing: ClassVar[frozenset[str]] = frozenset()
    """Fields that choose subjects, and change nothing of what is done on one of them."""
    naming: ClassVar[frozenset[str]] = frozenset()
    """Fields that tell results of the study on one subject apart: a campaign asks once for each value of them."""

    def options(self) -> dict[str, Any]:
        """Return what it says of the study itself, without the choice of subjects."""
        return self.model_dump(exclude=set(self.choosing))


class Converged(StudyInput):
    """What a study may be told that can be repeated with finer parameters."""

    convergence: dict[str, list[float]] = Field(
        default_factory=dict,
        description="Parameter (a number of the slab or interface: layers, vacuum, min_width ..., or of the backend's "
        "settings) -> values at which the study is repeated, one parameter at a time.",
    )

    @field_validator("convergence")
    @classmethod
    def _some_values(cls, convergence: dict[str, list[float]]) -> dict[str, list[float]]:
        for name, values in convergence.items():
            if not values:
                raise ValueError(f"{name} has no values: give some, or leave it out")
        return convergence


class SurfaceInput(Converged):
    """What a study of surfaces may be told."""

    choosing: ClassVar[frozenset[str]] = frozenset({"systems", "convergence"})

    systems: Annotated[list[str], Field(min_length=1)] | Literal["all"] = Field(
        default="all", description="Names of systems, or all."
    )

    _distinct = field_validator("systems")(each_once)

    @property
    def wanted(self) -> list[str] | Literal["all"]:
        """Names of the subjects that it chooses, or all."""
        return self.systems


class AdatomInput(SurfaceInput):
    """What a study of one adatom on some surfaces may be told."""

    naming: ClassVar[frozenset[str]] = frozenset({"adsorbate"})

    adsorbate: str = Field(default="Li", description="Element of the adatom.")

    _element = field_validator("adsorbate")(known_element)


class InterfaceInput(Converged):
    """What a study of interfaces may be told."""

    choosing: ClassVar[frozenset[str]] = frozenset({"interfaces", "convergence"})

    interfaces: Annotated[list[str], Field(min_length=1)] | Literal["all"] = Field(
        default="all", description="Names of interfaces, or all."
    )

    _distinct = field_validator("interfaces")(each_once)

    @property
    def wanted(self) -> list[str] | Literal["all"]:
        """Names of the subjects that it chooses, or all."""
        return self.interfaces
