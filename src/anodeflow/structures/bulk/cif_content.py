"""What a CIF file says: the data block that holds its crystal, its columns and numbers."""

import re
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
        blocks = [_lower(block) for block in _cif_file(text, self.notes).data.values()]
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
