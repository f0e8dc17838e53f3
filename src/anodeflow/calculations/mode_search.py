"""Searches for the lowest modes at rest, by forces on displaced geometries, and the walk from there to the saddle.

A code whose forces cost next to nothing is asked until its modes are known well: central differences. Of another one
only the signs are wanted, and few forces must do: differences to one side, which a mode that symmetry turns round makes
as good as central ones, for then the other side is the mirror image.
"""

from typing import Any

import numpy as np
from pymatgen.core import Structure

from anodeflow.backends.drivers.eigenmodes import Modes, lowest_modes, newton_step, updated_hessian
from anodeflow.backends.drivers.mode_signs import POTENTIAL, SPRINGS, mode_signs
from anodeflow.calculations.displaced import DisplacedForces
from anodeflow.calculations.steps import largest_force
from anodeflow.structures.geometry.symmetrise import operations, with_symmetry_of

SHIFT = 0.05
"""How far the atom that moves most is displaced for a product with the Hessian, Å."""
MOST_PRODUCTS = 60
"""Of the Hessian of a cheap code with vectors, two forces each."""
MOST_DIRECTIONS = {"guided": 6, "alone": 20}
"""Most displaced geometries for the signs of another code's modes, with and without a potential's Hessian."""
MOST_STEPS = 8
"""Most forces on the walk up to a saddle."""
SECOND_LOOKS = 2
"""Most directions that are displaced to the other side, too."""
_LONGEST_STEP, _TOO_FAR = 0.1, 0.5  # of the walk; Å
_SOFT = 0.1  # eV/Å²: a curvature this small may be nothing but the third derivative of a difference to one side
_EXACT, _ALIKE = 1e-3, 0.99  # Å, overlap: of a symmetry and of a vector that it turns round


def most_forces(guided: bool) -> int:
    """Return how many forces the modes of a saddle, and the walk to it, take of a code that is not cheap at most."""
    return 1 + MOST_DIRECTIONS["guided" if guided else "alone"] + SECOND_LOOKS + MOST_STEPS


def modes_in_full(forces: DisplacedForces, approximate: np.ndarray, free: np.ndarray) -> Modes:
    """Return the lowest modes of a cheap code, each known well.

    Parameters
    ----------
    forces
        Forces on displaced geometries.
    approximate
        Hessian of the free coordinates (n, n) that is roughly right.
    free
        Which of all coordinates (3 N,) those are.
    """

    def product(vector: np.ndarray) -> np.ndarray:
        displacement, step = _displacement(vector, free)
        return (forces(-displacement) - forces(displacement))[free] / (2 * step)

    return lowest_modes(product, motions(approximate, free), approximate, MOST_PRODUCTS)


def signs_of_modes(
    forces: DisplacedForces,
    rest: np.ndarray,
    approximate: np.ndarray,
    free: np.ndarray,
    guided: bool,
    along: np.ndarray | None = None,
) -> Modes:
    """Return the lowest modes of a code that is not cheap, as well as it takes to know how many are negative.

    Parameters
    ----------
    forces, approximate, free
        As of :func:`modes_in_full`.
    rest
        Forces at rest (3 N,), eV/Å.
    guided
        Whether `approximate` is the Hessian of a potential.
    along
        Direction of a path there (3 N,); without a potential's Hessian it is measured first.
    """
    looks = SECOND_LOOKS

    def product(vector: np.ndarray) -> np.ndarray:
        nonlocal looks
        displacement, step = _displacement(vector, free)
        change = (rest - forces(displacement)) / step
        turned = turns(forces.structure, displacement)
        if all(sign > 0 for sign, _, _ in turned) and looks and abs(displacement @ change) < _SOFT * step:
            looks -= 1
            change = (change + (forces(-displacement) - rest) / step) / 2
        table = change.reshape(-1, 3)
        return np.mean([sign * table[order] @ rotation.T for sign, rotation, order in turned], axis=0).ravel()[free]

    starts: list[np.ndarray] = []
    if not guided:
        starts = [*([] if along is None else [along[free]]), *motions(approximate, free)]
    limit = MOST_DIRECTIONS["guided" if guided else "alone"]
    return mode_signs(product, starts, approximate, POTENTIAL if guided else SPRINGS, limit)


def turns(structure: Structure, displacement: np.ndarray) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """Return the symmetries that keep a displacement (3 N,) or turn it round: 1 or -1, rotation, order of the atoms."""
    table = displacement.reshape(-1, 3)
    found = []
    for rotation, _, order in operations(structure, _EXACT):
        overlap = float(np.vdot(table[order] @ rotation.T, table)) / float(np.vdot(table, table))
        if abs(overlap) > _ALIKE:
            found.append((1 if overlap > 0 else -1, rotation, order))
    return found


def motions(approximate: np.ndarray, free: np.ndarray) -> list[np.ndarray]:
    """Return soft motions of the last atom in the plane, and one that has no symmetry, to begin with."""
    stiffness, axes = np.linalg.eigh(approximate)
    soft = axes / np.maximum(np.abs(stiffness), 0.1)

    def answer(force: np.ndarray) -> np.ndarray:
        return soft @ (axes.T @ force)

    generic = answer(np.random.default_rng(0).normal(size=len(stiffness)))
    places = np.flatnonzero(free)
    last = [np.flatnonzero(places == len(free) - 3 + axis) for axis in (0, 1)]
    return [*(answer(np.eye(len(places))[place[0]]) for place in last if len(place)), generic]


def walk_up(
    forces: DisplacedForces,
    start_record: dict[str, Any],
    at_start: np.ndarray,
    found: Modes,
    approximate: np.ndarray,
    free: np.ndarray,
    threshold: float,
) -> dict[str, Any]:
    """Walk from near a saddle to it by Newton's method; return the record of the geometry with the least force.

    Where no step lessens the force, that is the start (`start_record`).

    The Hessian, of the free coordinates, has the products that are known and learns from every step. Steps keep the
    symmetry of the start: to a code that uses it a geometry without any costs several times as much.
    """
    hessian = updated_hessian(approximate, found.basis, found.images)
    best, least = start_record, largest(at_start, free)
    place, there = np.zeros(len(free)), at_start
    for _ in range(MOST_STEPS):
        if least < threshold:
            break
        step = np.zeros(len(free))
        step[free] = newton_step(hessian, there[free])
        step *= min(1.0, _LONGEST_STEP / np.linalg.norm(step.reshape(-1, 3), axis=1).max())
        start = forces.structure
        moved = with_symmetry_of(start, start.cart_coords + (place + step).reshape(-1, 3)) - start.cart_coords
        moved = np.where(free, moved.ravel(), 0.0)
        step, place = moved - place, moved
        if np.linalg.norm(place.reshape(-1, 3), axis=1).max() > _TOO_FAR:
            break
        before, there = there, forces(place)
        direction = step[free] / np.linalg.norm(step[free])
        change = (before - there)[free] / np.linalg.norm(step[free])
        hessian = updated_hessian(hessian, direction[None], change[None])
        if largest(there, free) < least:
            best, least = forces.last, largest(there, free)
    return best


def largest(forces: np.ndarray, free: np.ndarray) -> float:
    """Return the largest force on an atom, eV/Å, of (3 N,) forces, those along fixed coordinates left out."""
    return largest_force(np.where(free, forces, 0.0).reshape(-1, 3))


def _displacement(vector: np.ndarray, free: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the displacement (3 N,), Å, along a vector of the free coordinates, and its length."""
    direction = np.zeros(len(free))
    direction[free] = vector
    step = SHIFT / float(np.linalg.norm(direction.reshape(-1, 3), axis=1).max())
    return step * direction, step
