"""The additional store on a server: GridFS, with one more try when the server was lost in the middle."""

from typing import Any

from gridfs.errors import FileExists
from maggma.stores import GridFSStore


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
            try:
                super().update([document], key, additional_metadata)
            except FileExists:
                # The server was killed between storing and saying so, and pymongo has sent it once more.
                super().update([document], key, additional_metadata)
