"""Tells a full disk from a damaged database: what a program says of it differs, and it may say nothing."""

import re
import shutil
from pathlib import Path

_SAID = re.compile(r"no space left on device|disk quota exceeded|database or disk is full|ENOSPC|EDQUOT", re.IGNORECASE)
_LEAST = 256 * 1024  # bytes below which no database can go on


def says_full(said: object) -> bool:
    """Return whether what a program or an error says means that the disk is full."""
    return _SAID.search(str(said)) is not None


def is_full(folder: Path, said: object = "") -> bool:
    """Return whether the disk of `folder` is full, going by what was said and by how much room is left."""
    if says_full(said):
        return True
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        return shutil.disk_usage(folder).free < _LEAST
    except OSError:
        return False


def full(folder: Path) -> str:
    """Return the sentence for it."""
    return (
        f"the disk with the database in {folder} is full: make room, or ask for a larger quota, and run the same "
        "command again; what was recorded before is kept."
    )
