"""What a potential lacks along one relaxation or path, from the forces that DFT has found on it so far.

A Gaussian process of the energy difference, DFT minus potential, over the coordinates of the atoms that may move, told
values and slopes: J. A. Garrido Torres et al., Phys. Rev. Lett. 122, 156001 (2019); E. Garijo del Río et al., Phys.
Rev. B 100, 104103 (2019). The potential is its prior, so that it begins with what the potential knows of bonds.
"""

from typing import Self

import numpy as np
from scipy.linalg import cho_factor, cho_solve

LENGTHS = (0.3, 0.6, 1.0, 2.0)
"""Over which the difference may change, Å, in the space of all coordinates; the evaluations decide. Minima of Li on
Li3Mg7(001) (SevenNet-0 for l3i5) are found as quickly with 1 or 2 Å, squeezed Al (EMT for GPAW) only with less."""
_NOISE, _LEAST = 0.003, 0.03  # eV/Å: of both codes' forces, and how large a difference is thought of at least
_ENERGY_NOISE = 0.02  # eV: along 0.3 Å energies of a coarse DFT were off by 0.04 eV what its forces added up to


class Residual:
    """The posterior mean of what the potential lacks.

    Parameters
    ----------
    places
        Coordinates (k, m) at which both codes know the forces, Å.
    energies, forces
        DFT minus potential (k,), eV, and (k, m), eV/Å.
    length
        Over which the difference changes, Å.

    Attributes
    ----------
    evidence
        Logarithm of how likely these differences were, but for a constant: of two potentials the one with the larger
        is the better to begin with.
    """

    def __init__(self, places: np.ndarray, energies: np.ndarray, forces: np.ndarray, length: float = 1.0) -> None:
        self.places, self.mean, self.length = places, float(np.mean(energies)), length
        count, size = places.shape
        self.variance = max(float(np.mean(forces**2)), _LEAST**2)
        blocks = np.array([[self._covariance(one, other) for other in places] for one in places])
        matrix = blocks.transpose(0, 2, 1, 3).reshape(count * (size + 1), count * (size + 1))
        matrix[np.diag_indices_from(matrix)] += np.tile([_ENERGY_NOISE**2, *[_NOISE**2] * size], count)
        known = np.column_stack([energies - self.mean, forces]).ravel()
        factor = cho_factor(matrix)
        weights = cho_solve(factor, known)
        self.weights = weights.reshape(count, size + 1)
        self.evidence = float(-known @ weights / 2 - np.log(np.diag(factor[0])).sum())

    @classmethod
    def likeliest(cls, places: np.ndarray, energies: np.ndarray, forces: np.ndarray) -> Self:
        """Return the residual of the length for which the differences are the likeliest."""
        return max((cls(places, energies, forces, length) for length in LENGTHS), key=lambda each: each.evidence)

    def _covariance(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Return the covariance (m + 1, m + 1) of energy and forces at one place with those at another, eV and eV/Å."""
        apart = (one - other) / self.length
        block = np.empty((len(apart) + 1, len(apart) + 1))
        block[0, 0] = self.length**2
        block[0, 1:], block[1:, 0] = -self.length * apart, self.length * apart
        block[1:, 1:] = np.eye(len(apart)) - np.outer(apart, apart)
        return block * self.variance * float(np.exp(-apart @ apart / 2))

    def at(self, place: np.ndarray) -> tuple[float, np.ndarray]:
        """Return energy (eV) and forces (m,), eV/Å, that the potential lacks at coordinates (m,), Å."""
        apart = (place - self.places) / self.length
        alike = self.variance * np.exp(-np.sum(apart**2, axis=1) / 2)
        level, pull = self.weights[:, 0], self.weights[:, 1:]
        along = np.sum(apart * pull, axis=1)
        energy = self.mean + self.length * float(alike @ (self.length * level - along))
        return energy, alike @ pull + (alike * (self.length * level - along)) @ apart
