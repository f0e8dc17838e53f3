"""The additional store on a server: GridFS, with further tries when the server was lost in the middle."""

from contextlib import suppress
from typing import Any

from gridfs.errors import FileExists
from maggma.stores import GridFSStore

_TRIES = 4


class BlobStore(GridFSStore):
    """A GridFSStore that stores a document again when it cannot know whether it has been stored."""

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
