"""The catalogue: bulk crystals by name, from the data folder ``structures``, or from a user's file."""

from difflib import get_close_matches
from functools import cache
from pathlib import Path

import numpy as np
from ase.data import covalent_radii
from pydantic import BaseModel, ConfigDict, Field
from pymatgen.core import Structure
from ruamel.yaml import YAML

from anodeflow.data import data_folder
from anodeflow.errors import InputError
from anodeflow.structures.files import read_structure
from anodeflow.structures.host import HostLattice

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
    host: HostLattice = Field(description="Host lattice, and the cell of the file in terms of it.")


@cache
def catalogue() -> dict[str, CatalogueEntry]:
    """Return the crystals that ship with anodeflow, by name."""
    entries = {}
    for path in sorted(data_folder("structures").glob("*.yaml")):
        provenance = YAML(typ="safe").load(path)
        entries[path.stem] = CatalogueEntry(file=path.with_suffix(".cif"), **provenance)
    return entries


def load_structure(name_or_path: str) -> Structure:
    """Return a bulk crystal: one of the catalogue by its name, or one from a file.

    Parameters
    ----------
    name_or_path
        Name in the catalogue (Li, LiH, Li3Mg7 ...), or a file that pymatgen or ASE reads.

    Returns
    -------
    Structure
        In the cell and the order of atoms of the file, without site properties and oxidation states.

    Raises
    ------
    InputError
        If there is no such name or file, the file cannot be read, or atoms in it overlap.
    """
    entry = catalogue().get(name_or_path)
    path = entry.file if entry else Path(name_or_path).expanduser()
    if not path.is_file():
        raise InputError(_unknown(name_or_path))
    structure = read_structure(path)
    check_overlap(structure, str(name_or_path))
    return structure


def host_lattice(name_or_path: str) -> HostLattice | None:
    """Return the host lattice of a crystal of the catalogue; None for a file, whose host `build_slabs` seeks."""
    entry = catalogue().get(name_or_path)
    return entry.host if entry else None


def elemental_bulk(element: str) -> str:
    """Return the catalogue's name of an element's bulk.

    Raises
    ------
    InputError
        If the catalogue has none.
    """
    for name, entry in catalogue().items():
        if entry.formula == element:
            return name
    known = ", ".join(name for name in catalogue() if len(load_structure(name).elements) == 1)
    raise InputError(
        f"the catalogue has no bulk of {element}, which the study needs as a reference: there are {known}; put "
        f"{element}.cif and {element}.yaml into {data_folder('structures')}."
    )


def check_overlap(structure: Structure, name: str) -> None:
    """Refuse a structure in which atoms overlap.

    Two atoms overlap when they are closer than 0.7 Å or than half the sum of their covalent radii.

    Raises
    ------
    InputError
        If two atoms do; it names the closest pair.
    """
    first, second, _, apart = structure.get_neighbor_list(r=3.0)
    if not len(apart):
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


def _unknown(name: str) -> str:
    known = list(catalogue())
    close = get_close_matches(name, known, n=2, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}? the" if close else "the"
    return (
        f"there is no structure {name!r}, neither in the catalogue nor as a file: {hint} catalogue has "
        f"{', '.join(known)}."
    )
