"""The structures of a document by name, and as files."""

from collections.abc import Iterator
from io import StringIO
from typing import Any

from pydantic import BaseModel
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor
from pymatgen.io.cif import CifWriter

FORMATS = ("cif", "extxyz")
_ONE = {"minima": "minimum"}
"""What is no plural in -s -> one of it."""


def structures(document: BaseModel) -> dict[str, Structure]:
    """Return name -> structure of all structures in a document, by the fields that hold them: ``sites-0-structure``."""
    return dict(_found(document, ()))


def spoken(name: str) -> str:
    """Return the name of a structure for people: `hops-0-images-5` is `hop 0, image 5`, `sites-1-structure` site 1."""
    words: list[str] = []
    for part in name.replace("_", " ").split("-"):
        if part.isdigit() and words:
            words[-1] = f"{_ONE.get(words[-1], words[-1].removesuffix('s'))} {part}"
        else:
            words.append(part)
    if len(words) > 1 and words[-1] == "structure":
        del words[-1]
    return ", ".join(words)


def written(structure: Structure, name: str) -> str:
    """Return a structure as the text of a file.

    Parameters
    ----------
    structure
        The structure.
    name
        Suffix of the file: cif or extxyz.
    """
    if name == "cif":
        # Site properties are lists (fixed directions) that a CIF has no place for.
        return str(CifWriter(structure.copy(site_properties={})))
    return frames([structure])


def frames(several: list[Structure]) -> str:
    """Return structures as one extended XYZ file, with cell, periodic directions and fixed atoms."""
    from ase.io import write

    text = StringIO()
    for structure in several:
        atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
        atoms.calc = None
        write(text, atoms, format="extxyz")
    return text.getvalue()


def _found(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Structure]]:
    if isinstance(value, Structure):
        yield "-".join(path), value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _found(getattr(value, name), (*path, name))
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _found(item, (*path, str(name)))
    elif isinstance(value, list | tuple) and value and not isinstance(value[0], int | float | str):
        for number, item in enumerate(value):
            yield from _found(item, (*path, str(number)))
