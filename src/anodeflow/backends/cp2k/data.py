"""Finds CP2K, its data folder, and in its files the pseudopotentials and basis sets of an element."""

import os
import re
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

PROGRAMS = ("cp2k.psmp", "cp2k.popt", "cp2k.ssmp", "cp2k")
"""Names under which CP2K is installed, the parallel ones first."""
INSTALL = "apt-get install --no-install-recommends cp2k cp2k-data, or name the program in the backend file (parallel)"


def find_program(command: str) -> str | None:
    """Return the path of CP2K: that of `command`, or with `auto` the first of :data:`PROGRAMS` that is there."""
    names = PROGRAMS if command == "auto" else (command,)
    return next((path for name in names if (path := shutil.which(name))), None)


@lru_cache
def program_version(path: str) -> tuple[str, str]:
    """Return the version of the program at `path`, and the data folder that it was compiled with (may be empty)."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [path, "--version"], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
        )
    version = re.search(r"CP2K version (\S+)", done.stdout)
    compiled = re.search(r'__DATA_DIR="([^"]*)"', re.sub(r"\n\s*", "", done.stdout))
    return version[1] if version else "", compiled[1] if compiled else ""


def data_folder(path: str) -> Path:
    """Return the folder in which the program at `path` looks for its data files."""
    return Path(os.environ.get("CP2K_DATA_DIR") or program_version(path)[1] or "/usr/share/cp2k")


@lru_cache
def entries(file: Path) -> dict[str, dict[str, str]]:
    """Return element -> name -> longest name of what a potential or basis file of CP2K holds.

    An entry has several names: GTH-PBE is the short one of GTH-PBE-q3, whose end tells the valence electrons.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    """
    found: dict[str, dict[str, str]] = {}
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        # Element and names stand on one line; the lines between begin with numbers.
        words = line.split("#")[0].split()
        if len(words) > 1 and re.fullmatch(r"[A-Z][a-z]?", words[0]):
            counted = [word for word in words[1:] if re.search(r"-q\d+$", word)]
            for name in words[1:]:
                found.setdefault(words[0], {}).setdefault(name, (counted or [name])[-1])
    return found


def valence_electrons(name: str) -> int | None:
    """Return the valence electrons that the long name of an entry tells: 3 of GTH-PBE-q3; none if it does not."""
    match = re.search(r"-q(\d+)$", name)
    return int(match[1]) if match else None
