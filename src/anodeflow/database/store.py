"""Opens the database: a jobflow JobStore on MongoDB, on the embedded server, or on SQLite."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from anodeflow.core.settings import Settings, get_settings
from anodeflow.database.place import Place, find_database
from anodeflow.database.server_store import open_mongodb, open_secantusd
from anodeflow.database.sqlite_store import open_sqlite

if TYPE_CHECKING:
    from jobflow import JobStore


@contextmanager
def open_store(settings: Settings | None = None) -> "Iterator[JobStore]":
    """Open the database and close it at the end of the context.

    The documents lie in the collection ``outputs``; an additional store named ``data`` takes large objects
    (GridFS on a server).

    Parameters
    ----------
    settings
        Which database; default: that of the environment. ``embedded="auto"`` takes the kind that the home folder
        already holds, else secantusd where it is installed, else SQLite.

    Yields
    ------
    jobflow.JobStore
        The connected store.

    Raises
    ------
    DatabaseError
        If the database cannot be reached, opened, read or written, be it later, inside the context.

    Examples
    --------
    >>> with open_store() as store:  # doctest: +SKIP
    ...     run_locally(flow, store=store)
    """
    with open_place(find_database(settings or get_settings())) as store:
        yield store


def open_place(place: Place) -> "AbstractContextManager[JobStore]":
    """Open the database at `place` (see :func:`open_store`)."""
    if place.kind == "mongodb":
        return open_mongodb(place.uri, place.name)
    return open_sqlite(place.folder) if place.kind == "sqlite" else open_secantusd(place.folder)
