"""Databases that may not be written to, of a snapshot or of somebody else: a copy in a temporary folder is read.

No program reads an embedded database without writing beside it: a server keeps a journal, SQLite its locks, and a query
makes the rows of what was stored since the last one. The copy is a database of its own (another password and port), and
goes with the process.
"""

import atexit
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from anodeflow.core.errors import DatabaseError
from anodeflow.core.settings import Settings, get_settings
from anodeflow.database.place import Place, find_database, named_place

if TYPE_CHECKING:
    from jobflow import JobStore

_OF_SERVER = frozenset({"secret.json", "server.json", "server.log", "service.json"})
"""What a copy does not need: it belongs to the server of the original."""
_ROOM = 1.2  # times the size of a database: what opening it writes
_TRIES = 3  # copies of a database that others write to
_BACKUP = "ask its owner for what anodeflow export or anodeflow db backup writes"

State = dict[str, tuple[int, int]]
_copies: dict[Path, tuple[State, Path]] = {}
"""Folder -> what it was when it was copied, and the copy."""


@contextmanager
def open_to_read(settings: Settings | None = None) -> "Iterator[JobStore]":
    """Open the database to read what is in it, as :func:`anodeflow.database.store.open_store` does.

    One that may not be written to is copied first, which a warning says.
    """
    from anodeflow.database.store import open_place

    place = place_to_read(settings or get_settings())
    with of_original(place), open_place(place) as store:
        yield store


@contextmanager
def of_original(place: Place) -> Iterator[None]:
    """Say of errors of a copy of which database it is one."""
    try:
        yield
    except DatabaseError as error:
        original = original_of(place)
        if original == place.folder:
            raise
        raise DatabaseError(
            f"a copy of the database in {original}, which may not be written to, cannot be read; {_BACKUP}. What was "
            f"said of the copy: {error}"
        ) from error


def original_of(place: Place) -> Path | None:
    """Return the folder of a database, of a copy that of what it is one of; none: a server of the user's."""
    return next((folder for folder, (_, copy) in _copies.items() if copy == place.folder), place.folder)


def place_to_read(settings: Settings) -> Place:
    """Return which database the settings name; a copy of an embedded one that may not be written to.

    Raises
    ------
    DatabaseError
        If it may not be read either, is too large to be copied, or is written to all the time.
    """
    folder = settings.home.resolve() / "database"
    if settings.database or not os.path.isdir(folder):
        return find_database(settings)
    _check_readable(folder)
    try:
        place = named_place(settings, folder)
    except PermissionError as error:
        raise DatabaseError(_closed(folder)) from error
    there = [each for each in (settings.home, folder, place.folder) if os.path.isdir(each)]
    if place.folder not in there or all(os.access(each, os.W_OK) for each in there):
        return find_database(settings)
    _check_readable(place.folder)
    return replace(place, folder=_copy(place.folder))


def _check_readable(folder: Path) -> None:
    if not os.access(folder, os.R_OK | os.X_OK):
        raise DatabaseError(_closed(folder))


def _closed(folder: Path) -> str:
    return f"the database in {folder} may be read by its owner only: {_BACKUP}."


def _copy(folder: Path) -> Path:
    """Return a copy of the folder of a database as it is now, made by this process."""
    try:
        for _ in range(_TRIES):
            state = _state(folder)
            known = _copies.get(folder)
            if known is not None and known[0] == state:
                return known[1]
            copy = _copied(folder, sum(size for size, _ in state.values()))
            if _state(folder) == state:
                _copies[folder] = state, copy
                atexit.register(_remove, copy)
                return copy
            shutil.rmtree(copy.parent, ignore_errors=True)
    except (OSError, shutil.Error) as error:
        why = error.strerror or "some of its files may not be"
        raise DatabaseError(f"the database in {folder} cannot be read ({why}): {_BACKUP}.") from error
    raise DatabaseError(
        f"the database in {folder}, of which you may only read a copy, is written to all the time: try again later, or "
        f"{_BACKUP}."
    )


def _state(folder: Path) -> State:
    """Return size and time of the last change of all files that a copy needs."""
    found = {}
    for root, _, names in os.walk(folder):
        for name in names:
            file = Path(root, name)
            if Path(root) == folder and (name in _OF_SERVER or file.suffix == ".lock"):
                continue
            with suppress(FileNotFoundError):  # in the middle of a change
                told = file.stat()
                found[os.fspath(file.relative_to(folder))] = told.st_size, told.st_mtime_ns
    return found


def _copied(folder: Path, size: int) -> Path:
    place = Path(tempfile.gettempdir())
    free, needed = shutil.disk_usage(place).free, f"{size / 1e6:.1f} MB"
    if _ROOM * size > free:
        raise DatabaseError(
            f"the database in {folder} may not be written to, and a copy of it ({needed}) does not fit into {place} "
            f"({free / 1e6:.1f} MB are free): have TMPDIR name a folder with more room."
        )
    warnings.warn(
        f"the database in {folder} may not be written to: a copy of it ({needed}) in {place} is read", stacklevel=2
    )
    copy = Path(tempfile.mkdtemp(prefix="anodeflow-")) / folder.name
    try:
        for name in _state(folder):
            (copy / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copyfile(folder / name, copy / name)
    except OSError:
        shutil.rmtree(copy.parent, ignore_errors=True)
        raise
    return copy


def _remove(copy: Path) -> None:
    """Stop the server of a copy, if it has one, and remove it."""
    from anodeflow.database.locks import file_lock
    from anodeflow.database.service import ServerFolder, stop_service

    with suppress(Exception):  # at the end of the process nobody hears of it
        stop_service(copy, force=True)
        with file_lock(ServerFolder(copy).supervisor_lock):  # one that was stopping by itself
            pass
    shutil.rmtree(copy.parent, ignore_errors=True)
