"""The database as a query of rows needs it: collections of a server, without jobflow, whose import takes a second."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from anodeflow.core.settings import get_settings
from anodeflow.database.embedded import embedded_server
from anodeflow.database.opening import DOCUMENTS
from anodeflow.database.place import find_database
from anodeflow.database.server_store import server_options


@contextmanager
def rows_only() -> Iterator[Any]:
    """Open the database of the environment; none: it is SQLite, or the URI is none, of which the store says more.

    Yields
    ------
    object
        What :mod:`anodeflow.database.rows` reads of a JobStore: ``docs_store._collection`` and its name.

    Raises
    ------
    pymongo.errors.PyMongoError
        If the server does not answer, or refuses.
    """
    place = find_database(get_settings())
    if place.kind == "mongodb":
        with _collections(place.uri, place.name, server_options(place.uri)) as found:
            yield found
    elif place.kind == "secantusd" and (place.folder / "storage").is_dir():
        with (
            embedded_server(place.folder) as server,
            _collections(server.address, place.name, server_options() | server.login) as found,
        ):
            yield found
    else:
        yield None


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
