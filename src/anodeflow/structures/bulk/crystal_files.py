"""Writes crystals into a folder like the catalogue's: a CIF file, and a YAML file that tells where it comes from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pymatgen.core import Structure
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq

from anodeflow.core.errors import InputError
from anodeflow.structures.bulk.host import HostLattice, space_group


def write_crystal(
    folder: Path, name: str, structure: Structure, host: HostLattice | None, provenance: Mapping[str, Any]
) -> Path:
    """Write one crystal as the catalogue keeps them.

    Parameters
    ----------
    folder
        Existing folder; ``structures`` of a source checkout makes it one of the catalogue.
    name
        Name of the files, and of the crystal in the catalogue.
    structure, host
        The crystal, and its cell in terms of its parent lattice; none if it decorates none.
    provenance
        `source` (where its numbers come from), `command` (what made it), and what else is to be known.

    Returns
    -------
    pathlib.Path
        The CIF file.

    Raises
    ------
    InputError
        If the files cannot be written.
    """
    yaml = YAML()
    yaml.width = 110
    content: dict[str, Any] = {
        "name": name,
        "formula": structure.reduced_formula,
        "space_group": space_group(structure),
        **provenance,
    }
    if host is not None:
        axes = CommentedSeq([CommentedSeq(row) for row in host.axes])
        for row in axes:
            row.fa.set_flow_style()
        content["host"] = {"lattice": host.lattice, "axes": axes}
    file = folder / f"{name}.cif"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        structure.to(filename=str(file), fmt="cif")
        with open(file.with_suffix(".yaml"), "w", encoding="utf-8") as stream:
            yaml.dump(content, stream)
    except OSError as error:
        raise InputError(f"cannot write {name} to {folder} ({error.strerror}): choose another folder.") from error
    return file
