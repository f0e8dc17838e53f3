"""POSCAR files of every VASP: names on several lines, hashes of potentials, volumes instead of scales."""

import re

import numpy as np
from pymatgen.core import Composition, Lattice, Structure

from anodeflow.structures.bulk.limits import MOST_ATOMS, check_cell
from anodeflow.structures.bulk.other_formats import FORTRAN
from anodeflow.structures.bulk.symbols import element, taken_for

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")  # 0_5 is a number to Python, and 5

_MOST_LINES = 4 * MOST_ATOMS
"""Lines that are looked at: names and numbers of species over several lines, and atoms; a density may follow."""


class _Lines:
    """Lines of the file one after the other, with their numbers for the reader."""

    def __init__(self, text: str) -> None:
        self.lines = text.split("\n", _MOST_LINES)
        self.number = 0

    def next(self, what: str) -> list[str]:
        if self.number >= len(self.lines):
            raise ValueError(f"line {self.number + 1}: the file ends where {what} should stand")
        self.number += 1
        return self.lines[self.number - 1].split()

    def peek(self) -> list[str]:
        return self.lines[self.number].split() if self.number < len(self.lines) else []

    def numbers(self, words: list[str], least: int, what: str) -> list[float]:
        try:
            values = [float(word) for word in words[:least] if _is_number(word)]
        except ValueError:
            values = []
        if len(values) < least or not np.isfinite(values).all():
            shown = " ".join(words)[:60]
            advice = "; write E for the D of Fortran" if FORTRAN.search(shown) else ""
            raise ValueError(f"line {self.number}: expected {what}, found {shown!r}{advice}")
        return values


def read_poscar(text: str) -> tuple[Structure, list[str]]:
    """Read a POSCAR or CONTCAR.

    Parameters
    ----------
    text
        Content of the file.

    Returns
    -------
    Structure, list of str
        The crystal as the file has it, and what a reader of it should know, a sentence each.

    Raises
    ------
    ValueError
        What is wrong, with its line.
    """
    lines = _Lines(text)
    comment = " ".join(lines.next("a comment"))
    words = lines.next("the scale")
    count = 3 if len(words) >= 3 and all(_is_number(word) for word in words[:3]) else 1
    scale = lines.numbers(words, count, "the scale of the lattice")
    lattice = np.array([lines.numbers(lines.next("a lattice vector"), 3, "a lattice vector") for _ in range(3)])
    volume = abs(float(np.linalg.det(lattice)))
    if not 1e-6 < volume < 1e12:
        raise ValueError("lines 3 to 5: the lattice vectors span no volume")
    factor = np.array(scale)
    if count == 1 and scale[0] < 0:  # then it is the volume of the cell, and coordinates are scaled with it
        factor = np.array([(-scale[0] / volume) ** (1 / 3)])
    if not (factor > 0).all():
        raise ValueError("line 2: the scale is not positive")
    lattice = lattice * factor
    check_cell(Lattice(lattice).abc, Lattice(lattice).angles)
    names, numbers = _species(lines)
    total = sum(numbers)
    if not 0 < total <= MOST_ATOMS:
        raise ValueError(f"line {lines.number}: it has {total} atoms: 1 to {MOST_ATOMS} are read")
    mode = lines.next("Direct or Cartesian")
    if mode and mode[0][0] in "sS":
        mode = lines.next("Direct or Cartesian")
    if not mode or mode[0][0] not in "dDcCkK":
        raise ValueError(f"line {lines.number}: expected Direct or Cartesian, found {' '.join(mode)[:60]!r}")
    cartesian = mode[0][0] in "cCkK"
    rows = []
    for number in range(total):
        words = lines.next(f"the coordinates of atom {number + 1} of {total}")
        rows.append((words, lines.numbers(words, 3, "three coordinates")))
    after = lines.peek()
    if len(after) >= 3 and all(_is_number(word) for word in after[:3]):
        raise ValueError(f"line {lines.number + 1}: coordinates of more atoms than the {total} that line 7 counts")
    coordinates = np.array([values for _, values in rows])
    if cartesian:
        coordinates = coordinates * factor
    tails = [next((word for word in words[3:] if word[0].isalpha() and word not in "TF"), "") for words, _ in rows]
    species, notes = _named(names, numbers, comment, tails)
    structure = Structure(Lattice(lattice), species, coordinates, coords_are_cartesian=cartesian)
    return structure, notes + _comment_note(comment, structure)


