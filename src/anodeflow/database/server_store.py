"""Opens databases on servers that speak MongoDB's protocol: the user's, and the embedded one."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pymongo.errors import ConfigurationError, ConnectionFailure, InvalidName, OperationFailure

from anodeflow.core.errors import DatabaseError
from anodeflow.core.masking import without_password
from anodeflow.database.embedded import embedded_server
from anodeflow.database.opening import ANEW, BLOBS, DOCUMENTS, ROWS_MARK, new_folder, opened, reason_of
from anodeflow.database.place import EMBEDDED_NAME
from anodeflow.database.space import full, is_full

if TYPE_CHECKING:
    from jobflow import JobStore
    from maggma.core import Store

_SERVER_PATIENCE = 5000  # ms that a server set by the user may take to answer
_EMBEDDED_PATIENCE = 60000  # ms; the supervisor starts a killed server again in 2 s, on a machine at work in up to 55
_SILENCE = 60000  # ms for which a server that is at work may not answer
_NOT_ALLOWED = (13, 18, 8000)  # codes of MongoDB: Unauthorized, AuthenticationFailed, AtlasError


def is_refusal(error: Exception) -> bool:
    """Return whether the server refuses what the user asks of it."""
    return getattr(error, "code", None) in _NOT_ALLOWED


def _server_stores(uri: str, name: str, patience: int, login: Mapping[str, str] | None = None) -> "tuple[Store, Store]":
    """Stores of documents and of large objects on the server at `uri`, connected (which pymongo does lazily)."""
    from maggma.stores import MongoStore

    from anodeflow.database.blobs import OF_JOB, BlobStore

    options = _options(patience, uri) | dict(login or {})
    docs = MongoStore.from_uri(uri, DOCUMENTS, name, mongoclient_kwargs=options)
    of_job = list(OF_JOB)
    blobs = BlobStore.from_uri(uri, BLOBS, name, mongoclient_kwargs=options, compression=True, searchable_fields=of_job)
    docs.connect()
    blobs.connect()
    return docs, blobs


def server_options(uri: str | None = None) -> dict[str, Any]:
    """Return the options of pymongo's client for the embedded server, or for that of the user at `uri`."""
    return _options(_EMBEDDED_PATIENCE) if uri is None else _options(_SERVER_PATIENCE, uri)


def _options(patience: int, uri: str = "") -> dict[str, Any]:
    # pymongo gives up all operations on a server that is silent for connectTimeoutMS; a busy one may be.
    options = {"serverSelectionTimeoutMS": patience, "connectTimeoutMS": max(patience, _SILENCE)}
    # What the user says in the URI counts; pymongo would take ours.
    said = {option.partition("=")[0].lower() for option in uri.partition("?")[2].split("&")}
    return {name: value for name, value in options.items() if name.lower() not in said}


def _index(store: "JobStore") -> None:
    """Index what jobflow and the queries look for; an index on a collection that is full takes its time."""
    outputs = store.docs_store._collection
    fields = ("output.@class", "output.id", "output.document_id", "output.campaign")
    for collection, keys in (
        (outputs, [("uuid", "index"), (ROWS_MARK, "output.study"), *((name,) for name in fields)]),
        (outputs.database[f"{BLOBS}.files"], [("metadata.blob_uuid",), ("metadata.job_uuid",)]),
    ):
        known = {tuple(field for field, _ in index["key"]) for index in collection.index_information().values()}
        for key in keys:
            if key not in known:
                collection.create_index([(field, 1) for field in key])


@contextmanager
def open_mongodb(uri: str, name: str) -> "Iterator[JobStore]":
    """Open the database `name` on a server of the user."""
    shown = without_password(uri)

    def explain(error: Exception) -> str:
        if is_refusal(error):
            return (
                f"the MongoDB server at {shown} refuses access to the database {name!r} ({reason_of(error, uri)}): "
                "correct user, password and authSource in ANODEFLOW_DATABASE."
            )
        if isinstance(error, ConnectionFailure):
            return (
                f"the MongoDB server at {shown} does not answer ({reason_of(error, uri)}): start it, or correct "
                "ANODEFLOW_DATABASE (unset: the embedded one)."
            )
        return (
            f"the MongoDB server at {shown} cannot do what was asked of the database {name!r} "
            f"({reason_of(error, uri)}): see the server's log."
        )

    try:
        stores = _server_stores(uri, name, _SERVER_PATIENCE)
    except (ConfigurationError, InvalidName, ValueError, TypeError) as error:  # ValueError: port or option
        raise DatabaseError(
            f"ANODEFLOW_DATABASE={shown} is no usable MongoDB URI ({reason_of(error, uri)}): write it as "
            "mongodb://user:password@host:27017/database."
        ) from error
    with opened(*stores, explain) as store:
        with suppress(OperationFailure):  # a user who may only read
            _index(store)
        yield store


@contextmanager
def open_secantusd(folder: Path) -> "Iterator[JobStore]":
    """Open the database on the embedded server of `folder`."""
    path = new_folder(folder)
    log = path / "server.log"

    def explain(error: Exception) -> str:
        if is_full(path, error):
            return full(path)
        if isinstance(error, ConnectionFailure):
            return (
                f"the server of the embedded database in {path} was lost ({reason_of(error)}): see {log} and run the "
                "command again, which starts it anew."
            )
        return (
            f"the embedded database in {path} failed ({reason_of(error)}): it is damaged if {log} speaks of "
            f"WiredTiger; then {ANEW}."
        )

    with embedded_server(path) as server:
        stores = _server_stores(server.address, EMBEDDED_NAME, _EMBEDDED_PATIENCE, server.login)
        with opened(*stores, explain) as store:
            _index(store)
            yield store
