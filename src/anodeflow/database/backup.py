"""A copy of the whole database in one file, and the way back.

The file is a ZIP archive that holds each collection as BSON, as mongodump lays it out (unpacked, mongorestore reads
it), and ``backup.json``, written last: format, indexes, and for each collection the number of documents and a
checksum.

Copying takes time, and others may write meanwhile. The collections are read in an order in which nothing refers to
what was read before it: queue, rows, outputs, large objects. So what a document in the copy refers to is in the copy.
"""

import json
import re
import sqlite3
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

from anodeflow.core.errors import InputError
from anodeflow.database import rows
from anodeflow.database.opening import ROWS_MARK
from anodeflow.database.place import Place
from anodeflow.database.store import open_place

if TYPE_CHECKING:
    from jobflow import JobStore

Progress = Callable[[str, int], None]
"""Called with what is being done and the number of documents done."""

FORMAT = "anodeflow backup"
VERSION = 1
MANIFEST = "backup.json"
_LAST = (rows.COLLECTION, "outputs", "data", "data.files", "data.chunks")
RESTORING = "restoring."
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .-]{0,150}")
_PATIENCE = 20.0  # s


def back_up(place: Place, file: Path, tell: Progress = lambda words, done: None) -> dict[str, int]:
    """Copy the database at `place` into `file`; others may go on using it.

    Parameters
    ----------
    place
        The database.
    file
        File to write; it appears when it is complete.
    tell
        Called after every few documents.

    Returns
    -------
    dict
        Collection -> number of documents.

    Raises
    ------
    InputError
        If there is such a file already, or it cannot be written.
    DatabaseError
        If the database cannot be opened or read.
    """
    if file.exists():
        raise InputError(f"there is a file {file} already: name another one.")
    draft = file.with_name(f"{file.name}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with open_place(place) as store, zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
            manifest = _copy_out(store, place, archive, tell)
        draft.replace(file)
    except OSError as error:
        raise InputError(f"cannot write the backup {file} ({error.strerror}): give another file.") from error
    finally:
        draft.unlink(missing_ok=True)
    return {name: entry["documents"] for name, entry in manifest["collections"].items()}


def _copy_out(store: "JobStore", place: Place, archive: zipfile.ZipFile, tell: Progress) -> dict[str, Any]:
    database = database_of(store)
    names = sorted(
        (name for name in database.list_collection_names() if not name.startswith(("system.", RESTORING))),
        key=lambda name: (_LAST.index(name) if name in _LAST else -1, name),
    )
    for name in names:
        if not is_collection_name(name):
            raise InputError(f"the collection {name!r} could not be restored under that name: rename or drop it first.")
    collections: dict[str, Any] = {}
    made_rows: dict[str, Any] = {}
    files: list[Any] = []
    parts: set[str] = set()
    for name in names:
        if name in ("data", "data.files"):
            _await(database[name], parts)
        counted = Counted(name, tell)
        with archive.open(f"{place.name}/{name}.bson", "w", force_zip64=True) as target:
            for document in read_collection(database, name, files if name == "data.chunks" else None):
                if name == rows.COLLECTION:
                    entry = bson.decode(document)
                    made_rows[entry["_id"]] = entry.get("completed_at")
                elif name == "data.files":
                    files.append(bson.decode(document)["_id"])
                elif name == "outputs":
                    document = _with_honest_mark(document, made_rows)
                    parts |= _parts(document)
                counted.add(document)
                target.write(document)
        indexes = {} if place.kind == "sqlite" else database[name].index_information()
        collections[name] = counted.summary() | {"indexes": indexes}
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "kind": "sqlite" if place.kind == "sqlite" else "server",
        "database": place.name,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "collections": collections,
    }
    archive.writestr(MANIFEST, json.dumps(manifest, indent=1, default=str))
    return manifest


def is_collection_name(name: str) -> bool:
    """Return whether a collection may be called so; in SQLite it is a file of that name."""
    return bool(_NAME.fullmatch(name)) and ".." not in name and not name.startswith(("system.", RESTORING))


def read_collection(database: Any, name: str, files: list[Any] | None = None) -> Iterator[bytes]:
    """The documents of a collection as BSON; of a collection of chunks those of `files`, if given."""
    collection = database[name]
    if is_sqlite(database):
        try:
            yield from map(bson.encode, collection.find())
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):
                raise
            # Another process is making the collection this moment, the file first: it holds nothing yet.
        return
    raw = collection.with_options(codec_options=CodecOptions(document_class=RawBSONDocument))
    if files is not None:
        for file in files:
            yield from (document.raw for document in raw.find({"files_id": file}).sort("n", 1))
    else:
        yield from (document.raw for document in raw.find())


def _with_honest_mark(document: bytes, made_rows: dict[str, Any]) -> bytes:
    """An output, marked only if the rows that were copied are its own."""
    output = bson.decode(document)
    if not output.get(ROWS_MARK):
        return document
    identifier = f"{output.get('uuid')}/{output.get('index')}"
    if identifier in made_rows and made_rows[identifier] == output.get("completed_at"):
        return document
    del output[ROWS_MARK]
    return bson.encode(output)


def _parts(document: bytes) -> set[str]:
    """What an output refers to in the additional store."""
    from jobflow.utils.find import find_key
    from pydash import get

    if b"blob_uuid" not in document:
        return set()
    output: Any = bson.decode(document)
    return {get(output, list(location))["blob_uuid"] for location in find_key(output, "blob_uuid")}


def _await(collection: Any, parts: set[str]) -> None:
    """Wait for parts of outputs: jobs store them a moment after the output. What was lost with its writer is lost."""
    deadline = time.monotonic() + _PATIENCE
    while parts and time.monotonic() < deadline:
        for entry in collection.find({}, {"blob_uuid": 1, "metadata.blob_uuid": 1}):
            parts.discard(entry.get("blob_uuid") or entry.get("metadata", {}).get("blob_uuid"))
        if parts:
            time.sleep(0.2)


class Counted:
    """Counts the documents of a collection and sums their hashes, in whatever order they come."""

    def __init__(self, name: str, tell: Progress) -> None:
        self.name, self.tell = name, tell
        self.documents = self.sum = 0
        self.told = time.monotonic()

    def add(self, document: bytes) -> None:
        self.documents += 1
        self.sum += int.from_bytes(sha256(document).digest(), "big")
        if time.monotonic() - self.told > 0.2:
            self.told = time.monotonic()
            self.tell(self.name, self.documents)

    def summary(self) -> dict[str, Any]:
        return {"documents": self.documents, "checksum": f"{self.sum % 2**256:064x}"}


def database_of(store: "JobStore") -> Any:
    return store.docs_store._collection.database


def is_sqlite(database: Any) -> bool:
    return type(database).__module__.startswith("montydb")
