"""What parts of documents look like on a terminal and in a notebook: their numbers, not every atom."""

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel

_LONGEST = 80
"""Characters of a value, written out, from which on its size stands for it."""


class _Plain(str):
    """A text that is shown as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class Part(BaseModel):
    """A part of a document, in whose repr structures are formulas and long lists their lengths."""

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """Yield names and values as they are shown."""
        for name, value in super().__repr_args__():
            yield name, shown(value)


def shown(value: Any) -> Any:
    """Return what stands for a value where there is one line for it: itself, its formula, or its size."""
    from pymatgen.core import Structure

    if isinstance(value, Structure):
        return _Plain(f"<{value.composition.formula.replace(' ', '')}, {len(value)} atoms>")
    if isinstance(value, float):
        return _Plain(f"{value:.6g}")
    if isinstance(value, str | dict | Sequence) and len(repr(value)) > _LONGEST:
        kind = "characters" if isinstance(value, str) else "entries"
        return _Plain(f"<{len(value)} {kind}>")
    return value
