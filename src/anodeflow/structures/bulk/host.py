"""The parent lattice of a crystal, and which axes Miller indices refer to.

An ordered alloy decorates a simple host (Li3Mg7 stands on hcp), but its own cell looks nothing like it. Miller
indices are meant in the host's conventional axes, where (001) of hcp is the basal plane. The tie between the two
is a small rational matrix, so it survives a relaxation, which changes lengths and angles but not that matrix.
"""

from math import gcd
from typing import Any, Literal

import numpy as np
import spglib
from pydantic import BaseModel, ConfigDict, Field
from pymatgen.core import Structure

from anodeflow.core.errors import InputError

SYMPREC = 0.05
"""Tolerance of symmetry searches, Å: relaxations leave structures symmetric to about 0.01 Å."""

HostName = Literal["bcc", "fcc", "hcp", "rocksalt"]

# Angles of the conventional cell in degrees; all its in-plane edges a and b are equal, in cubic ones c too.
_ANGLES = {"bcc": (90, 90, 90), "fcc": (90, 90, 90), "rocksalt": (90, 90, 90), "hcp": (90, 90, 120)}
_HOSTS: dict[int, tuple[HostName, int]] = {229: ("bcc", 1), 225: ("fcc", 1), 194: ("hcp", 2)}


class HostLattice(BaseModel):
    """A parent lattice and the cell of a crystal in terms of it.

    Rows of `axes` are the lattice vectors of the crystal's cell in units of the host's conventional ones:
    ``cell = axes @ host``, both with lattice vectors as rows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    lattice: HostName = Field(description="Kind of host: bcc, fcc, hcp or rocksalt.")
    axes: tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]] = Field(
        description="Lattice vectors of the crystal's cell in units of the host's conventional ones, one a row."
    )

    def cell(self, bulk: Structure) -> np.ndarray:
        """Return the conventional host cell that `bulk` implies, (3, 3), vectors as rows, Å.

        Raises
        ------
        InputError
            If it is not a (somewhat strained) cell of the host: `bulk` is in another cell than `axes` is for.
        """
        host = np.linalg.solve(np.array(self.axes), bulk.lattice.matrix)
        lengths = np.linalg.norm(host, axis=1)
        cosines = (host @ host.T / np.outer(lengths, lengths))[[1, 0, 0], [2, 2, 1]]
        equal = lengths[:2] if self.lattice == "hcp" else lengths
        if np.ptp(equal) > 0.1 * equal.mean() or np.any(
            abs(np.degrees(np.arccos(cosines)) - _ANGLES[self.lattice]) > 6
        ):
            raise InputError(
                f"the cell of {bulk.reduced_formula} is not the one that its {self.lattice} axes are given for: keep "
                "the cell of the catalogue's structure, or use the setting 'conventional' or 'cell'."
            )
        return host


def recognise_host(bulk: Structure) -> HostLattice | None:
    """Find the host that `bulk` decorates: bcc, fcc or hcp when all its atoms are taken for the same element.

    Returns
    -------
    HostLattice or None
        None where the sites form no such lattice, within `SYMPREC`.
    """
    blind: Any = (bulk.lattice.matrix, bulk.frac_coords, [1] * len(bulk))
    data = spglib.get_symmetry_dataset(blind, symprec=SYMPREC)
    primitive = spglib.find_primitive(blind, symprec=SYMPREC)
    if data is None or primitive is None or data.number not in _HOSTS:
        return None
    name, atoms = _HOSTS[data.number]
    if len(primitive[2]) != atoms:
        return None
    host = conventional_cell(blind)
    axes = np.linalg.solve(host.T, bulk.lattice.matrix.T).T
    return HostLattice(lattice=name, axes=_rational(axes).tolist())


def plane_in_cell(
    bulk: Structure, miller: tuple[int, int, int], setting: str, host: HostLattice | None
) -> tuple[int, int, int]:
    """Translate Miller indices given in `setting` into those of the cell of `bulk`.

    Miller indices are, up to a factor, the projections of the lattice vectors on the plane's normal; so they
    transform like the lattice vectors themselves.

    Parameters
    ----------
    bulk
        Crystal, in the cell that `host` is for.
    miller
        Indices in `setting`.
    setting
        "host", "conventional" (spglib's standard cell) or "cell"; without a host, "host" is "conventional".
    host
        Parent lattice of `bulk`, if it has one.
    """
    if setting == "cell":
        return coprime(miller)
    axes = _rational(np.linalg.solve(crystal_axes(bulk, setting, host).T, bulk.lattice.matrix.T).T)
    return coprime(axes @ np.array(miller))


def crystal_axes(bulk: Structure, setting: str, host: HostLattice | None) -> np.ndarray:
    """Return the axes to which indices given in `setting` refer, (3, 3), vectors as rows, Å.

    Parameters
    ----------
    bulk, setting, host
        As of :func:`plane_in_cell`.
    """
    if setting == "cell":
        return np.asarray(bulk.lattice.matrix)
    named = host if setting == "host" else None
    return named.cell(bulk) if named else conventional_cell(spglib_cell(bulk))


def coprime(indices) -> tuple[int, int, int]:
    """Return the smallest integers proportional to rational `indices` (denominators that divide 24)."""
    whole = np.rint(24 * np.asarray(indices, dtype=float)).astype(int)
    h, k, l = whole // gcd(*whole.tolist())  # noqa: E741  (the indices' own names)
    return int(h), int(k), int(l)


def spglib_cell(structure: Structure) -> Any:
    """Return `structure` as spglib wants it; elements count, site properties do not."""
    return structure.lattice.matrix, structure.frac_coords, [site.specie.Z for site in structure]


def conventional_cell(cell) -> np.ndarray:
    """Return the vectors of spglib's standard conventional cell, unrotated, as rows, Å."""
    standard = spglib.standardize_cell(cell, to_primitive=False, no_idealize=True, symprec=SYMPREC)
    return np.asarray(cell[0] if standard is None else standard[0])


def _rational(matrix: np.ndarray) -> np.ndarray:
    """Round to multiples of 1/24: centred cells bring halves and thirds, which floating point blurs."""
    return np.rint(24 * matrix) / 24


def space_group(structure: Structure) -> str:
    """Return the Hermann-Mauguin symbol of a relaxed structure."""
    return str(structure.get_space_group_info(symprec=SYMPREC)[0])
