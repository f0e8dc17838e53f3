"""What every model of a user's file has in common: it guesses nothing."""

import math
import unicodedata
from collections.abc import Mapping
from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class InputModel(BaseModel):
    """What a user may say: unknown keys are refused, and so is a value of another kind than its key's.

    true is no 1, "6" is no 6, yes is no true, and neither nan nor infinity is a number.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def listed(**options: Any) -> Any:
    """Field of a tuple, or of a path, for which YAML has lists and text; what a tuple holds stays strict."""
    return Field(strict=False, **options)


def known_element(symbol: str) -> str:
    """Return the symbol of an element; a validator of fields.

    Raises
    ------
    ValueError
        If there is no such element.
    """
    from ase.data import atomic_numbers

    if symbol not in atomic_numbers or symbol == "X":
        raise ValueError(f"{symbol!r} is no chemical element")
    return symbol


def by_element(values: dict[str, str]) -> dict[str, str]:
    """Return a mapping whose keys are elements; a validator of fields.

    Raises
    ------
    ValueError
        If a key is none.
    """
    for symbol in values:
        known_element(symbol)
    return values


def plain_name(name: str) -> str:
    """Return a name that looks like no other one; a validator of fields.

    Raises
    ------
    ValueError
        If it has blanks at its ends or characters that nobody sees, or accents written as characters of their own.
    """
    if name != name.strip():
        raise ValueError(f"{name!r} begins or ends with a blank: take it out")
    for character in name:
        if unicodedata.category(character) in ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"):
            raise ValueError(f"{name!r} holds a character that nobody sees (U+{ord(character):04X}): take it out")
    if unicodedata.normalize("NFC", name) != name:
        raise ValueError(f"{name!r} holds accents as characters of their own: write it anew")
    return name


def each_once(values: Any) -> Any:
    """Return a list that names nothing twice, or what is no list; a validator of fields.

    Raises
    ------
    ValueError
        If it does.
    """
    if isinstance(values, list):
        for place, value in enumerate(values):
            if value in values[:place]:
                raise ValueError(f"{value!r} stands there twice: name it once")
    return values


_KINDS = {
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "finite_number": "expected a finite number",
    "bool_type": "expected true or false",
    "string_type": "expected text",
    "list_type": "expected a list",
    "tuple_type": "expected a list",
    "dict_type": "expected keys and values",
    "model_type": "expected keys and values",
    "path_type": "expected a path",
    "missing": "a key is missing",
    "too_long": "expected fewer values",
    "too_short": "expected more values",
}

PLAIN_NAME = r"^[A-Za-z0-9][A-Za-z0-9._+-]*$"
NAME_OF_ONE_LINE = r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$"
PATTERN_WORDS = {
    PLAIN_NAME: "expected letters without accents, digits and . _ + -, a letter or digit first",
    NAME_OF_ONE_LINE: "expected a name of one line that is not blank",
}
"""Patterns of names -> what they allow, in words."""

_BOUNDS = {
    "greater than or equal to": "a number of at least",
    "less than or equal to": "a number of at most",
    "greater than": "a number above",
    "less than": "a number below",
}


def said(error: Mapping[str, Any]) -> str:
    """Return what is wrong with a value, in words: of one entry of pydantic's ``errors()``."""
    message: str = error["msg"]
    own = message.removeprefix("Value error, ").rstrip(".")
    given = error["input"]
    if error["type"] == "value_error":
        return own
    named = PATTERN_WORDS.get(error.get("ctx", {}).get("pattern", ""))
    words = (
        named
        or _KINDS.get(error["type"])
        or own.replace("Input should be", "expected", 1).replace("String should have", "expected text of", 1)
    )
    for theirs, ours in _BOUNDS.items():
        words = words.replace(theirs, ours, 1)
    if isinstance(given, date):
        given = str(given)  # 2020-01-01 is a day in YAML
        return f"{words} (given: {given}), put it in quotes"
    shown = f" (given: {_short(given)})" if isinstance(given, str | int | float | list) else ""
    if isinstance(given, str) and error["type"] in ("int_type", "float_type") and _is_number(given):
        shown += ", write it without quotes"
    if error["type"] == "string_type" and isinstance(given, int | float):
        shown += ", put it in quotes if it is a name"
    return f"{words}{shown}"


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _short(given: Any) -> str:
    text = {True: "true", False: "false"}[given] if isinstance(given, bool) else repr(given)
    return text if len(text) <= 120 else f"{text[:117]}..."
