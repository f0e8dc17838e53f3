"""The folder of what a server draws: locked while it lives, and deleted by the next one if it was killed."""

import fcntl
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

_PREFIX, _LOCK = "anodeflow-serve-", "lock"
_YOUNG = 3600.0
"""Age under which a folder without a lock is left alone, s: another server may be making it just now."""


def own_folder() -> tuple[Path, int]:
    """Return a new folder that this user alone can read, and the descriptor that holds its lock.

    Folders of servers that were killed are deleted first: nobody else would.
    """
    sweep()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    descriptor = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return folder, descriptor


def sweep() -> None:
    """Delete the folders of this user's servers that live no longer."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            found = folder.lstat()
            mine = found.st_uid == os.getuid() and folder.is_dir() and not folder.is_symlink()
            if mine and _is_left(folder, time.time() - found.st_mtime):
                shutil.rmtree(folder, ignore_errors=True)


def _is_left(folder: Path, age: float) -> bool:
    """Whether nobody holds the lock of a folder."""
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return age > _YOUNG
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
