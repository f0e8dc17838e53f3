"""Gives a relaxation, or the search of one saddle, what a cheap potential knows to begin with.

That is its Hessian; and where it learns from DFT (`learn`), a better place to begin: the minimum or saddle of the
potential corrected by what finished calculations taught (:mod:`anodeflow.learning`). Neither is in the address of the
calculation: both change the way, not the result. Whatever fails here is told and done without: it is a help, not a
condition.
"""

import json
from dataclasses import replace
from typing import Any

import numpy as np
from monty.json import MontyEncoder

from anodeflow.backends.base import Backend
from anodeflow.backends.drivers.hessian import START, hessian_file
from anodeflow.calculations.folder import CalculationFolder
from anodeflow.calculations.guide_learns import Beginning, learned_model, learned_start
from anodeflow.calculations.guide_of import NEARBY, guide_of, is_guided, learns, learns_path, tried
from anodeflow.calculations.potential_hessian import potential_hessian
from anodeflow.calculations.progress import now_and_then
from anodeflow.calculations.request import Request
from anodeflow.learning.surrogate import SURROGATE, Surrogate


def with_surrogate(request: Request, folder: CalculationFolder, backend: Backend, tell: Any) -> Request:
    """Return a request with what says where it goes next, if its potential learns; as it is, where that does not work.

    Parameters
    ----------
    request
        As it begins (:func:`anodeflow.calculations.guide_files.started`).
    folder
        Its folder, which gets what another process makes the same surrogate of.
    backend
        Who computes it.
    tell
        As of :meth:`anodeflow.backends.base.Backend.execute`.
    """
    if not request.guide.get("learn") or not is_guided(request):
        return request
    begun = request

    def add() -> None:
        nonlocal begun
        guide = guide_of(request, folder)
        if guide is None:
            return
        model = learned_model(backend, guide.potential, guide.features)
        weights = model.by_label() if model is not None and model.helps else {}
        calculators = [guide.calculator, *([guide.features.corrected(weights)] if weights else [])]
        settings = request.options["settings"] if request.images else backend.relaxation.model_dump()
        surrogate = Surrogate(
            request,
            calculators,
            settings["force_threshold"],
            lambda why: tell("running", message=why),
            strict=request.guide.get(NEARBY) is True,
        )
        content = surrogate.plain(guide.potential.recipe(), weights)
        folder.write(folder.path / SURROGATE, json.dumps(content, cls=MontyEncoder))
        begun = replace(request, surrogate=surrogate)

    tried(add, tell, "goes its way without proposals of the potential")
    return begun


def prepare_guide(request: Request, folder: CalculationFolder, backend: Backend | None, tell: Any) -> None:
    """Put start and Hessian of a request's guide into the folder, where :func:`started` and the driver look for them.

    The Hessian has the symmetry of the geometry it belongs to, which the noise of a potential would break. Nothing
    where there is no guide, the task is neither a relaxation of positions nor the climb of a single image, or the guide
    does not work here: the relaxation then begins where it was told, with one curvature for all directions, and ends at
    the same place.

    Parameters
    ----------
    request
        What is about to be computed; no step of it was.
    folder
        Its folder.
    backend
        Who computes it; none: nothing is learned.
    tell
        As of :meth:`anodeflow.backends.base.Backend.execute`.
    """
    file = hessian_file(folder.steps_file)
    file.unlink(missing_ok=True)
    (folder.path / START).unlink(missing_ok=True)
    if not is_guided(request):
        return

    def prepare() -> None:
        guide = guide_of(request, folder)
        if guide is None:
            return
        begins = Beginning(request.images[1] if request.climbs else request.structure, guide.calculator)
        if backend is not None and learns(request):
            try:
                begins = learned_start(request, guide, backend, folder, tell) or begins
            except Exception as error:  # whatever a potential's package raises
                (folder.path / START).unlink(missing_ok=True)
                tell("running", message=f"begins as if {guide.potential.name} had learned nothing: {error}")
        if learns_path(request):
            return
        counted = now_and_then(tell, f"second derivatives of {guide.potential.name}")
        hessian = potential_hessian(begins.structure, begins.calculator, counted)
        if np.isfinite(hessian).all():
            with file.open("wb") as stream:
                np.save(stream, hessian)

    name = request.guide.get("name", "the potential")
    tried(prepare, tell, f"begins without the Hessian of {name}")
