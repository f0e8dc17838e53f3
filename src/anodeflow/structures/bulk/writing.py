"""Writes structure files, by pymatgen or ASE, and says what a format cannot keep."""

import os
from pathlib import Path

from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.core.errors import InputError
from anodeflow.core.whole import whole

KEEPS_FIXED_ATOMS = {".vasp", ".poscar", ".json", ".extxyz", ".xyz", ".traj"}
"""Formats that keep which atoms are fixed; of these only json, xyz, extxyz and traj keep the open direction too."""


def write_structure(structure: Structure, path: Path, force: bool = False) -> list[str]:
    """Write a structure in the format that the file's name tells.

    Parameters
    ----------
    structure
        What to write, slab or bulk.
    path
        ``.cif``, ``.vasp`` or ``POSCAR``, ``.xyz`` (extended), ``.json`` (pymatgen), or another suffix that
        ASE writes.
    force
        Whether a file of that name is replaced.

    Returns
    -------
    list of str
        What the format could not keep, a sentence each.

    Raises
    ------
    InputError
        If the suffix is unknown, there is such a file already, or it cannot be written.
    """
    from ase.io import write

    folder = path.resolve().parent
    if not folder.is_dir():
        raise InputError(f"cannot write {path}: there is no folder {folder}.")
    if path.is_dir() or not os.access(path if path.exists() else folder, os.W_OK):
        raise InputError(f"cannot write {path}: no permission, or it is a folder; choose another name.")
    if path.exists() and not force:
        raise InputError(f"there is a file {path} already: name another one, or replace it (--force).")
    suffix = path.suffix.lower()
    try:
        with whole(path) as draft:
            if suffix == ".json":
                draft.write_text(structure.to_json(), encoding="utf-8")
            elif suffix in (".vasp", ".poscar") or path.name.upper().startswith(("POSCAR", "CONTCAR")):
                suffix = ".vasp"
                write(draft, AseAtomsAdaptor.get_atoms(structure, msonable=False), format="vasp", sort=True)
            elif suffix == ".cif":
                structure.to(filename=str(draft), fmt="cif")
            else:
                kind = "extxyz" if suffix == ".xyz" else _ase_format(path)
                write(draft, AseAtomsAdaptor.get_atoms(structure, msonable=False), format=kind)
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
