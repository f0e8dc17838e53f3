"""What opening any kind of database shares: the JobStore, the folder of an embedded one, and errors in a sentence."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pymongo.errors import ConnectionFailure, OperationFailure

from anodeflow.core.errors import DatabaseError
from anodeflow.core.masking import masked
from anodeflow.database.locks import file_lock
from anodeflow.database.space import full, is_full

if TYPE_CHECKING:
    from jobflow import JobStore
    from maggma.core import Store

DOCUMENTS = "outputs"
BLOBS = "data"  # the name under which atomate2 stores charge densities, trajectories and the like
ROWS_MARK = "anodeflow_rows_made"  # field beside an output (see anodeflow.database.rows)
ANEW = "put a copy in its place, or move that folder away and begin anew"


def new_folder(folder: Path) -> Path:
    """Create the folder of an embedded database, readable by its owner only; see that files and locks work there."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with file_lock(folder / "write-test.lock"):
            pass
    except OSError as error:
        raise DatabaseError(unwritable(folder, error)) from error
    return folder


def unwritable(folder: Path, error: OSError) -> str:
    """Say that the folder of an embedded database cannot be written."""
    if is_full(folder, error):
        return full(folder)
    return (
        f"cannot write to the embedded database in {folder} ({error.strerror}): make the folder writable, or set "
        "ANODEFLOW_HOME to another one."
    )


@contextmanager
def opened(docs: "Store", blobs: "Store", explain: Callable[[Exception], str]) -> "Iterator[JobStore]":
    """Yield a JobStore of two connected stores; errors of the database leave it as one sentence of `explain`."""
    from jobflow import JobStore

    store = JobStore(docs, additional_stores={BLOBS: blobs})
    try:
        # Whether it can be read. For "any document" secantusd would read them all.
        docs.query_one({"_id": ""}, properties=["uuid"])
        yield store
    except (ConnectionFailure, OperationFailure, sqlite3.Error) as error:
        raise DatabaseError(explain(error)) from error
    finally:
        store.close()


def reason_of(error: Exception, uri: str | None = None) -> str:
    """What pymongo or SQLite say, on one line and without the state of the whole topology behind it."""
    said = masked(" ".join(str(error).split()), uri)
    return re.split(r" \(configured timeouts|, full error|, Timeout: ", said)[0].strip(" .")
