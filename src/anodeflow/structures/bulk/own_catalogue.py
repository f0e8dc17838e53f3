"""The user's own part of the catalogue: crystals in ANODEFLOW_HOME, kept as those that ship are."""

import re
from pathlib import Path

from pymatgen.core import Structure

from anodeflow.core.errors import InputError
from anodeflow.structures.bulk.catalogue import (
    CatalogueEntry,
    catalogue,
    check_overlap,
    shipped,
    user_folder,
)
from anodeflow.structures.bulk.crystal_files import write_crystal
from anodeflow.structures.bulk.files import read_crystal
from anodeflow.structures.bulk.host import recognise_host

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,59}")


def own_crystals() -> dict[str, CatalogueEntry]:
    """Return the crystals that the user has added, by name."""
    folder = user_folder()
    return {name: entry for name, entry in catalogue().items() if entry.file.parent == folder}


def add_crystal(
    file: Path, name: str | None = None, source: str = "", force: bool = False
) -> tuple[CatalogueEntry, Structure, list[str]]:
    """Add the crystal of a file.

    Parameters
    ----------
    file
        A structure file.
    name
        Name in the catalogue; none: the stem of the file.
    source
        Where its numbers come from.
    force
        Whether a crystal of the user's that is called so is replaced.

    Returns
    -------
    CatalogueEntry, Structure, list of str
        The entry, its crystal, and what the reader said of the file.

    Raises
    ------
    InputError
        If the file cannot be read, or the name cannot be had.
    """
    name = file.stem if name is None else name
    if not _NAME.fullmatch(name):
        raise InputError(f"{name[:80]!r} is no name for a crystal: take letters, digits and . _ + - (--name).")
    if name in shipped():
        raise InputError(f"a crystal called {name} ships with anodeflow: choose another name (--name {name}-own).")
    if name in own_crystals() and not force:
        raise InputError(
            f"the catalogue has a crystal {name} of yours: choose another --name, or replace it (--force)."
        )
    structure, notes = read_crystal(file)
    check_overlap(structure, str(file))
    provenance = {"source": source or f"file {file.name}", "command": f"anodeflow catalogue add {file.name}"}
    write_crystal(user_folder(), name, structure, recognise_host(structure), provenance)
    return catalogue()[name], structure, notes


def remove_crystal(name: str) -> None:
    """Take a crystal of the user's out of the catalogue.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if name not in own_crystals():
        known = ", ".join(own_crystals()) or "none"
        raise InputError(f"there is no crystal {name!r} of yours in the catalogue: there is {known}.")
    for suffix in (".yaml", ".cif"):
        (user_folder() / f"{name}{suffix}").unlink(missing_ok=True)
