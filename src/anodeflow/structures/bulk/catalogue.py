"""The catalogue: bulk crystals by name, from the data folder ``structures`` and from the user's own, or from a file."""

from difflib import get_close_matches
from functools import cache
from pathlib import Path

import numpy as np
from ase.data import covalent_radii
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pymatgen.core import Structure
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from anodeflow.core.data import data_folder
from anodeflow.core.errors import InputError
from anodeflow.core.settings import get_settings
from anodeflow.core.textfile import read_text
from anodeflow.structures.bulk.files import read_crystal
from anodeflow.structures.bulk.host import HostLattice
from anodeflow.structures.bulk.online import kept_crystal, online
from anodeflow.structures.bulk.symbols import ELEMENTS

CLOSEST = 0.7
"""No two atoms are closer than this in any crystal, Å (H2 has 0.74)."""


class CatalogueEntry(BaseModel):
    """One crystal of the catalogue, as its provenance file describes it (see ``scripts/make_structures.py``)."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str = Field(description="Name to ask for it by.")
    formula: str = Field(description="Reduced formula.")
    space_group: str = Field(description="Hermann-Mauguin symbol of its space group.")
    source: str = Field(description="Where its numbers come from.")
    command: str = Field(description="The command that made the file.")
    file: Path = Field(description="Its CIF file.")
    host: HostLattice | None = Field(
        default=None, description="Parent lattice, and the cell of the file in terms of it; none: it decorates none."
    )


def catalogue() -> dict[str, CatalogueEntry]:
    """Return the crystals that ship with anodeflow and those that the user has added, by name."""
    folder = user_folder()
    try:
        changed = folder.stat().st_mtime_ns
    except OSError:
        return shipped()
    return shipped() | _added(folder, changed)


def user_folder() -> Path:
    """Return the folder of the crystals that the user has added (``anodeflow catalogue add``)."""
    return get_settings().home / "structures"


@cache
def shipped() -> dict[str, CatalogueEntry]:
    """Return the crystals that ship with anodeflow, by name."""
    return _entries(data_folder("structures"))


@cache
def _added(folder: Path, changed: int) -> dict[str, CatalogueEntry]:
    """Return the user's own crystals, read again when their folder has changed."""
    return _entries(folder)


def _entries(folder: Path) -> dict[str, CatalogueEntry]:
    entries = {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            provenance = YAML(typ="safe").load(read_text(path))
            entries[path.stem] = CatalogueEntry(file=path.with_suffix(".cif"), **provenance)
        except (YAMLError, ValidationError, TypeError) as error:
            raise InputError(
                f"{path} does not describe a crystal: take it out (anodeflow catalogue remove)."
            ) from error
    return entries


def load_structure(name_or_path: str) -> Structure:
    """Return a bulk crystal: one of the catalogue by its name, or one from a file.

    Parameters
    ----------
    name_or_path
        Name in the catalogue (Li, LiH, Li3Mg7 ...), a file that pymatgen or ASE reads, or a crystal of an OPTIMADE
        provider (mp-149, optimade:PROVIDER/ID), which is fetched once.

    Returns
    -------
    Structure
        In the cell and the order of atoms of the file, without site properties and oxidation states.

    Raises
    ------
    InputError
        If there is no such name or file, the file cannot be read, or atoms in it overlap.
    """
    return load_crystal(name_or_path)[0]


def load_crystal(name_or_path: str) -> tuple[Structure, list[str]]:
    """Return a bulk crystal as :func:`load_structure` does, and what a reader of its file should know.

    Raises
    ------
    InputError
        As :func:`load_structure`.
    """
    entry = catalogue().get(name_or_path)
    if entry is None and (crystal := online(str(name_or_path))) is not None:
        path = kept_crystal(crystal)
    else:
        path = entry.file if entry else Path(name_or_path).expanduser()
    try:
        there = path.exists() and not path.is_dir()
    except (OSError, ValueError):  # a name too long for a file
        there = False
    if not there:
        raise InputError(_unknown(name_or_path))
    structure, notes = read_crystal(path)
    check_overlap(structure, str(name_or_path))
    return structure, notes


def host_lattice(name_or_path: str) -> HostLattice | None:
    """Return the parent lattice of a crystal of the catalogue; None for a file, whose host `build_slabs` seeks."""
    entry = catalogue().get(name_or_path)
    return entry.host if entry else None


def elemental_bulk(element: str) -> str:
    """Return the catalogue's name of an element's bulk.

    Raises
    ------
    InputError
        If the catalogue has none.
    """
    found = [name for name, entry in catalogue().items() if entry.formula == element]
    if element in found or len(found) == 1:
        return element if element in found else found[0]
    if found:
        raise InputError(
            f"the catalogue has several bulks of {element} ({', '.join(found)}): say which one under references in the "
            f"campaign, {element}: {found[0]}."
        )
    known = ", ".join(name for name, entry in catalogue().items() if entry.formula in ELEMENTS)
    raise InputError(
        f"the catalogue has no bulk of {element}, which the study needs as a reference: there are {known}; name a file "
        f"of it in the campaign (references: {{{element}: {element.lower()}.cif}}), or add it with anodeflow catalogue "
        f"add {element}.cif."
    )


_FARTHEST = 8.0  # Å


def check_overlap(structure: Structure, name: str) -> None:
    """Refuse a structure in which atoms overlap, or all lie far from each other.

    Two atoms overlap when they are closer than 0.7 Å or than half the sum of their covalent radii; in Cs, the widest of
    metals, neighbours are 5.3 Å apart.

    Raises
    ------
    InputError
        If two atoms do; it names the closest pair. If no two atoms are within 8 Å: a cell in picometres.
    """
    first, second, _, apart = structure.get_neighbor_list(r=3.0)
    if not len(apart):
        if not len(structure.get_neighbor_list(r=_FARTHEST)[3]):
            raise InputError(f"no two atoms of {name} are within {_FARTHEST:g} Å: is its cell in Å, or in picometres?")
        return
    radii = np.array([covalent_radii[site.specie.Z] for site in structure])
    least = np.maximum(CLOSEST, 0.5 * (radii[first] + radii[second]))
    worst = int(np.argmin(apart / least))
    if apart[worst] < least[worst]:
        i, j = int(first[worst]), int(second[worst])
        raise InputError(
            f"atoms {i + 1} ({structure[i].specie}) and {j + 1} ({structure[j].specie}) of {name} overlap, they are "
            f"{apart[worst]:.2f} Å apart: correct the structure (is the cell in Å, is an atom listed twice?)."
        )


def _is_folder(name: str) -> bool:
    try:
        return Path(name).expanduser().is_dir()
    except (OSError, ValueError):  # a name too long for a file
        return False


def _unknown(name: str) -> str:
    known = list(catalogue())
    plain = Path(name).name
    shown = name if len(name) <= 120 else f"{name[:117]}..."
    if not name.strip():
        return f"a structure has an empty name: give a file, or one of the catalogue: {', '.join(known)}."
    if "://" in name:
        return (
            f"the structure {shown!r} is an address, and structures are read from files: save it beside the campaign "
            "and name that file; crystals of databases are fetched by their ids (mp-149, optimade:PROVIDER/ID)."
        )
    if _is_folder(name):
        return f"the structure {shown!r} is a folder: name a file in it."
    close = get_close_matches(plain[:60], known, n=2, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}? the" if close else "the"
    return (
        f"there is no structure {shown!r}, neither in the catalogue nor as a file: {hint} catalogue has "
        f"{', '.join(known)}; anodeflow catalogue add FILE keeps a crystal of your own."
    )
