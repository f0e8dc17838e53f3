"""What a CIF file says: the data block that holds its crystal, its columns and numbers."""

import re
import unicodedata
import warnings
from typing import Any

import numpy as np
from pymatgen.io.cif import CifBlock, CifFile

from anodeflow.core.library_warnings import said_of

CELL = [f"_cell_{key}" for key in ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")]


class CifContent:
    """The data block of a file that holds its crystal.

    Parameters
    ----------
    text
        Content of the file.

    Raises
    ------
    ValueError
        If no block of it holds atoms in a cell.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.notes: list[str] = []
        _refuse_what_is_overwritten(text)
        _refuse_what_is_dropped(text)
        blocks = [_lower(block) for block in _cif_file(without_headers_in_prose(text), self.notes).data.values()]
        holding = [block for block in blocks if "_atom_site_fract_x" in block]
        if not holding:
            cartesian = any("_atom_site_cartn_x" in block or "_atom_site.cartn_x" in block for block in blocks)
            raise ValueError(
                "it gives Cartesian coordinates of a molecule, no crystal" if cartesian else "it has no atoms in a cell"
            )
        self.block = holding[0]
        if len(holding) > 1:
            self.notes.append(f"the file holds {len(holding)} structures: the first one is taken")

    def first(self, *keys: str) -> str | None:
        """Return the first of these values that the file gives, as text."""
        for key in keys:
            value = self.block.get(key)
            if isinstance(value, list):
                value = value[0] if len(value) == 1 else None
            if value is not None and value.strip() not in ("", "?", "."):
                return str(value).strip()
        return None

    def column(self, key: str, length: int | None = None) -> list[str] | None:
        """Return a column of the atoms; none where the file has none."""
        value = self.block.get(key)
        if value is None:
            return None
        column = [value] if isinstance(value, str) else value
        if length is not None and len(column) != length:
            raise ValueError(f"{key} has {len(column)} values for {length} atoms")
        return column

    def at(self, label: str) -> str:
        """Return 'line N: ' of the first line that begins with a label."""
        for number, line in enumerate(self.text.split("\n"), 1):
            if label in line.split()[:2]:
                return f"line {number}: "
        return ""


_HEADER = re.compile(r"(?i)\s*data_(\S*)")


def _outside_prose(text: str) -> list[tuple[str, bool]]:
    """Return the lines of a file, each with whether it belongs to a text between lines that begin with a semicolon."""
    lines, inside = [], False
    for line in text.split("\n"):
        mark = line.startswith(";")
        lines.append((line, inside or mark))
        inside ^= mark
    return lines


def without_headers_in_prose(text: str) -> str:
    """Return a file in which no line of a text looks like the beginning of a block, for which pymatgen takes it."""
    return "\n".join(
        re.sub(r"(?i)^(\s*)data_", r"\1data-", line) if prose else line for line, prose in _outside_prose(text)
    )


def _refuse_what_is_overwritten(text: str) -> None:
    """Raise ValueError for blocks of one name and for two lists of atoms in one: pymatgen keeps the last of them."""
    seen: set[str] = set()
    lists = 0
    for line, prose in _outside_prose(text):
        if prose:
            continue
        if found := _HEADER.match(line):
            name = found[1].lower()
            if name in seen:
                raise ValueError(f"two blocks of it are called data_{found[1][:40]}: give each a name of its own")
            seen.add(name)
            lists = 0
        elif line.split()[:1] and line.split()[0].lower() == "_atom_site_fract_x":
            lists += 1
            if lists > 1:
                raise ValueError("it lists atoms twice (_atom_site_fract_x) in one block: leave one list")


def _refuse_what_is_dropped(text: str) -> None:
    """Raise ValueError for frames, and for letters of other alphabets among the atoms: pymatgen leaves them out."""
    atoms = False
    for number, (line, prose) in enumerate(_outside_prose(text), 1):
        words = line.split()
        if prose or not words:
            continue
        if words[0].lower().startswith("save_"):
            raise ValueError(
                f"line {number}: {words[0][:40]} begins a frame, which belongs into dictionaries: take it out"
            )
        if words[0].startswith(("_", "loop_", "data_", "#")):
            atoms = words[0].lower().startswith("_atom_site_")
        elif atoms and (other := next((c for c in line if not c.isascii() and c.isalpha()), None)):
            called = unicodedata.name(other, "of another alphabet").lower()
            raise ValueError(f"line {number}: {other!r} is a {called}, no letter of a chemical symbol: write it anew")


def _cif_file(text: str, notes: list[str]) -> CifFile:
    """Split the text into blocks of values; what pymatgen could not place among them is noted."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            file = CifFile.from_str(text)
        except ZeroDivisionError:
            raise ValueError("a loop of it has no values, or fewer than columns") from None
        except (IndexError, KeyError, AttributeError):
            raise ValueError("it is no CIF file") from None
    notes += [f"pymatgen: {words[:200]}" for words in said_of(caught)]
    return file


def _lower(block: CifBlock) -> dict[str, Any]:
    """Return the values of a block by their names in lower case: names of CIF know no case."""
    return {str(key).lower(): value for key, value in block.data.items()}


def number_of(text: str, what: str) -> tuple[float, float]:
    """Return a number and its standard uncertainty: 1.002(3).

    Raises
    ------
    ValueError
        If it is none, or not finite.
    """
    found = re.fullmatch(r"([+-]?\d*(?:\.(\d*))?(?:[eE][+-]?\d+)?)(?:\((\d+)\)?)?", text.strip())
    try:
        value = float(found[1]) if found else np.nan
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise ValueError(f"{what} is {text[:40]!r}, no number")
    digits = len(found[2] or "") if found else 0
    return value, float(found[3]) * 10.0**-digits if found and found[3] else 0.0
