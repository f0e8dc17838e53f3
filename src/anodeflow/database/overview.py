"""What the database is, how large, and who uses it."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field
from pymongo.errors import OperationFailure

from anodeflow.core.masking import without_password
from anodeflow.database.embedded import ServerFolder
from anodeflow.database.locks import is_locked
from anodeflow.database.place import Place
from anodeflow.database.service import User, users
from anodeflow.database.store import open_place
from anodeflow.studies.registry import CALCULATIONS, document_classes


class Overview(BaseModel):
    """State of the database."""

    kind: Literal["mongodb", "secantusd", "sqlite"] = Field(description="A server of yours, the embedded one, SQLite.")
    place: str = Field(description="URI or folder, without password.")
    uri: str | None = Field(description="URI for other programs, without password; none: SQLite.")
    running: bool = Field(description="Whether its server was running before it was asked.")
    kept: bool = Field(description="Whether the embedded server runs until it is stopped (anodeflow db start).")
    size: int = Field(description="Size, bytes: on disk, or what the server says.")
    collections: dict[str, int] = Field(description="Collection -> number of documents.")
    studies: int = Field(description="Outputs of jobs that are study documents.")
    calculations: int = Field(description="Outputs of jobs that are calculations.")
    users: list[str] = Field(description="Programs that are connected, this one left out.")


def overview(place: Place) -> Overview:
    """Open the database at `place` and return its state.

    Raises
    ------
    DatabaseError
        If it cannot be opened or read.
    """
    folder = ServerFolder(place.folder)
    running = place.kind == "mongodb"
    if place.kind == "secantusd" and place.folder.is_dir():
        running = is_locked(folder.supervisor_lock)
    with open_place(place) as store:
        documents: Any = store.docs_store
        outputs = documents._collection
        database = outputs.database
        names = sorted(name for name in database.list_collection_names() if not name.startswith("system."))
        uri, programs = None, []
        if place.kind == "mongodb":
            uri, programs = without_password(place.uri), _remote_users(database)
        elif place.kind == "secantusd" and (server := folder.recorded()):
            uri, programs = server.address, users(server)
        return Overview(
            kind=place.kind,
            place=str(place),
            uri=uri,
            running=running,
            kept=folder.service().kept if place.kind == "secantusd" else False,
            size=_stored(database) if place.kind == "mongodb" else _on_disk(place.folder),
            collections={name: database[name].count_documents({}) for name in names},
            studies=sum(outputs.count_documents({"output.@class": name}) for name in document_classes()),
            calculations=sum(outputs.count_documents({"output.@class": name}) for name in CALCULATIONS),
            users=[str(program) for program in programs],
        )


def _on_disk(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _stored(database: Any) -> int:
    return int(database.command("dbStats").get("totalSize", 0))


def _remote_users(database: Any) -> list[User]:
    """Programs that the server says are connected, one a client process and host, as far as it may tell."""
    try:
        stage = {"$currentOp": {"allUsers": True, "idleConnections": True}}
        operations = list(database.client.admin.aggregate([stage]))
    except OperationFailure:
        return []
    found = set()
    for operation in operations:
        client = operation.get("clientMetadata") or {}
        address = str(operation.get("client", "")).rsplit(":", 1)[0]
        name = operation.get("appName") or (client.get("application") or {}).get("name") or ""
        driver = (client.get("driver") or {}).get("name", "")
        if address and (name or driver):
            found.add(f"{name or driver} at {address}")
    return [User(None, name) for name in sorted(found)]
