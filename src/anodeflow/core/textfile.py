"""Reads text files of users: regular files of a sane size, packed or not, in the encodings that editors write."""

import bz2
import gzip
import lzma
import math
import re
import stat
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from anodeflow.core.errors import InputError

LARGEST_FILE = 50_000_000
"""Most bytes that a file may have, packed or unpacked."""
LONGEST_LINE = 100_000_000
"""Most characters of a line that holds one document."""
_UNPACK: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def read_bytes(path: Path, largest: int = LARGEST_FILE, unpack: Callable[..., Any] | None = None) -> bytes:
    """Read a file, unpacked if its name ends in .gz, .bz2 or .xz.

    Parameters
    ----------
    path
        The file.
    largest
        Most bytes that it may have, unpacked.
    unpack
        How to open it whatever its name: ``gzip.open``.

    Raises
    ------
    InputError
        If there is none, it is no regular file (a folder, a pipe, a device), may not be read, or is too large.
    """
    try:
        kind = path.stat().st_mode
        if not stat.S_ISREG(kind):
            what = "a folder" if stat.S_ISDIR(kind) else "no regular file but a pipe, a socket or a device"
            raise InputError(f"{path} is {what}: give a file.")
        opened = unpack or _UNPACK.get(path.suffix.lower(), open)
        with opened(path, "rb") as stream:
            content: bytes = stream.read(largest + 1)
    except FileNotFoundError:
        raise InputError(f"there is no file {path}.") from None
    except PermissionError:
        raise InputError(f"may not read {path}: check its permissions.") from None
    except (EOFError, lzma.LZMAError, zlib.error, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        shown = str(path) if len(str(path)) <= 200 else f"{str(path)[:200]}..."
        raise InputError(f"cannot read {shown} ({reason}): check the file and its name.") from error
    if len(content) > largest:
        packed = ", once unpacked," if opened is not open else ""
        raise InputError(
            f"{path} has{packed} more than {largest / 1e6:g} MB, the most that is read: give a smaller file."
        )
    return content


def decoded(content: bytes, path: Path) -> str:
    """Return the text of a file: UTF-8 or UTF-16 with a byte-order mark, UTF-8, else Windows-1252.

    Raises
    ------
    InputError
        If it is no text.
    """
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            try:
                return content.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
            except UnicodeDecodeError:
                raise InputError(f"{path} is no text file.") from None
    if b"\0" in content:
        raise InputError(f"{path} is no text file.")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        try:
            text = content.decode("cp1252")
        except UnicodeDecodeError:
            raise InputError(f"{path} is no text file: save it as UTF-8.") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_text(path: Path, largest: int = LARGEST_FILE) -> str:
    """Read a text file; see :func:`read_bytes` and :func:`decoded`.

    Raises
    ------
    InputError
        If it cannot be read, or is no text.
    """
    return decoded(read_bytes(path, largest), path)


def nesting(text: str) -> int:
    """Return how deep brackets are nested in a text, whatever they mean: before a parser spends its time on them."""
    deepest = depth = 0
    for bracket in re.findall(r"[][{}]", text):
        depth = depth + 1 if bracket in "[{" else max(depth - 1, 0)
        deepest = max(deepest, depth)
    return deepest


def finite(text: str) -> float:
    """Return a number of a JSON text; for ``parse_float`` and ``parse_constant``.

    Raises
    ------
    ValueError
        If it is not finite: a NaN would be the best of all sites.
    """
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is no number")
    return number


def bounded_lines(stream: IO[str], source: str) -> Iterator[str]:
    """Yield the lines of a stream, none of which may be longer than any document is.

    Parameters
    ----------
    stream
        Open for reading.
    source
        What it is called in the error.

    Raises
    ------
    InputError
        At a longer one: a packed file of some MB may hold a line of any length.
    """
    number = 0
    while line := stream.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise InputError(
                f"{source}, line {number}, is longer than {LONGEST_LINE / 1e6:g} MB, which no document is: take "
                "another file."
            )
        yield line
