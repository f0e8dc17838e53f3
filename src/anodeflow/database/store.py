"""Opens the database: a jobflow JobStore on MongoDB, on the embedded server, or on SQLite."""

import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from pymongo.errors import ConfigurationError, ConnectionFailure, InvalidName, OperationFailure

from anodeflow.core.errors import DatabaseError, InputError
from anodeflow.core.masking import masked, without_password
from anodeflow.core.settings import Settings, get_settings
from anodeflow.database.embedded import embedded_server, server_command
from anodeflow.database.locks import file_lock
from anodeflow.database.space import full, is_full

if TYPE_CHECKING:
    from jobflow import JobStore
    from maggma.core import Store

_Embedded = Literal["secantusd", "sqlite"]
_EMBEDDED_NAME = "anodeflow"
DOCUMENTS = "outputs"
_BLOBS = "data"  # the name under which atomate2 stores charge densities, trajectories and the like
ROWS_MARK = "anodeflow_rows_made"  # field beside an output (see anodeflow.database.rows)
_SERVER_PATIENCE = 5000  # ms that a server set by the user may take to answer
_EMBEDDED_PATIENCE = 10000  # ms; the supervisor needs about 2 s to start a killed server again
_SILENCE = 60000  # ms for which a server that is at work may not answer
_NOT_ALLOWED = (13, 18, 8000)  # codes of MongoDB: Unauthorized, AuthenticationFailed, AtlasError
_ANEW = "put a copy in its place, or move that folder away and begin anew"


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


@dataclass(frozen=True)
class Place:
    """Which database the settings name."""

    kind: Literal["mongodb", "secantusd", "sqlite"]
    """A server of the user's, the embedded server, or SQLite files."""
    name: str
    """Name of the database."""
    uri: str = field(default="", repr=False)
    """URI of the user's server; it may hold a password."""
    folder: Path = Path()
    """Folder of the embedded database."""

    def __str__(self) -> str:
        return f"{without_password(self.uri)}, database {self.name}" if self.uri else str(self.folder)


def find_database(settings: Settings) -> Place:
    """Return which database the settings name, without opening it; the home folder is created when needed."""
    if settings.database:
        return Place("mongodb", _database_name(settings), uri=settings.database)
    folder = settings.prepare().home.resolve() / "database"  # jobs change the working folder
    kind = _embedded_kind(settings.embedded, folder)
    return Place(kind, _EMBEDDED_NAME, folder=folder / kind)


def open_place(place: Place) -> "AbstractContextManager[JobStore]":
    """Open the database at `place` (see :func:`open_store`)."""
    if place.kind == "mongodb":
        return _mongodb(place.uri, place.name)
    return _sqlite(place.folder) if place.kind == "sqlite" else _secantusd(place.folder)


def _embedded_kind(wanted: str, folder: Path) -> _Embedded:
    """Which embedded database: secantusd or sqlite."""
    if wanted in ("secantusd", "sqlite"):
        return cast(_Embedded, wanted)
    if wanted != "auto":
        raise InputError(f"ANODEFLOW_EMBEDDED is {wanted!r}: set it to auto, secantusd or sqlite.")
    if (folder / "secantusd" / "storage").is_dir():
        return "secantusd"
    if (folder / "sqlite" / _EMBEDDED_NAME).is_dir():
        return "sqlite"
    return "secantusd" if server_command() else "sqlite"


