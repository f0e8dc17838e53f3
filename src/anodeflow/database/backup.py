"""A copy of the whole database in one file, and the way back.

The file is a ZIP archive that holds each collection as BSON, as mongodump lays it out (unpacked, mongorestore reads
it), and ``backup.json``, written last: format, indexes, and for each collection the number of documents and a
checksum.

Copying takes time, and others may write meanwhile. The collections are read in an order in which nothing refers to
what was read before it: queue, rows, outputs, large objects. So what a document in the copy refers to is in the copy.
"""

import json
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

from anodeflow.database import rows
from anodeflow.database.embedded import ServerFolder, Service
from anodeflow.database.service import start_service, stop_service
from anodeflow.database.store import ROWS_MARK, Place, open_place
from anodeflow.errors import DatabaseError, InputError

if TYPE_CHECKING:
    from jobflow import JobStore

Progress = Callable[[str, int], None]
"""Called with what is being done and the number of documents done."""

FORMAT = "anodeflow backup"
VERSION = 1
_MANIFEST = "backup.json"
_LAST = (rows.COLLECTION, "outputs", "data", "data.files", "data.chunks")
_RESTORING = "restoring."
_INDEX_OPTIONS = ("unique", "sparse", "expireAfterSeconds", "partialFilterExpression")
_PATIENCE = 5.0  # s
_BATCH = 4_000_000  # bytes of documents that are sent at once


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


def restore(place: Place, file: Path, force: bool = False, tell: Progress = lambda words, done: None) -> dict[str, int]:
    """Put the content of a backup in the place of the database at `place`.

    The new database is built and read back beside the old one, and takes its place only when every document is
    there: whatever goes wrong before, the old one stays.

    Parameters
    ----------
    place
        The database to replace.
    file
        File that :func:`back_up` wrote.
    force
        Replace a database that is not empty.
    tell
        Called after every few documents.

    Returns
    -------
    dict
        Collection -> number of documents.

    Raises
    ------
    InputError
        If the file is no complete backup, is one of another kind of database, or the database is not empty.
    DatabaseError
        If the database is in use, cannot be written, or does not hold in the end what the file holds.
    """
    with _archive(file) as archive:
        manifest = _manifest(archive, file)
        if (manifest["kind"] == "sqlite") != (place.kind == "sqlite"):
            raise InputError(
                f"{file} is a backup of a database of the kind {manifest['kind']}, and the one here is {place.kind}: "
                "carry documents from one to the other with anodeflow db export and import."
            )
        if not force and (held := _held(place)):
            raise InputError(
                f"the database at {place} holds {held} documents, which a restore replaces: back it up and add --force."
            )
        if place.kind == "mongodb":
            with open_place(place) as store:
                _replace_collections(_database(store), archive, manifest, tell)
        else:
            _replace_folder(place, archive, manifest, tell)
    return {name: entry["documents"] for name, entry in manifest["collections"].items()}


# --- out ---


def _copy_out(store: "JobStore", place: Place, archive: zipfile.ZipFile, tell: Progress) -> dict[str, Any]:
    database = _database(store)
    names = sorted(
        (name for name in database.list_collection_names() if not name.startswith(("system.", _RESTORING))),
        key=lambda name: (_LAST.index(name) if name in _LAST else -1, name),
    )
    collections: dict[str, Any] = {}
    made_rows: dict[str, Any] = {}
    files: list[Any] = []
    parts: set[str] = set()
    for name in names:
        if name in ("data", "data.files"):
            _await(database[name], parts)
        counted = _Counted(name, tell)
        with archive.open(f"{place.name}/{name}.bson", "w", force_zip64=True) as target:
            for document in _read(database, name, files if name == "data.chunks" else None):
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
    archive.writestr(_MANIFEST, json.dumps(manifest, indent=1, default=str))
    return manifest


def _read(database: Any, name: str, files: list[Any] | None = None) -> Iterator[bytes]:
    """The documents of a collection as BSON; of a collection of chunks those of `files`, if given."""
    collection = database[name]
    if _is_sqlite(database):
        yield from map(bson.encode, collection.find())
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


class _Counted:
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


# --- in ---


