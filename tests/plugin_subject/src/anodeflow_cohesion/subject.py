"""What the study is made on: a crystal of one element, beside its atom in a box."""

from dataclasses import dataclass, field, replace
from typing import ClassVar

from pydantic import Field
from pymatgen.core import Structure

from anodeflow.backends.base import Backend
from anodeflow.core.errors import InputError
from anodeflow.core.inputs import InputModel
from anodeflow.studies.subjects.varying import changed_model


class CrystalSpec(InputModel):
    """What may be varied of it."""

    box: float = Field(
        default=12.0,
        ge=6,
        le=50,
        description="Side of the cube that the isolated atom is computed in, Å.",
        json_schema_extra={"finer": "larger", "unit": "Å"},
    )


@dataclass(frozen=True)
class Crystal:
    """One crystal, and how it is computed (:class:`anodeflow.studies.subjects.varying.OwnSubject`)."""

    crystal: str
    structure: Structure
    geometry: CrystalSpec
    backend: Backend
    variant: dict[str, float] = field(default_factory=dict)
    spec: ClassVar[type[CrystalSpec]] = CrystalSpec

    @property
    def name(self) -> str:
        """Name in results: Al, or Al [box 14]."""
        varied = ", ".join(f"{name} {value:g}" for name, value in self.variant.items())
        return f"{self.crystal} [{varied}]" if varied else self.crystal

    @property
    def elements(self) -> set[str]:
        """Symbols of its elements."""
        return {site.specie.symbol for site in self.structure}

    @property
    def box(self) -> tuple[float, float, float]:
        """Sides of the atom's box, Å: of different lengths, so that no orbital has to choose among equal ones."""
        side = self.geometry.box
        return side, side + 1.0, side + 2.0

    def varied(self, parameter: str, value: float) -> "Crystal":
        """Return it with one parameter changed."""
        variant = self.variant | {parameter: value}
        if parameter in CrystalSpec.model_fields:
            return replace(self, geometry=changed_model(self.geometry, parameter, value), variant=variant)
        return replace(self, backend=self.backend.with_settings({parameter: value}), variant=variant)

    def own_value(self, parameter: str) -> float | None:
        """Return the value that it has of a parameter."""
        holder = self.geometry if parameter in CrystalSpec.model_fields else self.backend.settings
        return getattr(holder, parameter)

    def check(self) -> None:
        """Raise InputError if it is not of one element."""
        if len(self.elements) > 1:
            raise InputError(f"{self.crystal} is a compound: name a crystal of one element.")
