"""Harmonic vibrations at minima and saddles: Vineyard's prefactor and the zero-point energy."""

from collections.abc import Sequence

import numpy as np
from ase.units import _amu, _e, _hplanck

_THZ = float(np.sqrt(_e / _amu) * 1e10 / (2 * np.pi) / 1e12)
"""Frequency in THz of a mode whose curvature is 1 eV/Å² for each unit of mass."""


def frequencies(hessian: np.ndarray, masses: np.ndarray) -> list[float]:
    """Return the frequencies of all modes, the lowest first.

    Parameters
    ----------
    hessian
        Second derivatives of the energy for the coordinates that are free (n, n), symmetric, eV/Å².
    masses
        Mass of the atom of each coordinate (n,), u.

    Returns
    -------
    list of float
        THz; imaginary ones as negative numbers.
    """
    squares = np.linalg.eigvalsh(hessian / np.sqrt(np.outer(masses, masses)))
    return (np.sign(squares) * np.sqrt(np.abs(squares)) * _THZ).tolist()


def vineyard_prefactor(minimum: Sequence[float], saddle: Sequence[float]) -> float | None:
    """Return the prefactor of a rate in classical harmonic transition-state theory, 1/s.

    ``prod(frequencies of the minimum) / prod(real frequencies of the saddle)``, G. H. Vineyard, J. Phys. Chem. Solids
    3, 121 (1957).

    Parameters
    ----------
    minimum, saddle
        Frequencies of all modes of the same atoms, THz, imaginary ones negative.

    Returns
    -------
    float or None
        None unless all frequencies of the minimum are real, and all but one of the saddle: the product says nothing
        then.
    """
    if not minimum or len(minimum) != len(saddle) or min(minimum) <= 0 or sum(f <= 0 for f in saddle) != 1:
        return None
    return float(np.exp(log_product(minimum) - log_product(saddle)) * 1e12)


def log_product(values: Sequence[float]) -> float:
    """Return the natural logarithm of the product of the real frequencies, THz."""
    return float(np.log([value for value in values if value > 0]).sum())


def zero_point_energy(values: Sequence[float]) -> float:
    """Return half the sum of h times the real frequencies (THz), eV."""
    return float(0.5 * _hplanck * 1e12 / _e * sum(value for value in values if value > 0))
