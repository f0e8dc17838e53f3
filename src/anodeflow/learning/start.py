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
"""How far an atom may come to lie from where the potential alone has it, Å: farther away it is another state."""
_CALM, _MOST_STEPS = 0.01, 100  # eV/Å


@dataclass(frozen=True)
class Start:
    """Where a calculation begins.

    Attributes
    ----------
    images
        The geometry; of a path: those between its ends.
    displacement
        Largest distance of an atom from the geometries that were handed in, Å.
    """

    images: tuple[Structure, ...]
    displacement: float


def minimum(structure: Structure, calculator: Any) -> Start | None:
    """Return the minimum of a corrected potential near a structure, with its symmetry; none where none is near."""
    atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
    atoms.calc = calculator
    optimizer = BFGS(atoms, logfile=None, alpha=5.0, maxstep=0.1)
    for _ in optimizer.irun(fmax=_CALM, steps=_MOST_STEPS):
        if np.linalg.norm(atoms.positions - structure.cart_coords, axis=1).max() > TOO_FAR:
            return None
    return _near([structure], [placed(structure, with_symmetry_of(structure, atoms.positions))])


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


def _near(before: Sequence[Structure], found: Sequence[Structure]) -> Start | None:
    away = max(largest_distance(one, other) for one, other in zip(before, found, strict=True))
    return Start(tuple(found), away) if np.isfinite(away) and away <= TOO_FAR else None
