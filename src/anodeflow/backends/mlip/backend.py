"""Machine-learned interatomic potentials through atomate2.forcefields."""

import contextlib
import difflib
import json
import os
import pickle
import sys
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from anodeflow.backends.base import Availability
from anodeflow.backends.features import Features
from anodeflow.backends.inprocess import InProcessBackend
from anodeflow.backends.mlip.checkpoint import check_checkpoint
from anodeflow.backends.mlip.force_fields import FORCE_FIELDS, Package, force_field, known_elements, provider
from anodeflow.backends.mlip.model_files import beside, files_hash, looks_like_file, model_files, texts, without_folders
from anodeflow.backends.mlip.remembered import key, recall, remember
from anodeflow.backends.mlip.sevennet_features import SevenNetFeatures
from anodeflow.backends.trust import is_trusted_model
from anodeflow.core.errors import BackendUnavailableError, InputError
from anodeflow.core.inputs import InputModel
from anodeflow.core.settings import get_settings


class MlipSettings(InputModel):
    """Which potential, in atomate2's words."""

    force_field_name: str = Field(default="SevenNet", description="Name in atomate2.forcefields (MLFF).")
    calculator_kwargs: dict[str, Any] = Field(
        default_factory=lambda: {"model": "7net-l3i5"},
        description="Arguments of its ASE calculator; a model file is sought beside the backend file. The default is "
        "SevenNet's; other potentials begin with none.",
    )

    @model_validator(mode="before")
    @classmethod
    def _own_defaults(cls, values: Any) -> Any:
        """Give no other potential the model of SevenNet."""
        if isinstance(values, dict) and "calculator_kwargs" not in values:
            name = values.get("force_field_name", "SevenNet")
            with contextlib.suppress(KeyError, TypeError, AttributeError):  # its own field refuses it
                if force_field(name) != force_field("SevenNet"):
                    return values | {"calculator_kwargs": {}}
        return values

    @field_validator("force_field_name")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            force_field(name)
        except KeyError:
            close = difflib.get_close_matches(name, FORCE_FIELDS, n=1, cutoff=0.5)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise ValueError(f"atomate2 has no such force field; there is {', '.join(FORCE_FIELDS)}{hint}") from None
        return name


