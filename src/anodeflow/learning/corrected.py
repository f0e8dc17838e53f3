"""A potential as ASE's calculator, with what it lacks put right."""

from collections.abc import Callable
from typing import Any

import numpy as np
from ase.calculators.calculator import Calculator, all_changes

from anodeflow.learning.residual import Residual


class Corrected(Calculator):
    """A potential and what it lacks; `busy` is called before each evaluation."""

    implemented_properties = ["energy", "free_energy", "forces"]  # noqa: RUF012 (as ASE has it)

    def __init__(
        self, potential: Any, residual: Residual, free: np.ndarray, busy: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__()
        self.potential, self.residual, self.free, self.busy = potential, residual, free, busy

    def again(self) -> "Corrected":
        """Return another calculator of the same."""
        return Corrected(self.potential, self.residual, self.free, self.busy)

    def calculate(self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = all_changes) -> None:
        """Set energy and forces for `atoms`."""
        super().calculate(atoms, properties, system_changes)
        self.busy()
        there = atoms.copy()
        there.set_constraint()
        there.calc = self.potential
        lacking = np.zeros(3 * len(atoms))
        energy, lacking[self.free] = self.residual.at(atoms.get_positions().ravel()[self.free])
        energy += float(there.get_potential_energy())
        forces = there.get_forces() + lacking.reshape(-1, 3)
        self.results = {"energy": energy, "free_energy": energy, "forces": forces}
