"""Reads documents of JSON without guessing: ``"-1"`` is no number, and ``"yes"`` is neither true nor false."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import BaseModel

from anodeflow.core.version import Versioned

Model = TypeVar("Model", bound=BaseModel)


def strictly(kind: type[Model], data: dict[str, Any]) -> Model:
    """Return the model of plain data; what stands in place of a number or of true and false is refused.

    Models themselves are more forgiving: programs hand them numbers of many libraries.

    Raises
    ------
    ValueError
        Which entry is of another kind; pydantic's ValidationError is one, too.
    """
    model = kind.model_validate(data)
    place = _other_kind(data, model)
    if place is not None:
        raise ValueError(f"{kind.__name__}: {place}")
    return model


def unknown_entries(data: Any, read: Any, place: str = "") -> Iterator[str]:
    """Yield where data have entries that no field of a model was read from, each with a field that is spelt alike.

    Parameters
    ----------
    data
        Plain data; names that a field had in older versions are known.
    read
        The model that was read of them.
    place
        Where it stands.
    """
    if isinstance(data, dict) and isinstance(read, BaseModel):
        fields = type(read).model_fields
        if isinstance(read, Versioned):
            data = type(read).migrated(data, data.get("schema_version", 0))
        for key, value in data.items():
            where = f"{place}.{key}" if place else str(key)
            if key in fields:
                yield from unknown_entries(value, getattr(read, key), where)
            elif not key.startswith("@"):
                alike = get_close_matches(key, fields.keys() - data.keys(), 1)
                yield f"{where} ({alike[0]}?)" if alike else where
    elif isinstance(data, dict) and isinstance(read, dict):
        for key in sorted(data.keys() & read.keys()):
            yield from unknown_entries(data[key], read[key], f"{place}.{key}")
    elif isinstance(data, list) and isinstance(read, list | tuple):
        for index, both in enumerate(zip(data, read, strict=False)):
            if isinstance(both[0], dict | list):
                yield from unknown_entries(*both, f"{place}.{index}")


def _other_kind(data: Any, read: Any, place: str = "") -> str | None:
    """Return where data are of another kind than what was read of them, in words; none: nowhere."""
    pairs: list[tuple[Any, Any, Any]]
    if isinstance(data, dict):
        if isinstance(read, BaseModel):
            pairs = [(key, data[key], getattr(read, key)) for key in type(read).model_fields if key in data]
        elif isinstance(read, dict):
            pairs = [(key, data[key], read[key]) for key in data.keys() & read.keys()]
        else:
            return None  # a structure
    elif isinstance(data, list | tuple) and isinstance(read, list | tuple):
        pairs = [
            (index, *both) for index, both in enumerate(zip(data, read, strict=False)) if type(both[0]) is not float
        ]
    else:
        return _mistaken(data, read, place)
    for key, given, taken in pairs:
        found = _other_kind(given, taken, f"{place}.{key}" if place else str(key))
        if found is not None:
            return found
    return None


def _mistaken(data: Any, read: Any, place: str) -> str | None:
    """Return what stands where a number, or true or false, belongs; none if there is one."""
    if isinstance(read, bool):
        return None if isinstance(data, bool) else f"{place} is {data!r}, where true or false belongs"
    if isinstance(read, int | float) and isinstance(data, str | bool):
        return f"{place} is {data!r}, where a number belongs"
    return None
