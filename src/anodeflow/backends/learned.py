"""A potential corrected by what DFT calculations taught, as a backend of its own: ``backend: learned:NAME``.

The model is its backend file (``anodeflow learn NAME`` writes it): the potential, the weights of its features, and what
it learned from. The content of the file is its address; copied elsewhere it is the same model.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, ValidationError, field_validator

from anodeflow.backends.base import Availability, Backend, Capability
from anodeflow.backends.features import elements_of
from anodeflow.backends.inprocess import InProcessBackend
from anodeflow.backends.learned_models import models_folder
from anodeflow.core.address import content_hash
from anodeflow.core.errors import AnodeflowError, InputError
from anodeflow.core.inputs import InputModel, said


def _potential(recipe: dict[str, Any]) -> InProcessBackend:
    """Return the backend of a potential.

    Raises
    ------
    InputError
        If it is none that could be corrected.
    """
    from anodeflow.backends.registry import from_recipe

    found = from_recipe(recipe)
    if not isinstance(found, InProcessBackend):
        raise InputError(f"{found.code} has no calculator that could be corrected: take a potential.")
    return found


def potential_hash(potential: Backend) -> str:
    """Return the hash of what decides a potential's energies: code, version and settings, not how it relaxes."""
    settings = {key: value for key, value in potential.all_settings().items() if key not in ("relaxation", "path")}
    return content_hash({"code": potential.code, "version": potential.version(), "settings": settings})


class TaughtBy(InputModel):
    """The calculations that a model learned from."""

    code: str = Field(description="Code of the calculations.")
    version: str = Field(description="Its version.")
    settings: dict[str, Any] = Field(description="Its settings, without k-points and relaxations.")
    potential: str = Field(
        default="",
        description="Hash of code, version and settings of the potential that learned from it; empty: not recorded.",
    )
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

    @field_validator("potential")
    @classmethod
    def _corrigible(cls, recipe: dict[str, Any]) -> dict[str, Any]:
        try:
            _potential(recipe)
        except ValidationError as error:
            wrong = error.errors()[0]
            place = ".".join(map(str, wrong["loc"]))
            raise ValueError(f"it is no backend of a potential ({place}: {said(wrong)})") from error
        except AnodeflowError as error:
            raise ValueError(str(error).rstrip(".")) from error
        return recipe


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
        return _potential(self.settings.potential)

    def programs(self) -> list[str]:
        """Return those of the potential: who uses the model runs them."""
        return self.potential.programs()

    @property
    def capabilities(self) -> frozenset[Capability]:  # type: ignore[override]
        """Those of the potential that its correction keeps."""
        return self.potential.capabilities & {"relax", "stress", "neb"}

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
        learned_with = self.settings.taught_by.potential
        if learned_with and learned_with != potential_hash(potential):
            raise InputError(
                f"backend {self.name}: its weights were not learned with {potential.name} as it is here "
                f"({potential.version()}), but with another version, model or setting: learn it anew (anodeflow learn)."
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
