"""How far the energy of a saddle is from what it would be at rest, by a potential's second derivatives.

A climb ends when the largest force is below its threshold. On soft metals what such a force is still worth may be more
than 0.01 eV: with Hessian H and forces F the energy lies F·H⁻¹·F / 2 over that of the saddle, where the negative mode
counts negative. Li on Li(001), six layers, GPAW climbing from the saddle of SevenNet: 0.105 eV were expected and then
0.020, where the rest of the climb brought 0.088 and 0.014, and 0.006 were left.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.backends.drivers.hessian import free_coordinates, read_hessian
from anodeflow.calculations.folder import CalculationFolder
from anodeflow.calculations.guide_of import climbs
from anodeflow.calculations.request import Request

_SOFTEST = 0.05  # eV/Å²: softer directions are taken for as stiff
_NEGATIVE = -0.01  # eV/Å²
_FARTHEST = 0.2  # Å: with an atom farther from its place at the saddle the potential is not harmonic
_SHORTEST = 1e-6  # Å: what moved less teaches nothing


def energy_over_rest(request: Request, folder: CalculationFolder, steps: Iterable[dict[str, Any]]) -> float | None:
    """Return the energy of the last image of a climb minus that of the saddle at rest, eV; none if it cannot be told.

    Parameters
    ----------
    request
        What was computed: a climb of one image that began with the Hessian of a potential, or nothing is said.
    folder
        Its folder, in which the Hessian lies.
    steps
        Its record: `positions` (Å) and `forces` (eV/Å) of every geometry.
    """
    if not climbs(request):
        return None
    hessian = read_hessian(folder.steps_file, 3 * len(request.structure))
    if hessian is None:
        return None
    free = free_coordinates(AseAtomsAdaptor.get_atoms(request.images[1], msonable=False))
    return over_rest(
        hessian[np.ix_(free, free)],
        [(np.ravel(step["positions"])[free], np.ravel(step["forces"])[free]) for step in steps],
    )


def over_rest(hessian: np.ndarray, geometries: Iterable[tuple[np.ndarray, np.ndarray]]) -> float | None:
    """Return the energy of the last geometry over that of the saddle beside it, eV.

    None without exactly one negative curvature, or where an atom would have to move by 0.2 Å or more.

    Parameters
    ----------
    hessian
        (f, f), symmetric, eV/Å², at or near the first geometry.
    geometries
        Positions (f,), Å, and forces (f,), eV/Å, one after the other: each step teaches the Hessian.
    """
    last: tuple[np.ndarray, np.ndarray] | None = None
    for place, force in geometries:
        if last is not None:
            hessian = _learned(hessian, place - last[0], last[1] - force)
        last = place, force
    if last is None:
        return None
    curvatures, modes = np.linalg.eigh(hessian)
    if int(np.sum(curvatures < _NEGATIVE)) != 1:
        return None
    held = np.where(np.abs(curvatures) < _SOFTEST, np.where(curvatures < _NEGATIVE, -_SOFTEST, _SOFTEST), curvatures)
    along = modes.T @ last[1]
    way = modes @ (along / held)
    if np.abs(way).max() >= _FARTHEST:
        return None
    return float(np.sum(along**2 / held) / 2)


def _learned(hessian: np.ndarray, step: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Return a Hessian with which a step changes the gradient by `change`, eV/Å, whatever the sign of curvatures.

    J. M. Bofill, J. Comput. Chem. 15, 1 (1994): between the symmetric update of rank one and Powell's.
    """
    lack, length = change - hessian @ step, float(step @ step)
    size, along = float(lack @ lack), float(lack @ step)
    if np.abs(step).max() < _SHORTEST or size == 0.0:
        return hessian
    share = along**2 / (size * length)
    powell = (np.outer(lack, step) + np.outer(step, lack)) / length - along * np.outer(step, step) / length**2
    murtagh = np.outer(lack, lack) * (along / (size * length))  # `share` times lack lackᵀ / along, finite at along = 0
    return np.asarray(hessian + murtagh + (1 - share) * powell)
