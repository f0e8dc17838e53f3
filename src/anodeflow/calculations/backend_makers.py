"""The Makers of a backend: what studies and the prescreen are given to compute with."""

from dataclasses import dataclass

from anodeflow.backends.base import Backend
from anodeflow.calculations.document import Task
from anodeflow.calculations.makers import CalculationMaker
from anodeflow.calculations.modes import ModesMaker
from anodeflow.calculations.neb_maker import NebMaker


@dataclass(frozen=True)
class Makers:
    """Makes jobs of a backend.

    Attributes
    ----------
    backend
        Who computes; the Makers carry it as plain data.
    """

    backend: Backend

    def relax(self, cell: bool = False) -> CalculationMaker:
        """Return the Maker that relaxes positions, or positions and cell."""
        task: Task = "relax_cell" if cell else "relax"
        return CalculationMaker(name=f"{self.backend.code} {task}", task=task, backend=self.backend.recipe())

    def static(
        self, charge_density: bool = False, grid_spacing: float = 0.07, potential: bool = False
    ) -> CalculationMaker:
        """Return the Maker that evaluates a structure as it is.

        Parameters
        ----------
        charge_density
            Whether to write the all-electron density too, on two grids (:mod:`anodeflow.core.density`).
        grid_spacing
            Spacing of the finer one, Å; the other one is half as fine.
        potential
            Whether the document shall hold the electrostatic potential of a slab and the Fermi level, too.
        """
        code, recipe = self.backend.code, self.backend.recipe()
        if potential:
            options = {"potential": True}
            return CalculationMaker(name=f"{code} potential", task="static", backend=recipe, options=options)
        if not charge_density:
            return CalculationMaker(name=f"{code} static", task="static", backend=recipe)
        return CalculationMaker(
            name=f"{code} density", task="density", backend=recipe, options={"grid_spacing": grid_spacing}
        )

    def neb(self) -> NebMaker:
        """Return the Maker that relaxes a path between two minima (climbing-image nudged elastic band)."""
        return NebMaker(name=f"{self.backend.code} neb", backend=self.backend.recipe())

    def modes(self) -> ModesMaker:
        """Return the Maker that finds the lowest modes of a minimum or a saddle, or all of its vibrations."""
        backend = self.backend
        return ModesMaker(name=f"{backend.code} modes", backend=backend.recipe(), cheap=backend.cheap_forces)
