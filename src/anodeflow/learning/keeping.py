"""What potentials learned in this home, and models of it that are kept as backend files."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from anodeflow.backends.base import Backend
from anodeflow.backends.inprocess import InProcessBackend
from anodeflow.backends.learned import LearnedBackend, LearnedSettings, TaughtBy, potential_hash
from anodeflow.backends.learned_models import models_folder
from anodeflow.backends.registry import from_recipe
from anodeflow.calculations.folder import write_atomically
from anodeflow.core.errors import InputError
from anodeflow.learning.data import Lesson, Pair, lessons, pairs
from anodeflow.learning.model import LearnedModel, fit


@dataclass(frozen=True)
class Learned:
    """What one potential learned from one DFT code.

    Attributes
    ----------
    pair
        Both of them.
    folder
        Folder of the lessons.
    """

    pair: Pair
    folder: Path

    @property
    def id(self) -> str:
        """Name of the pair."""
        return self.pair.id

    @cached_property
    def lessons(self) -> list[Lesson]:
        """What its calculations taught."""
        return lessons(self.folder)

    @cached_property
    def model(self) -> LearnedModel | None:
        """The correction; none where there is nothing to learn from."""
        return fit(self.lessons)

    def summary(self) -> dict[str, Any]:
        """Return what is known of it, as plain data."""
        model = self.model
        return {
            "pair": self.id,
            "code": self.pair.code,
            "version": self.pair.version,
            "settings": self.pair.settings,
            "potential": self.pair.potential["name"],
            "features": self.pair.features,
            "calculations": len(self.lessons),
            "geometries": sum(len(lesson.energies) for lesson in self.lessons),
            "force_error_before": model and model.error_before,
            "force_error_after": model and model.error_after,
            "energy_error": model and model.energy_error,
            "used": bool(model and model.helps),
        }

    def said(self) -> str:
        """Return how good it is, in one sentence."""
        model = self.model
        if model is None:
            return "it learned nothing yet."
        count = f"{len(self.lessons)} calculation{'s' if len(self.lessons) != 1 else ''} of {self.pair.code}"
        if model.error_after is None:
            return f"it learned from {count}, too few to judge it by."
        verdict = "" if model.helps else ", which is no help: campaigns do without it"
        return (
            f"it learned from {count}; forces on calculations that it had not seen are wrong by "
            f"{model.error_after:.3f} eV/Å, those of {self.pair.potential['name']} alone by "
            f"{model.error_before:.3f}{verdict}."
        )


def learned_pairs(folder: Path) -> list[Learned]:
    """Return what was learned below a folder, that of ``ANODEFLOW_HOME/learning``."""
    return [Learned(pair, folder / name) for name, pair in pairs(folder).items()]


def model_from(learned: Learned, name: str) -> LearnedBackend:
    """Return a model as a backend.

    Raises
    ------
    InputError
        If there is nothing to learn from, the potential cannot be corrected, or the name is none of a file.
    """
    if Path(name).name != name or name.startswith(".") or len(name) > 100 or not name.isprintable():
        raise InputError(f"{name[:100]!r} is no name for a model: letters, digits and hyphens are.")
    model, pair = learned.model, learned.pair
    potential: Backend = from_recipe(pair.potential)
    if model is None or not isinstance(potential, InProcessBackend):
        raise InputError(f"pair {learned.id}: there is nothing that a model could be made of.")
    if potential.version() != pair.potential_version:
        raise InputError(
            f"pair {learned.id} learned with {potential.name} {pair.potential_version}, and {potential.version()} is "
            "here: install that one, or let the campaign run again, so that this one learns."
        )
    return LearnedBackend(
        name=name,
        description=f"{pair.potential['name']} corrected by {len(model.lessons)} calculations of {pair.code}",
        settings=LearnedSettings(
            potential=pair.potential,
            features=pair.features,
            weights=model.by_label(),
            taught_by=TaughtBy(
                code=pair.code,
                version=pair.version,
                settings=pair.settings,
                potential=potential_hash(potential),
                calculations=list(model.lessons),
                force_error_before=model.error_before,
                force_error_after=model.error_after,
                energy_error=model.energy_error,
            ),
        ),
        relaxation=potential.relaxation,
        path=potential.path,
    )


def write_model(model: LearnedBackend, name: str, output: Path | None, force: bool) -> Path:
    """Write a model as a backend file; return the file.

    Raises
    ------
    InputError
        If there is one already and `force` is not set.
    """
    file = output or models_folder() / f"{name}.yaml"
    if file.suffix not in (".yaml", ".yml"):
        raise InputError(f"{file}: a model is a backend file, whose name ends with .yaml.")
    if file.exists() and not force:
        raise InputError(f"{file} exists already: choose another name, or replace it with --force.")
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {key: value for key, value in model.recipe().items() if key not in ("name", "resources", "placement")}
    write_atomically(file, yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
    return file
