"""Reads the file of a backup (see :mod:`anodeflow.database.backup`), trusting nothing in it.

It may come from anybody, or from a disk that lost a bit. Before a database is touched the whole file is read once:
names that would lie outside a database, documents that are no BSON, that name a program, or that are not those which
were counted when the backup was made are refused, each in a sentence.
"""

import json
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import bson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from anodeflow.core.decoding import refuse_foreign
from anodeflow.core.errors import InputError
from anodeflow.core.strict import strictly
from anodeflow.core.version import check_version
from anodeflow.database.backup import (
    FORMAT,
    MANIFEST,
    VERSION,
    Counted,
    Progress,
    is_collection_name,
)

_BATCH = 4_000_000  # bytes of documents that are handed on at once
_LARGEST = 2**29  # bytes of a document; servers take 16 MB, SQLite more
_LARGEST_MANIFEST = 10_000_000  # bytes; it says some hundred for each collection
_QUEUE = "queue_"  # how the collections of jobflow-remote's queues begin
_UNREADABLE = (KeyError, EOFError, OSError, ValueError, zipfile.BadZipFile, zlib.error, NotImplementedError)
"""What zipfile raises at a damaged archive; the last one where flipped bits ask for a compression that it lacks."""


def _is_name(name: str) -> str:
    if not is_collection_name(name):
        raise ValueError(f"{name[:60]!r} is no name of a collection")
    return name


Name = Annotated[str, AfterValidator(_is_name)]


class Index(BaseModel):
    """An index of a collection, with what else the server said of it."""

    model_config = ConfigDict(extra="allow")

    key: list[tuple[str, int | float | str]] = Field(min_length=1, description="Fields and directions.")


class Collection(BaseModel):
    """What the backup holds of a collection."""

    documents: int = Field(ge=0, strict=True, description="Number of its documents.")
    checksum: str = Field(pattern="^[0-9a-f]{64}$", description="Sum of their hashes, hexadecimal.")
    indexes: dict[str, Index] = Field(default={}, description="Name -> index.")

    def expected(self) -> dict[str, Any]:
        """Return what :meth:`Counted.summary` is to give."""
        return {"documents": self.documents, "checksum": self.checksum}


class Manifest(BaseModel):
    """What ``backup.json`` says."""

    version: int = Field(strict=True, description="Version of the format.")
    kind: Literal["sqlite", "server"] = Field(description="Kind of the database that was copied.")
    database: Name = Field(description="Its name: the folder in the archive.")
    collections: dict[Name, Collection] = Field(description="Name -> what is held of it.")


def open_archive(file: Path) -> zipfile.ZipFile:
    """Open a backup.

    Raises
    ------
    InputError
        If there is no such file, or it is no archive.
    """
    try:
        return zipfile.ZipFile(file)
    except FileNotFoundError:
        raise InputError(f"there is no backup {file}: make one with anodeflow db backup {file}.") from None
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:  # the last: a version it lacks
        raise InputError(f"{file} is no backup, or is cut short ({error}): take another one.") from error


def read_manifest(archive: zipfile.ZipFile, file: Path) -> Manifest:
    """Read and check ``backup.json``.

    Raises
    ------
    InputError
        If it is missing, damaged, of another program or version, or names what must not be written.
    """
    try:
        large = archive.getinfo(MANIFEST).file_size > _LARGEST_MANIFEST
        content = None if large else json.loads(archive.read(MANIFEST))
    except (*_UNREADABLE, RuntimeError):  # RuntimeError: encrypted, or nested without end
        content = None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f"{file} holds something else than a backup of anodeflow: take another file.")
    check_version(content.get("version"), VERSION, f"{file} is a backup", "take another one")
    try:
        return strictly(Manifest, content)
    except ValueError as error:  # pydantic's is one
        reason = str(error)
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            reason = f"{'.'.join(str(part)[:60] for part in first['loc'])}: {first['msg']}"
        raise InputError(
            f"{file} is damaged, or no backup of anodeflow's making ({MANIFEST}, {reason}): take another one."
        ) from error


def verify(archive: zipfile.ZipFile, manifest: Manifest, tell: Progress) -> None:
    """Read the whole backup, and see that it holds what its manifest says and nothing that names a program.

    Raises
    ------
    InputError
        If not.
    """
    listed = {f"{manifest.database}/{name}.bson" for name in manifest.collections}
    unlisted = sorted(name for name in archive.namelist() if name.endswith(".bson") and name not in listed)
    if unlisted:
        raise InputError(
            f"the backup holds {unlisted[0][:80]!r}, which its list ({MANIFEST}) does not name: it is damaged, take "
            "another backup."
        )
    for name, entry in manifest.collections.items():
        found = Counted(f"reading {name}", tell)
        for batch in batches(archive, manifest, name):
            for document in batch:
                found.add(document)
                if b"@module" in document:
                    content, jobs = bson.decode(document), name.startswith(_QUEUE)
                    refuse_foreign(content, f"the collection {name} in the backup", jobs=jobs)
                if name.startswith(_QUEUE) and b"exec_config" in document:
                    _refuse_commands(bson.decode(document), name)
            if found.documents > entry.documents:
                break
        if found.summary() != entry.expected():
            raise InputError(f"the collection {name} in the backup is damaged: take another backup.")


def _refuse_commands(job: dict[str, Any], name: str) -> None:
    """Shell lines around a job come from the project file; anodeflow writes none into the queue."""
    remote = job.get("remote")
    given = [job.get("exec_config"), remote.get("exec_config") if isinstance(remote, dict) else None]
    if any(given):
        raise InputError(
            f"a job in the collection {name} of the backup brings shell commands of its own (exec_config), which a "
            "runner would execute: take another backup, or carry the results over with anodeflow db export and import."
        )


def batches(archive: zipfile.ZipFile, manifest: Manifest, name: str) -> Iterator[list[bytes]]:
    """Yield the documents of a collection as BSON, as many at once as make up some MB."""
    batch: list[bytes] = []
    size = 0
    try:
        with archive.open(f"{manifest.database}/{name}.bson") as source:
            while head := source.read(4):
                length = int.from_bytes(head, "little")
                if length > _LARGEST:
                    raise EOFError("a document is of impossible length")
                document = head + source.read(max(length - 4, 0))
                if len(document) != length or not bson.is_valid(document):
                    raise EOFError("a document is cut short")
                batch.append(document)
                size += len(document)
                if size > _BATCH:
                    yield batch
                    batch, size = [], 0
    except (*_UNREADABLE, RuntimeError) as error:
        raise InputError(f"the collection {name} in the backup is damaged ({error}): take another backup.") from error
    if batch:
        yield batch
