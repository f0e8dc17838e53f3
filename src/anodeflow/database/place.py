"""Finds which database the settings name: one on a server of the user's, or an embedded one in the home folder."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from anodeflow.core.errors import InputError
from anodeflow.core.masking import without_password
from anodeflow.core.settings import Settings
from anodeflow.database.embedded import server_command

_Embedded = Literal["secantusd", "sqlite"]
EMBEDDED_NAME = "anodeflow"


@dataclass(frozen=True)
class Place:
    """Which database the settings name."""

    kind: Literal["mongodb", "secantusd", "sqlite"]
    """A server of the user's, the embedded server, or SQLite files."""
    name: str
    """Name of the database."""
    uri: str = field(default="", repr=False)
    """URI of the user's server; it may hold a password."""
    folder: Path = Path()
    """Folder of the embedded database."""

    def __str__(self) -> str:
        return f"{without_password(self.uri)}, database {self.name}" if self.uri else str(self.folder)


def find_database(settings: Settings) -> Place:
    """Return which database the settings name, without opening it; the home folder is created when needed."""
    if settings.database:
        return Place("mongodb", _database_name(settings), uri=settings.database)
    return named_place(settings, settings.prepare().home.resolve() / "database")  # jobs change the working folder


def named_place(settings: Settings, folder: Path) -> Place:
    """Return which embedded database the settings name, of those that a folder may hold."""
    kind = _embedded_kind(settings.embedded, folder)
    return Place(kind, EMBEDDED_NAME, folder=folder / kind)


def _embedded_kind(wanted: str, folder: Path) -> _Embedded:
    """Which embedded database: secantusd or sqlite."""
    if wanted in ("secantusd", "sqlite"):
        return cast(_Embedded, wanted)
    if wanted != "auto":
        raise InputError(f"ANODEFLOW_EMBEDDED is {wanted!r}: set it to auto, secantusd or sqlite.")
    if (folder / "secantusd" / "storage").is_dir():
        return "secantusd"
    if (folder / "sqlite" / EMBEDDED_NAME).is_dir():
        return "sqlite"
    return "secantusd" if server_command() else "sqlite"


def _database_name(settings: Settings) -> str:
    """The name that the user set, else the one in the URI, else the default."""
    in_uri = re.match(r"[^/]*//[^/]+/([^?]+)", settings.database or "")
    return in_uri[1] if in_uri and "database_name" not in settings.model_fields_set else settings.database_name
