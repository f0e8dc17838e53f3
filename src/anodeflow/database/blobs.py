"""The additional store: large parts of documents, of each output those that it refers to and no older ones.

jobflow gives a part a new name each time its job is run, and leaves the one before where it was.
"""

from contextlib import suppress
from typing import Any

from gridfs.errors import FileExists
from maggma.stores import GridFSStore

from anodeflow.database.files import Files

OF_JOB = ("job_uuid", "job_index")
"""Fields that say whose part it is."""
_TRIES = 4


class BlobStore(GridFSStore):
    """Parts on a server, in GridFS, with further tries when the server was lost in the middle."""

    def update(
        self,
        docs: list[dict] | dict,
        key: list | str | None = None,
        additional_metadata: str | list[str] | None = None,
    ) -> None:
        """Store documents (see maggma); a second copy of one takes the place of the first."""
        every: list[dict[str, Any]] = docs if isinstance(docs, list) else [docs]
        for document in every:
            for _ in range(_TRIES - 1):
                # The server was killed between storing and saying so, and pymongo has sent it once more.
                with suppress(FileExists):
                    super().update([document], key, additional_metadata)
                    break
            else:
                super().update([document], key, additional_metadata)
        _drop_older(self, every)


class BlobFiles(Files):
    """Parts in SQLite."""

    def update(self, docs: list[dict] | dict, key: list | str | None = None) -> None:
        """Store documents (see maggma)."""
        super().update(docs, key)
        _drop_older(self, docs if isinstance(docs, list) else [docs])


def _drop_older(store: BlobStore | BlobFiles, stored: list[dict[str, Any]]) -> None:
    """Drop the parts of earlier runs of the jobs whose parts have just been stored: no output refers to them."""
    named: dict[tuple[Any, ...], list[str]] = {}
    for part in stored:
        if all(name in part for name in OF_JOB):
            named.setdefault(tuple(part[name] for name in OF_JOB), []).append(part["blob_uuid"])
    for job, names in named.items():
        store.remove_docs(dict(zip(OF_JOB, job, strict=True)) | {"blob_uuid": {"$nin": names}})
