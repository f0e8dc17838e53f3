"""Gives a relaxation, or the search of one saddle, the Hessian of a cheap potential to begin with."""

from typing import Any

import numpy as np
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.backends.drivers.hessian import finite_difference_hessian, hessian_file
from anodeflow.calculations.folder import CalculationFolder
from anodeflow.calculations.request import Request
from anodeflow.structures.geometry.symmetrise import symmetrised_hessian


def prepare_hessian(request: Request, folder: CalculationFolder, tell: Any) -> None:
    """Put the Hessian of the request's guide at its start geometry into the folder, where the driver looks for it.

    It has the symmetry of that geometry, which the noise of a potential would break. Nothing where there is no guide,
    the task is neither a relaxation of positions nor the climb of a single image, or the guide does not work here: the
    relaxation then begins with one curvature for all directions, and ends at the same place.

    Parameters
    ----------
    request
        What is about to be computed; no step of it was.
    folder
        Its folder.
    tell
        As of :meth:`anodeflow.backends.base.Backend.execute`.
    """
    from anodeflow.backends.inprocess import InProcessBackend
    from anodeflow.backends.registry import from_recipe

    file = hessian_file(folder.steps_file)
    file.unlink(missing_ok=True)
    climbs = request.task == "neb" and "tangent" in request.options
    if not request.guide or not (request.task == "relax" or climbs):
        return
    structure = request.images[1] if climbs else request.structure
    try:
        guide = from_recipe(request.guide)
        if not (isinstance(guide, InProcessBackend) and guide.cheap_forces):
            return
        guide.check_available()
        guide.check_elements({site.specie.symbol for site in structure})
        atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
        hessian = symmetrised_hessian(structure, finite_difference_hessian(atoms, guide.calculator_in(folder.path)))
    except Exception as error:  # whatever a potential's package raises: it is a help, not a condition
        tell("running", message=f"begins without the Hessian of {request.guide.get('name', 'the potential')}: {error}")
        return
    if np.isfinite(hessian).all():
        with file.open("wb") as stream:
            np.save(stream, hessian)
