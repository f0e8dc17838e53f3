"""Relaxes or evaluates an ASE Atoms object, step by step on record, so that a kill loses one step at most.

This file runs inside the job (EMT, MLIPs) or inside a code's own process (GPAW under MPI): it imports ASE and
numpy alone.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS

from anodeflow.backends.drivers.hessian import first_hessian
from anodeflow.backends.drivers.recording import Propose, Record, free_forces
from anodeflow.backends.drivers.remaining import RemainingEnergy
from anodeflow.calculations.folder import read_steps
from anodeflow.calculations.steps import largest_force

_MODULUS_OVER_CURVATURE = 0.07  # Å⁻¹
_STIFFEST = 100  # times the initial curvature: no bond is so stiff


def run_task(
    atoms: Atoms,
    calculator: Any,
    task: str,
    relaxation: dict[str, Any],
    steps_file: Path,
    *,
    attempt: int,
    writes: bool = True,
    extra: Callable[[], dict[str, Any]] = dict,
    on_step: Callable[[dict[str, Any]], None] | None = None,
    propose: Propose | None = None,
) -> bool:
    """Do one task, going on from the steps already on record.

    Parameters
    ----------
    atoms
        Start geometry with its constraints; ends at the last geometry.
    calculator
        ASE calculator.
    task
        static, density (as static), relax or relax_cell.
    relaxation
        `force_threshold` (eV/Å), `stress_threshold` (eV/Å³), `max_steps` (in this attempt),
        `curvature` (eV/Å², of the first BFGS Hessian), `max_displacement` (Å, of one step). With `energy_tolerance`
        (eV) positions are relaxed, too, as soon as less is still to be gained by the Hessian beside the record; with
        `evaluations`, and such a Hessian, as soon as so many geometries are on record.
    steps_file
        Record of evaluated geometries: read first, then appended to. A Hessian beside it is what BFGS begins with
        (:mod:`anodeflow.backends.drivers.hessian`).
    attempt
        Number that tells this attempt from earlier ones: how many steps were on record when it began.
    writes
        False on all MPI ranks but one.
    extra
        Gives what the code adds to the record of a step (SCF cycles ...).
    on_step
        Called with the record of every new step.
    propose
        Says where a relaxation of positions goes, for as long as it knows; BFGS goes on from there.

    Returns
    -------
    bool
        Whether the forces (and the stress) are below their thresholds, or the energy still to be gained is, or all
        evaluations that were asked for are made.
    """
    earlier = read_steps(steps_file)
    with_stress = task == "relax_cell"
    remaining = RemainingEnergy.beside(steps_file, atoms) if task == "relax" else None
    for step in earlier if remaining else ():
        remaining.after(step["positions"], step["free_forces"])  # type: ignore[union-attr]
    ways = propose if task == "relax" else None
    record = Record(atoms, with_stress, steps_file, attempt, writes, extra, on_step, remaining, ways, relaxation)
    record.count = len(earlier)

    if task in ("static", "density"):
        # A density is in the calculator, not on record: it is converged again.
        if not earlier or task == "density":
            atoms.calc = calculator
            record()
        return True

    if earlier:
        _put(atoms, earlier[-1])
        if record.ends or _converged(earlier[-1], relaxation, with_stress):
            return True
    left = relaxation["max_steps"]
    if ways is not None:
        atoms.calc = calculator
        converged, steps = _proposed(atoms, record, earlier, ways, relaxation)
        if converged:
            return True
        left, earlier = left - (len(steps) - len(earlier)), _from_the_best(steps)
        _put(atoms, earlier[-1])
    if with_stress and earlier:  # the coordinates of a cell that moves are those of the first one
        _put(atoms, earlier[0])
    target: Any = FrechetCellFilter(atoms, exp_cell_factor=_cell_factor(atoms)) if with_stress else atoms
    optimizer = BFGS(
        target,
        logfile=None,
        alpha=relaxation["curvature"],
        maxstep=relaxation["max_displacement"],
    )
    hessian = None if with_stress else first_hessian(steps_file, 3 * len(atoms), relaxation["curvature"])
    if hessian is not None:
        optimizer.H0 = hessian
    if earlier:
        # The last geometry is known already: take the step out of it, instead of computing it again.
        _replay(optimizer, atoms, earlier, relaxation)
        optimizer.step()
    atoms.calc = calculator
    optimizer.attach(record)
    before = np.array(earlier[-1]["positions"]) if earlier else None
    for _ in optimizer.irun(fmax=0.0, steps=left):
        if record.ends or _converged(record.latest, relaxation, with_stress):
            return True
        if before is not None and _stuck(before, atoms.positions, free_forces(atoms), relaxation):
            optimizer.initialize()
        before = atoms.get_positions()
    return False


def _proposed(
    atoms: Atoms, record: "Record", earlier: list[dict[str, Any]], propose: Propose, relaxation: dict[str, Any]
) -> tuple[bool, list[dict[str, Any]]]:
    """Relax by proposals; return whether that is the end of it, and all steps on record, earlier ones included."""
    steps = list(earlier)
    record.seen = steps
    if not steps:
        proposal: tuple[list[Any], float | None] | None = ([atoms.get_positions()], None)
    else:  # where BFGS has begun it goes on
        proposal = propose(steps) if all(step.get("proposed") for step in steps) else None
    for _ in range(relaxation["max_steps"]):
        if proposal is None:
            break
        atoms.set_positions(np.asarray(proposal[0][0]))
        record()
        steps.append(record.latest)
        if record.ends or _converged(record.latest, relaxation, False):
            return True, steps
        proposal = record.proposal
    record.propose = None
    return False, steps


def _from_the_best(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return steps with the best of those that were proposed as the last of them: BFGS goes on from there."""
    proposed = [step for step in steps if step.get("proposed")]
    if not proposed:
        return steps
    best = min(proposed, key=lambda step: step["free_energy"])
    rest = [step for step in steps if not step.get("proposed")]
    return [*(step for step in proposed if step is not best), best, *rest]


