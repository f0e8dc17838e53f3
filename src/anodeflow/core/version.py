"""The version of documents and rows, and how those of an older anodeflow become documents of today."""

from collections.abc import Callable
from typing import Any, ClassVar

from pydantic import BaseModel, Field, model_validator

from anodeflow.core.errors import InputError

SCHEMA_VERSION = 3
"""Raised when a field changes its name or its meaning; a new field with a default needs no new version."""


def check_version(told: Any, known: int, what: str, again: str) -> None:
    """Refuse a file of a version that is not known.

    Parameters
    ----------
    told
        What the file says.
    known
        The version that is read.
    what
        The file, and what it is: ``x.json.gz is a results file``.
    again
        How to write it anew.

    Raises
    ------
    InputError
        If it says another version, or none.
    """
    if isinstance(told, bool) or not isinstance(told, int):
        said = "no version" if told is None else f"the version {str(told)[:20]!r}"
        raise InputError(
            f"{what} that says {said}, where a whole number belongs ({known}): it was edited or is damaged; {again}."
        )
    if told != known:
        raise InputError(
            f"{what} of version {told}, and this anodeflow reads version {known}: install the anodeflow that wrote it."
        )


Migration = Callable[[str, dict[str, Any]], dict[str, Any]]


def _from_0(kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a document of anodeflow 0.1.0 before there were versions: nothing was called otherwise."""
    return fields


def _from_1(kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a document whose warnings are plain sentences: they have no code; rows keep sentences."""
    told = fields.get("warnings")
    if kind == "ResultRow" or not isinstance(told, list):
        return fields
    return fields | {"warnings": [{"code": "", "text": each} if isinstance(each, str) else each for each in told]}


def _from_2(kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a document in which the potential's path of a path was called `band`."""
    if kind != "NebDoc" or "band" not in fields:
        return fields
    return {"potential_path" if name == "band" else name: value for name, value in fields.items()}


MIGRATIONS: dict[int, Migration] = {0: _from_0, 1: _from_1, 2: _from_2}
"""Version -> what makes a document of the next version of one of this: takes the name of its class, and its fields.

A document that is being made says no version, as those of version 0: a migration must look for the old form, and leave
the new one as it is.
"""


class Versioned(BaseModel):
    """A document that says by which version of the schemas it was written, and is read by any later one.

    Class attributes
    ----------------
    large
        Fields, with dots between those of its parts, that are far larger than the rest: the jobs that return such a
        document put them into the additional store, on a server into GridFS.
    """

    large: ClassVar[tuple[str, ...]] = ()

    schema_version: int = Field(default=SCHEMA_VERSION, ge=0, description="Version of the schema; 0: there was none.")

    @model_validator(mode="before")
    @classmethod
    def _of_today(cls, fields: Any) -> Any:
        if not isinstance(fields, dict):
            return fields
        version = fields.get("schema_version", 0)
        if isinstance(version, bool) or not isinstance(version, int):
            return fields  # the field itself tells
        if version > SCHEMA_VERSION:
            raise ValueError(
                f"it was written by a newer anodeflow (schema {version}; this one knows {SCHEMA_VERSION}): install that"
            )
        return cls.migrated(fields, version) | {"schema_version": SCHEMA_VERSION}

    @classmethod
    def migrated(cls, fields: dict[str, Any], version: int) -> dict[str, Any]:
        """Return the fields of a document of some version as those of today are called."""
        for older in range(version, SCHEMA_VERSION):
            fields = MIGRATIONS[older](cls.__name__, fields)
        return fields

    @classmethod
    def large_parts(cls) -> list[list[str]]:
        """Return where the large parts lie in a job's record, as jobflow's ``job(data=...)`` wants it."""
        return [["output", *name.split(".")] for name in cls.large]
