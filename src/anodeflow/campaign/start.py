"""A first campaign file of a kind, from a few words: the templates are data, ``workflows/new``."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from string import Template
from typing import TYPE_CHECKING

from anodeflow.core.data import data_folder
from anodeflow.core.errors import InputError

if TYPE_CHECKING:
    from pymatgen.core import Structure

ANODES = ("Li", "Na", "K", "Mg", "Ca", "Zn", "Al")
"""Metals that anodes are made of, in the order in which one is looked for in a crystal."""
_LONGEST_STEM = 60
_PLAIN = re.compile(r"[A-Za-z][\w.()/+-]*")


@dataclass(frozen=True)
class Start:
    """What a first campaign is about.

    Attributes
    ----------
    kind
        Name of a template: see :func:`kinds`.
    structure
        Crystal: a name in the catalogue, or a file.
    metal
        Element of the adatom or of the metal of an interface; none: found in the crystal.
    miller
        Face of the crystal.
    backend
        Name of a backend, or a file.
    name
        Name of the campaign; none: made of kind and crystal (:attr:`campaign`).
    """

    kind: str
    structure: str
    metal: str | None = None
    miller: tuple[int, int, int] = (0, 0, 1)
    backend: str = "gpaw-surfaces"
    name: str | None = None

    @property
    def campaign(self) -> str:
        """Name of the campaign: the one given, or kind and crystal: two files of one formula are two campaigns."""
        plain = re.sub(r"[^A-Za-z0-9._+-]+", "-", Path(self.structure).stem)[:_LONGEST_STEM].strip("-")
        return self.name or f"{self.kind}-{plain or 'crystal'}"


def kinds() -> list[str]:
    """Return the kinds of campaigns that there are templates of."""
    return sorted(file.stem for file in _folder().glob("*.yaml"))


def campaign_text(start: Start, file: Path) -> str:
    """Return the text of a campaign file that will stand at `file`.

    Raises
    ------
    InputError
        If there is no such kind or crystal, or it does not say which metal is meant.
    """
    from anodeflow.structures.bulk.catalogue import load_crystal

    if start.kind not in kinds():
        raise InputError(f"there is no kind of campaign {start.kind!r}: take one of {', '.join(kinds())}.")
    crystal, _ = load_crystal(start.structure)
    formula = crystal.composition.reduced_formula
    metal = start.metal or anode_metal(crystal, start.structure)
    others = [str(element) for element in crystal.composition if str(element) != metal]
    if not others and start.kind != "surface":
        raise InputError(
            f"{start.structure} is the metal {metal} itself, and a campaign of this kind ({start.kind}) wants another "
            "crystal beside it: name one (--structure), another metal (--metal), or take anodeflow new surface."
        )
    most = max(others, key=lambda symbol: crystal.composition[symbol], default=metal)
    digits = "".join(map(str, start.miller)) if all(0 <= n < 10 for n in start.miller) else _joined(start.miller, " ")
    words = {
        "kind": start.kind,
        "formula": formula,
        "digits": digits,
        "metal": metal,
        "element": most,
        "miller": _joined(start.miller, ", "),
        "structure": _word(_beside(start.structure, file)),
        "backend": _word(_beside(start.backend, file)),
        "name": _word(start.campaign),
        "file": quote(file.name),
    }
    return Template((_folder() / f"{start.kind}.yaml").read_text(encoding="utf-8")).substitute(words)


def anode_metal(crystal: "Structure", name: str) -> str:
    """Return the metal that a crystal is the protection of, or made of.

    Raises
    ------
    InputError
        If it holds no metal that anodes are made of, and is no element.
    """
    elements = [str(element) for element in crystal.composition]
    found = [metal for metal in ANODES if metal in elements] or (elements if len(elements) == 1 else [])
    if not found:
        raise InputError(f"{name} holds none of {', '.join(ANODES)}: say which metal is plated with --metal.")
    return found[0]


def _folder() -> Path:
    return data_folder("workflows") / "new"


def _joined(miller: tuple[int, int, int], between: str) -> str:
    return between.join(map(str, miller))


def _beside(name: str, file: Path) -> str:
    """Return a file's name as the campaign file has to write it; other names stay as they are."""
    path = Path(name)
    return os.path.relpath(path, file.parent) if path.is_file() else name


def _word(text: str) -> str:
    """Return a text as YAML: plain where that is safe."""
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)
