"""Filters of rows: what of them the database can look for by its indexes, and which rows match."""

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from anodeflow.core.errors import InputError

Filter = str | float | Sequence[str | float]
"""One value, or several of which one must match; a string may be a pattern (``Li*``)."""


# Conditions in the order in which the database is to try its indexes, the most selective first.
_CONDITIONS = {
    "document_id": "document_id",
    "calculation_ids": "calculation_ids",
    "system": "system",
    "campaign": "campaign",
    "settings_hash": "settings_hash",
    "backend": "backend",
    "study": "study",
    "property": "properties",
}


def conditions(wanted: Mapping[str, list[Any]]) -> dict[str, Any]:
    """What the database can filter entries by: values, and the beginnings of patterns."""
    exact: dict[str, Any] = {}
    ranges: dict[str, Any] = {}
    for name, field in _CONDITIONS.items():
        values = wanted.get(name)
        if not values:
            continue
        if not any(_is_pattern(value) for value in values):
            exact[field] = values[0] if len(values) == 1 else {"$in": values}
        elif len(values) == 1 and (beginning := re.split(r"[*?\[]", values[0])[0]):
            ranges[field] = {"$gte": beginning, "$lt": beginning + "\U0010ffff"}
    return exact | ranges


def values_of(value: Filter | None) -> list[Any]:
    """Return the values of a filter, or those in a column of a row."""
    return [value] if isinstance(value, str) or not isinstance(value, Iterable) else list(value)


def number(value: str | float, column: str) -> float:
    """Return a value of a filter of a column of numbers.

    Raises
    ------
    InputError
        If it is no number.
    """
    try:
        return float(value)
    except ValueError as error:
        raise InputError(f"the column {column!r} holds numbers, not {value!r}: filter it by a number.") from error


def _is_pattern(value: str | float) -> bool:
    return isinstance(value, str) and any(character in value for character in "*?[")


def matches(row: Mapping[str, Any], wanted: Mapping[str, list[Any]]) -> bool:
    """Return whether a row has one of the values wanted in each column."""
    return all(
        any(_equal(entry, value) for entry in values_of(row.get(name)) for value in values)
        for name, values in wanted.items()
    )


def _equal(entry: str | float, value: str | float) -> bool:
    if entry == value:
        return True
    return isinstance(entry, str) and isinstance(value, str) and fnmatchcase(entry, value)
