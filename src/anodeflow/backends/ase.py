"""Any calculator of ASE, by the name of its class: a backend without a line of Python."""

import difflib
import hashlib
import inspect
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from importlib import import_module
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, field_validator

from anodeflow.backends.base import Availability, Capability
from anodeflow.backends.inprocess import InProcessBackend
from anodeflow.backends.mlip.checkpoint import check_checkpoint
from anodeflow.backends.mlip.model_files import beside, files_hash, model_files, without_folders
from anodeflow.backends.trust import is_trusted_model
from anodeflow.core.errors import BackendUnavailableError, InputError
from anodeflow.core.inputs import InputModel, known_element, listed
from anodeflow.core.versions import version

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_PICKLED = frozenset({".ckpt", ".model", ".pickle", ".pkl", ".pt", ".pth", ".tar"})
"""Files that a calculator unpickles: which runs whatever their author put in."""
_BOX = 12.0  # Å, of the single atom that a calculator is asked for


class AseSettings(InputModel):
    """Which calculator, and what it is made with."""

    calculator: str = Field(description="Its class: package.module:Class.")
    arguments: dict[str, Any] = Field(
        default_factory=dict, description="Its arguments; a file is sought beside the backend file."
    )

    @field_validator("calculator")
    @classmethod
    def _named(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError(f"write the class as package.module:Class, such as ase.calculators.emt:EMT, not {name!r}")
        return name


class AseBackend(InProcessBackend):
    """A calculator of ASE, whatever package it comes from.

    What it can do follows from its `implemented_properties`. One that writes files and starts a program
    (`FileIOCalculator`, `GenericFileIOCalculator`) does so in the folder of the calculation.
    """

    code: Literal["ase"] = "ase"
    settings: AseSettings
    elements: tuple[str, ...] = listed(
        default=(), description="Elements that it may be asked for; none: those that it computes an atom of."
    )

    spin: bool = Field(
        default=False, description="Whether it is spin-polarised where atoms have moments; else it computes without."
    )

    @field_validator("elements")
    @classmethod
    def _elements(cls, elements: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(known_element(element) for element in elements)

    @classmethod
    def availability(cls) -> Availability:
        """ASE is always there; :meth:`check_available` asks for the calculator that a backend file names."""
        return Availability(True, version("ase"), "any calculator of ASE that a backend file names")

    @property
    def capabilities(self) -> frozenset[Capability]:  # type: ignore[override]
        """What the calculator implements; spin only where the file says so, for ASE's EMT has moments, too: of zero."""
        known = set(getattr(self._class(), "implemented_properties", ()))
        found: set[Capability] = set()
        if "forces" in known:
            found |= {"relax", "neb"}
        if "stress" in known:
            found.add("stress")
        if self.spin:
            found.add("spin")
        return frozenset(found)

    @property
    def cheap_forces(self) -> bool:  # type: ignore[override]
        """A calculator that starts a program for each geometry is taken for a dear one."""
        return not _writes_files(self._class())

    def programs(self) -> list[str]:
        """Return the calculator: to import its module is to run it."""
        return [self.settings.calculator]

    def open_questions(self) -> list[str]:
        """Return what cannot be asked of a calculator that starts a program: which elements it knows."""
        if self.elements or self.cheap_forces:
            return []
        return [
            f"backend {self.name}: whether {self.settings.calculator} knows the elements shows when it runs: list "
            "those that it knows (elements)."
        ]

    def version(self) -> str:
        """Return distribution and version of the calculator's package, or else the hash of its module's file."""
        module = self.settings.calculator.partition(":")[0]
        found = _version(module)
        files = model_files(self.settings.arguments)
        content = files_hash(files, f"backend {self.name}")
        return f"{found}, files {content}" if content else found

    def all_settings(self) -> dict[str, Any]:
        """Return the settings that decide a result; a file is named without its folder (:meth:`version`)."""
        settings = super().all_settings()
        return settings | {"arguments": without_folders(settings["arguments"])}

    def resolved(self, folder: Path) -> Self:
        """Return the backend with files among the arguments sought in `folder`, that of the backend file."""
        found = beside(self.settings.arguments, folder)
        if found == self.settings.arguments:
            return self
        return self.model_copy(update={"settings": self.settings.model_copy(update={"arguments": found})})

    def check_available(self) -> None:
        """Raise an error if the calculator cannot be imported, does not take its arguments, or cannot be made."""
        kind = self._class()
        if "forces" not in getattr(kind, "implemented_properties", ()):
            raise InputError(
                f"backend {self.name}: {self.settings.calculator} implements no forces, so nothing can be relaxed "
                "with it: choose another calculator."
            )
        if self.spin and "magmom" not in kind.implemented_properties:
            raise InputError(
                f"backend {self.name}: {self.settings.calculator} implements no magnetic moment (magmom): leave spin "
                "out, or choose another calculator."
            )
        self.version()  # says if a file is not there
        self.calculator()

    def check_elements(self, elements: Iterable[str]) -> None:
        """Raise InputError for an element that the file does not list or, without a list, that computes no atom.

        A calculator that starts a program is not tried: it says so itself when it runs.
        """
        for element in sorted(elements):
            if self.elements:
                if element not in self.elements:
                    raise InputError(
                        f"backend {self.name}: {element} is none of its elements ({', '.join(self.elements)}): choose "
                        "another backend, or add it to `elements` if the calculator knows it."
                    )
            elif self.cheap_forces:
                self._try(element)

    def calculator(self) -> Any:
        """Return a new calculator with the arguments of the backend file."""
        kind = self._class()
        self._check_arguments(kind)
        try:
            for file in model_files(self.settings.arguments):
                if file.suffix.lower() in _PICKLED:
                    check_checkpoint(file, is_trusted_model(file))
            return kind(**self.settings.arguments)
        except InputError:
            raise
        except Exception as error:  # whatever a calculator raises
            raise InputError(
                f"backend {self.name}: {self.settings.calculator} cannot be made with {self.settings.arguments}: "
                f"{_line(error)}."
            ) from error

    def calculator_in(self, folder: Path) -> Any:
        """Return a new calculator; one that writes files gets a folder of its own in that of the calculation."""
        calculator = self.calculator()
        if _writes_files(type(calculator)):
            number = 1
            while (own := folder / f"calculator-{number}").exists():
                number += 1
            own.mkdir(parents=True)
            calculator.directory = own
        return calculator

    def _class(self) -> Any:
        module, _, name = self.settings.calculator.partition(":")
        try:
            return getattr(import_module(module), name)
        except AttributeError as error:
            names = {each.lower(): each for each in dir(import_module(module))}
            there = [names[each] for each in difflib.get_close_matches(name.lower(), names, n=1)]
            hint = f"did you mean {there[0]}?" if there else "look up its name."
            raise InputError(f"backend {self.name}: {module} has no class {name} (calculator): {hint}") from error
        except Exception as error:  # not installed, or whatever its import raises
            raise BackendUnavailableError(
                f"backend {self.name}: {module} cannot be imported ({_line(error)}): install the package that has it."
            ) from error

    def _check_arguments(self, kind: Any) -> None:
        known = _arguments(kind)
        for key in self.settings.arguments if known else ():
            if key not in known:
                close = difflib.get_close_matches(key, known, n=1)
                hint = f"did you mean {close[0]}?" if close else f"it takes {', '.join(sorted(known))}."
                raise InputError(
                    f"backend {self.name}: {self.settings.calculator} takes no argument {key!r} (arguments): {hint}"
                )

    def _try(self, element: str) -> None:
        from ase import Atoms
        from ase.data import atomic_numbers

        try:
            if element not in atomic_numbers:
                raise ValueError("there is no such element")
            Atoms(element, cell=[_BOX] * 3, pbc=True, calculator=self.calculator()).get_potential_energy()
        except InputError:
            raise
        except Exception as error:  # whatever a calculator raises
            raise InputError(
                f"backend {self.name}: {self.settings.calculator} computes no atom of {element} ({_line(error)}): "
                "choose another backend, or list its `elements` if it knows this one."
            ) from error


def _writes_files(kind: Any) -> bool:
    """Return whether a calculator writes files and starts a program."""
    from ase.calculators.calculator import FileIOCalculator
    from ase.calculators.genericfileio import GenericFileIOCalculator

    return issubclass(kind, FileIOCalculator | GenericFileIOCalculator)


def _arguments(kind: Any) -> frozenset[str]:
    """Return the arguments that a calculator takes; none: it does not tell.

    ASE's own class takes any keyword: a misspelt one would be stored and never looked at. What counts then is what the
    class declares as its parameters.
    """
    from ase.calculators.calculator import Calculator

    def taken(function: Callable[..., Any]) -> tuple[set[str], bool]:
        parameters = list(inspect.signature(function).parameters.values())[1:]
        named = {each.name for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)}
        return named, any(each.kind is each.VAR_KEYWORD for each in parameters)

    named, is_open = taken(kind.__init__)
    if not is_open:
        return frozenset(named)
    declared = set(getattr(kind, "default_parameters", ()))
    if not declared:
        return frozenset()
    return frozenset(named | declared | taken(Calculator.__init__)[0])


@lru_cache
def _version(module: str) -> str:
    """Return distribution and version of a module; of one that belongs to none, the hash of its file."""
    for name in packages_distributions().get(module.partition(".")[0], ()):
        return f"{name} {version(name)}"
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return ""
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        return ""
    return f"{module} {hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest()[:16]}"


def _line(error: Exception) -> str:
    """Return what an error says, in one line."""
    words = " ".join(str(error).split()).rstrip(".")
    return words[:300] or type(error).__name__
