"""One sentence for many studies: which is the lowest, which the highest."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, TypeVar

from anodeflow.report.page import number

T = TypeVar("T")


def alike(documents: Sequence[T], *names: str) -> Iterator[tuple[tuple[Any, ...], list[T]]]:
    """Group documents by their values of attributes, the groups in the order of those values.

    Parameters
    ----------
    documents
        Of one kind.
    names
        Attributes: backend, adsorbate ...
    """

    def values(document: T) -> tuple[Any, ...]:
        return tuple(getattr(document, name) for name in names)

    for key, members in groupby(sorted(documents, key=values), key=values):
        yield key, list(members)


def span(values: Sequence[tuple[str, float]], unit: str, write: Callable[[float], str] | None = None) -> str:
    """Return the lowest and the highest of named values: −1.36 eV on A to −1.15 eV on B; or the only one.

    Parameters
    ----------
    values
        Name of the system, value.
    unit
        Of the values.
    write
        Writes a value; default: with three decimals.
    """
    write = write or (lambda value: number(value, 3))
    ranked = sorted(values, key=lambda pair: pair[1])
    ends = ranked[:1] if len(ranked) == 1 else [ranked[0], ranked[-1]]
    return " to ".join(f"{write(value)} {unit} on {system}" for system, value in ends)


def listed(names: Sequence[str], most: int = 4) -> str:
    """Return names with commas, and how many more there are."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
