"""The database as a query of rows needs it: its collections, without jobflow, whose import takes half a second."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from anodeflow.core.settings import get_settings
from anodeflow.database.embedded import embedded_server
from anodeflow.database.opening import DOCUMENTS
from anodeflow.database.place import EMBEDDED_NAME
from anodeflow.database.read_only import of_original, place_to_read
from anodeflow.database.server_store import server_options


@contextmanager
def rows_only() -> Iterator[Any]:
    """Open the database of the environment; none: it has nothing yet or cannot be opened, of which the store says more.

    Yields
    ------
    object
        What :mod:`anodeflow.database.rows` reads of a JobStore: ``docs_store._collection`` and its name.

    Raises
    ------
    pymongo.errors.PyMongoError
        If the server does not answer, or refuses.
    """
    place = place_to_read(get_settings())
    if place.kind == "mongodb":
        with _collections(place.uri, place.name, server_options(place.uri)) as found:
            yield found
    elif place.kind == "secantusd" and (place.folder / "storage").is_dir():
        with (
            of_original(place),
            embedded_server(place.folder) as server,
            _collections(server.address, place.name, server_options() | server.login) as found,
        ):
            yield found
    elif place.kind == "sqlite":
        with _files(place.folder) as found:
            yield found
    else:
        yield None


@contextmanager
def _files(folder: Path) -> Iterator[Any]:
    """Open SQLite files that are there, as :func:`anodeflow.database.sqlite_store.open_sqlite` does."""
    from anodeflow.database.locks import file_lock
    from anodeflow.database.sqlite_store import sqlite_lock

    with ExitStack() as held:
        try:
            held.enter_context(file_lock(sqlite_lock(folder), shared=True))
            with file_lock(folder / "open.lock"):  # each connection writes the settings of MontyDB
                documents = _documents(folder)
        except OSError:  # a TimeoutError is one
            documents = None
        yield documents and SimpleNamespace(docs_store=SimpleNamespace(_collection=documents, name=f"monty:{folder}"))


def _documents(folder: Path) -> Any:
    """Return MontyDB's collection of documents, opened as maggma does; none: nothing has been stored yet."""
    if not (folder / EMBEDDED_NAME / f"{DOCUMENTS}.collection").is_file():
        return None
    from montydb import MontyClient, set_storage

    set_storage(str(folder), storage="sqlite", use_bson=True, mongo_version="4.0")
    documents: Any = MontyClient(str(folder))[EMBEDDED_NAME][DOCUMENTS]
    from anodeflow.database.keyed import by_key  # once there is a client (see there)

    by_key(documents)
    return documents


@contextmanager
def _collections(uri: str, name: str, options: dict[str, Any]) -> Iterator[Any]:
    from pymongo import MongoClient
    from pymongo.errors import ConfigurationError

    try:
        client: Any = MongoClient(uri, **options)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(str(error)) from error
    with client:
        yield SimpleNamespace(docs_store=SimpleNamespace(_collection=client[name][DOCUMENTS], name=f"mongo:{name}"))
