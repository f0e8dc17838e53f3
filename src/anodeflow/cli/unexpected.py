"""What nobody foresaw ends in one sentence too; the traceback goes into a file."""

import errno
import os
import sqlite3
import tempfile
import traceback
from datetime import datetime
from pathlib import Path

from anodeflow.core.masking import masked
from anodeflow.database.space import says_full

_FULL = (errno.ENOSPC, errno.EDQUOT)


def sentence(error: Exception) -> str:
    """Return what to print of an error that no command expected."""
    cause: BaseException | None = error
    while cause is not None and not _is_full(cause):
        cause = cause.__cause__ or cause.__context__
    if cause is not None:
        name = getattr(cause, "filename", None)
        where = f" under {name}" if name else ""
        said = getattr(cause, "strerror", None) or cause
        return (
            f"the disk is full{where} ({said}): make room and run the same command again; what was recorded before is "
            "kept."
        )
    said = " ".join(masked(str(error)).split())[:200]
    what = f"{type(error).__name__}: {said}" if said else type(error).__name__
    file = _written(error)
    kept = f"its traceback is in {file}" if file else "its traceback could not be written anywhere"
    return f"something went wrong that should not have ({what.rstrip('.')}): {kept}; please report it with that."


def _is_full(error: BaseException) -> bool:
    return (isinstance(error, OSError) and error.errno in _FULL) or (
        isinstance(error, sqlite3.Error) and says_full(error)
    )


def _written(error: Exception) -> Path | None:
    """Write the traceback into ANODEFLOW_HOME, else into a temporary file; none: neither can be written."""
    text = masked("".join(traceback.format_exception(error)))
    name = f"traceback-{datetime.now():%Y%m%d-%H%M%S}-{os.getpid()}.txt"
    home = Path(os.environ.get("ANODEFLOW_HOME") or "~/.anodeflow")
    for folder in (home, Path(tempfile.gettempdir())):
        try:
            file = folder.expanduser().absolute() / name
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
                stream.write(text)
        except (OSError, RuntimeError):  # RuntimeError: no home folder
            continue
        return file
    return None
