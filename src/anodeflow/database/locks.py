"""Advisory file locks: the kernel drops them when a process ends, however it ends."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def file_lock(path: Path, *, shared: bool = False, patience: float = 60.0) -> Iterator[None]:
    """Hold a lock on the file `path`, which is created when missing.

    Parameters
    ----------
    path
        File to lock; its content is not touched.
    shared
        Whether others may hold a shared lock on it at the same time.
    patience
        Longest wait for the lock, s; 0: one try.

    Raises
    ------
    TimeoutError
        If others held the lock all the time.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + patience
    try:
        while True:
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise TimeoutError(f"{path} is locked by another process") from None
                time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Return whether another process holds an exclusive lock on the file `path`."""
    try:
        with file_lock(path, shared=True, patience=0.0):
            return False
    except TimeoutError:
        return True
