"""Which backend files may start programs and load models while a campaign is merely looked at.

A backend file is a program: it names the commands that are run and the models that are unpickled. Whoever runs or
submits a campaign has decided to run it. ``anodeflow check`` is for files that one has not decided about yet, so
there (:func:`only_looking`) what a file names is touched only if the file comes with anodeflow, names nothing, or was
trusted before (``anodeflow trust FILE``): its content, and that of the models that it names, is remembered in
``ANODEFLOW_HOME/trusted.json``. A model that holds more than numbers is loaded by nobody, ``run`` included, before it
was trusted, itself or with a backend file.
"""

import inspect
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cache
from hashlib import file_digest, sha256
from pathlib import Path
from shlex import quote
from typing import Any

from pydantic import BaseModel

from anodeflow.backends.base import Availability, Backend, Capability
from anodeflow.backends.mlip.model_files import looks_like_file
from anodeflow.core.data import data_folder
from anodeflow.core.errors import InputError
from anodeflow.core.settings import get_settings

_LOADING = ("mlip", "ase", "learned")  # codes of the backends whose settings may name a file to load
_NOTES: ContextVar[dict[str, str] | None] = ContextVar("notes", default=None)


@contextmanager
def only_looking() -> Iterator[dict[str, str]]:
    """Let :func:`~anodeflow.backends.registry.load_backend` return backends that touch nothing an untrusted file names.

    Yields
    ------
    dict
        Path of such a file -> sentence on what was not looked at, filled as files are read.
    """
    notes: dict[str, str] = {}
    token = _NOTES.set(notes)
    try:
        yield notes
    finally:
        _NOTES.reset(token)


def looked_at(backend: Backend, path: Path) -> type[Backend] | None:
    """Return the class as which an untrusted backend is to be read while one only looks; none: as its own."""
    notes = _NOTES.get()
    if notes is None or not (names := named(backend, path)) or is_trusted(path):
        return None
    notes[str(path)] = (
        f"{path} names {', '.join(names)}, which check neither starts nor loads before the file is trusted, so whether "
        f"the backend works here and knows the elements is open: see that you want that, then "
        f"anodeflow trust {quote(str(path))}."
    )
    return _untouched(type(backend))


def named(backend: Backend, path: Path) -> list[str]:
    """Return the programs and model files that a backend file names itself; what is left at its default is ours."""
    parallel = getattr(backend, "parallel", None)
    found = []
    if isinstance(parallel, BaseModel):
        found = [str(getattr(parallel, key)) for key in ("command", "launcher") if key in parallel.model_fields_set]
    return found + backend.programs() + [str(file) for file in _files_in(backend.model_dump(mode="json"), path)]


def is_trusted(path: Path) -> bool:
    """Return whether a backend file comes with anodeflow, or was trusted as it is now."""
    path = path.resolve()
    if path.is_relative_to(data_folder("configs").resolve()):
        return True
    return _digest(path) in _known()


def is_trusted_model(path: Path) -> bool:
    """Return whether a file of a potential was trusted as it is now, itself or with a backend file that names it."""
    known = _known()
    return bool(known) and path.is_file() and _content(path) in known


def trust(path: Path, backend: Backend | None) -> list[str]:
    """Remember that the user trusts a backend file as it is now, or a model; return what it names.

    Parameters
    ----------
    path
        The file.
    backend
        What a backend file describes; none: the file is a model.

    Raises
    ------
    InputError
        If it is neither, or ANODEFLOW_HOME cannot be written.
    """
    path = path.resolve()
    names, files = [], [path]
    if backend is not None:
        names, files = named(backend, path), _files_in(backend.model_dump(mode="json"), path)
    elif not looks_like_file(path.name):
        raise InputError(f"{path} is no backend file (.yaml), and no model of a potential by its suffix: give one.")
    file = get_settings().prepare().home / "trusted.json"
    at = datetime.now(UTC).isoformat()
    known = _known() | {_content(each): {"file": str(each), "at": at} for each in files}
    if path not in files:
        known[_digest(path)] = {"file": str(path), "at": at}
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
            json.dump(known, stream, indent=1)
        draft.replace(file)
    except OSError as error:
        raise InputError(f"cannot write {file} ({error.strerror}): make it writable.") from error
    return names


def _known() -> dict[str, Any]:
    with suppress(OSError, ValueError):
        content = json.loads((get_settings().home / "trusted.json").read_text(encoding="utf-8"))
        return content if isinstance(content, dict) else {}
    return {}


def _digest(path: Path) -> str:
    """Hash of the file and of every model that it names: another model in the same place is not the trusted one."""
    from anodeflow.core.yamlfile import YamlFile

    total = sha256()
    for file in [path, *_files_in(YamlFile.read(path).content, path)]:
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                total.update(block)
        total.update(b"|")
    return total.hexdigest()


def _content(file: Path) -> str:
    """Hash of what one file holds."""
    with file.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


def _files_in(content: Any, path: Path) -> list[Path]:
    """Files that strings in the settings of a potential name, beside the backend file if they are no whole paths."""
    found: dict[Path, None] = {}
    for text in _strings(content) if content.get("code") in _LOADING else ():
        with suppress(OSError, ValueError, RuntimeError):  # no name of a file, or no home of that user
            candidate = path.parent / Path(text).expanduser()
            if candidate.is_file():
                found[candidate.resolve()] = None
    return list(found)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _strings(item)


@cache
def _untouched(kind: type[Backend]) -> type[Backend]:
    """A backend class that asks neither program nor model, and so knows nothing of them."""

    class Untouched(kind):  # type: ignore[misc, valid-type]
        @classmethod
        def availability(cls) -> Availability:
            return Availability(True, "", "not looked at")

        def check_available(self) -> None:
            pass

        def check_elements(self, elements: Iterable[str]) -> None:
            pass

        def open_questions(self) -> list[str]:
            return []

        def complaint(self) -> str:
            return ""

        def version(self) -> str:
            return "not looked at"

        @property
        def capabilities(self) -> frozenset[Capability]:
            own = inspect.getattr_static(kind, "capabilities")
            return frozenset({"relax", "stress", "spin", "neb"}) if isinstance(own, property) else own

        @property
        def cheap_forces(self) -> bool:
            own = inspect.getattr_static(kind, "cheap_forces")
            return True if isinstance(own, property) else own

    Untouched.__name__ = kind.__name__
    return Untouched
