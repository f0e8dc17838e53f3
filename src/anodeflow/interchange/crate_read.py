"""Documents out of an RO-Crate that anodeflow wrote, trusting nothing in it.

Nothing is unpacked to the disk: the one file of documents is read where it lies, as far as a document may be long.
"""

import gzip
import json
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from anodeflow.core.errors import InputError
from anodeflow.core.textfile import LONGEST_LINE, finite
from anodeflow.interchange.files import DOCUMENTS, METADATA

_LARGEST_METADATA = 50_000_000
_LARGEST_LINE = LONGEST_LINE
_LARGEST = 20_000_000_000
_DAMAGED = (EOFError, OSError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError, UnicodeDecodeError)
"""What zipfile raises at damage; flipped bits may ask for an unknown compression, or for a password (RuntimeError)."""


def is_crate(place: Path) -> bool:
    """Return whether a folder or a ZIP archive is an RO-Crate."""
    if place.is_dir():
        return (place / METADATA).is_file()
    if not zipfile.is_zipfile(place):
        return False
    try:
        with zipfile.ZipFile(place) as archive:
            return METADATA in archive.namelist()
    except _DAMAGED:
        return False


def crate_lines(place: Path) -> Iterator[str]:
    """Yield the lines of the documents in a crate.

    Raises
    ------
    InputError
        If it is damaged, too large, no crate of anodeflow, or names files outside of itself.
    """
    try:
        with _opened(place) as read:
            _check(json.loads(read(METADATA, _LARGEST_METADATA), parse_constant=finite), place)
        with _stream(place) as packed, gzip.open(packed, "rb") as lines:
            total = 0
            while line := lines.readline(_LARGEST_LINE + 1):
                total += len(line)
                if len(line) > _LARGEST_LINE or total > _LARGEST:
                    raise InputError(f"{place} holds more than a crate of anodeflow does: take another one.")
                yield line.decode("utf-8")
    except InputError:
        raise
    except (*_DAMAGED, ValueError, RecursionError) as error:
        raise InputError(f"{place} is damaged or no RO-Crate ({error}): write it anew with --ro-crate.") from error


@contextmanager
def _opened(place: Path) -> Iterator[Any]:
    """Give what reads a small file of a crate whole."""
    if place.is_dir():

        def read(name: str, most: int) -> bytes:
            with (place / name).open("rb") as stream:
                return _at_most(stream, most, place)

        yield read
        return
    with zipfile.ZipFile(place) as archive:

        def unpack(name: str, most: int) -> bytes:
            with archive.open(name) as stream:
                return _at_most(stream, most, place)

        yield unpack


def _at_most(stream: IO[bytes], most: int, place: Path) -> bytes:
    content = stream.read(most + 1)
    if len(content) > most:
        raise InputError(f"{place}: {METADATA} has more than {most / 1e6:g} MB: take another crate.")
    return content


@contextmanager
def _stream(place: Path) -> Iterator[IO[bytes]]:
    if place.is_dir():
        file = place / DOCUMENTS
        if not file.resolve().is_relative_to(place.resolve()):
            raise InputError(f"{file} leads out of the crate: take another one.")
        with file.open("rb") as stream:
            yield stream
        return
    with zipfile.ZipFile(place) as archive, archive.open(DOCUMENTS) as packed:
        yield packed


def _check(metadata: Any, place: Path) -> None:
    """Raise InputError unless the metadata are those of a crate of ours, whose files all lie in it."""
    graph = metadata.get("@graph") if isinstance(metadata, dict) else None
    if not isinstance(graph, list):
        raise InputError(f"{place} has no RO-Crate metadata that can be read: take another one.")
    files = [each for each in graph if isinstance(each, dict) and "File" in _types(each)]
    for each in files:
        identity = str(each.get("@id", ""))
        path = PurePosixPath(identity)
        if "://" not in identity and (path.is_absolute() or ".." in path.parts or "\\" in identity):
            raise InputError(f"{place} names the file {identity[:80]!r}, which lies outside of it: take another crate.")
    if DOCUMENTS not in {each.get("@id") for each in files}:
        raise InputError(f"{place} is an RO-Crate of another program: it holds no {DOCUMENTS} of anodeflow.")


def _types(entity: dict[str, Any]) -> list[str]:
    kind = entity.get("@type", [])
    return [kind] if isinstance(kind, str) else list(kind)
