"""Which relaxed adsorption sites are minima of their own, and which ones symmetry may hold on a saddle."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pymatgen.core import Structure

from anodeflow.structures.geometry.positions import placed
from anodeflow.structures.slab.symmetry import face_operations

PUSH = 0.1
"""How far the adatom is shifted to measure the curvature, Å."""
SADDLE = 0.02
"""Curvature below which a site counts as a saddle, eV/Å².

It is measured with all other atoms at rest; where they give way it can only be lower. So what is above may be a
saddle as well: it is pushed and relaxed (:func:`soft_push`).
"""
SOFT_PUSH = 0.25
"""How far the atom that moves most is pushed to see whether a minimum is one, Å."""
BASIN = 1.0
"""Adatoms at rest nearer to each other than this, in the plane, with nearly the same energy are in one minimum, Å.

Hollows of close-packed metals are 1.4 Å apart or more. On soft alloys a relaxation stops anywhere along a flat valley;
a barrier between two places so near would be some 10 meV, less than kT at room temperature.
"""
SAME_ENERGY = 0.02
"""Difference of energy up to which they are, eV."""
_HELD = 0.15  # Å: how near to a symmetry element a relaxed adatom counts as held by it


def push_directions(slab: Structure, position: npt.ArrayLike, hollow: bool) -> list[np.ndarray]:
    """Return the pushes that tell whether an adatom at rest is in a minimum or on a saddle.

    A relaxation stays on a saddle where symmetry holds it: on an axis, or across a mirror. It may also stop near one
    because the forces there are below its threshold, if it started there: on top of an atom or on a bridge whose two
    sides are nearly alike (fcc and hcp hollows), but not in a hollow.

    Parameters
    ----------
    slab
        Clean slab, in its supercell: the symmetry that the relaxation had.
    position
        Position of the adatom, Cartesian, Å.
    hollow
        Whether the adatom rests in a hollow: then only pushes against what symmetry holds are needed.

    Returns
    -------
    list of np.ndarray
        Orthonormal directions (2,): one on a three-, four- or sixfold axis, where all are alike; two on a twofold
        one; on a mirror its normal, and unless it is a hollow the direction along it; without symmetry none in a
        hollow, else two. Where a direction is among them in which the force need not vanish at rest, the zero vector
        comes last: the adatom at rest.
    """
    vectors = slab.lattice.matrix[:2, :2]
    at = np.asarray(position, dtype=float)[:2] @ np.linalg.inv(vectors)
    turns = []
    for rotation, translation in face_operations(slab):
        off = rotation[:2, :2] @ at + translation[:2] - at
        turn = vectors.T @ rotation[:2, :2] @ np.linalg.inv(vectors.T)
        if np.linalg.norm((off - np.rint(off)) @ vectors) < _HELD and not np.allclose(turn, np.eye(2), atol=1e-3):
            turns.append(turn)
    mirrors = [turn for turn in turns if np.linalg.det(turn) < 0]
    rotations = [turn for turn in turns if np.linalg.det(turn) > 0]
    # A mirror is 1 - 2 n n^T: its normal n is the eigenvector of -1.
    normal = np.linalg.eigh((mirrors[0] + mirrors[0].T) / 2)[1][:, 0] if mirrors else np.array([1.0, 0.0])
    along = np.array([-normal[1], normal[0]])
    if any(np.trace(turn) > -1.5 for turn in rotations):
        return [normal]
    if rotations:
        return [normal, along]
    if hollow:
        return [normal] if mirrors else []
    return [normal, along, np.zeros(2)]


def pushed(structure: Structure, direction: Sequence[float]) -> Structure:
    """Return `structure` with its last atom, the adatom, shifted by 0.1 Å times an in-plane direction (2,)."""
    moved = structure.copy()
    moved.translate_sites(
        [len(moved) - 1], [*(PUSH * np.asarray(direction)), 0.0], frac_coords=False, to_unit_cell=False
    )
    return moved


def soft_push(
    slab: Structure, structure: Structure, mode: Sequence[Sequence[float]] | None, curvature: float | None
) -> Structure:
    """Return a suspect minimum, pushed so that its relaxation leaves it unless it is a minimum.

    Parameters
    ----------
    slab
        Clean slab, in its supercell.
    structure
        Slab with the adatom (its last atom) at rest.
    mode
        Its softest mode (n, 3) by a code that finds it cheaply; none: not known.
    curvature
        Of that mode, eV/Å².

    Returns
    -------
    Structure
        Pushed along the mode if that is a way down. If not, along the mode and, for the mode is that of another code
        or of other atoms, the adatom in all directions in which symmetry holds it; without a mode the adatom alone,
        sideways and in no direction of symmetry.
    """
    push = np.zeros((len(structure), 3))
    if mode is not None:
        push += np.array(mode) / np.linalg.norm(mode, axis=1).max()
    if mode is None or curvature is None or curvature >= 0:
        held = [direction for direction in push_directions(slab, structure[-1].coords, hollow=False) if direction.any()]
        if len(held) < 2:  # on an axis of three, four or six all directions are alike, but one may lie in a mirror
            held.append(np.array([-held[0][1], held[0][0]]) if held else np.array([1.0, 0.0]))
        push[-1, :2] += held[0] + 0.4 * held[1]
    push *= SOFT_PUSH / np.linalg.norm(push, axis=1).max()
    return placed(structure, structure.cart_coords + push)


def lowest_curvature(directions: Sequence[np.ndarray], forces: Sequence[Sequence[float]]) -> float:
    """Return the lowest curvature of the energy for shifts of the adatom in the plane, the other atoms at rest.

    Parameters
    ----------
    directions
        Directions of the shifts by 0.1 Å, from :func:`push_directions`.
    forces
        Force on the shifted adatom (3,), eV/Å, one a direction. At rest it vanishes by symmetry along all of them,
        unless the zero vector is among them.

    Returns
    -------
    float
        Lowest eigenvalue of ``-dF/dx`` among those directions, eV/Å². A negative one proves that the site is no
        minimum: there is a way down. A positive one proves nothing, as the atoms around do not give way here; where
        they do, the curvature is lower.
    """
    moved = [bool(np.any(direction)) for direction in directions]
    basis = np.array(directions)[moved]
    lateral = np.array(forces, dtype=float)[:, :2]
    rest = np.zeros(2) if all(moved) else lateral[moved.index(False)]
    hessian = -(lateral[moved] - rest) @ basis.T / PUSH
    return float(np.linalg.eigvalsh((hessian + hessian.T) / 2)[0])
