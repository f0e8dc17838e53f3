"""A linear regression for a logarithm, with what is known beforehand, and an honest error from leaving one out."""

from dataclasses import dataclass

import numpy as np

_NOISE = 0.5  # standard deviation of a logarithm before there are data: a factor of 1.6
_NOISE_COUNTS = 2.0  # as so many data
_ROUNDS = 4  # in which the noise settles


@dataclass(frozen=True)
class Expected:
    """What is known of a coefficient beforehand.

    Attributes
    ----------
    mean, width
        Mean and standard deviation of the coefficient.
    """

    mean: float
    width: float


class LogRegression:
    """Bayesian linear regression of the logarithm of a positive quantity, with Gaussian errors.

    The noise is what leaving out one datum after the other shows (the residuals of ridge regression have it in closed
    form), mixed with a guess that counts as two data.

    Parameters
    ----------
    rows
        (n, p) features of the data; the first one is 1.
    logarithms
        (n,) natural logarithms of the quantity.
    expected
        p coefficients, as they are known beforehand.
    """

    def __init__(self, rows: np.ndarray, logarithms: np.ndarray, expected: list[Expected]) -> None:
        rows = np.asarray(rows, dtype=float).reshape(-1, len(expected))
        precision = np.diag([1 / each.width**2 for each in expected])
        mean = np.array([each.mean for each in expected])
        values = np.asarray(logarithms, dtype=float)
        self.count, self.noise = len(values), _NOISE
        for _ in range(_ROUNDS):
            self.fitted_noise = self.noise  # what the coefficients are weighed with
            self.covariance = np.linalg.inv(rows.T @ rows / self.noise**2 + precision)
            self.coefficients = self.covariance @ (rows.T @ values / self.noise**2 + precision @ mean)
            leverage = np.einsum("ij,jk,ik->i", rows, self.covariance, rows) / self.noise**2
            self.left_out = (values - rows @ self.coefficients) / np.maximum(1 - leverage, 1e-6)
            squares = float(np.sum(self.left_out**2 * (1 - leverage)))
            self.noise = float(np.sqrt((_NOISE_COUNTS * _NOISE**2 + squares) / (_NOISE_COUNTS + self.count)))
        self._root = np.linalg.cholesky(self.covariance)

    def draw(self, rows: np.ndarray, draws: int, random: np.random.Generator) -> np.ndarray:
        """Return (draws, n) possible logarithms of new data with features `rows` (n, p).

        Coefficients are drawn once a draw, for all data alike; the noise of each datum by itself.
        """
        coefficients = self.coefficients + random.standard_normal((draws, len(self.coefficients))) @ self._root.T
        noise = self.noise * random.standard_normal((draws, len(rows)))
        return coefficients @ np.asarray(rows, dtype=float).T + noise
