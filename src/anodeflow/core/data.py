"""Finds the data folders (structures, workflows, configs), in a wheel as in a source checkout."""

from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).resolve().parents[1]


def data_folder(name: Literal["structures", "workflows", "configs"]) -> Path:
    """Return the folder of the shipped data files called `name`."""
    installed = _PACKAGE / "data" / name
    return installed if installed.is_dir() else _PACKAGE.parent.parent / name
