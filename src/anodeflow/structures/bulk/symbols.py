"""Chemical symbols as structure files write them; whatever is no element is refused."""

import re
from collections.abc import Collection, Iterable

from ase.data import chemical_symbols

ELEMENTS = frozenset(chemical_symbols[1:])
"""Symbols of the elements."""
_CHARGE = re.compile(r"^(?P<symbol>[A-Za-z]{1,2})(\d*\.?\d*[+-]|[+-]\d*\.?\d*)?$")
_ISOTOPES = {"D": "H", "T": "H"}
_NO_ATOM = {"va", "vac", "vacancy", "x", "xx", "xa", "q", "du", "dum", "dummy", "m", "a", "zz", "ghost", "bq", "em"}


def element(symbol: str) -> str:
    """Return the element that a type symbol (Li, Li1+, LI, D) stands for.

    Raises
    ------
    ValueError
        If it stands for none: a vacancy, a dummy, several elements.
    """
    found = _CHARGE.match(symbol.strip())
    name = found["symbol"] if found else ""
    for candidate in (name, name.capitalize()):
        if candidate in _ISOTOPES:
            return _ISOTOPES[candidate]
        # Va for a vacancy reads as no element; V is vanadium.
        if candidate in ELEMENTS:
            return candidate
    if symbol.strip().lower() in _NO_ATOM:
        raise ValueError(f"{symbol!r} is no element: a vacancy or dummy is no atom, leave it out")
    raise ValueError(f"{symbol!r} is no element")


def taken_for(written: Iterable[str]) -> list[str]:
    """Return a note on symbols that are written otherwise than their elements (CO, D); nothing where there are none."""
    others = {}
    for symbol in written:
        letters = re.match(r"[A-Za-z]+", symbol.strip())
        if letters and letters[0] != (meant := element(symbol)):
            others[letters[0]] = meant
    verb = "stands for" if len(others) == 1 else "stand for"
    return [f"{', '.join(others)} {verb} {', '.join(others.values())}"] if others else []


def element_of_label(label: str, expected: Collection[str] = ()) -> str:
    """Return the element that the label of an atom (Li1, Mg2A, CA3) stands for.

    Parameters
    ----------
    label
        The label.
    expected
        Elements of the formula that the file gives; they decide where a label may be read in two ways.

    Raises
    ------
    ValueError
        If it stands for none, or may be one of two.
    """
    letters = re.match(r"[A-Za-z]*", label.strip())
    run = letters[0] if letters else ""
    if run.lower() in _NO_ATOM - {"m", "a", "q", "x"} or not run:
        raise ValueError(f"the label {label!r} names no element")
    first, two = run[:1].upper(), run[:2].capitalize()
    readings = []
    if len(run) >= 2 and two in ELEMENTS:
        readings.append(two)
    if first in ELEMENTS | set(_ISOTOPES) and (len(run) == 1 or not run[1].islower()):
        readings.append(_ISOTOPES.get(first, first))
    if len(run) > 2 and run[2].islower():
        readings = []
    if len(readings) > 1:
        if run[1].islower():
            return readings[0]
        fitting = [name for name in readings if name in expected]
        if len(fitting) != 1:
            raise ValueError(
                f"the label {label!r} may be {' or '.join(readings)}, and the file has no _atom_site_type_symbol"
            )
        return fitting[0]
    if not readings:
        raise ValueError(f"the label {label!r} names no element")
    return readings[0]
