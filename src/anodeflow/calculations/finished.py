"""Finds a calculation finished: its document must agree with its folder, its record and its own thresholds."""

import os
from typing import Any, TypeVar

import numpy as np
from monty.json import MontyDecoder
from pymatgen.core import Structure

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.folder import CalculationFolder
from anodeflow.calculations.request import Request
from anodeflow.calculations.steps import largest_force
from anodeflow.core.address import structure_content
from anodeflow.core.decoding import refuse_foreign
from anodeflow.core.errors import CalculationError
from anodeflow.core.strict import strictly
from anodeflow.core.version import SCHEMA_VERSION
from anodeflow.structures.geometry.positions import fixed_coordinates

Document = TypeVar("Document", bound=CalculationDoc)

_ROUNDING = 1e-6  # eV/Å, and share of a threshold: far below what anyone can mean


def finished_document(folder: CalculationFolder, request: Request, kind: type[Document]) -> Document | None:
    """Return the stored document of a request; none if there is none that can be trusted, or it did not converge.

    A calculation that ran out of steps is not an end: asked for again, it goes on. A document that is damaged, or that
    lies in the wrong folder, is made again from the record of its steps.

    Raises
    ------
    CalculationError
        If a newer anodeflow wrote it: to compute it again would destroy it.
    """
    stored = folder.read(folder.document)
    if not isinstance(stored, dict):
        return None
    refuse_foreign(stored, folder.document)
    version = stored.get("schema_version", 0)
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise CalculationError(
            f"{folder.document} was written by a newer anodeflow (schema {version}; this one knows {SCHEMA_VERSION}): "
            "use that one, or another ANODEFLOW_HOME."
        )
    try:
        document = strictly(kind, MontyDecoder().process_decoded(stored))
        for file in (document.density_file, document.coarse_density_file):
            if file is not None and not (folder.path / file).is_file():
                return None
        if not (document.converged and _is_of(document, folder, request) and _is_calm(document, request.climbs)):
            return None
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return None  # damaged; pydantic's error is a ValueError
    # The folder may have been moved with its ANODEFLOW_HOME.
    return document.model_copy(update={"directory": os.fspath(folder.path)})


def _is_of(document: CalculationDoc, folder: CalculationFolder, request: Request) -> bool:
    """Return whether a document belongs to this folder, this request, and the steps on record there."""
    if document.id != folder.path.name or document.task != request.task:
        return False
    if structure_content(document.initial_structure) != structure_content(request.structure):
        return False
    if not folder.steps_file.is_file():
        return True  # cleared away: nothing contradicts
    steps = folder.steps()
    if len(steps) != document.force_evaluations:
        return False
    # Bands and displacements have many geometries, of which none is the last.
    return document.task in ("neb", "modes", "hessian") or (
        document.ionic_steps == len(steps)
        and _evaluated(document) == steps[-1]["energy"]
        and document.remaining_energy == steps[-1].get("remaining_energy")
        and bool(np.allclose(document.structure.cart_coords, steps[-1]["positions"], atol=1e-4))
    )


def _evaluated(document: CalculationDoc) -> float | None:
    """Return the energy as evaluated, eV; none where what was taken off is not what the document says."""
    if document.evaluated_energy is None:
        return document.energy
    agrees = document.energy == document.evaluated_energy - (document.remaining_energy or 0.0)
    return document.evaluated_energy if agrees else None


def _is_calm(document: CalculationDoc, climb: bool) -> bool:
    """Return whether a document that says it converged did, by its own numbers and settings.

    `climb`: whether it is that of a single image, of which alone a path may end before it is calm.
    """
    settings: dict[str, Any] = document.settings
    part = "path" if document.task == "neb" else "relaxation"
    if document.task not in ("neb", "relax", "relax_cell"):
        return True
    asked = settings.get(part)
    early = (climb or document.task != "neb") and _ended_early(document, asked)
    if not early and document.max_force >= _threshold(asked, "force_threshold"):
        return False
    if document.task == "neb":
        return True
    if document.task == "relax_cell" and document.stress is not None:
        largest = float(np.abs(document.stress).max())
        if largest >= _threshold(asked, "stress_threshold"):
            return False
    free = _free_atoms(document.structure)
    if free is None:
        return True
    found = largest_force(np.array(document.forces)[free]) if free.any() else 0.0
    return abs(found - document.max_force) < _ROUNDING


def _ended_early(document: CalculationDoc, settings: Any) -> bool:
    """Return whether a relaxation or a climb ended as its settings allow, by its energy or its evaluations."""
    if not isinstance(settings, dict):
        return False
    left = document.remaining_energy if document.evaluated_energy is not None else None
    tolerance, most = settings.get("energy_tolerance"), settings.get("evaluations")
    by_energy = left is not None and tolerance is not None and abs(left) < tolerance
    # Of a climb nothing may be known that is left; what a relaxation still gains is always estimated.
    counted = most is not None and document.force_evaluations >= most and (left is not None or document.task == "neb")
    return by_energy or counted


def _threshold(settings: Any, key: str) -> float:
    """Return a threshold of the document's settings, a little above itself; infinite where it says none."""
    value = settings.get(key) if isinstance(settings, dict) else None
    return np.inf if value is None else float(value) * (1 + _ROUNDING)


def _free_atoms(structure: Structure) -> np.ndarray | None:
    """Return (n,) which atoms are free; none where one may move along some directions only."""
    table = ~fixed_coordinates(structure)
    free = np.asarray(table.all(axis=1))
    return None if (table.any(axis=1) != free).any() else free