def _new_folder(folder: Path) -> Path:
    """Create the folder of an embedded database, readable by its owner only; see that files and locks work there."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with file_lock(folder / "write-test.lock"):
            pass
    except OSError as error:
        raise DatabaseError(_unwritable(folder, error)) from error
    return folder


def _unwritable(folder: Path, error: OSError) -> str:
    if is_full(folder, error):
        return full(folder)
    return (
        f"cannot write to the embedded database in {folder} ({error.strerror}): make the folder writable, or set "
        "ANODEFLOW_HOME to another one."
    )


@contextmanager
def _opened(docs: "Store", blobs: "Store", explain: Callable[[Exception], str]) -> "Iterator[JobStore]":
    """Yield a JobStore of two connected stores; errors of the database leave it as one sentence of `explain`."""
    from jobflow import JobStore

    store = JobStore(docs, additional_stores={_BLOBS: blobs})
    try:
        # Whether it can be read. For "any document" secantusd would read them all.
        docs.query_one({"_id": ""}, properties=["uuid"])
        yield store
    except (ConnectionFailure, OperationFailure, sqlite3.Error) as error:
        raise DatabaseError(explain(error)) from error
    finally:
        store.close()


def is_refusal(error: Exception) -> bool:
    """Return whether the server refuses what the user asks of it."""
    return getattr(error, "code", None) in _NOT_ALLOWED


def _reason(error: Exception, uri: str | None = None) -> str:
    """What pymongo or SQLite say, on one line and without the state of the whole topology behind it."""
    said = masked(" ".join(str(error).split()), uri)
    return re.split(r" \(configured timeouts|, full error|, Timeout: ", said)[0].strip(" .")


# --- servers that speak MongoDB's protocol ---


def _server_stores(uri: str, name: str, patience: int, login: Mapping[str, str] | None = None) -> "tuple[Store, Store]":
    """Stores of documents and of large objects on the server at `uri`, connected (which pymongo does lazily)."""
    from maggma.stores import MongoStore

    from anodeflow.database.blobs import OF_JOB, BlobStore

    options = _options(patience) | dict(login or {})
    docs = MongoStore.from_uri(uri, DOCUMENTS, name, mongoclient_kwargs=options)
    of_job = list(OF_JOB)
    blobs = BlobStore.from_uri(
        uri, _BLOBS, name, mongoclient_kwargs=options, compression=True, searchable_fields=of_job
    )
    docs.connect()
    blobs.connect()
    return docs, blobs


def server_options(users: bool = False) -> dict[str, Any]:
    """Return the options of pymongo's client for the embedded server, or for one that the user has set."""
    return _options(_SERVER_PATIENCE if users else _EMBEDDED_PATIENCE)


def _options(patience: int) -> dict[str, Any]:
    # pymongo gives up all operations on a server that is silent for connectTimeoutMS; a busy one may be.
    return {"serverSelectionTimeoutMS": patience, "connectTimeoutMS": max(patience, _SILENCE)}


def _index(store: "JobStore") -> None:
    """Index what jobflow and the queries look for; an index on a collection that is full takes its time."""
    outputs = store.docs_store._collection
    fields = ("output.@class", "output.id", "output.document_id", "output.campaign")
    for collection, keys in (
        (outputs, [("uuid", "index"), (ROWS_MARK, "output.study"), *((name,) for name in fields)]),
        (outputs.database[f"{_BLOBS}.files"], [("metadata.blob_uuid",), ("metadata.job_uuid",)]),
    ):
        known = {tuple(field for field, _ in index["key"]) for index in collection.index_information().values()}
        for key in keys:
            if key not in known:
                collection.create_index([(field, 1) for field in key])


def _database_name(settings: Settings) -> str:
    """The name that the user set, else the one in the URI, else the default."""
    in_uri = re.match(r"[^/]*//[^/]+/([^?]+)", settings.database or "")
    return in_uri[1] if in_uri and "database_name" not in settings.model_fields_set else settings.database_name


@contextmanager
def _mongodb(uri: str, name: str) -> "Iterator[JobStore]":
    """The database `name` on a server of the user."""
    shown = without_password(uri)

    def explain(error: Exception) -> str:
        if is_refusal(error):
            return (
                f"the MongoDB server at {shown} refuses access to the database {name!r} ({_reason(error, uri)}): "
                "correct user, password and authSource in ANODEFLOW_DATABASE."
            )
        if isinstance(error, ConnectionFailure):
            return (
                f"the MongoDB server at {shown} does not answer ({_reason(error, uri)}): start it, or correct "
                "ANODEFLOW_DATABASE (unset: the embedded one)."
            )
        return (
            f"the MongoDB server at {shown} cannot do what was asked of the database {name!r} "
            f"({_reason(error, uri)}): see the server's log."
        )

    try:
        stores = _server_stores(uri, name, _SERVER_PATIENCE)
    except (ConfigurationError, InvalidName, ValueError, TypeError) as error:  # ValueError: port or option
        raise DatabaseError(
            f"ANODEFLOW_DATABASE={shown} is no usable MongoDB URI ({_reason(error, uri)}): write it as "
            "mongodb://user:password@host:27017/database."
        ) from error
    with _opened(*stores, explain) as store:
        with suppress(OperationFailure):  # a user who may only read
            _index(store)
        yield store


