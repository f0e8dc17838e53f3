"""Backends whose ASE calculator runs inside the job's own process."""

import json
from abc import abstractmethod
from typing import Any, ClassVar

from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.backends.base import Backend
from anodeflow.backends.drivers.band_driver import run_neb
from anodeflow.backends.drivers.driver import largest_force, run_task
from anodeflow.calculations.folder import CalculationFolder
from anodeflow.calculations.neb_maker import band_progress
from anodeflow.calculations.request import Request
from anodeflow.core.errors import CalculationError


class InProcessBackend(Backend):
    """A backend that hands out an ASE calculator."""

    cheap_forces: ClassVar[bool] = True

    @abstractmethod
    def calculator(self) -> Any:
        """Return a new ASE calculator with the backend's settings."""

    def execute(self, request: Request, folder: CalculationFolder, lock: int, tell: Any) -> None:
        """Run the task here, step by step on record (see :meth:`Backend.execute`)."""
        number = attempt = len(folder.steps())

        def on_step(step: dict[str, Any]) -> None:
            nonlocal number
            number += 1
            tell("running", ionic_step=number, energy=step["energy"], max_force=largest_force(step["free_forces"]))

        def on_image(step: dict[str, Any]) -> None:
            tell("running", **band_progress(folder.steps(), request))

        folder.outcome.unlink(missing_ok=True)
        outcome: dict[str, Any]
        try:
            if request.task == "neb":
                images = [AseAtomsAdaptor.get_atoms(image, msonable=False) for image in request.images]
                outcome = run_neb(
                    images, self.calculator, request.options, folder.steps_file, attempt=attempt, on_step=on_image
                )
            else:
                converged = run_task(
                    AseAtomsAdaptor.get_atoms(request.structure, msonable=False),
                    self.calculator(),
                    request.task,
                    self.relaxation.model_dump(),
                    folder.steps_file,
                    attempt=attempt,
                    on_step=on_step,
                )
                outcome = {"converged": converged}
        except Exception as error:
            formula = request.structure.composition.reduced_formula
            raise CalculationError(f"{self.code} failed on {formula} in {folder.path}: {error}.") from error
        folder.write(folder.outcome, json.dumps(outcome))
