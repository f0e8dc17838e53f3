"""How many modes of a Hessian are negative, from very few of its products and another Hessian that is roughly right.

Wanted are signs, not eigenvalues. In the space of the vectors whose products are known the Hessian is known; outside of
it, it is taken to be no softer than `share` of the approximate one less `doubt`. Both together bound every eigenvalue:
from above by the Ritz values (E. Fischer, Monatsh. Math. Phys. 16, 234 (1905)), from below by the eigenvalues of the
matrix that is exact on those vectors and as soft as may be elsewhere (Weyl's monotonicity). As soon as no eigenvalue
has bounds of different sign, their number is certain. That is the test of a residual against the gap, for all at once.

This file imports numpy alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from anodeflow.backends.drivers.eigenmodes import Modes

MARGIN = 0.02
"""Curvatures nearer to zero than this have no sign: differences of forces do not tell, eV/Å²."""
_FEWEST = 2  # vectors that are always measured, whatever the approximate Hessian says
_INDEPENDENT = 0.05  # part of a vector that must be new for it to be worth a product
_LEAST_SHARE = 0.1


@dataclass(frozen=True)
class Trust:
    """How far an approximate Hessian is trusted outside of what was measured.

    Attributes
    ----------
    share
        The true stiffness along a direction is at least this part of the approximate one ...
    doubt
        ... less this, eV/Å².
    """

    share: float
    doubt: float

    def softest(self, approximate: np.ndarray) -> np.ndarray:
        """Return the softest Hessian (n, n) that the true one may be, given an approximate one."""
        values, axes = np.linalg.eigh(approximate)
        return (axes * (np.where(values > 0, values * self.share, values / self.share) - self.doubt)) @ axes.T

    def shaken(self) -> "Trust":
        """Return half as much trust."""
        return Trust(self.share / 2, self.doubt * 2)


POTENTIAL = Trust(0.5, 0.05)
"""A potential's Hessian at a saddle of another code (docs/performance.md)."""
SPRINGS = Trust(0.2, 0.0)
"""Springs between neighbours, of the stiffness of the material."""


def mode_signs(
    product: Callable[[np.ndarray], np.ndarray],
    starts: Sequence[np.ndarray],
    approximate: np.ndarray,
    trust: Trust,
    most_products: int,
) -> Modes:
    """Find out how many modes are negative: none, one, or two and more.

    Parameters
    ----------
    product
        Returns H v for a vector v (n,) of unit length.
    starts
        Vectors (n,) that are measured first, none: the softest of `approximate`; then come those whose sign is in
        doubt.
    approximate
        Hessian (n, n) that is roughly right.
    trust
        How nearly. Where a product shows that it is less right than that, the trust is halved.
    most_products
        After so many products the search ends, certain or not.

    Returns
    -------
    Modes
        Eigenvalues and vectors of the matrix that has the products that are known, and is the approximate one
        elsewhere; `uncertainties`: the farther of their two bounds; `converged`: whether the number is certain; not
        where a mode is flat, nearer to zero than forces tell.
    """
    size = len(approximate)
    most = min(size, most_products)
    basis, images = np.zeros((0, size)), np.zeros((0, size))
    softest, pending = trust.softest(approximate), list(starts)
    while True:
        above = np.linalg.eigvalsh(_within(basis, images))
        below, soft = np.linalg.eigh(_completed(basis, images, softest))
        surely, perhaps = int(np.sum(above < -MARGIN)), int(np.sum(below < MARGIN))
        pending = [part for part in (_new_part(each, basis) for each in pending) if np.linalg.norm(part) > _INDEPENDENT]
        enough = len(basis) >= min(_FEWEST, size) and not pending
        certain = enough and (surely == perhaps or surely > 1)
        # What is known to lie this near to zero has no sign that more products could tell.
        flat = enough and perhaps <= len(above) and bool(np.all((above - below[: len(above)])[surely:perhaps] < MARGIN))
        parts = pending or [_new_part(vector, basis) for vector in soft.T[: max(perhaps, _FEWEST)]]
        lengths = [np.linalg.norm(part) for part in parts]
        best = 0 if pending else int(np.argmax(lengths))
        if certain or flat or len(basis) >= most or lengths[best] < _INDEPENDENT:
            return _found(basis, images, approximate, above, below, certain or (not flat and len(basis) >= size))
        vector = _new_part(parts[best] / lengths[best], basis)  # once leaves rounding behind
        vector /= np.linalg.norm(vector)
        basis, images = np.vstack([basis, vector]), np.vstack([images, product(vector)])
        while vector @ images[-1] < vector @ softest @ vector and trust.share > _LEAST_SHARE:
            trust = trust.shaken()
            softest = trust.softest(approximate)


def _found(
    basis: np.ndarray, images: np.ndarray, approximate: np.ndarray, above: np.ndarray, below: np.ndarray, certain: bool
) -> Modes:
    """Return the lowest modes, up to the first that is not negative, as far as they have bounds on both sides."""
    values, axes = np.linalg.eigh(_completed(basis, images, approximate))
    count = min(max(_FEWEST, int(np.sum(values < 0)) + 1), len(basis))
    values, above, below = values[:count], above[:count], below[:count]
    return Modes(values, axes.T[:count], np.maximum(values - below, above - values), certain, basis, images)


def _within(basis: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Return the Hessian in the space of the vectors that were measured (k, k)."""
    inside = basis @ images.T
    return (inside + inside.T) / 2


def _completed(basis: np.ndarray, images: np.ndarray, elsewhere: np.ndarray) -> np.ndarray:
    """Return the matrix (n, n) with the products that are known, and `elsewhere` in the space beside them."""
    beside = np.eye(len(elsewhere)) - basis.T @ basis
    outer = basis.T @ images
    return outer + outer.T - basis.T @ _within(basis, images) @ basis + beside @ elsewhere @ beside


def _new_part(vector: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Return what of a vector is not in the span of the orthonormal rows of `basis`."""
    return vector - basis.T @ (basis @ vector)
