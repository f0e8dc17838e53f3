"""Which of a code's own keywords a backend file may give (`extra`), and which are refused, with the reason."""

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

_PLAIN = re.compile(r"[\x20-\x7e]*")
_KINDS: dict[str, tuple[type, ...]] = {
    "true or false": (bool,),
    "a whole number": (int,),
    "a number": (int, float),
    "text": (str,),
}
TRUE_OR_FALSE, WHOLE, NUMBER, TEXT = _KINDS
"""What a value may be, in words that follow "is" and "one ...": keys of the table above."""


def refuse(taken: Mapping[str, str], given: Iterable[str], code: str) -> None:
    """Raise ValueError for keywords that a setting, or the task, decides.

    Parameters
    ----------
    taken
        Keyword -> what decides it, in words that follow "is decided by".
    given
        Keywords that the user gives.
    code
        Name of the code.
    """
    for key in given:
        if key in taken:
            raise ValueError(f"{key} of {code} cannot be set here: it is decided by {taken[key]}")


def unknown(key: str, known: Iterable[str], code: str, what: str = "keyword") -> ValueError:
    """Return the error on a keyword that the code does not have."""
    names = sorted(known)
    close = difflib.get_close_matches(key, names, n=1)
    return ValueError(f"{code} has no {what} {key!r} that can be set here; {_hint(close, names)}")


def _hint(close: list[str], names: list[str]) -> str:
    return f"did you mean {close[0]}?" if close else f"there is {', '.join(names)}"


def check_kind(key: str, value: Any, kind: str) -> None:
    """Raise ValueError for a value of another kind than the code's keyword takes: text where it counts, say.

    Parameters
    ----------
    key
        The keyword.
    value
        Its value, or a list of them.
    kind
        :data:`TRUE_OR_FALSE`, :data:`WHOLE`, :data:`NUMBER` or :data:`TEXT`.
    """
    for each in value if isinstance(value, list) else [value]:
        if not isinstance(each, _KINDS[kind]) or (isinstance(each, bool) and kind != TRUE_OR_FALSE):
            raise ValueError(f"{key} is {kind}, not {_shown(each)}")
        check_line(key, each)


def check_line(key: str, value: Any, forbidden: str = "") -> None:
    """Raise ValueError for a value that would be more than one word or number in a code's input file.

    Parameters
    ----------
    key
        The keyword.
    value
        Text, a number, or true or false.
    forbidden
        Characters that mean something else in the input of the code.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{key} is not a finite number")
    if not isinstance(value, str | int | float):
        raise ValueError(f"{key} is text, a number, or true or false, not {_shown(value)}")
    if isinstance(value, int) and abs(value) >= 2**63:
        raise ValueError(f"{key} has more digits than a code can read")
    if isinstance(value, str) and (not _PLAIN.fullmatch(value) or set(value) & set(forbidden)):
        raise ValueError(
            f"{key} is one line of plain characters{f' without any of {forbidden}' if forbidden else ''}, "
            f"not {_shown(value)}"
        )


def check_choice(key: str, value: str, known: Iterable[str]) -> None:
    """Raise ValueError for a word that is all but one of those that a code takes; it may have learnt others since."""
    lower = {each.lower(): each for each in known}
    if value.lower() not in lower and (close := difflib.get_close_matches(value.lower(), lower, n=1, cutoff=0.75)):
        raise ValueError(f"{key} is not {value!r}: did you mean {lower[close[0]]}?")


def _shown(value: Any) -> str:
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested mappings in one; where both have a value, that of `above` counts."""
    found = dict(below)
    for key, value in above.items():
        old = found.get(key)
        found[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return found
