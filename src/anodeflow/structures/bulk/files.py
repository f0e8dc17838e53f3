"""Reads structure files, by pymatgen where it knows the format and by ASE else.

What either of them warns of is told; content that pymatgen refuses is refused, never tried with another reader.
"""

import warnings
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.core.decoding import refuse_foreign_text
from anodeflow.core.errors import InputError
from anodeflow.core.library_warnings import said_of
from anodeflow.core.textfile import decoded, read_bytes
from anodeflow.structures.bulk.cif_file import read_cif
from anodeflow.structures.bulk.json_file import read_json
from anodeflow.structures.bulk.limits import check_cell, check_count, check_size
from anodeflow.structures.bulk.other_formats import refuse_open_cells, refuse_unread, tell_far_coordinates
from anodeflow.structures.bulk.poscar_file import read_poscar
from anodeflow.structures.bulk.symbols import ELEMENTS

_PYMATGEN = {"*.xsf": "xsf", "*.cssr": "cssr", "*.res": "res", "*.yaml": "yaml", "*.yml": "yaml"}
_BY_PATH = ("*CHGCAR*", "*LOCPOT*", "vasprun*.xml*", "input*.xml")  # formats of pymatgen that are read from the path
_PACKED = (".gz", ".bz2", ".xz")


def read_crystal(path: Path) -> tuple[Structure, list[str]]:
    """Read a crystal from a file, and say what a reader of it should know.

    Parameters
    ----------
    path
        CIF, POSCAR, another format of pymatgen, or one that only ASE knows.

    Returns
    -------
    Structure
        Ordered, without oxidation states and site properties.
    list of str
        What was taken for what, and what pymatgen or ASE warned of, one sentence each.

    Raises
    ------
    InputError
        If the file cannot be read, or is no three-dimensional crystal with whole atoms on its sites.
    """
    content = read_bytes(path)
    try:
        if any(kind in path.name.lower() for kind in (".json", ".mson", ".yaml", ".yml")):
            text = decoded(content, path)
            check_size(text)
            refuse_foreign_text(text, path, may_be_yaml=not path.name.lower().endswith(".json"))
        structure, notes = _read(path, content)
        refuse_open_cells(structure.lattice.pbc)
        structure = _plain(structure)
        notes = notes + tell_far_coordinates(structure.frac_coords)
    except InputError:
        raise
    except (MemoryError, RecursionError) as error:
        raise InputError(f"cannot read a structure from {path}: it is nested or large beyond reason.") from error
    except Exception as error:
        said = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        reason = " ".join(said.split())[:300] or type(error).__name__
        disordered = "partly occupied" in reason or "several elements" in reason
        remedy = (
            "give an ordered model of the crystal" if disordered else "correct the file, or give a CIF or POSCAR file"
        )
        raise InputError(f"cannot read a structure from {path} ({reason.rstrip('.')}): {remedy}.") from error
    return structure, notes


def _read(path: Path, content: bytes) -> tuple[Structure, list[str]]:
    """Read with the reader of the format that name and content tell."""
    name = path.name
    while Path(name).suffix.lower() in _PACKED:
        name = Path(name).stem
    kind = name.lower()
    if fnmatch(kind, "*.cif") or fnmatch(kind, "*.mcif"):
        return _read_text(read_cif, path, content)
    if any(fnmatch(name.upper(), pattern) for pattern in ("*POSCAR*", "*CONTCAR*", "*.VASP")):
        return _read_text(read_poscar, path, content)
    if fnmatch(kind, "*.json"):
        return _read_text(read_json, path, content)
    refuse_unread(name, content.decode("utf-8", errors="replace"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        structure, notes = _from_library(name, path, content)
    return structure, notes + sorted({words[:200] for words in said_of(caught)})


def _read_text(
    reader: Callable[[str], tuple[Structure, list[str]]], path: Path, content: bytes
) -> tuple[Structure, list[str]]:
    text = decoded(content, path)
    if not text.strip():
        raise ValueError("it is empty")
    return reader(text)


def _from_library(name: str, path: Path, content: bytes) -> tuple[Structure, list[str]]:
    """Read with pymatgen what it knows, and with ASE the formats that it does not know."""
    for pattern, kind in _PYMATGEN.items():
        if fnmatch(name.lower(), pattern):
            return Structure.from_str(decoded(content, path), fmt=kind), []  # type: ignore[arg-type]
    if any(fnmatch(name, pattern) for pattern in _BY_PATH):
        return Structure.from_file(path), []
    if fnmatch(name.lower(), "*.*xyz") and (count := content[:40].split(b"\n")[0].strip()).isdigit():
        check_count(int(count))
    from ase.io import read  # half a second of imports that most files do not need
    from ase.io.formats import UnknownFileTypeError

    try:
        images: Any = read(path, index=":")
    except UnknownFileTypeError:
        raise ValueError("its name and its content tell no format") from None
    except KeyError as error:
        raise ValueError(f"its reader does not know {error}: write the symbols of elements, H for D") from None
    if not images:
        raise ValueError("it holds no structure")
    atoms = images[-1]
    if atoms.cell.rank < 3:
        raise ValueError("it has no three lattice vectors")
    if not (atoms.numbers > 0).all():
        raise ValueError("it holds atoms of no element (X)")
    for key, values in [*atoms.arrays.items(), *atoms.info.items()]:
        if "occupanc" in str(key).lower() and not _all_ones(values):
            raise ValueError("it has partly occupied sites")
    refuse_open_cells([bool(flag) for flag in atoms.pbc])
    several = [f"the file holds {len(images)} structures: the last one is taken"] if len(images) > 1 else []
    return AseAtomsAdaptor.get_structure(atoms), several


def _all_ones(values: Any) -> bool:
    """Whether all numbers in nested lists and mappings are 1."""
    if isinstance(values, dict):
        return all(_all_ones(value) for value in values.values())
    if isinstance(values, str):
        return False
    return bool(np.all(np.asarray(values, dtype=float) == 1))


def _plain(structure: Structure) -> Structure:
    """Return the structure without anything but lattice, elements and positions.

    Raises
    ------
    ValueError
        If it is no crystal, or too large or too flat for one.
    """
    check_count(len(structure))
    lattice = structure.lattice
    numbers = np.concatenate([lattice.matrix.ravel(), structure.frac_coords.ravel()])
    if not np.isfinite(numbers).all():
        raise ValueError("numbers of its cell or of its coordinates are not finite")
    check_cell(lattice.abc, lattice.angles)
    if np.abs(structure.frac_coords).max() > 1e3:
        raise ValueError("coordinates lie a thousand cells away: are they Cartesian?")
    if not structure.is_ordered:
        raise ValueError("it has partly occupied sites")
    structure.remove_oxidation_states()
    for number, site in enumerate(structure, 1):
        if str(site.specie) not in ELEMENTS:
            raise ValueError(f"atom {number}: {str(site.specie)!r} is no element")
    return Structure(structure.lattice, structure.species, structure.frac_coords)
