"""Backends whose ASE calculator runs inside the job's own process."""

import json
from abc import abstractmethod
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.backends.base import Backend
from anodeflow.backends.drivers.band_driver import run_neb
from anodeflow.backends.drivers.driver import run_task
from anodeflow.backends.features import Features, RadialFeatures
from anodeflow.calculations.folder import CalculationFolder
from anodeflow.calculations.follow import RecordFollower, band_progress
from anodeflow.calculations.request import Request
from anodeflow.calculations.steps import largest_force
from anodeflow.core.errors import BudgetSpentError, CalculationError


class InProcessBackend(Backend):
    """A backend that hands out an ASE calculator."""

    cheap_forces: ClassVar[bool] = True

    @abstractmethod
    def calculator(self) -> Any:
        """Return a new ASE calculator with the backend's settings."""

    def calculator_in(self, folder: Path) -> Any:
        """Return a new calculator that computes in the folder of a calculation, if it writes files at all."""
        return self.calculator()

    def features(self, calculator: Any) -> Features:
        """Return in what the error of one of the backend's calculators is learned: radial features or better ones."""
        return RadialFeatures(calculator)

    def execute(self, request: Request, folder: CalculationFolder, lock: int, tell: Any) -> None:
        """Run the task here, step by step on record (see :meth:`Backend.execute`)."""
        record = RecordFollower(folder.steps_file)
        number = attempt = record.count

        def on_step(step: dict[str, Any]) -> None:
            nonlocal number
            number += 1
            tell("running", ionic_step=number, energy=step["energy"], max_force=largest_force(step["free_forces"]))

        def on_image(step: dict[str, Any]) -> None:
            record.look()
            tell("running", **band_progress(record, request))

        make = partial(self.calculator_in, folder.path)
        folder.outcome.unlink(missing_ok=True)
        outcome: dict[str, Any]
        try:
            if request.task == "neb":
                images = [AseAtomsAdaptor.get_atoms(image, msonable=False) for image in request.images]
                outcome = run_neb(
                    images,
                    make,
                    request.options,
                    folder.steps_file,
                    attempt=attempt,
                    on_step=on_image,
                    propose=request.surrogate,
                )
            else:
                converged = run_task(
                    AseAtomsAdaptor.get_atoms(request.structure, msonable=False),
                    make(),
                    request.task,
                    self.relaxation.model_dump(),
                    folder.steps_file,
                    attempt=attempt,
                    on_step=on_step,
                    propose=request.surrogate,
                )
                outcome = {"converged": converged}
        except BudgetSpentError:
            raise
        except Exception as error:
            formula = request.structure.composition.reduced_formula
            raise CalculationError(f"{self.code} failed on {formula} in {folder.path}: {error}.") from error
        folder.write(folder.outcome, json.dumps(outcome))
