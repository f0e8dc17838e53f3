"""Reads and writes structure files, by pymatgen where it knows the format and by ASE else."""

import os
import warnings
from pathlib import Path
from typing import Any

from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.decoding import refuse_foreign_file
from anodeflow.errors import InputError

KEEPS_FIXED_ATOMS = {".vasp", ".poscar", ".json", ".extxyz", ".xyz", ".traj"}
"""Formats that keep which atoms are fixed; of these only json, xyz, extxyz and traj keep the open direction too."""


def read_structure(path: Path) -> Structure:
    """Read a crystal from a file.

    Returns
    -------
    Structure
        Ordered, without oxidation states and site properties.

    Raises
    ------
    InputError
        If the file cannot be read, or is no three-dimensional crystal with whole atoms on its sites.
    """
    refuse_foreign_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                structure = Structure.from_file(path)
            except Exception:
                from ase.io import read  # half a second of imports that most files do not need

                atoms: Any = read(path)
                if atoms.cell.rank < 3:
                    raise ValueError("it has no three lattice vectors") from None
                structure = AseAtomsAdaptor.get_structure(atoms)
    except PermissionError:
        raise InputError(f"may not read {path}: check its permissions.") from None
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"cannot read a structure from {path} ({reason}): give a CIF or POSCAR file.") from error
    if not len(structure):
        raise InputError(f"{path} holds no atoms: give the file of a crystal.")
    if not structure.is_ordered:
        raise InputError(f"{path} has partly occupied sites: give an ordered model of the crystal.")
    structure.remove_oxidation_states()
    return Structure(structure.lattice, structure.species, structure.frac_coords)


def write_structure(structure: Structure, path: Path) -> list[str]:
    """Write a structure in the format that the file's name tells.

    Parameters
    ----------
    structure
        What to write, slab or bulk.
    path
        ``.cif``, ``.vasp`` or ``POSCAR``, ``.xyz`` (extended), ``.json`` (pymatgen), or another suffix that
        ASE writes.

    Returns
    -------
    list of str
        What the format could not keep, a sentence each.

    Raises
    ------
    InputError
        If the suffix is unknown or the file cannot be written.
    """
    from ase.io import write

    folder = path.resolve().parent
    if not folder.is_dir():
        raise InputError(f"cannot write {path}: there is no folder {folder}.")
    if path.is_dir() or not os.access(path if path.exists() else folder, os.W_OK):
        raise InputError(f"cannot write {path}: no permission, or it is a folder; choose another name.")
    suffix = path.suffix.lower()
    try:
        if suffix == ".json":
            path.write_text(structure.to_json(), encoding="utf-8")
        elif suffix in (".vasp", ".poscar") or path.name.upper().startswith(("POSCAR", "CONTCAR")):
            suffix = ".vasp"
            write(path, AseAtomsAdaptor.get_atoms(structure, msonable=False), format="vasp", sort=True)
        elif suffix == ".cif":
            structure.to(filename=str(path), fmt="cif")
        else:
            kind = "extxyz" if suffix == ".xyz" else _ase_format(path)
            write(path, AseAtomsAdaptor.get_atoms(structure, msonable=False), format=kind)
    except OSError as error:
        raise InputError(f"cannot write {path} ({error.strerror or error}): choose another place.") from error
    lost = []
    if "selective_dynamics" in structure.site_properties and suffix not in KEEPS_FIXED_ATOMS:
        lost.append(f"{suffix or path.name} does not keep which atoms are fixed: write .vasp, .xyz or .json for that")
    if not all(structure.lattice.pbc) and suffix in (".cif", ".vasp"):
        lost.append(f"{suffix} takes the slab for periodic along its normal too: set pbc when you read it")
    return lost


def _ase_format(path: Path) -> str:
    """Return ASE's name of the format that a file's name asks for."""
    from ase.io.formats import UnknownFileTypeError, filetype, ioformats

    try:
        kind = filetype(path, read=False)
    except UnknownFileTypeError:
        kind = ""
    if kind not in ioformats or not ioformats[kind].can_write:
        raise InputError(
            f"cannot tell from the name {path.name} in which format to write: use .cif, .vasp, .xyz or .json, or "
            "another suffix that ASE writes."
        )
    return kind
