"""OPTIMADE: the structures of the database under the interface that materials databases share (https://www.optimade.org).

The entries lie in memory, as optimade-python-tools' own collection of them, and are made anew when the database has
changed.
"""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from anodeflow import __version__
from anodeflow.core.home import homepage
from anodeflow.interchange.optimade_entries import FIELDS, PREFIX, database_entries, needs_optimade

if TYPE_CHECKING:
    from jobflow import JobStore
    from starlette.types import ASGIApp, Receive, Scope, Send

Opens = Callable[[], "AbstractContextManager[JobStore]"]
_PATIENCE = 20.0  # s for which the entries are taken for those of the database


class OptimadeApp:
    """Serves the structures of a database.

    Parameters
    ----------
    opens
        Opens the database.
    base_url
        Address under which it is served: http://127.0.0.1:8000/optimade.
    """

    def __init__(self, opens: Opens, base_url: str) -> None:
        self.opens, self.base_url = opens, base_url
        self._lock = threading.Lock()
        self._looked = -_PATIENCE
        self._stamp: tuple[int, str] | None = None
        self._inner: Any = None

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer one request."""
        from starlette.concurrency import run_in_threadpool

        if scope["type"] != "http":
            return
        inner = await run_in_threadpool(self._fresh)
        await inner(scope, receive, send)

    def _fresh(self) -> "ASGIApp":
        """Return the application with the entries that the database holds now, or held a moment ago."""
        with self._lock:
            if self._inner is None or time.monotonic() - self._looked > _PATIENCE:
                with self.opens() as store:
                    stamp = _stamp(store)
                    if stamp != self._stamp:
                        self._inner = _server(database_entries(store), self.base_url)
                        self._stamp = stamp
                self._looked = time.monotonic()
            return self._inner


def optimade_app(opens: Opens, base_url: str) -> "ASGIApp":
    """Return an application that serves the structures of a database by OPTIMADE.

    Parameters
    ----------
    opens
        Opens the database: :func:`anodeflow.database.store.open_store`.
    base_url
        Address under which it is served.

    Raises
    ------
    InputError
        If optimade-python-tools is not installed.
    """
    needs_optimade()
    return OptimadeApp(opens, base_url)


def _stamp(store: "JobStore") -> tuple[int, str]:
    """Return what changes when a job has put something into the database: how many outputs, and the latest time."""
    found = store.docs_store._collection.find({}, {"completed_at": 1})
    times = [str(each.get("completed_at") or "") for each in found]
    return len(times), max(times, default="")


def _server(found: list[dict[str, Any]], base_url: str) -> "ASGIApp":
    """Return optimade-python-tools' own server of entries."""
    from mongomock import MongoClient
    from optimade.server.config import ServerConfig, SupportedBackend
    from optimade.server.create_app import create_app
    from optimade.server.mappers import BaseResourceMapper

    # Everything that a settings file of optimade-python-tools, which may lie here for another server, could say.
    config = ServerConfig(
        base_url=base_url,
        database_backend=SupportedBackend.MONGOMOCK,
        mongo_database="anodeflow",
        mongo_uri="mongodb://anodeflow-in-memory:1",
        insert_test_data=False,
        insert_from_jsonl=None,
        provider={
            "prefix": PREFIX,
            "name": "anodeflow",
            "description": "Structures that anodeflow computed, on the machine that serves them.",
            "homepage": homepage() or None,
        },
        implementation={"name": "anodeflow", "version": __version__, "homepage": homepage() or None},
        provider_fields={"structures": [field.definition() for field in FIELDS]},
        aliases={},
        length_aliases={},
        license=None,
        root_path=None,
    )
    app: Any = create_app(config)
    app.state.base_resource_mapper = BaseResourceMapper(config)
    structures = app.state.entry_collections["structures"]
    # A collection of its own, which goes when this server does, and keeps times as times of UTC.
    structures.collection = MongoClient(tz_aware=True)["anodeflow"]["structures"]
    if found:
        structures.insert(found)
    return app
