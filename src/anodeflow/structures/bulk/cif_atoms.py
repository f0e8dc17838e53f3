"""The atoms that a CIF file lists: elements, coordinates and occupancies, checked."""

import re
from typing import Any

import numpy as np

from anodeflow.structures.bulk.cif_content import CifContent, number_of
from anodeflow.structures.bulk.cif_formula import formula_amounts
from anodeflow.structures.bulk.limits import MOST_ATOMS
from anodeflow.structures.bulk.symbols import ELEMENTS, element, element_of_label, taken_for

FULL = 0.005
"""An occupancy this close to 1, or within two standard uncertainties of it, is full."""
_MOST_UNCERTAIN = 0.02  # an occupancy further from 1 than this is no full one, whatever its uncertainty
XYZ = ["_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z"]
_THIRDS = {f"{n / 6:.{digits}f}": n / 6 for n in (1, 2, 4, 5) for digits in (3,)} | {"0.666": 2 / 3, "0.166": 1 / 6}


def listed_atoms(content: CifContent) -> dict[str, Any]:
    """Return the columns of the atoms with plain elements, numbers and whole occupancies."""
    x = content.column(XYZ[0]) or []
    if not 0 < len(x) <= MOST_ATOMS:
        raise ValueError(f"it lists {len(x)} atoms: 1 to {MOST_ATOMS} are read")
    count = len(x)
    labels = content.column("_atom_site_label", count)
    types = content.column("_atom_site_type_symbol", count)
    if labels is None and types is None:
        raise ValueError("it names neither labels nor elements of its atoms")
    expected = {name for name, _ in formula_amounts(content.first("_chemical_formula_sum")) or ()}
    labels = labels or [f"{kind}{index + 1}" for index, kind in enumerate(types or [])]
    symbols = []
    for index, label in enumerate(labels):
        try:
            kind = types[index] if types else label
            if types and _is_mixed(kind):
                raise ValueError(f"{kind!r} is several elements on one site")
            symbols.append(element(kind) if types else element_of_label(label, expected))
        except ValueError as error:
            raise ValueError(f"{content.at(label)}atom {label}: {error}") from None
    content.notes += taken_for(types or ())
    _check_flags(content, labels)
    coordinates = [_coordinates(content, key, labels) for key in XYZ]
    occupancies = content.column("_atom_site_occupancy", count) or ["1"] * count
    kept = [i for i, text in enumerate(occupancies) if _is_full(content, labels[i], text)]
    if not kept:
        raise ValueError("all of its sites are empty (occupancy 0)")
    data = {"_atom_site_label": labels, "_atom_site_type_symbol": symbols, **dict(zip(XYZ, coordinates, strict=True))}
    return {key: [column[i] for i in kept] for key, column in data.items()}


def _is_mixed(kind: str) -> bool:
    names = re.findall(r"[A-Z][a-z]?", kind)
    return len([name for name in names if name in ELEMENTS]) > 1 and bool(re.search(r"[+,/&;\s.\d]", kind.strip()))


def _check_flags(content: CifContent, labels: list[str]) -> None:
    """Refuse atoms that the file calls dummies or disordered, and hydrogen that it only counts."""
    count = len(labels)
    for label, flag in zip(labels, content.column("_atom_site_calc_flag", count) or [], strict=False):
        if flag.lower() == "dum":
            raise ValueError(f"{content.at(label)}atom {label} is a dummy (_atom_site_calc_flag): leave it out")
    for label, number in zip(labels, content.column("_atom_site_attached_hydrogens", count) or [], strict=False):
        if number not in (".", "?", "0"):
            raise ValueError(
                f"{content.at(label)}atom {label} has hydrogen attached that the file does not list: add it"
            )
    groups = set(content.column("_atom_site_disorder_group", count) or []) - {".", "?", "0"}
    if len(groups) > 1:
        raise ValueError("it has partly occupied sites (_atom_site_disorder_group)")


def _coordinates(content: CifContent, key: str, labels: list[str]) -> list[str]:
    """Return one column of fractional coordinates, thirds and sixths of three digits made whole."""
    column = []
    coarse = []
    for label, text in zip(labels, content.column(key, len(labels)) or [], strict=True):
        value, _ = number_of(text, f"{content.at(label)}{key} of atom {label}")
        digits = text.strip().split("(")[0].lstrip("+-")
        digits = f"0{digits}" if digits.startswith(".") else digits
        if digits in _THIRDS:
            coarse.append(digits)
            text = repr(float(np.sign(value)) * _THIRDS[digits])
        column.append(text.split("(")[0])
    if coarse:
        note = f"coordinates of three digits ({', '.join(dict.fromkeys(coarse))}) are taken for thirds and sixths"
        if note not in content.notes:
            content.notes.append(note)
    return column


def _is_full(content: CifContent, label: str, text: str) -> bool:
    """Whether a site is occupied by one atom (True) or empty (False).

    Raises
    ------
    ValueError
        If it is partly occupied.
    """
    if text.strip() in (".", "?", ""):
        return True
    value, uncertainty = number_of(text, f"{content.at(label)}the occupancy of atom {label}")
    if value == 0:
        content.notes.append(f"atom {label} has occupancy 0 and is left out")
        return False
    if abs(value - 1) > min(_MOST_UNCERTAIN, max(FULL, 2 * uncertainty)) + 1e-9:
        raise ValueError(f"{content.at(label)}it has partly occupied sites (atom {label}: {text})")
    if value != 1:
        content.notes.append(f"the occupancy {text} of atom {label} is taken for 1")
    return True