class MlipBackend(InProcessBackend):
    """A universal potential: seconds instead of hours, good for ranking, poor for isolated atoms."""

    atom_reference_reliable: ClassVar[bool] = False
    is_potential: ClassVar[bool] = True

    code: Literal["mlip"] = "mlip"
    settings: MlipSettings = Field(default_factory=MlipSettings)

    @classmethod
    def availability(cls) -> Availability:
        """Say which potentials are installed; :meth:`check_available` asks for the one that a backend file names."""
        found: dict[str, str] = {}
        for name in ("SevenNet", "CHGNet", *FORCE_FIELDS):
            package = provider(name)
            if package.installed and package.version not in found.values():
                found[name] = package.version
        if not found:
            missing = provider("SevenNet")
            return Availability(False, "", "no machine-learned potential is installed", missing.remedy)
        return Availability(
            True, next(iter(found.values())), ", ".join(f"{name} ({version})" for name, version in found.items())
        )

    @property
    def package(self) -> Package:
        """The package that provides the potential."""
        return provider(self.settings.force_field_name)

    def version(self) -> str:
        """Return name and version of the potential's package, and the hash of its model file if it names one."""
        files = model_files(self.settings.calculator_kwargs)
        content = files_hash(files, f"backend {self.name}")
        return f"{self.package.version}, model {content}" if content else self.package.version

    def all_settings(self) -> dict[str, Any]:
        """Return the settings that decide a result; a model file is named without its folder (:meth:`version`)."""
        settings = super().all_settings()
        return settings | {"calculator_kwargs": without_folders(settings["calculator_kwargs"])}

    def resolved(self, folder: Path) -> Self:
        """Return the backend with model files sought in `folder`, that of the backend file."""
        found = beside(self.settings.calculator_kwargs, folder)
        if found == self.settings.calculator_kwargs:
            return self
        return self.model_copy(
            update={"settings": self.settings.model_copy(update={"calculator_kwargs": found})},
        )

    def check_available(self) -> None:
        """Raise an InputError if the potential is not installed, does not take the arguments, or cannot be loaded."""
        self._known()

    def _known(self) -> set[int] | None:
        """Return the atomic numbers that the potential knows, as it said when it was loaded; none: it does not tell."""
        self._check_there()
        arguments = dict(self.package.defaults) | self.settings.calculator_kwargs
        if model_files(arguments):
            return known_elements(self._loaded())
        name = key(force_field(self.settings.force_field_name), arguments, self.version())
        before, known = recall(name)
        if not before:
            known = known_elements(self._loaded())
            remember(name, known)
        return known

    def _check_installed(self) -> None:
        self._check_there()
        self._check_arguments(self.package)

    def _check_there(self) -> None:
        """Raise unless the package is installed and the arguments mean what they seem to; nothing is imported."""
        package, name = self.package, self.settings.force_field_name
        if not package.installed:
            raise BackendUnavailableError(
                f"backend {self.name}: {name} needs the package {package.distribution}, which is not installed: "
                f"install it with {package.remedy}."
            )
        for argument, value in texts(self.settings.calculator_kwargs):
            if "://" in value:
                raise InputError(
                    f"backend {self.name}: {argument} {value!r} is an address, and whatever stands there would be "
                    "loaded: download the model, and name its file."
                )
            if not looks_like_file(value) and os.path.exists(value):
                raise InputError(
                    f"backend {self.name}: {argument} {value!r} is the name of a model, and there is a file of this "
                    f"name in the working folder, which would be taken instead: write ./{value} for the file, or "
                    "rename it."
                )

    def _check_arguments(self, package: Package) -> None:
        try:
            known = package.arguments()
        except Exception as error:  # whatever a package raises that does not fit this Python
            raise BackendUnavailableError(
                f"backend {self.name}: {package.version} cannot be imported ({_line(error)}): install it anew "
                f"({package.remedy})."
            ) from error
        for argument in self.settings.calculator_kwargs:
            if argument not in known:
                close = difflib.get_close_matches(argument, known, n=1)
                hint = f"did you mean {close[0]}?" if close else f"it takes {', '.join(known)}."
                raise InputError(
                    f"backend {self.name}: the calculator of {self.settings.force_field_name} takes no argument "
                    f"{argument!r} (calculator_kwargs): {hint}"
                )

    def check_elements(self, elements: Iterable[str]) -> None:
        """Raise InputError for an element that the potential was not trained on, as far as it tells."""
        known = self._known()
        if known is None:
            return
        from ase.data import atomic_numbers

        for element in sorted(elements):
            if atomic_numbers[element] not in known:
                raise InputError(
                    f"backend {self.name}: {self.settings.force_field_name} was not trained on {element}: "
                    "choose another backend."
                )

    def open_questions(self) -> list[str]:
        """Say that the potential does not tell its elements, if so: then it takes any, known or not."""
        if self._known() is not None:
            return []
        return [
            f"Backend {self.name}: {self.settings.force_field_name} does not tell on which elements it was trained, so "
            "none was checked: see in its publication that those of the campaign are among them."
        ]

    def calculator(self) -> Any:
        """Return an ASE calculator of the potential; the model is loaded once a process."""
        from copy import copy

        # Each image of a path wants a calculator of its own, with its own results; the model they share.
        own = copy(self._loaded())
        own.results, own.atoms = {}, None
        return own

    def features(self, calculator: Any) -> Features:
        """Return in what its error is learned: SevenNet's own features of atoms, or radial ones."""
        return SevenNetFeatures(calculator) if SevenNetFeatures.fits(calculator) else super().features(calculator)

    def _loaded(self) -> Any:
        settings = self.settings
        name = force_field(settings.force_field_name)
        arguments = dict(self.package.defaults) | settings.calculator_kwargs
        self._check_installed()
        version = self.version()  # says if its model file is not there
        for file in [] if self.package.text else model_files(arguments):
            check_checkpoint(file, is_trusted_model(file))
        try:
            return _load(name, json.dumps(arguments, sort_keys=True), version)
        except Exception as error:  # whatever a potential's package raises
            if files := model_files(settings.calculator_kwargs):
                names = ", ".join(map(str, files))
                raise InputError(
                    f"backend {self.name}: {settings.force_field_name} finds no model of its own in {names}"
                    f"{'' if _is_unreadable(error) else f' ({type(error).__name__}: {_line(error)})'}: take a whole "
                    f"copy of one that {self.package.version} reads."
                ) from error
            raise InputError(
                f"backend {self.name}: {settings.force_field_name} with {settings.calculator_kwargs} cannot be "
                f"loaded: {_line(error)}."
            ) from error


def _is_unreadable(error: Exception) -> bool:
    """Return whether a file is none of torch or pickle at all, of which their own words say nothing to a user."""
    unread = isinstance(error, pickle.UnpicklingError | EOFError)
    return unread or any(words in str(error) for words in ("PytorchStreamReader", "inline_container", "magic number"))


def _line(error: Exception) -> str:
    """Return what an error says, in one line."""
    words = " ".join(str(error).split()).rstrip(".")
    return words[:300] or type(error).__name__


@lru_cache(maxsize=4)  # a prescreen, a backend, the ranking of orderings
def _load(name: str, arguments: str, version: str) -> Any:
    """Load a potential; `version` is there so that a model file that has changed is loaded again."""
    from atomate2.forcefields.utils import ase_calculator

    # Some say on the output where they run: that is for results.
    with contextlib.redirect_stdout(sys.stderr):
        calculator = ase_calculator(name, **json.loads(arguments))
    threads, torch = get_settings().threads, sys.modules.get("torch")
    if threads and torch:  # GAP and NEP compute without it
        torch.set_num_threads(threads)
    return calculator
