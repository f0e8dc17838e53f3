"""The record of a calculation: one line per evaluated geometry, with a checksum, flushed as soon as it is known.

Each line also has the checksum of the line before it: a line that is missing, doubled or out of place is damage, too.
This file imports numpy alone: it runs inside a code's own process.
"""

import json
import os
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import numpy as np

_SUM = ', "crc": "'
_AFTER = "after"
"""Key of the checksum of the line before; lines of an older anodeflow have none, and may stand anywhere."""
_BLOCK = 1 << 16  # bytes
_NEEDED = {"energy", "positions", "forces"}


def check_finite(step: dict[str, Any]) -> None:
    """Refuse a geometry whose energies, forces or coordinates are no numbers.

    Raises
    ------
    ValueError
        What of it is not finite.
    """
    for key in ("energy", "free_energy", "remaining_energy", "forces", "free_forces", "stress", "positions", "cell"):
        value = step.get(key)
        if value is not None and not np.isfinite(np.asarray(value, dtype=float)).all():
            raise ValueError(
                f"{key.replace('_', ' ')} of a geometry came out as inf or nan, which is no result: look whether atoms "
                "lie on each other, or compute with another backend or other settings"
            )


def largest_force(forces: Any) -> float:
    """Return the largest norm among forces (N, 3), in their unit."""
    return float(np.linalg.norm(np.asarray(forces), axis=1).max())


def processor_seconds(steps: Iterable[dict[str, Any]]) -> float:
    """Return the processors' time that geometries took, s: as the code measured it, else wall time times processors."""
    return sum(step.get("processor_seconds", step.get("seconds", 0.0) * step.get("processors", 1)) for step in steps)


def append_step(file: Path, step: dict[str, Any]) -> None:
    """Append one evaluated geometry and flush it to the disk; a half line before it is cut off first.

    Raises
    ------
    ValueError
        If its energies, forces or coordinates are not finite.
    """
    check_finite(step)
    with file.open("a+b") as stream:
        text = json.dumps(step | {_AFTER: _checksum(_last_line(stream))})
        stream.write(f'{text[:-1]}{_SUM}{_checksum(text.encode())}"}}\n'.encode())
        stream.flush()
        os.fsync(stream.fileno())


def _last_line(stream: IO[bytes]) -> bytes:
    """Return the last whole line of a record, with its end, and cut off half a line behind it; empty: there is none."""
    begin = stream.seek(0, os.SEEK_END)
    tail = b""
    while begin and tail.count(b"\n") < 2:
        size = min(_BLOCK, begin)
        begin -= size
        stream.seek(begin)
        tail = stream.read(size) + tail
    whole = tail.rfind(b"\n") + 1
    if whole < len(tail):
        stream.truncate(begin + whole)
    stream.seek(0, os.SEEK_END)
    return tail[:whole].splitlines(keepends=True)[-1] if whole else b""


def _checksum(content: bytes) -> str:
    return f"{zlib.crc32(content):08x}"


def read_steps(file: Path) -> list[dict[str, Any]]:
    """Return the lines of a record as dictionaries, up to the first that is not whole."""
    try:
        return _whole(file.read_bytes())[0]
    except FileNotFoundError:
        return []


def read_from(file: Path, offset: int) -> tuple[list[dict[str, Any]], int]:
    """Return the lines that begin at `offset` (bytes), up to the first that is not whole, and how many bytes they take.

    The first of them is not compared with the line before it.

    Raises
    ------
    FileNotFoundError
        If there is no record.
    """
    with file.open("rb") as stream:
        stream.seek(offset)
        return _whole(stream.read(), None if offset else b"")


def cut_damage(file: Path) -> str:
    """Cut off what follows the last line that is whole and in its place: geometries behind a gap are not the end.

    Called by whoever goes on with a calculation, before it does. What is cut off is kept beside the record.

    Returns
    -------
    str
        What was done, in one sentence; empty if the record is whole, or ends with half a line, as after a kill.
    """
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return ""
    steps, size = _whole(content)
    rest = content[size:]
    if not rest:
        return ""
    killed = b"\n" not in rest
    copy = file
    if not killed:
        number = 1
        while copy.exists():
            copy = file.with_name(f"{file.name}.damaged-{number}")
            number += 1
        copy.write_bytes(rest)
    with file.open("r+b") as stream:
        stream.truncate(size)
        stream.flush()
        os.fsync(stream.fileno())
    if killed:
        return ""
    return f"its record is damaged after step {len(steps)}: what follows was moved to {copy.name} and is computed again"


def _whole(content: bytes, before: bytes | None = b"") -> tuple[list[dict[str, Any]], int]:
    """Return the steps before the first line that is damaged or out of place, and the number of bytes that hold them.

    `before` is the line before them; none: it is not known.
    """
    steps: list[dict[str, Any]] = []
    size = 0
    for line in content.splitlines(keepends=True):
        step = _step(line) if line.endswith(b"\n") else None
        if step is None:
            break
        after = step.pop(_AFTER, None)
        if after is not None and before is not None and after != _checksum(before):
            break
        steps.append(step)
        size += len(line)
        before = line
    return steps, size


def _refuse(constant: str) -> float:
    """Take no NaN or Infinity, which JSON does not have and older versions wrote."""
    raise ValueError(f"{constant} is no number")


def _step(line: bytes) -> dict[str, Any] | None:
    """Return one line as a dictionary; none if it is damaged. Lines of an older anodeflow have no checksum."""
    try:
        text = line.decode().rstrip("\n")
        begin = text.rfind(_SUM)
        if begin >= 0:
            given, text = text[begin + len(_SUM) :], text[:begin] + "}"
            if given != f'{_checksum(text.encode())}"}}':
                return None
        step = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    if not isinstance(step, dict) or (begin < 0 and not step.keys() >= _NEEDED):
        return None
    return step
