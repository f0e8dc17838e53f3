"""Opens databases in SQLite files, by way of MontyDB."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from anodeflow.core.errors import DatabaseError
from anodeflow.database.locks import file_lock
from anodeflow.database.opening import ANEW, BLOBS, DOCUMENTS, new_folder, opened, reason_of, unwritable
from anodeflow.database.place import EMBEDDED_NAME
from anodeflow.database.space import full, is_full

if TYPE_CHECKING:
    from jobflow import JobStore


@contextmanager
def open_sqlite(folder: Path) -> "Iterator[JobStore]":
    """Open the database in SQLite files of `folder`, by way of MontyDB."""
    path = folder

    def explain(error: Exception) -> str:
        if is_full(path, error):
            return full(path)
        if isinstance(error, sqlite3.OperationalError):
            return (
                f"the embedded database in {path} cannot be used ({reason_of(error)}): see that the disk has room and "
                "that no other program holds its files."
            )
        return f"the embedded database in {path} is damaged ({reason_of(error)}): {ANEW}."

    with ExitStack() as held:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            held.enter_context(file_lock(sqlite_lock(path), shared=True))
        except TimeoutError as error:
            raise DatabaseError(f"the embedded database in {path} is being restored: try again later.") from error
        except OSError as error:
            raise DatabaseError(unwritable(path, error)) from error
        new_folder(path)
        yield from _opened_sqlite(path, explain)


def sqlite_lock(folder: Path) -> Path:
    """Return the lock that every user of the database in `folder` shares, and that a restore has for itself."""
    return folder.with_name(f"{folder.name}.lock")


def _opened_sqlite(path: Path, explain: Callable[[Exception], str]) -> "Iterator[JobStore]":
    from anodeflow.database.blobs import BlobFiles
    from anodeflow.database.files import Files

    kinds = {DOCUMENTS: Files, BLOBS: BlobFiles}
    stores = [kind(name, str(path), database_name=EMBEDDED_NAME) for name, kind in kinds.items()]
    # MontyDB writes its settings file on each connection, and two processes that both create a collection lose
    # documents: hence the lock, and the collections made here.
    with file_lock(path / "open.lock"):
        for store in stores:
            store.connect()
            file = path / EMBEDDED_NAME / f"{store.collection_name}.collection"
            if file.is_file() and _has_tables(file, explain):
                continue
            file.unlink(missing_ok=True)  # MontyDB makes no table in a file that is there
            try:
                store._collection.database.create_collection(store.collection_name)
            except sqlite3.Error as error:
                raise DatabaseError(explain(error)) from error
    docs, blobs = stores
    with opened(docs, blobs, explain) as job_store:
        yield job_store


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
