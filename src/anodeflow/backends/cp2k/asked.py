"""What CP2K itself says of keywords of its own (`extra`), before anything is computed."""

import re
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

from ase.calculators.cp2k import InputSection

from anodeflow.backends.cp2k.extra import keywords, text_of
from anodeflow.backends.cp2k.input import abort_reason

_SOURCE = re.compile(
    r",? ?File: .*?(?= input/|$)| input/\S+\.F:\d+$"
)  # of what CP2K says: its files and lines, not ours
_PATIENCE = 60  # seconds that CP2K may take to read an input


def complaint(program: str, extra: dict[str, Any]) -> str:
    """Return what CP2K says of its own keywords, which it reads without computing; nothing if it takes them.

    Parameters
    ----------
    program
        Path of CP2K, which is started.
    extra
        Sections and keywords, as :func:`checked` returns them.
    """
    root = InputSection("ROOT")
    for path, value in keywords(extra):
        section, _, keyword = path.rpartition("/")
        if isinstance(value, dict):
            root.get_subsection(path)
        elif keyword == "_SECTION_PARAMETERS_":
            root.get_subsection(section).params = text_of(value)
        else:
            lines = [f"{keyword} {text_of(each)}" for each in (value if isinstance(value, list) else [value])]
            root.get_subsection(section).keywords += lines
    return _said_of("\n".join(["&GLOBAL", "PROJECT x", "&END GLOBAL", *root.write(), ""]), program)


@lru_cache
def _said_of(text: str, program: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "check.inp").write_text(text, encoding="utf-8")
        try:
            done = subprocess.run(
                [program, "--check", "check.inp"],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_PATIENCE,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""  # it cannot be asked; whether it works at all is asked elsewhere
    reason = abort_reason(done.stdout)
    return _SOURCE.sub("", reason)
