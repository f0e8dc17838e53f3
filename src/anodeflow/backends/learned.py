"""A potential corrected by what DFT calculations taught, as a backend of its own: ``backend: learned:NAME``.

The model is its backend file (``anodeflow learn NAME`` writes it): the potential, the weights of its features, and what
it learned from. The content of the file is its address; copied elsewhere it is the same model.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field

from anodeflow.backends.base import Availability
from anodeflow.backends.features import elements_of
from anodeflow.backends.inprocess import InProcessBackend
from anodeflow.backends.learned_models import models_folder
from anodeflow.core.address import content_hash
from anodeflow.core.errors import InputError
from anodeflow.core.inputs import InputModel


class TaughtBy(InputModel):
    """The calculations that a model learned from."""

    code: str = Field(description="Code of the calculations.")
    version: str = Field(description="Its version.")
    settings: dict[str, Any] = Field(description="Its settings, without k-points and relaxations.")
    calculations: list[str] = Field(description="Ids of the calculations.")
    force_error_before: float = Field(
        ge=0, le=1000, description="What the potential's forces lacked in them, root mean square, eV/Å."
    )
    force_error_after: float | None = Field(
        default=None,
        ge=0,
        le=1000,
        description="The same of corrections that had not seen the calculation in question, eV/Å.",
    )
    energy_error: float | None = Field(
        default=None,
        ge=0,
        le=1e6,
        description="Root mean square error of such corrections in the gain of a relaxation, eV.",
    )


class LearnedSettings(InputModel):
    """The model."""

    potential: dict[str, Any] = Field(description="Backend of the potential that is corrected, as plain data.")
    features: str = Field(description="Kind of the potential's features.")
    weights: dict[str, Annotated[float, Field(ge=-1e6, le=1e6)]] = Field(
        description="Weight of each feature, eV.", json_schema_extra={"unit": "eV"}
    )
    taught_by: TaughtBy = Field(description="What it learned from.")


class LearnedBackend(InProcessBackend):
    """A potential plus a linear correction."""

    atom_reference_reliable: ClassVar[bool] = False
    is_potential: ClassVar[bool] = True

    code: Literal["learned"] = "learned"
    settings: LearnedSettings

    @classmethod
    def availability(cls) -> Availability:
        """Say which models there are; whether their potentials work is asked by :meth:`check_available`."""
        models = ", ".join(sorted(each.stem for each in models_folder().glob("*.yaml")))
        if not models:
            return Availability(False, "", "no model was learned here yet", "anodeflow learn NAME makes one")
        return Availability(True, "", models)

    @property
    def potential(self) -> InProcessBackend:
        """The potential that is corrected."""
        from anodeflow.backends.registry import from_recipe

        found = from_recipe(self.settings.potential)
        if not isinstance(found, InProcessBackend):
            raise InputError(f"backend {self.name}: {found.code} has no calculator that could be corrected.")
        return found

    def version(self) -> str:
        """Return that of the potential."""
        return self.potential.version()

    def all_settings(self) -> dict[str, Any]:
        """Return the settings that decide a result: the weights by their hash, not one by one."""
        model = self.settings.model_dump(mode="json")
        potential = {
            key: self.settings.potential[key] for key in ("code", "settings") if key in self.settings.potential
        }
        return {
            "model": content_hash({key: model[key] for key in ("potential", "features", "weights")}),
            "potential": potential,
            "taught_by": {key: model["taught_by"][key] for key in ("code", "version")},
            "relaxation": self.relaxation.model_dump(mode="json"),
        }

    def resolved(self, folder: Path) -> Self:
        """Return the backend with the files of its potential sought in `folder`, that of the backend file."""
        recipe = self.potential.resolved(folder).recipe()
        return self.model_copy(update={"settings": self.settings.model_copy(update={"potential": recipe})})

    def check_available(self) -> None:
        """Raise an InputError where its potential does not work, or has other features now."""
        potential = self.potential
        potential.check_available()
        kind = potential.features(potential.calculator()).name
        if kind != self.settings.features:
            raise InputError(
                f"backend {self.name}: its weights are of {self.settings.features} features, and {potential.name} has "
                f"{kind} ones here: learn it anew (anodeflow learn)."
            )

    def check_elements(self, elements: Iterable[str]) -> None:
        """Raise InputError for an element of which it learned nothing."""
        known = elements_of(self.settings.weights)
        for element in sorted(elements):
            if element not in known:
                raise InputError(
                    f"backend {self.name}: it learned nothing of {element}, only of {', '.join(sorted(known))}: choose "
                    "another backend."
                )

    def calculator(self) -> Any:
        """Return an ASE calculator of the corrected potential."""
        potential = self.potential
        return potential.features(potential.calculator()).corrected(self.settings.weights)
