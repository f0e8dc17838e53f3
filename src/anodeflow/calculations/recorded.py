"""The document of a calculation, made of the steps and the outcome that a code recorded."""

import os
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from anodeflow.backends.base import Backend
from anodeflow.calculations.document import CalculationDoc, GainAudit, LearnedStart
from anodeflow.calculations.folder import COARSE_DENSITY_FILE, DENSITY_FILE, CalculationFolder
from anodeflow.calculations.guide_files import learned_of
from anodeflow.calculations.request import Request
from anodeflow.calculations.steps import largest_force, processor_seconds
from anodeflow.core.caveats import Caveat, told_by
from anodeflow.core.errors import CalculationError
from anodeflow.learning.start import TOO_FAR
from anodeflow.structures.geometry.positions import placed

_PROMISING = 0.01  # eV: a geometry from which less is to be gained might have been the last


def calculation_document(
    backend: Backend, request: Request, folder: CalculationFolder, address: str, label: str
) -> CalculationDoc:
    """Put the document together from the recorded steps and the outcome.

    Raises
    ------
    CalculationError
        If the code left none.
    """
    steps = folder.steps()
    outcome = folder.read(folder.outcome)
    if not steps or outcome is None:
        raise CalculationError(f"{label}: {backend.code} left no result in {folder.path}; see the logs there.")
    last = steps[-1]
    warnings = told_by(outcome)
    if not outcome["converged"]:
        warnings.append(
            Caveat(
                "not-converged",
                f"not converged after {len(steps)} steps: largest force {largest_force(last['free_forces']):.3f} eV/Å; "
                "run it again to go on",
            )
        )
    warnings += _elsewhere(learned_of(request, folder))
    if request.options.get("potential") and "potential" not in last:
        raise CalculationError(
            f"{label}: {backend.code} records no electrostatic potential: choose a backend that has the capability."
        )
    is_density = request.task == "density"
    energies = _energies(backend, steps, outcome["converged"])
    if energies["evaluated_energy"] is not None:
        warnings += _early(backend, len(steps), energies["remaining_energy"], largest_force(last["free_forces"]))
    return CalculationDoc(
        **common_fields(backend, request, folder, address, label, steps),
        structure=placed(request.structure, last["positions"], last["cell"]),
        **energies,
        forces=last["forces"],
        stress=last["stress"],
        density_file=DENSITY_FILE if is_density else None,
        coarse_density_file=COARSE_DENSITY_FILE if is_density else None,
        magnetic_moment=last.get("magnetic_moment"),
        potential=last.get("potential"),
        max_force=largest_force(last["free_forces"]),
        converged=outcome["converged"],
        ionic_steps=len(steps),
        remedies=outcome.get("remedies", []),
        warnings=warnings,
    )


def _elsewhere(learned: LearnedStart | None) -> list[Caveat]:
    """Return the caveat of a relaxation that began farther away than a well is wide."""
    if learned is None or learned.displacement <= TOO_FAR:
        return []
    text = (
        f"it began {learned.displacement:.2f} Å away, at the minimum of {learned.potential} corrected by "
        f"{learned.calculations} calculations, to which the way leads down: a shallow well on the way was passed over"
    )
    return [Caveat("began-elsewhere", text + ", if there is one")]


def _early(backend: Backend, count: int, left: float, force: float) -> list[Caveat]:
    """Return the caveat of a relaxation that ended before its forces (eV/Å) were small; `left`: eV, is taken off."""
    asked = backend.relaxation
    if force < asked.force_threshold:
        return []
    if asked.energy_tolerance is not None and left < asked.energy_tolerance:
        text = (
            f"ended by its energy: {1e3 * left:.1f} meV were still to be gained by what the potential knows, and are "
            f"taken off; largest force {force:.3f} eV/Å"
        )
        return [Caveat("ended-by-energy", text)]
    times = "1 evaluation" if count == 1 else f"{count} evaluations"
    text = (
        f"ended after {times}, as asked: {1e3 * left:.1f} meV were still to be gained by the potential's second "
        f"derivatives, an estimate, and are taken off; largest force {force:.3f} eV/Å"
    )
    return [Caveat("few-evaluations", text)]


def _energies(backend: Backend, steps: list[dict[str, Any]], converged: bool) -> dict[str, Any]:
    """Return the fields of a document that tell its energy, and what was left to be gained."""
    evaluated, free, at_end = steps[-1]["energy"], steps[-1]["free_energy"], steps[-1].get("remaining_energy")
    asked = (backend.relaxation.energy_tolerance, backend.relaxation.evaluations)
    by_energy = converged and at_end is not None and asked != (None, None)
    end = free - (at_end or 0.0)
    promising = (
        (number, step)
        for number, step in enumerate(steps[:-1], start=1)
        if (left := step.get("remaining_energy")) is not None and left < _PROMISING
    )
    return {
        "energy": evaluated - at_end if by_energy and at_end is not None else evaluated,
        "free_energy": end if by_energy else free,
        "evaluated_energy": evaluated if by_energy else None,
        "remaining_energy": at_end,
        "gain_audit": [
            GainAudit(step=number, expected=step["remaining_energy"], gained=step["free_energy"] - end)
            for number, step in islice(promising, 1)
        ],
    }


def common_fields(
    backend: Backend,
    request: Request,
    folder: CalculationFolder,
    address: str,
    label: str,
    steps: list[dict[str, Any]],
) -> dict[str, Any]:
    """Return the fields that the documents of all tasks have alike."""
    proposals = [step["proposal_seconds"] for step in steps if "proposal_seconds" in step]
    cycles = [step["scf_cycles"] for step in steps if step.get("scf_cycles") is not None]
    return {
        "id": address,
        "task": request.task,
        "label": label,
        "backend": backend.name,
        "code": backend.code,
        "code_version": backend.version(),
        "settings": backend.all_settings(),
        "settings_hash": backend.settings_hash(),
        "formula": request.structure.composition.formula,
        "initial_structure": request.structure,
        "learned": learned_of(request, folder),
        "force_evaluations": len(steps),
        "scf_cycles": sum(cycles) if cycles else None,
        "wall_time": sum(step["seconds"] for step in steps),
        "processors": steps[-1].get("processors"),
        "processor_time": processor_seconds(steps),
        "proposal_seconds": sum(proposals) if proposals else None,
        "peak_memory": max((step["peak_memory"] for step in steps if "peak_memory" in step), default=None),
        "restarts": max(0, len({step["attempt"] for step in steps}) - 1),
        "directory": os.fspath(folder.path),
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
