"""Writes the orderings of a study into a folder like the catalogue's, with where they come from."""

from pathlib import Path
from typing import Any

from anodeflow.core.errors import InputError
from anodeflow.core.versions import version
from anodeflow.structures.bulk.crystal_files import write_crystal
from anodeflow.structures.bulk.host import HostLattice, plane_in_cell
from anodeflow.studies.orderings.document import OrderingsDoc, RankedOrdering

_NEAR = 0.002
"""Orderings within this of the one that is written are named beside it, eV/atom."""


def write_ordering(folder: Path, name: str, document: OrderingsDoc, ordering: RankedOrdering, command: str) -> Path:
    """Write one ordering of a study with its provenance.

    Parameters
    ----------
    folder, name
        See :func:`write_crystal`.
    document, ordering
        The study, and one of its orderings that has a structure.
    command
        What made it: ``anodeflow run ...``.

    Raises
    ------
    InputError
        If the study holds no structure of this ordering, or the files cannot be written.
    """
    if ordering.structure is None:
        raise InputError(
            f"the study of {document.formula} holds no structure of ordering {ordering.index}: write one of those that "
            f"it kept ({', '.join(entry.name for entry in document.kept)})."
        )
    host = HostLattice(lattice=ordering.host, axes=ordering.host_axes)  # type: ignore[arg-type]
    plane = plane_in_cell(ordering.structure, (0, 0, 1), "host", host)
    ranked = f", ranked with {document.rank_backend}" if document.confirmed else ""
    provenance: dict[str, Any] = {
        "source": f"orderings enumerated with icet {version('icet')}{ranked}, relaxed with {document.code} "
        f"({document.backend})",
        "command": command,
        "ordering": _described(document, ordering),
        f"others_within_{1000 * _NEAR:g}_meV": [
            _described(document, other)
            for other in document.kept
            if other.index != ordering.index and _above(document, other) < _above(document, ordering) + _NEAR
        ],
        "enumerated": dict(document.enumerated),
        "host_lost": [
            _described(document, other)
            for other in document.orderings
            if other.state == "host lost" and other.structure is not None
        ],
        "document": document.document_id,
        "plane": f"(001) of the {host.lattice} host is {plane} of this cell",
    }
    return write_crystal(folder, name, ordering.structure, host, provenance)


def write_orderings(folder: Path, document: OrderingsDoc, command: str, force: bool = True) -> list[Path]:
    """Write all orderings that a study kept: the lowest under its formula, the others with their space groups.

    Returns
    -------
    list of pathlib.Path
        CIF files: ``Li3Mg7.cif``, ``Li3Mg7-Pm.cif``, ``Li3Mg7-Pm-2.cif`` ...

    Raises
    ------
    InputError
        If the files cannot be written.
    """
    names: list[str] = []
    files = []
    for number, ordering in enumerate(document.kept):
        symbol = ordering.space_group.replace("/", "")
        name = f"{document.formula}-{symbol}" if names else document.formula
        names.append(f"{name}-{number}" if name in names else name)
    for name in names:
        if not force and (folder / f"{name}.cif").exists():
            raise InputError(
                f"there is a file {folder / name}.cif already: name another folder, or replace it (--force)."
            )
    for name, ordering in zip(names, document.kept, strict=True):
        files.append(write_ordering(folder, name, document, ordering, command))
    return files


def _described(document: OrderingsDoc, ordering: RankedOrdering) -> str:
    """One line on an ordering: host, space group, energies."""
    energy = ordering.formation_energy if ordering.formation_energy is not None else ordering.rank_formation_energy
    edges = "" if ordering.host_edges is None else ", host edges {:.3f} {:.3f} {:.3f} Å".format(*ordering.host_edges)
    return (
        f"{ordering.host} {ordering.space_group}, {ordering.atoms} atoms: {1000 * _above(document, ordering):.1f} "
        f"meV/atom above the lowest, formation energy {energy:.4f} eV/atom, largest displacement from the host "
        f"{ordering.displacement:.2f} Å{edges}"
    )


def _above(document: OrderingsDoc, ordering: RankedOrdering) -> float:
    """Energy above the lowest ordering that was kept, by the backend that treated both, eV/atom."""
    lowest = document.kept[0]
    if ordering.formation_energy is not None:
        return ordering.formation_energy - (lowest.formation_energy or 0.0)
    return (ordering.rank_formation_energy or 0.0) - (lowest.rank_formation_energy or 0.0)
