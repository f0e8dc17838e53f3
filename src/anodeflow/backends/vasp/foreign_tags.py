"""The INCAR tags of a finished run of VASP, by its own record and the file beside it, and what it did by them."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from monty.io import zopen

from anodeflow.backends.vasp.compared import SILENT_TAGS, WAY_TAGS
from anodeflow.calculations.document import Task
from anodeflow.core.errors import InputError

_RESPONSES = ("LEPSILON", "LCALCEPS", "LCALCPOL", "LCHIMAG")
"""What VASP computes after, or instead of, a ground state; its cycles stand among those of the SCF."""
_SCF = frozenset({
    "", "N", "NORMAL", "F", "FAST", "V", "VERYFAST", "VERY_FAST", "A", "ALL", "C", "CONJUGATE", "D", "DAMPED", "EXACT",
    "38", "48", "53", "54", "55", "56", "57", "58", "68",
})  # fmt: skip
"""ALGO and IALGO of a ground state."""
_TOLD = frozenset({
    "ADDGRID", "EDIFF", "ENCUT", "ISMEAR", "ISPIN", "LASPH", "LDAU", "LDIPOL", "LHFCALC", "LSORBIT", "NELECT",
    "NUPDOWN", "SIGMA",
})  # fmt: skip
"""Tags of which VASP tells what it took, and which decide numbers."""
_NAMES = {"ENCUT": "ENMAX"}
_OTHERS = {
    "LSORBIT": "non-collinear",
    "LNONCOLLINEAR": "non-collinear",
    "ML_LMLFF": "by a force field that VASP learned",
}
_MOVES = (1, 2, 3)  # IBRION of relaxations


def given_tags(file: Path, recorded: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Return the tags that were given; an INCAR beside vasprun.xml must be the one that VASP read.

    `recorded` are the tags that VASP says it was given, `defaults` what it took for all that it tells of.

    Of tags that decide no number VASP's own record counts: it changes some itself (IWAVPR, NPAR), and some versions
    write LORBIT = 11 as F.
    """
    from pymatgen.io.vasp import Incar

    if not file.is_file():
        return recorded
    tags = dict(Incar.from_file(file))
    for tag in sorted(_given_twice(file)):
        raise InputError(f"{file} gives {tag} twice, of which VASP takes the first: leave the other out.")
    silent = {tag: value for tag, value in recorded.items() if tag in SILENT_TAGS | WAY_TAGS}
    for tag, value in recorded.items():
        if tag in tags and tag not in silent and not _alike(tags[tag], value):
            raise InputError(
                f"{file} says {tag} = {tags[tag]}, and VASP was run with {value}: give the folder the INCAR of its run."
            )
    for tag in tags.keys() & _TOLD - recorded.keys():
        value = defaults.get(_NAMES.get(tag, tag))
        if value is not None and not _alike(tags[tag], value):
            raise InputError(
                f"{file} says {tag} = {tags[tag]}, and VASP took {value}: give the folder the INCAR of its run."
            )
    return recorded | tags | silent


def _given_twice(file: Path) -> set[str]:
    """Return the tags that an INCAR gives twice, otherwise the second time."""
    with zopen(file, "rt", encoding="utf-8", errors="replace") as stream:
        lines = [re.split(r"[#!]", line)[0] for line in str(stream.read()).splitlines()]
    found: dict[str, set[str]] = {}
    for tag, value in re.findall(r"(?:^|;)[ \t]*(\w+)[ \t]*=[ \t]*([^;\n]*)", "\n".join(lines), re.MULTILINE):
        found.setdefault(tag.upper(), set()).add(value.strip())
    return {tag for tag, values in found.items() if len(values) > 1}


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, bool) and isinstance(other, int):  # a true LMIXTAU is written as -1
        return one == bool(other)
    if isinstance(one, str) or isinstance(other, str):
        return str(one).strip().upper()[:2] == str(other).strip().upper()[:2]
    try:
        return bool(np.allclose(np.asarray(one, dtype=float), np.asarray(other, dtype=float), rtol=1e-5, atol=1e-9))
    except (ValueError, TypeError):
        return bool(one == other)


def task_of(file: Path, tags: dict[str, Any], defaults: dict[str, Any]) -> Task:
    """Return the task of ours that a run did.

    Raises
    ------
    InputError
        If it did another thing.
    """

    def given(tag: str, default: Any) -> Any:
        return tags.get(tag, defaults.get(tag, default))

    steps, moves, cell = int(given("NSW", 0)), int(given("IBRION", -1)), int(given("ISIF", 2))
    if int(given("ICHARG", 2)) >= 10:
        raise InputError(
            f"{file} is no self-consistent calculation (ICHARG = {given('ICHARG', 2)}): give that instead."
        )
    for tag in ("ALGO", "IALGO"):
        if str(tags.get(tag, "")).strip().upper() not in _SCF:
            raise InputError(f"{file} is no ground state ({tag} = {tags[tag]}): give that instead.")
    for tag, words in _OTHERS.items():
        if given(tag, False) is True:
            raise InputError(f"{file} is {words} ({tag}), and those are not adopted.")
    response = [tag for tag in _RESPONSES if given(tag, False) is True]
    if response:
        raise InputError(f"{file} computed a response ({response[0]}), and those are not adopted.")
    if int(given("IMAGES", 0)):
        raise InputError(f"{file} belongs to a band (IMAGES = {given('IMAGES', 0)}), and paths are not adopted.")
    if steps <= 0 or moves == -1:
        return "static"
    if moves not in _MOVES or cell not in (0, 1, 2, 3):
        raise InputError(
            f"{file} did what no task of anodeflow does (IBRION = {moves}, ISIF = {cell}): relaxations of positions or "
            "of positions and cell, and static calculations, can be adopted."
        )
    return "relax_cell" if cell == 3 else "relax"
