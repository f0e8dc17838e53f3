"""Forces on displaced copies of one geometry, by any code, each on record."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import numpy as np
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.backends.base import Backend
from anodeflow.backends.drivers.band_images import RecordedCalculator
from anodeflow.backends.drivers.hessian import free_coordinates
from anodeflow.backends.inprocess import InProcessBackend
from anodeflow.calculations.folder import CalculationFolder, append_step
from anodeflow.calculations.makers import CalculationMaker
from anodeflow.calculations.steps import largest_force
from anodeflow.structures.geometry.positions import placed

_WHOLE: ContextVar[str] = ContextVar("whole", default="")


def whole() -> str:
    """Return the label of the calculation of which the one that is asked for is a part; empty: of none."""
    return _WHOLE.get()


@contextmanager
def part_of(label: str) -> Iterator[None]:
    """Have calculations within the context count as parts of the one called so."""
    token = _WHOLE.set(label)
    try:
        yield
    finally:
        _WHOLE.reset(token)


class DisplacedForces:
    """Forces on a displaced structure, on record.

    Attributes
    ----------
    calculator
        ASE calculator that answers from the record or computes; none: every geometry is a static calculation.
    last
        What was computed last: `positions` (Å), `energy`, `free_energy` (eV), `forces` (eV/Å).
    """

    def __init__(
        self, backend: Backend, structure: Structure, folder: CalculationFolder, tell: Any, label: str
    ) -> None:
        self.backend, self.structure, self.folder, self.tell, self.label = backend, structure, folder, tell, label
        known = folder.steps()
        self.attempt = self.number = len(known)
        self.last: dict[str, Any] = {}
        self.known = {step["id"]: step for step in known if "id" in step}
        self.calculator: RecordedCalculator | None = None
        self.statics = CalculationMaker(name="static", task="static", backend=backend.recipe())
        if isinstance(backend, InProcessBackend):
            self.calculator = RecordedCalculator(0, partial(backend.calculator_in, folder.path), known, self._keep)
            self.atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
            self.atoms.calc = self.calculator

    def __call__(self, displacement: np.ndarray) -> np.ndarray:
        """Return the forces (3 N,), eV/Å, with the atoms displaced by (3 N,), Å."""
        positions = self.structure.cart_coords + displacement.reshape(-1, 3)
        if self.calculator is not None:
            self.atoms.set_positions(positions, apply_constraint=False)
            forces = self.atoms.get_forces(apply_constraint=False)
            energy = float(self.atoms.get_potential_energy())
            free_energy = float(self.calculator.results["free_energy"])
            self._last(positions, energy, free_energy, forces.tolist())
            return forces.ravel()
        count = self.number - self.attempt + 1
        with part_of(self.label):
            document = self.statics.calculate(placed(self.structure, positions), f"{self.label}, force {count}")
        if document.id not in self.known:
            free = free_coordinates(AseAtomsAdaptor.get_atoms(self.structure, msonable=False)).reshape(-1, 3)
            step = {
                "id": document.id,
                "positions": positions.tolist(),
                "energy": document.energy,
                "free_energy": document.free_energy,
                "forces": document.forces,
                "free_forces": np.where(free, document.forces, 0.0).tolist(),
                "seconds": document.wall_time,
                "scf_cycles": document.scf_cycles,
            }
            if document.processor_time is not None:
                step["processor_seconds"] = document.processor_time
            self.known[document.id] = step
            self._keep(step)
        self._last(positions, document.energy, document.free_energy, document.forces)
        return np.array(document.forces).ravel()

    def _last(self, positions: np.ndarray, energy: float, free_energy: float, forces: list[list[float]]) -> None:
        self.last = {
            "positions": positions.tolist(), "energy": energy, "free_energy": free_energy, "forces": forces
        }  # fmt: skip

    def _keep(self, step: dict[str, Any]) -> None:
        append_step(self.folder.steps_file, step | {"attempt": self.attempt})
        self.number += 1
        force = largest_force(step["free_forces"])
        self.tell("running", ionic_step=self.number, energy=step["energy"], max_force=force)
