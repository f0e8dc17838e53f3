"""What readers of pymatgen and ASE pass over without a word in formats of other programs: refused here."""

import itertools
import re
from collections.abc import Sequence
from fnmatch import fnmatch

import numpy as np

_ATOM_COLUMNS = 4
FORTRAN = re.compile(r"(?<!\S)[+-]?(\d+\.\d*|\.\d+)[dD][+-]?\d+(?!\S)")
"""A number as Fortran writes those of double precision: 1.0D0; 3d10 are electrons."""


def refuse_unread(name: str, text: str) -> None:
    """Raise ValueError if a file says something that its reader does not look at.

    Parameters
    ----------
    name
        Name of the file, without a suffix of packing.
    text
        What it holds; of files that are no text, as much of it as can be read as such.
    """
    kind = name.lower()
    head = text[:2000]
    if fnmatch(kind, "*.*xyz") or fnmatch(kind, "*.xsf"):
        _fortran(text)
    if "ITEM: TIMESTEP" in head:
        line = next((line for line in text.splitlines() if line.startswith("ITEM: ATOMS")), "")
        if "element" not in line.split():
            raise ValueError(
                "a dump of LAMMPS has numbers of types, no elements: write it with `element` in its columns"
            )
    elif "lammps" in kind or re.search(r"(?m)^\s*\d+\s+atom types\s*$", head):
        raise ValueError("a data file of LAMMPS has numbers of types, no elements: give a CIF or POSCAR file")
    elif fnmatch(kind, "*.xsf"):
        _xsf(text)
    elif _elements_twice(head):
        raise ValueError("it names each element twice, in the columns species and Z: leave one of them")
    elif fnmatch(kind, "*.cssr"):
        group = re.search(r"SPGR\s*=\s*(\d+)", text)
        if group is None or int(group[1]) != 1:
            raise ValueError(
                "its space group is not P 1, and no reader of cssr files makes the other atoms: give a CIF file"
            )
    elif fnmatch(kind, "*.res"):
        _shelx(text)
    elif fnmatch(kind, "*.pdb") or fnmatch(kind, "*.ent"):
        _pdb(text)
    elif fnmatch(kind, "*.cell"):
        raise ValueError("a cell file of CASTEP is read with CASTEP's own help only: give a CIF or POSCAR file")
    elif re.search(r"(?im)^\s*&system", text):
        group = re.search(r"(?i)space_group\s*=\s*(\d+)", text)
        if group is not None and int(group[1]) != 1:
            raise ValueError(
                "its atoms are those of a space group, which no reader repeats: give all atoms, without it"
            )


def _elements_twice(head: str) -> bool:
    """Whether the columns of an extended XYZ file hold symbols and atomic numbers: only the latter would be read."""
    found = re.search(r"(?i)properties=(\S+)", head)
    columns = [] if found is None else found[1].strip("\"'").lower().split(":")
    return {"species", "z"} <= set(columns)


def _fortran(text: str) -> None:
    """Refuse numbers that no reader of the format takes for any."""
    for number, line in enumerate(text.splitlines(), 1):
        if found := FORTRAN.search(line):
            raise ValueError(f"line {number}: {found[0]!r} is a number of Fortran: write E for its D")


def _xsf(text: str) -> None:
    """Refuse what is no crystal, and a list of atoms that is shorter than it says."""
    lines = text.splitlines()
    words = [line.split()[0].upper() for line in lines if line.strip() and not line.startswith("#")]
    for word in ("SLAB", "POLYMER", "MOLECULE", "ATOMS"):
        if word in words:
            raise ValueError(f"it is no crystal: it says {word}")
    for index, line in enumerate(lines):
        if line.split()[:1] != ["PRIMCOORD"]:
            continue
        said = lines[index + 1].split() if index + 1 < len(lines) else []
        if said and said[0].isdecimal():
            rows = itertools.takewhile(lambda row: len(row.split()) >= _ATOM_COLUMNS, lines[index + 2 :])
            there = sum(1 for _ in itertools.islice(rows, int(said[0])))
            if there < int(said[0]):
                raise ValueError(f"line {index + 2}: it says {said[0]} atoms, and {there} follow")


def _shelx(text: str) -> None:
    """Refuse symmetry and partial occupation, which readers of res files pass over."""
    for line in text.splitlines():
        words = line.split()
        if not words:
            continue
        if words[0].upper() == "SYMM" or (words[0].upper() == "LATT" and words[1:2] != ["-1"]):
            raise ValueError(
                "it has symmetry (LATT, SYMM), and no reader of res files makes the other atoms: give a CIF"
            )
        if words[0].upper() in ("END", "HKLF"):
            return
        if len(words) >= 6 and words[1].isdecimal():
            try:
                occupation = float(words[5])
            except ValueError:
                continue
            if occupation not in (1.0, 11.0):
                raise ValueError(f"it has partly occupied sites (atom {words[0]}: {words[5]})")


def _pdb(text: str) -> None:
    """Refuse symmetry, and atoms whose element is only guessed from their names."""
    for line in text.splitlines():
        if line.startswith("CRYST1") and line[55:66].strip() not in ("", "P 1", "P1"):
            raise ValueError(
                f"its space group is {line[55:66].strip()}, and no reader of pdb files makes the other atoms"
            )
        if line.startswith(("ATOM", "HETATM")) and not line[76:78].strip():
            raise ValueError(f"atom {line[12:16].strip()} has no element (columns 77 and 78), CA may be two: add it")


def refuse_open_cells(periodic: Sequence[bool]) -> None:
    """Raise ValueError for a structure that says of itself that it is no bulk."""
    if not all(periodic):
        open_ = ", ".join(name for name, flag in zip("abc", periodic, strict=True) if not flag)
        raise ValueError(f"it says that it is not periodic along {open_}, so it is a slab or a molecule, no crystal")


def tell_far_coordinates(fractions: np.ndarray) -> list[str]:
    """Return a note if coordinates lie so far outside the cell that they may not be fractions of it at all."""
    far = float(np.abs(fractions - 0.5).max()) + 0.5
    return [f"coordinates reach {far:.3g} cells: are they Cartesian, in Å?"] if far > 1.4 else []
