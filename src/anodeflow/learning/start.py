"""A better place to begin: the minimum, saddle or path of the corrected potential near the one that was handed in."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase.optimize import BFGS
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.backends.drivers.band_driver import run_neb
from anodeflow.calculations.request import Request
from anodeflow.structures.geometry.positions import largest_distance, placed
from anodeflow.structures.geometry.symmetrise import symmetrised, with_symmetry_of

TOO_FAR = 0.5
"""How far an atom of a path may come to lie from where the potential alone has it, Å: farther off it is another one."""
FARTHEST = 5.0
"""The same for the minimum to which a way down leads, Å."""
_CALM, _MOST_STEPS, _APART = 0.01, 150, 0.1  # eV/Å, –, Å


@dataclass(frozen=True)
class Start:
    """Where a calculation begins.

    Attributes
    ----------
    images
        The geometry; of a path: those between its ends.
    displacement
        Largest distance of an atom from the geometries that were handed in, Å.
    way
        Geometries on the way down to a minimum, 0.1 Å apart, that minimum the last, and how far each lies above the
        start by the corrected potential, eV.
    """

    images: tuple[Structure, ...]
    displacement: float
    way: tuple[tuple[Structure, float], ...] = ()


def minimum(structure: Structure, calculator: Any, farthest: float = FARTHEST) -> Start | None:
    """Return the minimum of a corrected potential to which the way down from a structure leads, with its symmetry.

    None where an atom has farther to go there than `farthest`, Å.
    """
    atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
    atoms.calc = calculator
    level = atoms.get_potential_energy()
    way: list[tuple[Structure, float]] = []
    last = structure.cart_coords
    optimizer = BFGS(atoms, logfile=None, alpha=5.0, maxstep=0.1)
    for _ in optimizer.irun(fmax=_CALM, steps=_MOST_STEPS):
        if _farthest_atom(atoms.positions - structure.cart_coords) > farthest:
            return None
        if _farthest_atom(atoms.positions - last) >= _APART:
            last = atoms.get_positions()
            way.append((placed(structure, last), atoms.get_potential_energy() - level))
    found = placed(structure, with_symmetry_of(structure, atoms.positions))
    way.append((found, atoms.get_potential_energy() - level))
    return _near([structure], [found], farthest, way)


def path(request: Request, make_calculator: Callable[[], Any]) -> Start | None:
    """Return the path of a corrected potential near that of a request, relaxed as DFT will relax it; none if it is not.

    Where one image alone climbs, that is the saddle.
    """
    climbs = request.climbs
    settings = request.options["settings"] | {"max_steps": _MOST_STEPS}
    if climbs:
        settings["force_threshold"] = _CALM
    images = [AseAtomsAdaptor.get_atoms(image, msonable=False) for image in request.images]
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "steps.jsonl"
        done = run_neb(images, make_calculator, request.options | {"settings": settings}, record, attempt=0)
    if not done["converged"]:
        return None
    inner = [
        placed(image, np.array(found["positions"]))
        for image, found in zip(request.images[1:-1], done["images"][1:-1], strict=True)
    ]
    return _near(request.images[1:-1], [symmetrised(image) for image in inner] if climbs else inner)


def _near(
    before: Sequence[Structure],
    found: Sequence[Structure],
    farthest: float = TOO_FAR,
    way: Sequence[tuple[Structure, float]] = (),
) -> Start | None:
    away = max(largest_distance(one, other) for one, other in zip(before, found, strict=True))
    return Start(tuple(found), away, tuple(way)) if np.isfinite(away) and away <= farthest else None


def _farthest_atom(moved: np.ndarray) -> float:
    return float(np.linalg.norm(moved, axis=1).max())