@contextmanager
def _secantusd(folder: Path) -> "Iterator[JobStore]":
    """The database on the embedded server of `folder`."""
    path = _new_folder(folder)
    log = path / "server.log"

    def explain(error: Exception) -> str:
        if is_full(path, error):
            return full(path)
        if isinstance(error, ConnectionFailure):
            return (
                f"the server of the embedded database in {path} was lost ({_reason(error)}): see {log} and run the "
                "command again, which starts it anew."
            )
        return (
            f"the embedded database in {path} failed ({_reason(error)}): it is damaged if {log} speaks of WiredTiger; "
            f"then {_ANEW}."
        )

    with embedded_server(path) as server:
        stores = _server_stores(server.address, _EMBEDDED_NAME, _EMBEDDED_PATIENCE, server.login)
        with _opened(*stores, explain) as store:
            _index(store)
            yield store


# --- SQLite ---


@contextmanager
def _sqlite(folder: Path) -> "Iterator[JobStore]":
    """The database in SQLite files of `folder`, by way of MontyDB."""
    path = folder

    def explain(error: Exception) -> str:
        if is_full(path, error):
            return full(path)
        if isinstance(error, sqlite3.OperationalError):
            return (
                f"the embedded database in {path} cannot be used ({_reason(error)}): see that the disk has room and "
                "that no other program holds its files."
            )
        return f"the embedded database in {path} is damaged ({_reason(error)}): {_ANEW}."

    with ExitStack() as held:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            held.enter_context(file_lock(sqlite_lock(path), shared=True))
        except TimeoutError as error:
            raise DatabaseError(f"the embedded database in {path} is being restored: try again later.") from error
        except OSError as error:
            raise DatabaseError(_unwritable(path, error)) from error
        _new_folder(path)
        yield from _opened_sqlite(path, explain)


def sqlite_lock(folder: Path) -> Path:
    """Return the lock that every user of the database in `folder` shares, and that a restore has for itself."""
    return folder.with_name(f"{folder.name}.lock")


def _opened_sqlite(path: Path, explain: Callable[[Exception], str]) -> "Iterator[JobStore]":
    from anodeflow.database.blobs import BlobFiles
    from anodeflow.database.files import Files

    kinds = {DOCUMENTS: Files, _BLOBS: BlobFiles}
    stores = [kind(name, str(path), database_name=_EMBEDDED_NAME) for name, kind in kinds.items()]
    # MontyDB writes its settings file on each connection, and two processes that both create a collection lose
    # documents: hence the lock, and the collections made here.
    with file_lock(path / "open.lock"):
        for store in stores:
            store.connect()
            file = path / _EMBEDDED_NAME / f"{store.collection_name}.collection"
            if file.is_file() and _has_tables(file, explain):
                continue
            file.unlink(missing_ok=True)  # MontyDB makes no table in a file that is there
            try:
                store._collection.database.create_collection(store.collection_name)
            except sqlite3.Error as error:
                raise DatabaseError(explain(error)) from error
    docs, blobs = stores
    with _opened(docs, blobs, explain) as opened:
        yield opened


def _has_tables(file: Path, explain: Callable[[Exception], str]) -> bool:
    """Read the whole file, as every query of MontyDB does, see that it is sound, and whether anything is in it yet.

    A disk that was full when the file was made leaves one that is sound and empty.
    """
    try:
        with closing(sqlite3.connect(file)) as connection:
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
    except sqlite3.Error as error:
        raise DatabaseError(explain(error)) from error
    return bool(tables)
