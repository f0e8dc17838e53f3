"""Units that results are given in, besides eV and Å (CODATA, by ASE)."""

from ase.units import J, m

JOULE_PER_SQUARE_METRE = J / m**2
"""1 J/m² in eV/Å²."""
