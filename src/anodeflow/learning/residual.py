"""What a potential lacks along one relaxation or path, from the forces that DFT has found on it so far.

A Gaussian process of the energy difference, DFT minus potential, over the coordinates of the atoms that may move, which
is told its slopes: J. A. Garrido Torres et al., Phys. Rev. Lett. 122, 156001 (2019); E. Garijo del Río et al., Phys.
Rev. B 100, 104103 (2019). The potential is its prior, so that it begins with what the potential knows of bonds.
"""

import numpy as np
from scipy.linalg import cho_factor, cho_solve

LENGTH = 1.0
"""Over which the difference changes, Å, in the space of all coordinates. With 2 Å the same relaxations took as many
evaluations, with the difference held constant three times as many (Li on Li3Mg7(001), SevenNet-0 for l3i5)."""
_NOISE, _LEAST = 0.003, 0.03  # eV/Å: of both codes' forces, and how large a difference is thought of at least


class Residual:
    """The posterior mean of what the potential lacks.

    Parameters
    ----------
    places
        Coordinates (k, m) at which both codes know the forces, Å.
    forces
        DFT minus potential (k, m), eV/Å.
    """

    def __init__(self, places: np.ndarray, forces: np.ndarray) -> None:
        self.places = places
        count, size = places.shape
        self.variance = max(float(np.mean(forces**2)), _LEAST**2)
        blocks = np.array([[self._covariance(one, other) for other in places] for one in places])
        matrix = blocks.transpose(0, 2, 1, 3).reshape(count * size, count * size)
        matrix[np.diag_indices_from(matrix)] += _NOISE**2
        self.weights = cho_solve(cho_factor(matrix), forces.ravel()).reshape(count, size)

    def _covariance(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Return the covariance (m, m) of the forces at two places, (eV/Å)²."""
        apart = (one - other) / LENGTH
        alike = self.variance * np.exp(-apart @ apart / 2)
        return np.asarray(alike * (np.eye(len(apart)) - np.outer(apart, apart)))

    def at(self, place: np.ndarray) -> tuple[float, np.ndarray]:
        """Return energy (eV, zero far away) and forces (m,), eV/Å, that the potential lacks at coordinates (m,), Å."""
        apart = (place - self.places) / LENGTH
        alike = self.variance * np.exp(-np.sum(apart**2, axis=1) / 2)
        along = np.sum(apart * self.weights, axis=1)
        energy = -LENGTH * float(alike @ along)
        return energy, alike @ self.weights - (alike * along) @ apart
