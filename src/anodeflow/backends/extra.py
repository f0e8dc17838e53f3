"""Which of a code's own keywords a backend file may give (`extra`), and which are refused, with the reason."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any


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


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested mappings in one; where both have a value, that of `above` counts."""
    found = dict(below)
    for key, value in above.items():
        old = found.get(key)
        found[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return found
