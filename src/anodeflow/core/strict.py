"""Reads documents of JSON without guessing: ``"-1"`` is no number, and ``"yes"`` is neither true nor false."""

from typing import Any, TypeVar

from pydantic import BaseModel

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