def _stuck(before: Any, positions: Any, forces: Any, relaxation: dict[str, Any]) -> bool:
    """Return whether the last step was so short that the Hessian cannot be true.

    After a crossing from one valley into another, BFGS may hold a direction for hundreds of times stiffer than it is,
    and never moves along it again, whatever the force (an adatom on Li3Mg(001) with SevenNet: 0.28 eV/Å for 250 steps).
    A Hessian that begins anew is the way out.
    """
    step = largest_force(np.asarray(positions) - np.asarray(before))
    return step < largest_force(forces) / (_STIFFEST * relaxation["curvature"])


def _cell_factor(atoms: Atoms) -> float:
    """Return the factor of the cell's coordinates that makes the optimiser's first guess fit them as it fits the atoms.

    A strain costs C V / 2 (C: elastic modulus, V: volume); in coordinates of strain times a factor f the curvature is
    C V / f². ASE's factor, the number of atoms, leaves it ten times below that of the atoms in a cell of eight, and the
    cell creeps. C and the atoms' curvature k go together, C/k = 0.07 Å⁻¹ (13 orderings of Li3Mg and Li3Mg7 with
    SevenNet: 258 steps with ASE's factor and k = 5 eV/Å², 132 with this one and k = 3).
    """
    return float(np.sqrt(_MODULUS_OVER_CURVATURE * atoms.get_volume()))


def _converged(step: dict[str, Any], relaxation: dict[str, Any], with_stress: bool) -> bool:
    calm = largest_force(step["free_forces"]) < relaxation["force_threshold"]
    if with_stress:
        calm = calm and float(np.abs(step["stress"]).max()) < relaxation["stress_threshold"]
    left = step.get("remaining_energy")
    return calm or (left is not None and left < relaxation.get("energy_tolerance", 0.0))


def _put(atoms: Atoms, step: dict[str, Any]) -> None:
    """Set cell and positions to those of a recorded step, fixed atoms too (they did not move)."""
    atoms.set_cell(step["cell"], scale_atoms=False, apply_constraint=False)
    atoms.set_positions(step["positions"], apply_constraint=False)


def _known(atoms: Atoms, step: dict[str, Any]) -> SinglePointCalculator:
    results = {"energy": step["energy"], "free_energy": step["free_energy"], "forces": np.array(step["forces"])}
    if step["stress"] is not None:
        results["stress"] = np.array(step["stress"])
    return SinglePointCalculator(atoms, **results)


def _replay(optimizer: BFGS, atoms: Atoms, steps: list[dict[str, Any]], relaxation: dict[str, Any]) -> None:
    """Build the optimiser's Hessian from the recorded steps; the last one, where the atoms end, is left to its step."""
    before: tuple[Any, Any] = (None, None)
    for index, step in enumerate(steps):
        _put(atoms, step)
        atoms.calc = _known(atoms, step)
        if index and _stuck(steps[index - 1]["positions"], step["positions"], step["free_forces"], relaxation):
            optimizer.initialize()
        if index < len(steps) - 1:
            now = (optimizer.optimizable.get_x().ravel(), -optimizer.optimizable.get_gradient().ravel())
            optimizer.update(*now, *before)
            before = now
    optimizer.pos0, optimizer.forces0 = before
