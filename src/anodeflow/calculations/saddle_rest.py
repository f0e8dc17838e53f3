"""How far the energy of a recorded climb is from that of its saddle at rest."""

from collections.abc import Iterable
from typing import Any

from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.backends.drivers.saddle_rest import SaddleRest
from anodeflow.calculations.folder import CalculationFolder
from anodeflow.calculations.request import Request


def energy_over_rest(request: Request, folder: CalculationFolder, steps: Iterable[dict[str, Any]]) -> float | None:
    """Return the energy of the last image of a climb minus that of the saddle at rest, eV; none if it cannot be told.

    Parameters
    ----------
    request
        What was computed: a climb of one image that began with the Hessian of a potential, or nothing is said.
    folder
        Its folder, in which the Hessian lies.
    steps
        Its record: `positions` (Å), `forces` (eV/Å) and `free_energy` (eV) of every geometry.
    """
    if not request.climbs:
        return None
    rest = SaddleRest.beside(folder.steps_file, AseAtomsAdaptor.get_atoms(request.images[1], msonable=False))
    if rest is None:
        return None
    for step in steps:
        rest.after(step["positions"], step["forces"], step["free_energy"])
    return rest.expected
