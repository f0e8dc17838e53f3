"""What data may name to be decoded: the classes of documents and structures, never a program of the sender's.

monty, which jobflow and pymatgen store objects by, imports whatever module an ``@module`` names, from the working
folder too, and importing a module runs it. So what comes from a file or a database is looked through before it is
decoded.
"""

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from anodeflow.core.errors import InputError
from anodeflow.core.textfile import nesting

_PACKAGES = (
    *("anodeflow.core.density", "anodeflow.density", "anodeflow.schemas", "anodeflow.structures.sites.path_symmetry"),
    "anodeflow.structures.slab.slabs",
    *("pymatgen.core", "pymatgen.electronic_structure", "pymatgen.io.ase", "pymatgen.symmetry"),
    *("ase", "numpy", "emmet.core"),
    *("jobflow.core", "jobflow.utils"),
)
"""Packages whose classes documents and structures hold, with all below them."""
_OURS = re.compile(r"anodeflow\.(calculations|studies)(\.\w+)*\.(\w+_)?(document|rows)")
"""Modules of our own documents and rows; `anodeflow.schemas` is where they were before."""
_BUILT_IN = ("datetime", "uuid", "pathlib", "bson.objectid")
"""Modules of plain values that monty writes."""
_PLAIN = (float, int, str, bool, type(None))
_NESTED = (dict, list, tuple)
_DEEPEST = 100  # brackets open at once in a YAML file
_PROGRAMS = (
    *("anodeflow.workflows", "anodeflow.backends", "anodeflow.execution", "anodeflow.studies", "anodeflow.screening"),
    *("anodeflow.calculations", "jobflow", "jobflow_remote", "qtoolkit", "atomate2"),
)
"""Packages whose functions and Makers jobs in a queue name besides."""


def foreign_module(value: Any, *, jobs: bool = False) -> str | None:
    """Return the first module that decoding `value` would import and no document holds; none: there is none.

    Parameters
    ----------
    value
        Plain data (dictionaries, lists); other objects in it have been decoded already, and are passed over.
    jobs
        Whether it is a job in a queue, which names functions and Makers too.
    """
    for entry in dictionaries(value):
        if "@module" not in entry or not ("@class" in entry or "@callable" in entry):
            continue
        module = entry["@module"]
        if module in ("", None):  # jobflow's references to large parts name none; nothing is imported
            continue
        if not isinstance(module, str) or not _is_known(module, jobs):
            return str(module)[:100]
        if "@callable" in entry and not (jobs or _is_schema(entry, module)):
            return module[:100]
    return None


def refuse_foreign(value: Any, where: object, *, jobs: bool = False) -> None:
    """Raise InputError if decoding `value`, which stands in `where`, would import what no document holds."""
    module = foreign_module(value, jobs=jobs)
    if module is not None:
        raise InputError(
            f"{where} names the Python module {module!r}, which no structure or result of anodeflow holds, and reading "
            "it would run that: ask whoever made the file, or take another one."
        )


def refuse_foreign_text(text: str, where: object, *, may_be_yaml: bool = True) -> None:
    """Look through text that may be JSON or YAML, as :func:`refuse_foreign` does; what is neither holds nothing."""
    try:
        content = _parsed(text.removeprefix("\ufeff"), may_be_yaml)
    except ValueError:
        return
    except RecursionError:
        raise InputError(f"{where} is nested too deeply for a structure: take another file.") from None
    refuse_foreign(content, where)


def _parsed(text: str, may_be_yaml: bool) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return json.loads(text)
    except ValueError:
        if not may_be_yaml:
            raise
        if nesting(text) > _DEEPEST:
            raise RecursionError from None
        try:
            return YAML().load(text)  # as pymatgen does, for it forgives what a safe loader stumbles over
        except YAMLError as error:
            raise ValueError from error


def dictionaries(value: Any) -> Iterator[dict[Any, Any]]:
    """Yield every dictionary in plain data, however deep, each once: YAML may refer to one many times over."""
    pending, seen = [value], set()
    while pending:
        item = pending.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        inside: Iterable[Any]
        if isinstance(item, dict):
            yield item
            inside = item.values()
        elif isinstance(item, list | tuple):
            inside = item
        else:
            continue
        # By exact types first: what there is most of are numbers.
        pending += [each for each in inside if type(each) not in _PLAIN and isinstance(each, _NESTED)]


def _is_known(module: str, jobs: bool) -> bool:
    if any(part.startswith("__") or not part.isidentifier() for part in module.split(".")):
        return False
    if _OURS.fullmatch(module) or module in _of_plugins():
        return True
    known = _PACKAGES + (_PROGRAMS + _packages_of_plugins() if jobs else ())
    return module in _BUILT_IN or any(module == name or module.startswith(f"{name}.") for name in known)


def _is_schema(entry: dict[Any, Any], module: str) -> bool:
    """Whether a callable is the class of a document: jobflow notes it with what a job that was replaced put out."""
    known = _OURS.fullmatch(module) is not None or module in _of_plugins()
    return known and str(entry["@callable"]).isidentifier() and entry.get("@bound") is None


@cache
def _of_plugins() -> frozenset[str]:
    """Return the modules of the documents of installed studies: what is installed runs anyway."""
    modules = {point.module for point in entry_points(group="anodeflow.studies")}
    packages = _packages_of_plugins()
    return frozenset(modules.union(packages, (f"{package}.document" for package in packages)))


@cache
def _packages_of_plugins() -> tuple[str, ...]:
    """Return the packages of others' installed studies, whose Makers and functions jobs in a queue name."""
    modules = {point.module for point in entry_points(group="anodeflow.studies")}
    return tuple(sorted(m.rpartition(".")[0] or m for m in modules if not m.startswith("anodeflow.")))
