"""Directions in words that do not depend on how a cell was laid: those of the crystal."""

from itertools import product
from math import gcd

import numpy as np

_LARGEST = 6
_SHARE = np.cos(np.radians(0.5))  # directions closer than this are told as one


def crystal_direction(direction: np.ndarray, axes: np.ndarray) -> str:
    """Return a direction by the smallest integers along axes of the crystal, [1 -1 0]; empty if there are none up to 6.

    Of a direction and its opposite, that is told whose first index that is not zero is positive.

    Parameters
    ----------
    direction
        (3,), Cartesian.
    axes
        (3, 3), vectors of the axes as rows, in the same frame.
    """
    wanted = np.asarray(direction) / np.linalg.norm(direction)
    found = np.linalg.solve(np.asarray(axes).T, wanted)
    found = found / np.abs(found).max()
    for scale in range(1, _LARGEST + 1):
        rounded = [np.unique([np.floor(scale * each), np.ceil(scale * each)]).astype(int) for each in found]
        for indices in product(*rounded):
            if np.abs(indices).max() != scale or gcd(*indices) != 1:
                continue
            along = np.asarray(indices) @ np.asarray(axes)
            if abs(along @ wanted) > _SHARE * np.linalg.norm(along):
                sign = 1 if next(index for index in indices if index) > 0 else -1
                return f"[{' '.join(str(sign * index) for index in indices)}]"
    return ""
