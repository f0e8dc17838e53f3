"""The correction of a potential: Bayesian linear regression of what it lacks, judged by what it had not seen.

E(DFT) - E(potential) = sum of weights times features, with a Gaussian prior of each weight and Gaussian noise: the
posterior is Gaussian, too, in closed form (C. M. Bishop, Pattern Recognition and Machine Learning, Springer 2006, 3.3).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anodeflow.backends.features import COUNTS
from anodeflow.core.address import content_hash
from anodeflow.learning.data import Lesson

FORCE_NOISE, ENERGY_NOISE = 0.03, 0.02
"""What no correction explains, eV/Å and eV per cell."""
_PRIORS = (0.01, 0.1, 1.0, 10.0, 100.0)
"""Strengths of the prior that are tried: 1 lets a weight change forces by the force noise."""
_COUNT_PRIOR = 1e-8  # of the zeros of energy, which are free
_WORTH = 0.9
"""A model is used where the forces on calculations that it had not seen are wrong by less than this part of what they
are without it."""


@dataclass(frozen=True)
class LearnedModel:
    """A correction of a potential.

    Attributes
    ----------
    labels
        Names of the features.
    weights
        One a feature, eV.
    covariance
        Of the weights (f, f), eV².
    prior
        Strength of the prior.
    error_before, error_after
        Root mean square of what forces on free atoms lack without the model and with one that had not seen their
        calculation, eV/Å; the latter is none with fewer than two calculations.
    energy_error
        Root mean square of what such models got wrong in energies along a relaxation, between its first and its last
        geometry, eV; none where there is none to judge by.
    lessons
        Ids of the calculations that it learned from.
    """

    labels: tuple[str, ...]
    weights: np.ndarray
    covariance: np.ndarray
    prior: float
    error_before: float
    error_after: float | None
    energy_error: float | None
    lessons: tuple[str, ...]

    @property
    def id(self) -> str:
        """Content address: what it learned from, and how."""
        return content_hash([list(self.lessons), self.prior, FORCE_NOISE, ENERGY_NOISE, list(self.labels)])

    @property
    def helps(self) -> bool:
        """Whether it made forces better on calculations that it had not seen."""
        return self.error_after is not None and self.error_after < _WORTH * self.error_before

    def by_label(self) -> dict[str, float]:
        """Return the weights by the names of their features, eV."""
        return dict(zip(self.labels, self.weights.tolist(), strict=True))

    def uncertainty(self, labels: Sequence[str], difference: np.ndarray) -> float:
        """Return the standard deviation of the energy that it gives to a change of features, eV.

        Parameters
        ----------
        labels
            Names of the features (g); such as it does not know count as an infinite uncertainty where they change.
        difference
            Change of each (g,).
        """
        places = {label: index for index, label in enumerate(self.labels)}
        full = np.zeros(len(self.labels))
        for label, change in zip(labels, difference, strict=True):
            if label in places:
                full[places[label]] = change
            elif change:
                return float(np.inf)
        return float(np.sqrt(max(full @ self.covariance @ full, 0.0)))


@dataclass(frozen=True)
class _Normal:
    """Normal equations of one calculation: all that a fit needs of it."""

    matrix: np.ndarray
    vector: np.ndarray
    scale: np.ndarray
    rows: int


def fit(lessons: Sequence[Lesson]) -> LearnedModel | None:
    """Learn a correction; none where nothing was computed yet.

    The strength of the prior is the one with which models that leave one calculation out tell its forces best.
    """
    if not lessons:
        return None
    labels = tuple(dict.fromkeys(label for lesson in lessons for label in lesson.labels))
    parts = [_normal(lesson, labels) for lesson in lessons]
    whole = _sum(parts)
    least, prior = np.inf, 1.0
    if len(lessons) > 1:
        for strength in _PRIORS:
            unseen = [
                _force_error(lesson, labels, _solved(_without(whole, part), strength, labels)[0])
                for lesson, part in zip(lessons, parts, strict=True)
            ]
            error = _root_mean_square(unseen)
            if error < least:
                least, prior = error, strength
    weights, covariance = _solved(whole, prior, labels)
    drops = [
        drop
        for lesson, part in zip(lessons, parts, strict=True)
        if len(lessons) > 1 and (drop := _drop_error(lesson, labels, whole, part, prior)) is not None
    ]
    return LearnedModel(
        labels,
        weights,
        covariance,
        prior,
        _root_mean_square([_force_error(lesson, labels, np.zeros(len(labels))) for lesson in lessons]),
        least if np.isfinite(least) else None,
        float(np.sqrt(np.mean(np.square(drops)))) if drops else None,
        tuple(lesson.id for lesson in lessons),
    )


def _spread(lesson: Lesson, labels: tuple[str, ...]) -> np.ndarray:
    """Return which column of `labels` each feature of a lesson belongs to."""
    places = {label: index for index, label in enumerate(labels)}
    return np.array([places[label] for label in lesson.labels])


def _force_rows(lesson: Lesson) -> tuple[np.ndarray, np.ndarray]:
    """Return forces on free atoms as a linear function of the weights: rows (r, f) and what they shall give (r,)."""
    free = lesson.free
    rows = -lesson.gradients[:, :, free].astype(float).transpose(0, 2, 3, 1).reshape(-1, len(lesson.labels))
    return rows, lesson.forces[:, free].ravel()


def _normal(lesson: Lesson, labels: tuple[str, ...]) -> _Normal:
    rows, wanted = _force_rows(lesson)
    columns, size = _spread(lesson, labels), len(labels)
    matrix, vector, scale = np.zeros((size, size)), np.zeros(size), np.zeros(size)
    own = rows.T @ rows / FORCE_NOISE**2 + lesson.values.T @ lesson.values / ENERGY_NOISE**2
    matrix[np.ix_(columns, columns)] = own
    vector[columns] = rows.T @ wanted / FORCE_NOISE**2 + lesson.values.T @ lesson.energies / ENERGY_NOISE**2
    scale[columns] = (rows**2).sum(axis=0)
    return _Normal(matrix, vector, scale, len(rows))


def _sum(parts: Sequence[_Normal]) -> _Normal:
    return _Normal(
        sum((part.matrix for part in parts), np.zeros_like(parts[0].matrix)),
        sum((part.vector for part in parts), np.zeros_like(parts[0].vector)),
        sum((part.scale for part in parts), np.zeros_like(parts[0].scale)),
        sum(part.rows for part in parts),
    )


def _without(whole: _Normal, part: _Normal) -> _Normal:
    return _Normal(
        whole.matrix - part.matrix, whole.vector - part.vector, whole.scale - part.scale, whole.rows - part.rows
    )


def _solved(normal: _Normal, strength: float, labels: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and covariance of the weights."""
    scale = np.maximum(normal.scale, 0.0) / max(normal.rows, 1)  # mean square of what one unit of the weight does
    typical = scale[scale > 0].mean() if (scale > 0).any() else 1.0
    precision = strength * np.maximum(scale, 1e-6 * typical) / FORCE_NOISE**2
    precision[[label in COUNTS for label in labels]] = _COUNT_PRIOR
    covariance = np.linalg.inv(normal.matrix + np.diag(precision))
    covariance = (covariance + covariance.T) / 2
    return covariance @ normal.vector, covariance


def _force_error(lesson: Lesson, labels: tuple[str, ...], weights: np.ndarray) -> np.ndarray:
    rows, wanted = _force_rows(lesson)
    return wanted - rows @ weights[_spread(lesson, labels)]


def _drop_error(lesson: Lesson, labels: tuple[str, ...], whole: _Normal, part: _Normal, prior: float) -> float | None:
    """Return what a model that had not seen a relaxation gets wrong in its gain of energy, eV; none of one geometry."""
    if len(lesson.energies) < 2:
        return None
    weights = _solved(_without(whole, part), prior, labels)[0][_spread(lesson, labels)]
    return float(np.diff(lesson.energies[[0, -1]] - lesson.values[[0, -1]] @ weights)[0])


def _root_mean_square(errors: Sequence[np.ndarray]) -> float:
    return float(np.sqrt(np.mean(np.concatenate(errors) ** 2)))
