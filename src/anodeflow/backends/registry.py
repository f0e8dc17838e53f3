"""From a backend's name or YAML file to the backend."""

import difflib
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from anodeflow.backends.base import Availability, Backend
from anodeflow.backends.foreign import RunsIn
from anodeflow.backends.learned_models import PREFIX, model_file
from anodeflow.backends.trust import looked_at
from anodeflow.core.data import data_folder, shipped_backends
from anodeflow.core.errors import InputError
from anodeflow.core.yamlfile import YamlFile

ENTRY_POINTS = "anodeflow.backends"
"""Group under which a package registers its Backend class, by the name of the code; ours join by it, too."""


@cache
def codes() -> dict[str, str]:
    """Return code -> 'module:Class' of every backend class: ours and those of installed plug-ins.

    Raises
    ------
    InputError
        If two packages register one code.
    """
    found: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda each: each.name):
        other = found.setdefault(point.name, point)
        if other.value != point.value:
            packages = " and ".join(each.dist.name if each.dist is not None else each.value for each in (other, point))
            raise InputError(f"{packages} both register a backend for the code {point.name}: remove one of them.")
    return {name: point.value for name, point in found.items()}


def backend_class(code: str) -> type[Backend]:
    """Return the Backend class of a code.

    Raises
    ------
    InputError
        For a code that no backend is registered for.
    """
    try:
        module, _, name = codes()[code].partition(":")
    except KeyError:
        raise InputError(f"unknown code {code!r}; there is {', '.join(sorted(codes()))}.") from None
    return getattr(import_module(module), name)


def foreign_readers() -> dict[str, RunsIn]:
    """Return what finds finished runs that were made without anodeflow, by how a code is called and its files."""
    found = {}
    for code in reversed(codes()):  # VASP first
        kind = backend_class(code)
        if kind.foreign_runs:
            module, _, name = kind.foreign_runs.partition(":")
            found[f"{kind.program or code} ({kind.foreign_files})"] = getattr(import_module(module), name)
    return found


def from_recipe(recipe: dict[str, Any]) -> Backend:
    """Make a backend from its plain data (:meth:`Backend.recipe`).

    Raises
    ------
    InputError
        For a code that no backend is registered for.
    pydantic.ValidationError
        If the data are none of that code.
    """
    return backend_class(str(recipe.get("code", ""))).model_validate(recipe)


def load_backend(name_or_path: str | Path) -> Backend:
    """Read a backend file. It names programs and models: it is a program (:mod:`anodeflow.backends.trust`).

    Parameters
    ----------
    name_or_path
        Name of a shipped backend (gpaw-demo, mlip ...), `learned:NAME`, or path of a YAML file.

    Raises
    ------
    InputError
        If there is no such file, or something in it is wrong (named with its line).
    """
    path = Path(name_or_path)
    if str(name_or_path).startswith(PREFIX):
        path = model_file(str(name_or_path))
    if path.suffix not in (".yaml", ".yml"):
        path = data_folder("configs") / "backends" / f"{name_or_path}.yaml"
        if not path.is_file():
            known = shipped_backends()
            close = difflib.get_close_matches(str(name_or_path), known, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise InputError(
                f"unknown backend {str(name_or_path)!r}; there is {', '.join(known)}, or give the path of a "
                f"YAML file.{hint}"
            )
    file = YamlFile.read(path)
    code = file.content.get("code")
    if not isinstance(code, str) or code not in codes():
        raise InputError(f"{file.where('code')}: code is {code!r}; it must be one of {', '.join(sorted(codes()))}.")
    if "placement" in file.content:
        raise InputError(
            f"{file.where('placement')}: placement is what anodeflow submit sets: take it out, and say under resources "
            "what a calculation asks of a queue."
        )
    backend = file.validate(backend_class(code), name=path.stem)
    kind = looked_at(backend, path)
    if kind is not None:
        backend = file.validate(kind, name=path.stem)
    if words := backend.complaint():
        raise InputError(f"{file.where('settings', 'extra')}: {words}.")
    return backend.resolved(path.absolute().parent)


def available() -> dict[str, Availability]:
    """Return, for every code, whether it works on this machine and what to do if not."""
    return {code: backend_class(code).availability() for code in codes()}
