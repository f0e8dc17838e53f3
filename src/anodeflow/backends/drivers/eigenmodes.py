"""The lowest eigenvectors of a Hessian that is known only by its products with vectors.

A product costs two force evaluations, so each one is kept: a Davidson search in the space of all vectors so far
(E. R. Davidson, J. Comput. Phys. 17, 87 (1975)). ASE's dimer finds one mode, scipy's eigensolvers forget (LOBPCG) or
want tens of products before they answer (ARPACK), Sella's solver comes with jax.

Such a search follows what it has found, and may end without a mode that symmetry keeps apart from that. So it begins
with a few rounds of a preconditioned block Lanczos search from vectors that have a part in every mode. Of 168 adatoms
and vacancies on surfaces of EMT, most of them symmetric, the search alone lost a negative mode of three and said that
it was certain; with these rounds of none, for 29 products instead of 22.

This file imports numpy alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

_INDEPENDENT = 1e-3
"""Part of a vector that must be new for it to be worth a product."""
_BLOCK, _ROUNDS = 2, 11  # vectors, and rounds, of the search that begins
_STIFF = 2.0  # eV/Å²: there, what is softer in the approximate Hessian counts as stiff as this
_SOFT = 0.1  # eV/Å²: what is softer than this in the approximate Hessian is not divided by
CERTAIN = 0.5
"""Uncertainty of a curvature, as a part of it, up to which its sign is certain."""
NEAR = 0.1
"""Uncertainty above which there may well be another mode below, eV/Å²."""
FLAT = 0.02
"""Uncertainty up to which a curvature is known well enough whatever its size, eV/Å²."""


@dataclass(frozen=True)
class Modes:
    """What a search has found.

    Attributes
    ----------
    curvatures
        Lowest eigenvalues, rising (k,).
    vectors
        Their eigenvectors, one a row (k, n).
    uncertainties
        Norms of ``H v - curvature v`` (k,).
    converged
        Whether all of them are certain.
    basis, images
        All vectors whose product with H was computed, orthonormal, one a row, and the products.
    """

    curvatures: np.ndarray
    vectors: np.ndarray
    uncertainties: np.ndarray
    converged: bool
    basis: np.ndarray
    images: np.ndarray


def lowest_modes(
    product: Callable[[np.ndarray], np.ndarray],
    starts: Sequence[np.ndarray],
    approximate: np.ndarray,
    most_products: int,
    wanted: int = 2,
    thorough: bool = True,
) -> Modes:
    """Return the lowest modes, up to the first of positive curvature (`wanted` at least).

    Parameters
    ----------
    product
        Returns H v for a vector v (n,) of unit length.
    starts
        Vectors (n,) to begin with beside those that have a part in every mode, none or some.
    approximate
        Hessian (n, n) that is roughly right, for the preconditioner.
    most_products
        After so many products the search ends, converged or not.
    wanted
        Number of modes.
    thorough
        Whether the search begins with rounds that find modes of every symmetry; else with `starts` alone.

    Returns
    -------
    Modes
    """
    stiffness, axes = np.linalg.eigh(approximate)
    size = len(stiffness)
    basis, images = np.zeros((0, size)), np.zeros((0, size))
    weak = 1 / np.maximum(np.abs(stiffness), _STIFF)
    random = np.random.default_rng(0)
    new = [*starts, *(axes @ (np.sqrt(weak) * random.normal(size=size)) for _ in range(_BLOCK if thorough else 0))]
    rounds = 0 if thorough else _ROUNDS
    while True:
        known, rounds = len(basis), rounds + 1
        for vector in new:
            vector = vector / np.linalg.norm(vector)
            for _ in range(2):  # once leaves rounding behind
                vector = vector - basis.T @ (basis @ vector)
            length = np.linalg.norm(vector)
            if length < _INDEPENDENT or len(basis) >= most_products:
                continue
            basis = np.vstack([basis, vector / length])
            images = np.vstack([images, product(basis[-1])])
        if rounds <= _ROUNDS and len(basis) > known:
            new = [axes @ (weak * (axes.T @ image)) for image in images[known:][-_BLOCK:]]
            continue
        projected = basis @ images.T
        values, weights = np.linalg.eigh((projected + projected.T) / 2)
        count = min(max(wanted, int(np.searchsorted(values, 0.0)) + 1), len(values))
        values, weights = values[:count], weights[:, :count]
        vectors, residuals = weights.T @ basis, weights.T @ images - values[:, None] * (weights.T @ basis)
        uncertainties = np.linalg.norm(residuals, axis=1)
        open_ones = np.flatnonzero(uncertainties > np.clip(CERTAIN * np.abs(values), FLAT, NEAR))
        done = len(open_ones) == 0
        if done or len(basis) >= min(size, most_products):
            return Modes(values, vectors, uncertainties, bool(done) or len(basis) >= size, basis, images)
        new = []
        for index in open_ones:
            distance = stiffness - values[index]
            distance = np.where(np.abs(distance) < _SOFT, np.copysign(_SOFT, distance), distance)
            new.append(axes @ ((axes.T @ residuals[index]) / distance))
        if all(_new_part(vector, basis) < _INDEPENDENT for vector in new):
            # The preconditioned residuals say nothing new: the residual itself is orthogonal to all before.
            new = [residuals[index] for index in open_ones]


def updated_hessian(approximate: np.ndarray, basis: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Return an approximate Hessian (n, n) corrected so that it has the products that are known, and is symmetric.

    The smallest such correction, M. J. D. Powell's (in Nonlinear Programming, Academic Press 1970), for a block.

    Parameters
    ----------
    approximate
        Symmetric (n, n).
    basis, images
        Orthonormal vectors, one a row (k, n), and their products with the true Hessian.
    """
    wrong = images - basis @ approximate
    outer = basis.T @ wrong
    overlap = basis @ wrong.T
    return approximate + outer + outer.T - basis.T @ ((overlap + overlap.T) / 2) @ basis


def newton_step(hessian: np.ndarray, forces: np.ndarray) -> np.ndarray:
    """Return the step (n,) up to a saddle of first order: along the lowest mode uphill, along all others downhill.

    An approximate Hessian may have more negative curvatures than the true one; soft modes are held back.
    """
    values, axes = np.linalg.eigh(hessian)
    values = np.maximum(np.abs(values), _SOFT / 2)
    values[0] *= -1
    return axes @ ((axes.T @ forces) / values)


def _new_part(vector: np.ndarray, basis: np.ndarray) -> float:
    """Return which part of a vector's length is not in the span of the orthonormal rows of `basis`."""
    rest = vector - basis.T @ (basis @ vector)
    return float(np.linalg.norm(rest) / np.linalg.norm(vector))
