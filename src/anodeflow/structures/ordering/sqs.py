"""Special quasi-random structures: small cells whose correlations are nearly those of a random alloy."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from pymatgen.core import Composition, Lattice

from anodeflow.core.errors import InputError
from anodeflow.structures.bulk.host import HostName
from anodeflow.structures.ordering.orderings import (
    Ordering,
    cell_sizes,
    known_hosts,
    on_host,
    primitive_host,
    require_icet,
    smallest_cell,
    vegard_volume,
    whole_formula,
)
from anodeflow.structures.ordering.standard_cell import in_cell

_PAIRS, _TRIPLETS = 2.1, 1.5
"""Longest pairs and triplets whose correlations count, in nearest-neighbour distances."""
_SHAPES = 6
"""Supercells that are tried: the most compact ones."""
_STEPS = 5000
"""Monte Carlo steps of the annealing."""


def special_quasirandom(
    composition: str | Composition,
    host: str,
    atoms: int,
    volumes: Mapping[str, float] | None = None,
    seed: int = 1,
) -> Ordering:
    """Return the special quasi-random structure of a composition.

    Simulated annealing by icet among the most compact cells, with the measure of A. van de Walle et al., Calphad 42,
    13 (2013); pairs up to 2.1 and triplets up to 1.5 nearest-neighbour distances count.

    Parameters
    ----------
    composition
        Composition of the alloy.
    host
        bcc, fcc or hcp.
    atoms
        Atoms of the cell: a multiple of what the composition needs.
    volumes
        Element -> Å³ an atom; see :func:`~anodeflow.structures.ordering.orderings.enumerate_orderings`.
    seed
        Of the random numbers: the same seed gives the same structure.

    Raises
    ------
    InputError
        If no cell with this number of atoms holds the composition.
    """
    require_icet()
    from icet import ClusterSpace
    from icet.tools import enumerate_supercells
    from icet.tools.structure_generation import generate_sqs_from_supercells

    whole = whole_formula(composition)
    (name,) = known_hosts([host])
    _check_size(whole, name, atoms)
    elements = [element.symbol for element in whole.elements]
    fractions = {symbol: whole.get_atomic_fraction(symbol) for symbol in elements}
    volume = vegard_volume(whole, volumes)
    primitive = primitive_host(name, volume, elements[0])
    # Nearest neighbours of the three hosts differ little at one volume: fcc and hcp 2^(1/6) v^(1/3), bcc 3 % less.
    near = 2 ** (1 / 6) * volume ** (1 / 3)
    space = ClusterSpace(primitive, [_PAIRS * near, _TRIPLETS * near], elements)
    cells = list(enumerate_supercells(primitive, [atoms // len(primitive)], niggli_reduce=False))
    cells.sort(key=lambda cell: round(max(Lattice(cell.cell.array).get_lll_reduced_lattice().abc), 3))
    found = generate_sqs_from_supercells(
        space, [_compact(cell) for cell in cells[:_SHAPES]], fractions, n_steps=_STEPS, random_seed=seed
    )
    structure, axes = on_host(found, name, volume)
    structure, axes = in_cell(structure, structure.lattice.get_lll_reduced_lattice(), axes)
    return Ordering(
        index=0, structure=structure, host=axes, correlation_error=correlation_error(space, found, fractions)
    )


def correlation_error(space: Any, atoms: Any, fractions: Mapping[str, float]) -> float:
    """Return how far correlations are from the random alloy's: the mean magnitude of their differences.

    Parameters
    ----------
    space
        icet's ClusterSpace, which says which correlations count; the empty cluster and single sites do not.
    atoms
        ASE Atoms on its lattice.
    fractions
        Element -> fraction of the atoms.
    """
    from icet.tools.structure_generation import _get_sqs_cluster_vector

    random = _get_sqs_cluster_vector(space, dict(fractions))
    differences = abs(space.get_cluster_vector(atoms) - random)
    orders = np.array([orbit["order"] for orbit in space.as_list])
    return float(differences[orders > 1].mean())


def _check_size(whole: Composition, host: HostName, atoms: int) -> None:
    if atoms not in cell_sizes(whole, host, atoms):
        least = smallest_cell(whole, host)
        below, above = max(atoms // least, 1) * least, (atoms // least + 1) * least
        raise InputError(
            f"no {host} cell of {atoms} atoms holds {whole.reduced_formula}: choose a multiple of {least}, such as "
            f"{' or '.join(map(str, dict.fromkeys((below, above))))}."
        )


def _compact(cell: Any) -> Any:
    """Return ASE Atoms in the compact cell of the same lattice, unturned."""
    compact = cell.copy()
    compact.set_cell(Lattice(cell.cell.array).get_lll_reduced_lattice().matrix)
    compact.wrap()
    return compact
