"""The INCAR tags of a finished run of VASP, by its own record and the file beside it, and what it did by them."""

from pathlib import Path
from typing import Any

import numpy as np

from anodeflow.backends.vasp.compared import SILENT_TAGS, WAY_TAGS
from anodeflow.calculations.document import Task
from anodeflow.core.errors import InputError

_RESPONSES = ("LEPSILON", "LCALCEPS", "LCALCPOL", "LCHIMAG")
"""What VASP computes after, or instead of, a ground state; its cycles stand among those of the SCF."""
_NO_GROUND_STATE = ("GW", "EVGW", "QPGW", "SCGW", "CHI", "BSE", "TDHF", "TIMEEV", "ACFDT", "RPA", "CRPA", "2E4W")
_MOVES = (1, 2, 3)  # IBRION of relaxations


def given_tags(file: Path, recorded: dict[str, Any]) -> dict[str, Any]:
    """Return the tags that were given; an INCAR beside vasprun.xml must be the one that VASP read.

    Of tags that decide no number VASP's own record counts: it changes some itself (IWAVPR, NPAR), and some versions
    write LORBIT = 11 as F.
    """
    from pymatgen.io.vasp import Incar

    if not file.is_file():
        return recorded
    tags = dict(Incar.from_file(file))
    silent = {tag: value for tag, value in recorded.items() if tag in SILENT_TAGS | WAY_TAGS}
    for tag, value in recorded.items():
        if tag in tags and tag not in silent and not _alike(tags[tag], value):
            raise InputError(
                f"{file} says {tag} = {tags[tag]}, and VASP was run with {value}: give the folder the INCAR of its run."
            )
    return recorded | tags | silent


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
    if str(given("ALGO", "")).strip().upper().startswith(_NO_GROUND_STATE):
        raise InputError(f"{file} is no ground state (ALGO = {given('ALGO', '')}): give that instead.")
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
