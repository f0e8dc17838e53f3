"""Searches for the lowest modes at rest, by forces on displaced geometries, and the walk from there to the saddle.

A code whose forces cost next to nothing is asked until its modes are known well: central differences. Of another one
only the signs are wanted, and few forces must do: differences to one side, which a mode that symmetry turns round makes
as good as central ones, for then the other side is the mirror image.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from pymatgen.core import Structure

from anodeflow.backends.drivers.eigenmodes import Modes, lowest_modes, newton_step, updated_hessian
from anodeflow.backends.drivers.mode_signs import POTENTIAL, SPRINGS, mode_signs
from anodeflow.calculations.displaced import DisplacedForces
from anodeflow.calculations.steps import largest_force
from anodeflow.structures.geometry.positions import largest_distance, placed
from anodeflow.structures.geometry.symmetrise import operations, with_symmetry_of

SHIFT = 0.05
"""How far the atom that moves most is displaced for a product with the Hessian, Å."""
SMALL_SHIFT = 0.02
"""The same for a cheap code, whose forces are exact enough: farther away the fourth derivatives tell. By EMT the second
mode of Al on the bridge of Al(001) has -0.019 eV/Å² by differences over 0.02 Å and -0.031 by those over 0.05."""
MOST_PRODUCTS = 60
"""Of the Hessian of a cheap code with vectors, two forces each."""
MOST_DIRECTIONS = {"guided": 6, "alone": 20}
"""Most displaced geometries for the signs of another code's modes, with and without a potential's Hessian."""
MOST_STEPS = {True: 40, False: 8}
"""Most forces on the walk up to a saddle, of a cheap code and of another one."""
MOST_WALKS = {True: 3, False: 1}
"""Most walks up to a saddle, each after the first with modes that were looked for where the one before ended."""
SECOND_LOOKS = 2
"""Most directions that are displaced to the other side, too."""
_LONGEST_STEP, _SHORTEST_STEP, _TOO_FAR = 0.1, 1e-4, 0.5  # of the walk; Å
NEGATIVE, SECOND = -0.01, -0.05
"""Curvatures below which the lowest mode, and any other, counts as negative, eV/Å². What is nearer to zero is flat.
Paths lead over saddles of however small a curvature (one of a Li vacancy in Li3Mg/Li has -0.03, by SevenNet). But 0.3 Å
along another mode of -0.05 are worth 2 meV, and differences over 0.02 and 0.05 Å differ by 0.01 eV/Å²."""
_BENDS = 3.0
"""By how much curvatures change along the walk up to a saddle, eV/Å³: 0.04 Å took one from 0.07 to -0.02 eV/Å² (Al on
Al(001)), 0.1 Å one from -0.02 to -0.10 (a Cu vacancy in a film of Cu3Au/Cu; both by EMT)."""
_DRIFT = 10.0  # eV/Å², for the shift of all atoms together, which costs nothing: no mode to be found
_SOFT = 0.1  # eV/Å²: a curvature this small may be nothing but the third derivative of a difference to one side
_EXACT, _ALIKE = 1e-3, 0.99  # Å, overlap: of a symmetry and of a vector that it turns round


def most_forces(guided: bool) -> int:
    """Return how many forces the modes of a saddle, and the walk to it, take of a code that is not cheap at most."""
    of_modes = MOST_DIRECTIONS["guided" if guided else "alone"] + SECOND_LOOKS
    return 1 + 2 * of_modes + MOST_STEPS[False]


def modes_in_full(
    forces: DisplacedForces, approximate: np.ndarray, free: np.ndarray, first: Sequence[np.ndarray] = ()
) -> Modes:
    """Return the lowest modes of a cheap code, each known well.

    Where no atom is held, shifts of all of them together are left out.

    Parameters
    ----------
    forces
        Forces on displaced geometries.
    approximate
        Hessian of the free coordinates (n, n) that is roughly right.
    free
        Which of all coordinates (3 N,) those are.
    first
        Vectors of the free coordinates that are measured first: the direction of a path, modes of a geometry nearby.
    """
    drifts = shifts(free)

    def product(vector: np.ndarray) -> np.ndarray:
        displacement, step = _displacement(vector, free, SMALL_SHIFT)
        return (forces(-displacement) - forces(displacement))[free] / (2 * step) + drifts @ vector

    return lowest_modes(product, first, approximate + drifts, MOST_PRODUCTS)


def shifts(free: np.ndarray) -> np.ndarray:
    """Return what is added to a Hessian (n, n) to stiffen shifts of all atoms together, along axes where all are free.

    Their curvature is zero: as the softest modes of a cell without held atoms they would hide those that are wanted.
    """
    places, added = np.flatnonzero(free), np.zeros((int(free.sum()),) * 2)
    for axis in range(3):
        if free[axis::3].all():
            along = (places % 3 == axis) / np.sqrt(len(free) / 3)
            added += _DRIFT * np.outer(along, along)
    return added


def signs_of_modes(
    forces: DisplacedForces,
    rest: np.ndarray,
    approximate: np.ndarray,
    free: np.ndarray,
    guided: bool,
    first: Sequence[np.ndarray] = (),
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
    first
        Vectors of the free coordinates that are measured first where there is no potential's Hessian.
    """
    looks, drifts = SECOND_LOOKS, shifts(free)

    def product(vector: np.ndarray) -> np.ndarray:
        nonlocal looks
        displacement, step = _displacement(vector, free)
        change = (rest - forces(displacement)) / step
        turned = turns(forces.structure, displacement)
        if all(sign > 0 for sign, _, _ in turned) and looks and abs(displacement @ change) < _SOFT * step:
            looks -= 1
            change = (change + (forces(-displacement) - rest) / step) / 2
        table = change.reshape(-1, 3)
        of_all = np.mean([sign * table[order] @ rotation.T for sign, rotation, order in turned], axis=0).ravel()
        return of_all[free] + drifts @ vector

    starts = [] if guided else [*first, *motions(approximate, free)]
    limit = MOST_DIRECTIONS["guided" if guided else "alone"]
    return mode_signs(product, starts, approximate + drifts, POTENTIAL if guided else SPRINGS, limit)


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
    cheap: bool = False,
) -> dict[str, Any]:
    """Walk from near a saddle to it by Newton's method; return the record of the geometry with the least forces.

    Least is the norm of all of them: each step of Newton's method begins by lessening that, while the largest force on
    an atom may rise at first, and a walk that shuns this never leaves. Where no step lessens the forces, that is the
    start (`start_record`).

    The Hessian, of the free coordinates, has the products that are known and learns from every step. Steps keep the
    symmetry of the start: to a code that uses it a geometry without any costs several times as much.
    """
    hessian = updated_hessian(approximate, found.basis, found.images)
    best, longest = start_record, _LONGEST_STEP
    place, there = np.zeros(len(free)), at_start  # of the least forces
    for _ in range(MOST_STEPS[cheap]):
        if largest(there, free) < threshold or longest < _SHORTEST_STEP:
            break
        step = np.zeros(len(free))
        step[free] = newton_step(hessian, there[free])
        step *= min(1.0, longest / np.linalg.norm(step.reshape(-1, 3), axis=1).max())
        start = forces.structure
        moved = with_symmetry_of(start, start.cart_coords + (place + step).reshape(-1, 3)) - start.cart_coords
        moved = np.where(free, moved.ravel(), 0.0)
        step = moved - place
        if np.linalg.norm(moved.reshape(-1, 3), axis=1).max() > _TOO_FAR:
            break
        found_there = forces(moved)
        length = np.linalg.norm(step[free])
        change = (there - found_there)[free] / length
        hessian = updated_hessian(hessian, step[free][None] / length, change[None])
        if np.linalg.norm(found_there[free]) < np.linalg.norm(there[free]):
            best, place, there, longest = forces.last, moved, found_there, min(2 * longest, _LONGEST_STEP)
        else:  # it led too far for this Hessian: again from where the forces are least, with what was learnt
            longest = np.linalg.norm(step.reshape(-1, 3), axis=1).max() / 4
    return best


