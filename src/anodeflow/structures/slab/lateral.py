"""The lattice in the plane of a surface: reduced vectors, and the smallest supercell that is wide enough."""

import numpy as np

from anodeflow.core.errors import InputError

_MOST_CELLS = 400


def reduce_in_plane(vectors: np.ndarray) -> np.ndarray:
    """Return the integer (2, 2) matrix that turns two in-plane vectors (rows) into the shortest ones (Gauss).

    The new pair has the handedness of the old one and an angle of 90 to 120 degrees.
    """
    turn = np.eye(2, dtype=int)
    swap = np.array([[0, 1], [-1, 0]])
    while True:
        a, b = turn @ vectors
        if b @ b < a @ a - 1e-6:
            turn = swap @ turn
        # The margin leaves ties (a hexagonal net) alone, which the last digit would decide.
        elif abs(factor := (a @ b) / (a @ a)) > 0.5 + 1e-6:
            turn[1] -= round(factor) * turn[0]
        else:
            return swap @ turn if factor > 1e-6 else turn


def hermite_forms(cells: int) -> np.ndarray:
    """Return the Hermite normal forms (n, 2, 2) of so many cells in the plane: one for every sublattice."""
    return np.array(
        [[[p, q], [0, cells // p]] for p in range(1, cells + 1) if cells % p == 0 for q in range(cells // p)]
    )


def wide_supercell(vectors: np.ndarray, min_width: float) -> np.ndarray:
    """Find the smallest in-plane supercell whose lattice points lie at least `min_width` apart.

    All sublattices are searched, not only the n x m ones: Li(001) may well become √5 x √5.

    Parameters
    ----------
    vectors
        The two in-plane lattice vectors as rows, Å.
    min_width
        Least length of the shortest lattice vector of the supercell, Å.

    Returns
    -------
    np.ndarray
        Integer (2, 2) matrix, supercell = matrix @ vectors; among the smallest ones the squarest.
    """
    # No net is denser than the hexagonal one: fewer cells cannot do.
    least = int(np.sqrt(3) / 2 * min_width**2 / np.linalg.norm(_cross(*vectors)) * (1 - 1e-6))
    for cells in range(max(1, least), _MOST_CELLS + 1):
        candidates = [reduce_in_plane(form @ vectors) @ form for form in hermite_forms(cells)]
        wide = [m for m in candidates if min(np.linalg.norm(m @ vectors, axis=1)) >= min_width - 1e-6]
        if wide:
            return min(wide, key=lambda matrix: _elongation(matrix @ vectors))
    raise InputError(
        f"a width of {min_width:g} Å would take more than {_MOST_CELLS} surface cells: ask for a smaller min_width."
    )


def _elongation(vectors: np.ndarray) -> tuple[float, float]:
    """How far from a square the cell is: ratio of its edges, then cosine of its angle."""
    a, b = np.linalg.norm(vectors, axis=1)
    cosine = abs(vectors[0] @ vectors[1]) / (a * b)
    return round(max(a, b) / min(a, b), 3), round(cosine, 3)


def upright(vectors: np.ndarray) -> np.ndarray:
    """Return the rotation R (``rows @ R``) that lays the first of three vectors along x and the plane of the
    first two normal to z."""
    x = vectors[0] / np.linalg.norm(vectors[0])
    z = _cross(vectors[0], vectors[1])
    z = z / np.linalg.norm(z)
    return np.array([x, _cross(z, x), z]).T


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the vector product of two vectors; `np.cross`, made for stacks of them, takes ten times as long."""
    (a1, a2, a3), (b1, b2, b3) = a.tolist(), b.tolist()
    return np.array([a2 * b3 - a3 * b2, a3 * b1 - a1 * b3, a1 * b2 - a2 * b1])
