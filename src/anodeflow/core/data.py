"""Finds what comes with anodeflow (structures, workflows, configs), in a wheel as in a source checkout."""

from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).resolve().parents[1]


def data_folder(name: Literal["structures", "workflows", "configs"]) -> Path:
    """Return the folder of the shipped data files called `name`."""
    installed = _PACKAGE / "data" / name
    return installed if installed.is_dir() else _PACKAGE.parent.parent / name


def shipped_campaigns() -> dict[str, Path]:
    """Return the campaign files that come with anodeflow, by name."""
    files = sorted(data_folder("workflows").glob("*.yaml"))
    return {file.stem: file for file in files if not file.stem.endswith(".reference")}


def shipped_backends() -> list[str]:
    """Return the names of the backend files that come with anodeflow."""
    return sorted(file.stem for file in (data_folder("configs") / "backends").glob("*.yaml"))
