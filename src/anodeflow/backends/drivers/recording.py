"""Puts the geometries of a relaxation on record, with what is still to be gained and where it goes next.

This file runs inside the job or inside a code's own process: it imports ASE and numpy alone.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError

from anodeflow.backends.drivers.remaining import RemainingEnergy
from anodeflow.calculations.folder import append_step
from anodeflow.calculations.steps import check_finite, largest_force

Propose = Callable[[list[dict[str, Any]]], "tuple[list[Any], float | None] | None"]
"""Says, from the evaluations so far, which geometries are evaluated next, Å (one; of a path one for each image that is
computed), and how much a relaxation still gains on the way there, eV (none: it cannot be told); none at all: the
optimiser shall say (:class:`anodeflow.learning.surrogate.Surrogate`)."""


def free_forces(atoms: Atoms) -> np.ndarray:
    """Return the forces (N, 3) in eV/Å with those along fixed directions set to zero."""
    return atoms.get_forces(apply_constraint=True)


def describe(atoms: Atoms, with_stress: bool) -> dict[str, Any]:
    """Return geometry, energies (eV), forces (eV/Å), stress (eV/Å³) of the atoms' calculator as plain data."""
    energy = float(atoms.get_potential_energy())
    try:
        free_energy = float(atoms.get_potential_energy(force_consistent=True))
    except PropertyNotImplementedError:  # a code that does not smear: both are one
        free_energy = energy
    forces = atoms.get_forces(apply_constraint=False)
    free = forces.copy()
    for constraint in atoms.constraints:
        constraint.adjust_forces(atoms, free)
    step = {
        "positions": atoms.get_positions().tolist(),
        "cell": atoms.cell.array.tolist(),
        "energy": energy,
        "free_energy": free_energy,
        "forces": forces.tolist(),
        "free_forces": free.tolist(),
        "stress": atoms.get_stress().tolist() if with_stress else None,
    }
    if atoms.get_initial_magnetic_moments().any():
        with suppress(PropertyNotImplementedError):  # a code without spin
            step["magnetic_moment"] = float(atoms.get_magnetic_moment())
    return step


class Record:
    """Puts the geometry that the atoms have come to on record, each time it is called.

    Parameters are those of :func:`anodeflow.backends.drivers.driver.run_task`.
    """

    def __init__(
        self,
        atoms: Atoms,
        with_stress: bool,
        file: Path,
        attempt: int,
        writes: bool,
        extra: Callable[[], dict[str, Any]],
        on_step: Callable[[dict[str, Any]], None] | None,
        remaining: RemainingEnergy | None,
        propose: Propose | None,
        relaxation: dict[str, Any],
    ) -> None:
        self.atoms, self.with_stress, self.file, self.attempt = atoms, with_stress, file, attempt
        self.writes, self.extra, self.on_step, self.remaining = writes, extra, on_step, remaining
        self.propose = propose
        self.proposal: tuple[list[Any], float | None] | None = None
        self.seen: list[dict[str, Any]] = []
        self.threshold = relaxation["force_threshold"]
        self.most = relaxation.get("evaluations") if remaining is not None else None
        self.count = 0
        self.began = time.monotonic()
        self.latest: dict[str, Any] = {}

    @property
    def ends(self) -> bool:
        """Whether all evaluations are made that were asked for."""
        return self.most is not None and self.count >= self.most

    @property
    def _began_as_learned(self) -> bool:
        """Whether a potential that learned chose the first geometry: else the Hessian alone tells of it."""
        return self.remaining is not None and self.remaining.proven

    def __call__(self) -> None:
        step = describe(self.atoms, self.with_stress) | self.extra()
        self.count += 1
        if self.remaining is not None:
            told = self.remaining.after(step["positions"], step["free_forces"])
            step["remaining_energy"] = self.remaining.expected if told is None and self.ends else told
        step |= {"attempt": self.attempt, "seconds": time.monotonic() - self.began}
        check_finite(step)  # on all ranks
        if self.propose is not None:
            step["proposed"] = True
            calm = self.ends or largest_force(step["free_forces"]) < self.threshold
            # Before it is on record, which says what was still to be gained.
            asked = time.monotonic()
            self.proposal = None if calm else self.propose([*self.seen, step])
            step["proposal_seconds"] = time.monotonic() - asked
            if self.proposal is not None and (self.seen or self._began_as_learned):
                step["remaining_energy"] = self.proposal[1]
            elif not (calm or self.seen):  # nobody is there to say whether its energy was foreseen
                step["remaining_energy"] = None
            check_finite(step)
        self.latest, self.began = step, time.monotonic()
        if self.writes:
            append_step(self.file, step)
        if self.on_step:
            self.on_step(step)
