"""The Hessian of a cheap potential, for a costly relaxation to begin with.

A BFGS begins with one curvature for all directions and learns the rest from one force evaluation each. A
machine-learned potential knows them beforehand: soft across a bond, stiff along it. What it gets wrong BFGS corrects
on the way, so that the minimum that is found is that of the costly code alone.

Beside ASE and numpy this file imports what numpy raises alone.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from anodeflow.core.damaged import DAMAGED

_LARGEST, _ROUNDING = 1e6, 1e-6  # eV/Å², a thousand times the stiffest bond; of the largest number
START = "start.json"
"""File beside a record of steps: where the calculation begins, if a potential that learned says so."""

_SHIFT = 0.02  # Å, of finite differences: forces of single precision are good to 1e-3 eV/Å or better

_SOFTEST = 5
"""How many times softer than the usual first curvature a direction may be: steps along softer ones are held back, for
the potential may be wrong there. With 15, fifteen relaxations by SevenNet's l3i5 from minima of SevenNet-0 took 107
evaluations instead of 124; but GPAW guided by EMT, a worse potential, left the valley that it began in."""


def finite_difference_hessian(
    atoms: Atoms, calculator: Any, shift: float = _SHIFT, on_row: Callable[[int, int], None] | None = None
) -> np.ndarray:
    """Return the second derivatives of the energy by central differences of forces.

    Parameters
    ----------
    atoms
        Geometry with its constraints; not changed.
    calculator
        ASE calculator of the potential: six evaluations for each free atom.
    shift
        How far each atom is moved to either side, Å.
    on_row
        Told after each free coordinate: how many are done, of how many.

    Returns
    -------
    np.ndarray
        (3 N, 3 N), symmetric, eV/Å²; zero in rows and columns of fixed coordinates.
    """
    hessian = finite_difference_rows(atoms, calculator, range(len(atoms)), shift, on_row)
    return (hessian + hessian.T) / 2


def finite_difference_rows(
    atoms: Atoms,
    calculator: Any,
    moved: Iterable[int],
    shift: float = _SHIFT,
    on_row: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Return how forces change when some of the atoms move: rows of :func:`finite_difference_hessian`, zero elsewhere.

    Parameters
    ----------
    atoms, calculator, shift, on_row
        As there.
    moved
        Numbers of the atoms that are moved.
    """
    work = atoms.copy()
    work.set_constraint()
    work.calc = calculator
    free = free_coordinates(atoms)
    hessian = np.zeros((3 * len(atoms), 3 * len(atoms)))
    coordinates = np.flatnonzero(free & np.repeat(np.isin(np.arange(len(atoms)), list(moved)), 3))
    for done, coordinate in enumerate(coordinates, start=1):
        atom, axis = divmod(int(coordinate), 3)
        forces = []
        for sign in (1, -1):
            work.positions[atom, axis] += sign * shift
            forces.append(work.get_forces().ravel())
            work.positions[atom, axis] -= sign * shift
        hessian[coordinate] = np.where(free, (forces[1] - forces[0]) / (2 * shift), 0.0)
        if on_row is not None:
            on_row(done, len(coordinates))
    return hessian


def free_coordinates(atoms: Atoms) -> np.ndarray:
    """Return (3 N,) whether each Cartesian coordinate may change under the constraints of `atoms`."""
    moved = np.ones((len(atoms), 3))
    for constraint in atoms.constraints:
        constraint.adjust_forces(atoms, moved)
    return moved.ravel() != 0


def positive(hessian: np.ndarray, floor: float) -> np.ndarray:
    """Return a Hessian without a curvature below `floor`: eigenvalues are taken by their amount, and raised to it.

    Parameters
    ----------
    hessian
        (3 N, 3 N), symmetric, eV/Å².
    floor
        eV/Å²; fixed coordinates get it, too.
    """
    values, vectors = np.linalg.eigh(hessian)
    return (vectors * np.maximum(np.abs(values), floor)) @ vectors.T


def hessian_file(steps_file: Path) -> Path:
    """Return the file beside a record of steps that holds the Hessian to begin with."""
    return steps_file.with_name("hessian.npy")


def first_hessian(steps_file: Path, coordinates: int, curvature: float) -> np.ndarray | None:
    """Return the Hessian to begin with; none where there is none, or none for so many coordinates.

    Parameters
    ----------
    steps_file
        Record of steps beside which it lies.
    coordinates
        Number of Cartesian coordinates.
    curvature
        eV/Å², of a Hessian that knows nothing: no direction is taken for softer than a fifth of it.
    """
    hessian = read_hessian(steps_file, coordinates)
    return None if hessian is None else positive(hessian, curvature / _SOFTEST)


def read_hessian(steps_file: Path, coordinates: int) -> np.ndarray | None:
    """Return the Hessian beside a record (eV/Å²); none where there is none, or it is damaged or of other atoms.

    Parameters
    ----------
    steps_file
        Record of steps beside which it lies.
    coordinates
        Number of Cartesian coordinates.
    """
    try:
        found = np.load(hessian_file(steps_file), allow_pickle=False)
    except DAMAGED:
        return None
    if not isinstance(found, np.ndarray) or found.shape != (coordinates, coordinates) or found.dtype != np.float64:
        return None
    size = np.abs(found).max(initial=0.0)
    if not size < _LARGEST or np.abs(found - found.T).max(initial=0.0) > _ROUNDING * size:
        return None
    return found


def spring_hessian(atoms: Atoms, curvature: float) -> np.ndarray:
    """Return the second derivatives of springs between neighbours, which know nothing but the geometry.

    ASE's exponential preconditioner: D. Packwood et al., J. Chem. Phys. 144, 164109 (2016).

    Parameters
    ----------
    atoms
        Geometry with its constraints; not changed.
    curvature
        What most atoms are held by along one coordinate, eV/Å².

    Returns
    -------
    np.ndarray
        (3 N, 3 N), symmetric, eV/Å².
    """
    from ase.optimize.precon import Exp

    springs: Any = Exp(mu=1.0)
    springs.make_precon(atoms.copy())
    hessian = np.asarray(springs.P.todense())
    return hessian * curvature / float(np.median(np.diag(hessian)[free_coordinates(atoms)]))
