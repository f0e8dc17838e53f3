"""SQLite files that several processes use: one writes at a time.

MontyDB reads a document, changes it and writes all of it back. Between the two another process may have replaced it,
whose document would be lost: hence a lock that every writer holds for so long.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maggma.stores import MontyStore
from monty.json import jsanitize

from anodeflow.core.errors import DatabaseError
from anodeflow.database.locks import file_lock

if TYPE_CHECKING:
    from jobflow import JobStore

_PATIENCE = 600.0  # s; a first query makes the rows of all documents that were stored before it


@contextmanager
def writing(folder: str | Path) -> Iterator[None]:
    """Be the only process that writes to the SQLite database in a folder.

    Raises
    ------
    DatabaseError
        If another one writes all the time.
    """
    try:
        with file_lock(Path(folder) / "write.lock", patience=_PATIENCE):
            yield
    except TimeoutError as error:
        raise DatabaseError(
            f"another program has been writing to the embedded database in {folder} for {_PATIENCE:.0f} s: wait until "
            "it has ended, and run the same command again."
        ) from error


@contextmanager
def alone(store: "JobStore") -> Iterator[None]:
    """Be the only one that writes, where the store is of SQLite files; servers see to it themselves."""
    documents: Any = store.docs_store
    if isinstance(documents, Files):
        with writing(documents.database_path):
            yield
    else:
        yield


class Files(MontyStore):
    """Documents in SQLite."""

    def connect(self, force_reset: bool = False) -> None:
        """Connect (see maggma); documents are found by their keys, and by fields (:mod:`anodeflow.database.keyed`)."""
        super().connect(force_reset)
        from anodeflow.database.keyed import by_key

        by_key(self._collection)

    def update(self, docs: list[dict] | dict, key: list | str | None = None) -> None:
        """Store documents (see maggma)."""
        from anodeflow.database.keyed import put

        names = [key or self.key] if isinstance(key or self.key, str) else list(key or self.key)
        with writing(self.database_path):
            for each in docs if isinstance(docs, list) else [docs]:
                document = jsanitize(each, allow_bson=True)
                there = self._collection.find_one({name: document[name] for name in names}, {"_id": 1})
                # Not by `insert_one`, which refuses keys with dots: adopted calculations name their files.
                put(self._collection, [document | (there or {})], [there["_id"]] if there else [])

    def remove_docs(self, criteria: dict) -> None:
        """Remove documents (see maggma)."""
        from anodeflow.database.keyed import remove

        with writing(self.database_path):
            remove(self._collection, criteria)
