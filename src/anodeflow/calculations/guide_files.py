"""What a guide left in the folder of a calculation, read back: where it began, and its Hessian; never believed damaged.

A start that says one thing and holds another would be another calculation under the address of this one.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydantic import ValidationError
from pymatgen.core import Structure

from anodeflow.backends.drivers.hessian import START, hessian_file, read_hessian
from anodeflow.calculations.document import LearnedStart
from anodeflow.calculations.folder import CalculationFolder
from anodeflow.calculations.request import Request
from anodeflow.learning.start import FARTHEST
from anodeflow.structures.geometry.positions import largest_distance, placed

_ROUNDING = 1e-6  # Å


def started(request: Request, folder: CalculationFolder) -> Request:
    """Return a request that begins where its folder says; the request itself, where that says nothing."""
    found = _start(request, folder)
    if found is None:
        return request
    if request.images:
        return replace(request, images=(request.images[0], *found[1], request.images[-1]))
    return replace(request, structure=found[1][0])


def learned_of(request: Request, folder: CalculationFolder) -> LearnedStart | None:
    """Return what its folder says of where a calculation began; none: it began where it was told."""
    found = _start(request, folder)
    return None if found is None else found[0]


def clear_damage(request: Request, folder: CalculationFolder, tell: Callable[..., None]) -> None:
    """Move aside what is damaged, and tell: a calculation goes on from its record without it.

    Parameters
    ----------
    request
        What is gone on with.
    folder
        Its folder.
    tell
        As of :meth:`anodeflow.backends.base.Backend.execute`.
    """
    start, hessian = folder.path / START, hessian_file(folder.steps_file)
    if start.exists() and _start(request, folder) is None:
        _aside(start, "its document cannot say where it began", tell)
    if hessian.exists() and read_hessian(folder.steps_file, 3 * len(request.structure)) is None:
        _aside(hessian, "one curvature is taken for all directions", tell)


def _aside(file: Path, effect: str, tell: Callable[..., None]) -> None:
    kept = file.with_name(f"{file.name}.damaged")
    file.replace(kept)
    tell("running", message=f"{file.name} is damaged, and kept as {kept}: {effect}")


def _start(request: Request, folder: CalculationFolder) -> tuple[LearnedStart, tuple[Structure, ...]] | None:
    """Return what the folder says of the start, and its geometries; none where it says nothing that can be true.

    It is as true when the calculation goes on in a campaign that learns nothing.
    """
    content = folder.read(folder.path / START)
    if not isinstance(content, dict):
        return None
    inner = request.images[1:-1] or (request.structure,)
    try:
        told = LearnedStart.model_validate({key: content.get(key) for key in LearnedStart.model_fields})
        positions = np.asarray(content.get("images"), dtype=float)
    except (ValidationError, TypeError, ValueError):
        return None
    if positions.shape != (len(inner), len(request.structure), 3) or not np.isfinite(positions).all():
        return None
    found = tuple(placed(image, there) for image, there in zip(inner, positions, strict=True))
    away = max(largest_distance(one, other) for one, other in zip(inner, found, strict=True))
    if away > FARTHEST or abs(away - told.displacement) > _ROUNDING:
        return None
    return told, found
