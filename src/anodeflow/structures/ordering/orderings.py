"""Orderings of an alloy's atoms on simple parent lattices, enumerated by icet.

icet: M. Ångqvist et al., Adv. Theory Simul. 2, 1900015 (2019); the enumeration is that of G. L. W. Hart and
R. W. Forcade, Phys. Rev. B 77, 224115 (2008) and 80, 014120 (2009).
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from math import lcm
from typing import Any

import numpy as np
from ase.build import bulk
from pydantic import BaseModel, ConfigDict, Field
from pymatgen.core import Composition, Element, Structure
from pymatgen.io.ase import AseAtomsAdaptor
from scipy.constants import Avogadro

from anodeflow.core.errors import InputError
from anodeflow.core.install import install_command
from anodeflow.structures.bulk.host import HostLattice, HostName
from anodeflow.structures.ordering.standard_cell import standard_cell

ATOMS_IN_PRIMITIVE_CELL: dict[HostName, int] = {"bcc": 1, "fcc": 1, "hcp": 2}
"""Parent lattices that are known, and the atoms of their primitive cells."""
MOST = 1000
"""So many orderings are enumerated at most: their number grows exponentially with the size of the cell."""
_AXIAL_RATIO = 1.62
"""c/a of hcp before its relaxation: ideal is 1.633, Mg has 1.62."""


class Ordering(BaseModel):
    """An ordering on its ideal parent lattice, or a special quasi-random structure there."""

    model_config = ConfigDict(frozen=True)

    index: int = Field(description="Number among those enumerated.")
    structure: Structure = Field(description="Atoms on the sites of the unstrained host, in a compact primitive cell.")
    host: HostLattice = Field(description="The parent lattice, and this cell in terms of it.")
    correlation_error: float | None = Field(
        default=None,
        description="Special quasi-random structures: mean magnitude of the difference between its pair and triplet "
        "correlations and those of the random alloy.",
    )


def enumerate_orderings(
    composition: str | Composition,
    hosts: Iterable[str] = ("bcc", "fcc", "hcp"),
    max_atoms: int = 10,
    volumes: Mapping[str, float] | None = None,
) -> list[Ordering]:
    """Return all symmetry-distinct orderings of a composition in cells of up to `max_atoms` atoms.

    Parameters
    ----------
    composition
        Composition of the alloy: Li3Mg7.
    hosts
        bcc, fcc, hcp.
    max_atoms
        Most atoms of a primitive cell.
    volumes
        Element -> volume in its bulk, Å³ an atom, between which the alloy's is interpolated (Vegard); None:
        molar volumes at room temperature.

    Returns
    -------
    list of Ordering
        Host after host, small cells first. A host of which no cell fits is skipped where another one fits; see
        :func:`cell_sizes`.

    Raises
    ------
    InputError
        If no cell of the limit holds the composition on any host, a host is unknown, there are not two elements, or
        there are more than `MOST` orderings.
    """
    known, of_bulks = tuple(known_hosts(hosts)), None if volumes is None else tuple(sorted(volumes.items()))
    return list(_orderings(whole_formula(composition), known, max_atoms, of_bulks))


@lru_cache(maxsize=16)
def _orderings(
    whole: Composition, known: tuple[HostName, ...], max_atoms: int, volumes: tuple[tuple[str, float], ...] | None
) -> list[Ordering]:
    """As :func:`enumerate_orderings`, found once: a check and a plan ask for the same ones."""
    sizes = {host: cell_sizes(whole, host, max_atoms) for host in known}
    if not any(sizes.values()):
        would = ", ".join(f"{host} with {smallest_cell(whole, host)} atoms" for host in known)
        raise InputError(
            f"no cell of up to {max_atoms} atoms holds {whole.reduced_formula}: the smallest cells that do are "
            f"{would}; raise max_atoms."
        )
    found: list[Ordering] = []
    volume = vegard_volume(whole, None if volumes is None else dict(volumes))
    for host in known:
        left = MOST - len(found)
        ideal = list(islice(_enumerate(whole, host, sizes[host], volume), left + 1)) if sizes[host] else []
        if len(ideal) > left:
            raise InputError(
                f"{whole.reduced_formula} has more than {MOST} orderings in cells of up to {max_atoms} atoms on "
                f"{', '.join(known)}: lower max_atoms, or name fewer hosts."
            )
        for atoms in ideal:
            structure, axes = standard_cell(*on_host(atoms, host, volume))
            found.append(Ordering(index=len(found), structure=structure, host=axes))
    return found


def cell_sizes(composition: str | Composition, host: HostName, max_atoms: int) -> list[int]:
    """Return the numbers of atoms, up to `max_atoms`, of the cells of a host that can hold a composition."""
    smallest = smallest_cell(composition, host)
    return list(range(smallest, max_atoms + 1, smallest))


def smallest_cell(composition: str | Composition, host: HostName) -> int:
    """Return the number of atoms of the smallest cell of a host that can hold a composition."""
    return lcm(round(whole_formula(composition).num_atoms), ATOMS_IN_PRIMITIVE_CELL[host])


def whole_formula(composition: str | Composition) -> Composition:
    """Return a composition with the smallest whole numbers of atoms.

    Raises
    ------
    InputError
        If it cannot be read, or has fewer than two elements.
    """
    try:
        whole = Composition(Composition(composition).get_integer_formula_and_factor(max_denominator=1000)[0])
    except (ValueError, KeyError) as error:
        raise InputError(f"{composition!r} is no chemical formula: write it like Li3Mg7.") from error
    if len(whole.elements) < 2:
        raise InputError(f"{whole.reduced_formula} has nothing to order: give an alloy of two elements or more.")
    return whole


def known_hosts(hosts: Iterable[str]) -> list[HostName]:
    """Return the names of hosts, each once.

    Raises
    ------
    InputError
        If one is unknown, or none is given.
    """
    found: list[HostName] = []
    for name in hosts:
        if name not in ATOMS_IN_PRIMITIVE_CELL:
            raise InputError(f"there is no parent lattice {name!r}: orderings stand on {_hosts()}.")
        if name not in found:
            found.append(name)
    if not found:
        raise InputError(f"orderings need a parent lattice: name some of {_hosts()}.")
    return found


def vegard_volume(composition: Composition, volumes: Mapping[str, float] | None = None) -> float:
    """Return the volume of an alloy between those of its elements, Å³ an atom.

    Parameters
    ----------
    composition
        Composition of the alloy.
    volumes
        Element -> Å³ an atom; None: from molar volumes at room temperature.
    """
    known = volumes or {element.symbol: _molar_volume(element) for element in composition.elements}
    return sum(known[element.symbol] * composition.get_atomic_fraction(element) for element in composition.elements)


def primitive_host(host: HostName, volume: float, element: str = "Li") -> Any:
    """Return ASE Atoms of the primitive cell of a host with `volume` (Å³ an atom)."""
    a, c = _edges(host, volume)
    return bulk(element, host, a=a, c=c)


def on_host(atoms: Any, host: HostName, volume: float) -> tuple[Structure, HostLattice]:
    """Return ASE Atoms on a host of :func:`primitive_host`, unturned, with the cell in terms of that host."""
    a, _ = _edges(host, volume)
    conventional = primitive_host(host, volume).cell.array if host == "hcp" else np.eye(3) * a
    axes = np.rint(24 * np.linalg.solve(conventional.T, atoms.cell.array.T).T) / 24
    structure = AseAtomsAdaptor.get_structure(atoms)
    plain = Structure(structure.lattice, structure.species, structure.frac_coords)
    return plain, HostLattice(lattice=host, axes=(axes + 0.0).tolist())


def require_icet() -> None:
    """Raise InputError if icet is missing."""
    try:
        import icet  # noqa: F401
    except ImportError as error:
        raise InputError(f"orderings need icet: {install_command('orderings')}.") from error


def _enumerate(composition: Composition, host: HostName, sizes: Sequence[int], volume: float) -> Any:
    """Yield ASE Atoms of all orderings in cells of `sizes` atoms."""
    require_icet()
    from icet.tools import enumerate_structures

    elements = [element.symbol for element in composition.elements]
    fractions = {symbol: composition.get_atomic_fraction(symbol) for symbol in elements}
    return enumerate_structures(
        primitive_host(host, volume, elements[0]),
        [size // ATOMS_IN_PRIMITIVE_CELL[host] for size in sizes],
        elements,
        concentration_restrictions={symbol: (value, value) for symbol, value in fractions.items()},
        niggli_reduce=False,
    )


def _edges(host: HostName, volume: float) -> tuple[float, float | None]:
    """Return a and c of a host's conventional cell, Å."""
    if host == "hcp":
        a = (4 * volume / (np.sqrt(3) * _AXIAL_RATIO)) ** (1 / 3)
        return float(a), float(_AXIAL_RATIO * a)
    return float(({"bcc": 2, "fcc": 4}[host] * volume) ** (1 / 3)), None


def _molar_volume(element: Any) -> float:
    return float(Element(element.symbol).molar_volume) * 1e24 / Avogadro


def _hosts() -> str:
    return ", ".join(ATOMS_IN_PRIMITIVE_CELL)