def count_negative(curvatures: Sequence[float] | np.ndarray) -> int:
    """Return how many modes count as negative, of curvatures that rise."""
    return sum(value < (NEGATIVE if place == 0 else SECOND) for place, value in enumerate(curvatures))


def saddle_near(
    forces: DisplacedForces,
    start_record: dict[str, Any],
    found: Modes,
    approximate: np.ndarray,
    free: np.ndarray,
    threshold: float,
    guided: bool,
    cheap: bool,
) -> tuple[dict[str, Any], Modes | None]:
    """Walk up to the saddle, and look for its modes where they may be others there.

    With a cheap code a walk that ended on its way goes on with the modes found where it ended.

    Returns
    -------
    dict
        Record of the geometry with the least forces.
    Modes or None
        Modes there; none: `found`, those of the start, hold.
    """
    first, again, record = forces.structure, None, start_record
    for _ in range(MOST_WALKS[cheap]):
        start, rest = forces.structure, np.array(record["forces"]).ravel()
        reached = walk_up(forces, record, rest, found, approximate, free, threshold, cheap)
        saddle, rest = placed(start, reached["positions"]), np.array(reached["forces"]).ravel()
        moved, on_its_way = largest_distance(start, saddle), cheap and largest(rest, free) >= threshold
        if largest_distance(first, saddle) > _TOO_FAR:
            break
        record = reached
        if moved == 0 or not (on_its_way or may_have_turned(found, moved)):
            break
        forces = DisplacedForces(forces.backend, saddle, forces.folder, forces.tell, forces.label)
        approximate, nearby = updated_hessian(approximate, found.basis, found.images), list(found.vectors)
        if cheap:
            found = modes_in_full(forces, approximate, free, nearby)
        else:
            found = signs_of_modes(forces, rest, approximate, free, guided, nearby)
        again = found
        if not on_its_way or count_negative(found.curvatures) != 1:
            break
    return record, again


def may_have_turned(found: Modes, moved: float) -> bool:
    """Return whether other than one mode may be negative at a saddle that lies `moved` (Å) from where one was."""
    reach = found.uncertainties + _BENDS * moved
    another = np.any(found.curvatures[1:] - reach[1:] < SECOND)
    return bool(another or found.curvatures[0] + reach[0] >= NEGATIVE)


def largest(forces: np.ndarray, free: np.ndarray) -> float:
    """Return the largest force on an atom, eV/Å, of (3 N,) forces, those along fixed coordinates left out."""
    return largest_force(np.where(free, forces, 0.0).reshape(-1, 3))


def _displacement(vector: np.ndarray, free: np.ndarray, shift: float = SHIFT) -> tuple[np.ndarray, float]:
    """Return the displacement (3 N,), Å, along a vector of the free coordinates, and its length."""
    direction = np.zeros(len(free))
    direction[free] = vector
    step = shift / float(np.linalg.norm(direction.reshape(-1, 3), axis=1).max())
    return step * direction, step
