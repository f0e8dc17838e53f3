"""Supercells in which one atom of another element is alone."""

from math import ceil

from pymatgen.core import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

_SYMPREC = 0.01  # Å


def wide_cell(crystal: Structure, width: float) -> tuple[Structure, int]:
    """Return a supercell in which no atom is nearer than `width` to its image.

    Parameters
    ----------
    crystal
        Periodic in all directions.
    width
        Å.

    Returns
    -------
    Structure
        The copies of each atom of `crystal` follow each other.
    int
        How many copies there are.
    """
    times = [ceil(width / length) for length in crystal.lattice.abc]
    # The shortest vector of a skew cell is none of its edges.
    while min((larger := crystal * times).lattice.get_lll_reduced_lattice().abc) < width:
        edges = [n * length for n, length in zip(times, crystal.lattice.abc, strict=True)]
        times[edges.index(min(edges))] += 1
    return larger, times[0] * times[1] * times[2]


def equivalent_sites(crystal: Structure, element: str) -> list[list[int]]:
    """Return the sets of equivalent sites of a crystal that an element occupies."""
    groups = SpacegroupAnalyzer(crystal, symprec=_SYMPREC).get_symmetrized_structure().equivalent_indices
    return sorted([int(i) for i in group] for group in groups if crystal[group[0]].specie.symbol == element)


def substituted(crystal: Structure, atom: int, element: str) -> Structure:
    """Return the crystal with one atom of another element in the place of `atom`."""
    changed = crystal.copy()
    changed.replace(atom, element)
    return changed