def _is_number(word: str) -> bool:
    return bool(_NUMBER.fullmatch(word))


def _species(lines: _Lines) -> tuple[list[str], list[int]]:
    """Read names (none in files of VASP 4) and numbers of atoms; either may go over several lines."""
    names: list[str] = []
    while (words := lines.peek()) and not all(word.isdigit() for word in words):
        if words[0][0].isdigit() or _is_number(words[0]):
            raise ValueError(f"line {lines.number + 1}: expected names or whole numbers of atoms, found {words[0]!r}")
        names += lines.next("names")
        if len(names) > MOST_ATOMS:
            raise ValueError(f"line {lines.number}: more than {MOST_ATOMS} names of species")
    numbers: list[int] = []
    while (words := lines.peek()) and all(word.isdigit() and len(word) < 8 for word in words):
        if names and len(numbers) >= len(names):
            break
        numbers += [int(word) for word in lines.next("numbers of atoms")]
        if not names and (after := lines.peek()) and len(after) == len(numbers) and all(w.isdigit() for w in after):
            raise ValueError(
                f"line {lines.number}: {' '.join(words)[:60]!r} are numbers, and the numbers of atoms follow on the "
                "next line: write the symbols of the elements here"
            )
    if not numbers:
        raise ValueError(f"line {lines.number + 1}: the numbers of atoms are missing")
    if names and len(names) != len(numbers):
        raise ValueError(f"line {lines.number}: {len(names)} names, but {len(numbers)} numbers of atoms")
    return names, numbers


def _named(names: list[str], numbers: list[int], comment: str, tails: list[str]) -> tuple[list[str], list[str]]:
    """Return the element of each atom; a file of VASP 4 may name them in its comment or behind the coordinates."""
    notes: list[str] = []
    if names:
        # Li_sv/9c0ffee1 is the potential Li_sv with the hash of its file
        written = [re.split(r"[/_.:]", name)[0] for name in names]
        kinds = [element(name) for name in written]
        notes += taken_for(written)
        _same_behind([kind for kind, number in zip(kinds, numbers, strict=True) for _ in range(number)], tails)
        return [kind for kind, number in zip(kinds, numbers, strict=True) for _ in range(number)], notes
    if all(tails):
        notes.append("the file has no line of names: elements are those behind the coordinates")
        return [element(re.split(r"[/_.:0-9]", tail)[0]) for tail in tails], notes
    words = comment.replace(",", " ").split()
    try:
        kinds = [element(word) for word in words]
    except ValueError:
        kinds = []
    if len(kinds) != len(numbers) or not all(word in kinds for word in words):
        raise ValueError(
            "line 6: the file does not say which elements its atoms are: write their symbols on a line above "
            f"'{' '.join(map(str, numbers))}'"
        )
    notes.append(f"the file has no line of names: elements {' '.join(kinds)} are those of its comment")
    return [kind for kind, number in zip(kinds, numbers, strict=True) for _ in range(number)], notes


def _same_behind(kinds: list[str], tails: list[str]) -> None:
    """Refuse a file whose names, and those behind its coordinates, are two crystals."""
    for number, (kind, tail) in enumerate(zip(kinds, tails, strict=True), 1):
        name = re.split(r"[/_.:0-9#!]", tail)[0]
        try:
            behind = element(name) if name else kind
        except ValueError:  # a remark
            continue
        if behind != kind:
            raise ValueError(f"atom {number} is {kind} by the line of names, and {behind} behind its coordinates")


def _comment_note(comment: str, structure: Structure) -> list[str]:
    """Compare a comment that is a formula with what was read."""
    word = comment.replace(" ", "")
    if not re.fullmatch(r"([A-Z][a-z]?\d*)+", word):
        return []
    try:
        said = Composition(word)
    except ValueError:
        return []
    if any(str(part) not in {str(e) for e in structure.elements} for part in said.elements) or (
        said.reduced_formula != structure.reduced_formula
    ):
        return [f"its comment says {comment}, its atoms are {structure.reduced_formula}"]
    return []
