"""Model files of potentials: found beside the backend file, and named in addresses by what they hold."""

import hashlib
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from anodeflow.core.errors import InputError

# fmt: off
_SUFFIXES = frozenset({
    ".ckpt", ".jit", ".json", ".model", ".nep", ".onnx", ".pb", ".pt", ".pt2", ".pth", ".safetensors", ".tar", ".ts",
    ".txt", ".xml", ".zip",
})
# fmt: on
_ZIP = b"PK\x03\x04"
"""What a ZIP archive begins with, as checkpoints of torch are."""


def looks_like_file(value: Any) -> bool:
    """Return whether an argument names a file, rather than a model that a package knows by name."""
    if not isinstance(value, str):
        return False
    return Path(value).suffix.lower() in _SUFFIXES or value.startswith(("/", "./", "../", "~"))


def beside(arguments: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return arguments in which files that are given relative to `folder` have absolute paths.

    What names no file stays. Nested mappings and lists are looked through.
    """
    return _mapped(arguments, lambda file: os.path.abspath(folder / Path(file).expanduser()))


def model_files(arguments: dict[str, Any]) -> list[Path]:
    """Return the files that arguments name, whether they are there or not."""
    return [Path(text).expanduser() for _, text in texts(arguments) if looks_like_file(text)]


def without_folders(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return arguments in which files are named without their folder, as content addresses have them."""
    return _mapped(arguments, lambda file: Path(file).name)


def texts(arguments: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield every argument that is text, with its name; nested mappings and lists are looked through."""
    if isinstance(arguments, dict):
        for key, value in sorted(arguments.items()):
            yield from texts(value, str(key))
    elif isinstance(arguments, list | tuple):
        for value in arguments:
            yield from texts(value, name)
    elif isinstance(arguments, str):
        yield name, arguments


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    """Return arguments with every name of a file changed."""
    if isinstance(value, dict):
        return {key: _mapped(inner, change) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(inner, change) for inner in value]
    return change(value) if looks_like_file(value) else value


def files_hash(files: list[Path], where: str) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of what model files hold; empty for none.

    Parameters
    ----------
    files
        The files. Files beside one that begin with its name belong to it (a GAP's sparse points).
    where
        Who names them, for the message.

    Raises
    ------
    InputError
        If one is not there or cannot be read.
    """
    if not files:
        return ""
    parts = []
    for file in files:
        if not file.is_file():
            raise InputError(f"{where}: there is no model file {file}: put it there, or name another one.")
        group = [file, *sorted(file.parent.glob(f"{file.name}.*"))]
        try:
            parts += [_file_hash(str(each), each.stat().st_mtime_ns, each.stat().st_size) for each in group]
            no_model = _no_model(file)
            damaged = [_damaged_part(str(each), each.stat().st_mtime_ns, each.stat().st_size) for each in group]
        except OSError as error:
            raise InputError(f"{where}: cannot read the model file {file} ({error.strerror}).") from error
        if no_model:
            raise InputError(f"{where}: the model file {file} is {no_model}.")
        if part := next(filter(None, damaged), ""):
            raise InputError(
                f"{where}: the model file {file} is damaged ({part} is not what its checksum says): take a whole copy."
            )
    return parts[0][:16] if len(parts) == 1 else hashlib.sha256("".join(parts).encode()).hexdigest()[:16]


def _no_model(file: Path) -> str:
    """Return what a file is that cannot be a model, and what to do; empty: it may be one."""
    with file.open("rb") as stream:
        head = stream.read(200)
    if not head:
        return "empty: take a whole copy"
    if head.startswith(b"version https://git-lfs"):
        return "a pointer of Git LFS, without what it points to: get that with git lfs pull"
    if head.lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return "a web page: download the model itself"
    if head.startswith(_ZIP) and not zipfile.is_zipfile(file):
        return "cut short or damaged at its end: take a whole copy"
    return ""


@lru_cache
def _file_hash(file: str, changed: int, size: int) -> str:
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@lru_cache
def _damaged_part(file: str, changed: int, size: int) -> str:
    """Return a part of a ZIP archive, as torch's checkpoints are, that its checksum contradicts; torch looks at none.

    Where most parts contradict theirs, they were written without (``torch.serialization.set_crc32_options``).
    """
    if not zipfile.is_zipfile(file):
        return ""
    wrong = []
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        for name in names:
            try:
                with archive.open(name) as part:
                    while part.read(1 << 20):
                        pass
            except (zipfile.BadZipFile, zlib.error, EOFError):
                wrong.append(name)
    return wrong[0] if 2 * len(wrong) <= len(names) and wrong else ""
