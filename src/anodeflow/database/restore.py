"""Puts a backup in the place of the database (see :mod:`anodeflow.database.backup`)."""

import shutil
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import bson
from bson.raw_bson import RawBSONDocument

from anodeflow.core.errors import DatabaseError, InputError
from anodeflow.database import rows
from anodeflow.database.archive import Manifest, batches, open_archive, read_manifest, verify
from anodeflow.database.backup import RESTORING, Counted, Progress, database_of, is_sqlite, read_collection
from anodeflow.database.embedded import ServerFolder, Service
from anodeflow.database.locks import file_lock
from anodeflow.database.place import Place
from anodeflow.database.secret import Secret, write_secret
from anodeflow.database.service import start_service, stop_service
from anodeflow.database.sqlite_store import sqlite_lock
from anodeflow.database.store import open_place

_INDEX_OPTIONS = ("unique", "sparse", "expireAfterSeconds", "partialFilterExpression")


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
    with open_archive(file) as archive, ExitStack() as held:
        manifest = read_manifest(archive, file)
        if (manifest.kind == "sqlite") != (place.kind == "sqlite"):
            raise InputError(
                f"{file} is a backup of a database of the kind {manifest.kind}, and the one here is {place.kind}: "
                "carry documents from one to the other with anodeflow db export and import."
            )
        verify(archive, manifest, tell)
        if not force and (number := _held(place)):
            raise InputError(
                f"the database at {place} holds {number} documents, which a restore replaces: back it up and add "
                "--force."
            )
        if place.kind == "sqlite":
            held.enter_context(_alone(place))
        if place.kind == "mongodb":
            with open_place(place) as store:
                _replace_collections(database_of(store), archive, manifest, tell)
        else:
            _replace_folder(place, archive, manifest, tell)
    return {name: entry.documents for name, entry in manifest.collections.items()}


@contextmanager
def _alone(place: Place) -> Iterator[None]:
    """Keep the SQLite database for this process: who has it open would go on writing into the files that go."""
    place.folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as held:
        try:
            held.enter_context(file_lock(sqlite_lock(place.folder), patience=1.0))
        except TimeoutError as error:
            raise DatabaseError(
                f"the database at {place} is in use by another command, such as a campaign that runs: end that first, "
                "or restore into another ANODEFLOW_HOME."
            ) from error
        yield


def _held(place: Place) -> int:
    """Number of documents in the database."""
    with open_place(place) as store:
        database = database_of(store)
        return sum(
            database[name].count_documents({})
            for name in database.list_collection_names()
            if not name.startswith(("system.", RESTORING))
        )


def _replace_folder(place: Place, archive: zipfile.ZipFile, manifest: Manifest, tell: Progress) -> None:
    """Build the embedded database anew in a folder beside the old one, then let them change places."""
    new = Place(place.kind, place.name, folder=place.folder.with_name(f"{place.folder.name}.restoring"))
    old = place.folder.with_name(f"{place.folder.name}.replaced")
    for folder in (new.folder, old):  # left behind by a restore that was killed
        stop_service(folder, force=True)
        shutil.rmtree(folder, ignore_errors=True)
    if place.kind == "secantusd" and (password := ServerFolder(place.folder).password):
        # Programs that know the old password go on with the new database.
        new.folder.mkdir(mode=0o700)
        write_secret(ServerFolder(new.folder).secret_file, replace(Secret.new(new.folder), password=password))
    try:
        with open_place(new) as store:
            _fill(database_of(store), archive, manifest, tell, "")
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
    sqlite_lock(new.folder).unlink(missing_ok=True)
    if place.kind == "secantusd":
        ServerFolder(place.folder).claim()
    if place.kind == "secantusd" and service.kept:
        start_service(place.folder, service.port)


def _fill(database: Any, archive: zipfile.ZipFile, manifest: Manifest, tell: Progress, prefix: str) -> None:
    """Write all collections of the archive, each name behind `prefix`, and read them back."""
    for name, entry in manifest.collections.items():
        collection = database[prefix + name]
        collection.drop()
        known = [] if is_sqlite(database) else [index["key"] for index in collection.index_information().values()]
        for label, index in entry.indexes.items():
            if index.key not in known:  # on an empty collection it costs nothing
                given = index.model_extra or {}
                options = {option: given[option] for option in _INDEX_OPTIONS if option in given}
                collection.create_index(index.key, name=label, **options)
        written, found = Counted(f"writing {name}", tell), Counted(f"checking {name}", tell)
        for batch in batches(archive, manifest, name):
            if is_sqlite(database):
                collection.insert_many([bson.decode(document) for document in batch])
            else:
                collection.insert_many([RawBSONDocument(document) for document in batch], ordered=False)
            for document in batch:
                written.add(document)
        for document in read_collection(database, prefix + name):
            found.add(document)
        expected = entry.expected()
        if written.summary() != expected:
            raise InputError(f"the collection {name} in the backup is damaged: take another backup.")
        if found.summary() != expected:
            raise DatabaseError(
                f"of the {entry.documents} documents of {name} only {found.documents} came back unchanged from the "
                "new database: look at its log and at the disk; the old database is as it was."
            )


def _replace_collections(database: Any, archive: zipfile.ZipFile, manifest: Manifest, tell: Progress) -> None:
    """Build the collections anew beside the old ones, then let them change places; others of the database stay."""
    try:
        _fill(database, archive, manifest, tell, RESTORING)
        for name in manifest.collections:
            database[RESTORING + name].rename(name, dropTarget=True)
        if rows.COLLECTION not in manifest.collections:
            database[rows.COLLECTION].drop()
    finally:
        for name in database.list_collection_names():
            if name.startswith(RESTORING):
                database[name].drop()