def _archive(file: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except FileNotFoundError:
        raise InputError(f"there is no backup {file}: make one with anodeflow db backup {file}.") from None
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{file} is no backup, or is cut short ({error}): take another one.") from error


def _manifest(archive: zipfile.ZipFile, file: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(archive.read(_MANIFEST))
    except (KeyError, ValueError, zipfile.BadZipFile):
        manifest = None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise InputError(f"{file} holds something else than a backup of anodeflow: take another file.")
    if manifest["version"] != VERSION:
        raise InputError(
            f"{file} is a backup of version {manifest['version']}, and this anodeflow reads version {VERSION}: install "
            "the anodeflow that wrote it."
        )
    return manifest


def _held(place: Place) -> int:
    """Number of documents in the database."""
    with open_place(place) as store:
        database = _database(store)
        return sum(
            database[name].count_documents({})
            for name in database.list_collection_names()
            if not name.startswith(("system.", _RESTORING))
        )


def _replace_folder(place: Place, archive: zipfile.ZipFile, manifest: dict[str, Any], tell: Progress) -> None:
    """Build the embedded database anew in a folder beside the old one, then let them change places."""
    new = Place(place.kind, place.name, folder=place.folder.with_name(f"{place.folder.name}.restoring"))
    old = place.folder.with_name(f"{place.folder.name}.replaced")
    for folder in (new.folder, old):  # left behind by a restore that was killed
        stop_service(folder, force=True)
        shutil.rmtree(folder, ignore_errors=True)
    try:
        with open_place(new) as store:
            _fill(_database(store), archive, manifest, tell, "")
    except BaseException:
        stop_service(new.folder, force=True)
        shutil.rmtree(new.folder, ignore_errors=True)
        raise
    service = Service()
    if place.kind == "secantusd":
        stop_service(new.folder, force=True)
        service = ServerFolder(place.folder).service()
        stop_service(place.folder)
        ServerFolder(new.folder).record_service(replace(service, kept=False))
    if place.folder.exists():
        place.folder.rename(old)
    new.folder.rename(place.folder)
    shutil.rmtree(old, ignore_errors=True)
    if place.kind == "secantusd" and service.kept:
        start_service(place.folder, service.port)


def _fill(database: Any, archive: zipfile.ZipFile, manifest: dict[str, Any], tell: Progress, prefix: str) -> None:
    """Write all collections of the archive, each name behind `prefix`, and read them back."""
    for name, entry in manifest["collections"].items():
        collection = database[prefix + name]
        collection.drop()
        known = [] if _is_sqlite(database) else [index["key"] for index in collection.index_information().values()]
        for label, index in entry["indexes"].items():
            key = [tuple(part) for part in index["key"]]
            if key not in known:  # on an empty collection it costs nothing
                options = {option: index[option] for option in _INDEX_OPTIONS if option in index}
                collection.create_index(key, name=label, **options)
        written, found = _Counted(f"writing {name}", tell), _Counted(f"checking {name}", tell)
        for batch in _batches(archive, f"{manifest['database']}/{name}.bson"):
            if _is_sqlite(database):
                collection.insert_many([bson.decode(document) for document in batch])
            else:
                collection.insert_many([RawBSONDocument(document) for document in batch], ordered=False)
            for document in batch:
                written.add(document)
        for document in _read(database, prefix + name):
            found.add(document)
        expected = {key: entry[key] for key in ("documents", "checksum")}
        if written.summary() != expected:
            raise InputError(f"the collection {name} in the backup is damaged: take another backup.")
        if found.summary() != expected:
            raise DatabaseError(
                f"of the {entry['documents']} documents of {name} only {found.documents} came back unchanged from the "
                "new database: look at its log and at the disk; the old database is as it was."
            )


def _batches(archive: zipfile.ZipFile, name: str) -> Iterator[list[bytes]]:
    """Documents of a BSON file, as many at once as make up some MB."""
    batch: list[bytes] = []
    size = 0
    try:
        with archive.open(name) as source:
            while head := source.read(4):
                length = int.from_bytes(head, "little")
                document = head + source.read(max(length - 4, 0))
                if len(document) != length or not bson.is_valid(document):
                    raise EOFError("a document is cut short")
                batch.append(document)
                size += len(document)
                if size > _BATCH:
                    yield batch
                    batch, size = [], 0
    except (KeyError, zipfile.BadZipFile, EOFError) as error:
        raise InputError(f"{name} in the backup is damaged ({error}): take another backup.") from error
    if batch:
        yield batch


def _replace_collections(database: Any, archive: zipfile.ZipFile, manifest: dict[str, Any], tell: Progress) -> None:
    """Build the collections anew beside the old ones, then let them change places; others of the database stay."""
    try:
        _fill(database, archive, manifest, tell, _RESTORING)
        for name in manifest["collections"]:
            database[_RESTORING + name].rename(name, dropTarget=True)
        if rows.COLLECTION not in manifest["collections"]:
            database[rows.COLLECTION].drop()
    finally:
        for name in database.list_collection_names():
            if name.startswith(_RESTORING):
                database[name].drop()


def _database(store: "JobStore") -> Any:
    return store.docs_store._collection.database


def _is_sqlite(database: Any) -> bool:
    return type(database).__module__.startswith("montydb")
