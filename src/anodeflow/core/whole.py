"""Files and folders that are there whole or not at all, whenever whoever writes them is killed."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(file: Path) -> Iterator[Path]:
    """Yield a draft beside `file`, of the same suffix, which takes its place at the end.

    An exception takes the draft away and leaves `file` as it was; a kill leaves the draft too, under a name of its own.

    Parameters
    ----------
    file
        File to write. Where it is no regular file (/dev/stdout, a link), it is written itself.
    """
    if file.is_symlink() or (file.exists() and not file.is_file()):
        yield file
        return
    draft = file.with_name(f".{os.getpid()}.part{file.suffix[:20]}")
    try:
        yield draft
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def whole_place(target: Path) -> Iterator[Path]:
    """Yield where to make the draft of a folder, or of a file that others write; it takes the place of `target` then.

    A folder that is there already goes when its successor is whole. An exception takes the draft away and leaves
    `target` as it was.

    Parameters
    ----------
    target
        Folder or file; the folder around it is made.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".draft-") as around:
        draft = Path(around) / target.name
        yield draft
        if target.is_dir():
            target.replace(Path(around) / f"{target.name}.before")
        draft.replace(target)
