"""Backends whose ASE calculator runs inside the job's own process."""

import json
from abc import abstractmethod
from typing import Any

from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.backends.base import Backend
from anodeflow.backends.driver import largest_force, run_task
from anodeflow.backends.folder import CalculationFolder
from anodeflow.errors import CalculationError
from anodeflow.schemas.calculation import Task


class InProcessBackend(Backend):
    """A backend that hands out an ASE calculator."""

    @abstractmethod
    def calculator(self) -> Any:
        """Return a new ASE calculator with the backend's settings."""

    def execute(self, structure: Structure, task: Task, folder: CalculationFolder, lock: int, tell: Any) -> None:
        """Run the task here, step by step on record (see :meth:`Backend.execute`)."""
        number = attempt = len(folder.steps())

        def on_step(step: dict[str, Any]) -> None:
            nonlocal number
            number += 1
            tell("running", ionic_step=number, energy=step["energy"], max_force=largest_force(step["free_forces"]))

        atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
        try:
            converged = run_task(
                atoms,
                self.calculator(),
                task,
                self.relaxation.model_dump(),
                folder.steps_file,
                attempt=attempt,
                on_step=on_step,
            )
        except Exception as error:
            raise CalculationError(
                f"{self.code} failed on {structure.composition.reduced_formula} in {folder.path}: {error}."
            ) from error
        folder.write(folder.outcome, json.dumps({"converged": converged}))
