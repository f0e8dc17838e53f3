"""Symmetry operations of a CIF file by the name of its space group, in the setting that the file uses.

The 530 settings are those of spglib: rhombohedral axes, both origins, every unique axis.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np


@dataclass(frozen=True)
class Setting:
    """One setting of a space group.

    Attributes
    ----------
    hall
        Its number among spglib's 530.
    number
        Number of the space group in the International Tables.
    choice
        Axes or origin: H, R, 1, 2, b1 ...
    """

    hall: int
    number: int
    choice: str


@cache
def _settings() -> dict[str, list[Setting]]:
    """Return all settings by their compact symbols."""
    import spglib

    found: dict[str, list[Setting]] = {}
    for hall in range(1, 531):
        kind = spglib.get_spacegroup_type(hall)
        if kind is None:
            continue
        # "P 2_1/c = P 1 2_1/n 1": the first name is the group's, the last one that of the setting
        names = {kind.international_full, *kind.international.split("=")}
        if kind.number < 3 or kind.number > 15:
            names.add(kind.international_short)
        for name in sorted({_compact(name) for name in names}):
            found.setdefault(name, []).append(Setting(hall, kind.number, kind.choice))
    return found


@cache
def _halls() -> dict[str, list[Setting]]:
    """Return the settings by their Hall symbols without blanks; a few are the same of two."""
    import spglib

    found: dict[str, list[Setting]] = {}
    for hall in range(1, 531):
        kind = spglib.get_spacegroup_type(hall)
        if kind is not None:
            found.setdefault(_compact_hall(kind.hall_symbol), []).append(Setting(hall, kind.number, kind.choice))
    return found


def _compact_hall(symbol: str) -> str:
    return re.sub(r"[\s_']", "", symbol.strip().removeprefix("'").removesuffix("'").replace('"', "="))


def agreeing(settings: list[Setting], hall: str | None, group: str, listed: bool) -> list[Setting]:
    """Return the settings that the Hall symbol of a file allows, too; it may be written in a form that is not known.

    Parameters
    ----------
    settings
        What the name or the number of its space group may mean.
    hall
        Its Hall symbol; none: there is none.
    group
        Name or number, for the message.
    listed
        Whether the file lists its operations: then they say which setting it is.

    Raises
    ------
    ValueError
        If the symbol is that of another group; without operations, if it is that of another setting.
    """
    meant = _halls().get(_compact_hall(hall), []) if hall else []
    if not meant:
        return settings
    if not {each.number for each in meant} & {each.number for each in settings}:
        raise ValueError(
            f"its Hall symbol {hall} is that of space group {meant[0].number}, and its space group is {group}: leave "
            "the right one"
        )
    both = [each for each in settings if each in meant]
    if listed or both:
        return both or settings
    raise ValueError(
        f"its Hall symbol {hall} means other axes or another origin than its space group {group}: leave the right one, "
        "or give its symmetry operations"
    )


def _compact(symbol: str) -> str:
    return re.sub(r"[\s_'\"]", "", symbol).lower()


def settings_of(
    symbol: str | None, number: int | None, lengths: Sequence[float], angles: Sequence[float]
) -> list[Setting]:
    """Return the settings that the symbol and the number of a file may mean, for a cell of such a shape.

    Parameters
    ----------
    symbol
        Hermann-Mauguin symbol, as files write it: ``R -3 m :H``, ``F d -3 m Z``, ``P 1 21/c 1``; or none.
    number
        Number in the International Tables, or none.
    lengths, angles
        Of the cell, Å and degrees.

    Raises
    ------
    ValueError
        If the symbol is not known, or number and symbol contradict each other.
    """
    found: list[Setting] = []
    choice = ""
    if symbol:
        name, choice = _split(symbol)
        found = _settings().get(name, [])
        if not found and re.fullmatch(r"[fip]?[a-z]3[a-z]?", name):  # F m 3 m of before 1983
            found = _settings().get(name.replace("3", "-3"), [])
        if not found and number is None:
            raise ValueError(f"the space group {symbol!r} is not known")
        if found and number is not None and number not in {setting.number for setting in found}:
            raise ValueError(f"the space group {symbol!r} is not number {number}")
    if not found and number is not None:
        found = [setting for named in _settings().values() for setting in named if setting.number == number]
        found = sorted(set(found), key=lambda setting: setting.hall)
    if number is not None:
        found = [setting for setting in found if setting.number == number]
    if not found:
        raise ValueError("the space group is not known")
    if choice:
        named = [setting for setting in found if setting.choice.lower() == choice]
        return named or found
    return _fitting(found, lengths, angles)


def _split(symbol: str) -> tuple[str, str]:
    """Return the compact symbol, and the choice of axes or origin behind it."""
    text = symbol.strip().strip("'\"")
    name, _, choice = text.partition(":")
    words = name.split()
    # ICSD writes S and Z for both origins, HR for hexagonal axes
    if (
        not choice
        and len(words) > 2
        and words[-1].upper() in ("S", "Z", "HR", "H", "R")
        and words[0][0].upper() in "RFIP"
    ):
        choice = {"S": "1", "Z": "2", "HR": "h", "H": "h", "R": "r"}[words[-1].upper()]
        name = " ".join(words[:-1])
    return _compact(name), choice.strip().lower()


def _fitting(found: list[Setting], lengths: Sequence[float], angles: Sequence[float]) -> list[Setting]:
    """Keep the settings that the shape of the cell allows, the standard one of several of a kind."""
    right = [abs(angle - 90) < 0.05 for angle in angles]
    choices = {setting.choice for setting in found}
    if choices & {"H", "R"}:
        rhombohedral = np.ptp(lengths) < 0.01 and np.ptp(angles) < 0.05 and not right[2]
        return [setting for setting in found if setting.choice == ("R" if rhombohedral else "H")]
    if choices & {"1", "2"}:
        return found
    if found[0].number in range(3, 16) and len(found) > 1:
        axis = "c" if right[0] and right[1] and not right[2] else "a" if right[1] and right[2] and not right[0] else "b"
        return [setting for setting in found if setting.choice.lstrip("-").startswith(axis)][:1] or found[:1]
    return found[:1]


def operations(setting: Setting) -> list[str]:
    """Return the symmetry operations of a setting as a CIF file writes them: ``-y,x-y,z+1/2``."""
    import spglib

    symmetry = spglib.get_symmetry_from_database(setting.hall)
    if symmetry is None:
        raise ValueError(f"space group {setting.number} has no operations")
    return [
        ",".join(_row(row, shift) for row, shift in zip(rotation, translation, strict=True))
        for rotation, translation in zip(symmetry["rotations"], symmetry["translations"], strict=True)
    ]


def _row(row: np.ndarray, shift: float) -> str:
    text = "".join(f"{'+' if value > 0 else '-'}{name}" for value, name in zip(row, "xyz", strict=True) if value)
    twelfths = round(12 * shift) % 12
    return text.lstrip("+") + (f"+{twelfths}/12" if twelfths else "")
