"""Backends of codes that read an input file and write an output file, started anew for every geometry.

Relaxations and bands are driven from here (:mod:`anodeflow.backends.drivers.driver`, `band_driver` beside it); the code
computes one geometry at a time, in a process of its own, from the density of the geometry before where it can. A code
that stays alive between geometries would save its start, but ASE's ways to talk to one (CP2K's shell, i-PI's socket)
stall on large cells, or do not tell whether the SCF converged and what the extrapolated energy is.
"""

import json
import shutil
from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from ase import Atoms
from pydantic import Field
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.backends.base import Backend
from anodeflow.backends.drivers.band_driver import run_neb
from anodeflow.backends.drivers.driver import run_task
from anodeflow.backends.external.backend import (
    ParallelSettings,
    StepWatcher,
    ending_signal,
    killed_from_outside,
    run_program,
    tail,
)
from anodeflow.backends.external.calculator import ExternalCalculator
from anodeflow.calculations.folder import CalculationFolder
from anodeflow.calculations.request import Request
from anodeflow.core.errors import (
    BackendUnavailableError,
    BudgetSpentError,
    CalculationError,
    InterruptedCalculationError,
)

RecoveryStep = tuple[str, dict[str, Any]]
"""What a recovery step is, for people, and what it changes."""


class ExternalCode(Backend):
    """A backend whose program is started for every geometry, with recovery steps for a stubborn SCF."""

    recovery_steps: ClassVar[tuple[RecoveryStep, ...]]
    """Recovery steps in the order in which they are tried; each keeps the changes of those before it."""

    parallel: ParallelSettings = Field(default_factory=ParallelSettings)

    @abstractmethod
    def prepare(self, job: "Job") -> list[str]:
        """Write the input of one geometry into its folder; return the command, launcher included."""

    @abstractmethod
    def read(self, text: str, job: "Job") -> dict[str, Any]:
        """Return ASE's results (eV, Å) from what the code printed: energy, free_energy, forces, stress, magmom.

        Raises
        ------
        ValueError
            If something is missing in it.
        """

    @abstractmethod
    def scf_cycles(self, text: str) -> int | None:
        """Return the number of the last SCF cycle in (the end of) what the code printed; none before the first."""

    @abstractmethod
    def scf_failed(self, text: str) -> bool:
        """Return whether the code said that the SCF did not converge."""

    @abstractmethod
    def reason(self, text: str) -> str:
        """Return the code's own words on why it stopped, in one line; nothing if it gave none."""

    @abstractmethod
    def scratch(self, folder: Path) -> list[Path]:
        """Return files and folders of the code that a finished calculation does not need (wave functions)."""

    @abstractmethod
    def check_program(self) -> None:
        """Raise BackendUnavailableError if the program of this backend file cannot be found."""

    def starts_in_two_stages(self, structure: Structure) -> bool:
        """Return whether an SCF from free atoms has to go before, without what disturbs it."""
        return False

    def hopeless(self, text: str) -> str:
        """Return why no recovery step will help a second stage that began at a converged density; nothing: one may."""
        return ""

    def check_available(self) -> None:
        """Raise BackendUnavailableError, with the remedy, if the code does not work here."""
        self.check_program()

    def log(self, folder: Path) -> Path:
        """Return the file that gets what the code prints."""
        return folder / f"{self.code}.txt"

    def write_inputs(self, request: Request, folder: Path) -> None:
        """Write the input of the first geometry (see :meth:`Backend.write_inputs`)."""
        run = Run(self, request, CalculationFolder(folder), lock=-1, tell=None)  # nothing is started
        atoms = AseAtomsAdaptor.get_atoms(request.structure, msonable=False)
        two = self.starts_in_two_stages(request.structure)
        self.prepare(Job(run, atoms, run.calculator().files, 0, False, first_stage=two))

    def execute(self, request: Request, folder: CalculationFolder, lock: int, tell: Any) -> None:
        """Run the task, step by step on record (see :meth:`Backend.execute`)."""
        if request.task == "density":
            raise BackendUnavailableError(f"backend {self.name}: {self.program} gives no all-electron density here.")
        folder.outcome.unlink(missing_ok=True)
        run = Run(self, request, folder, lock, tell)
        attempt = len(folder.steps())
        outcome: dict[str, Any]
        try:
            if request.task == "neb":
                images = [AseAtomsAdaptor.get_atoms(image, msonable=False) for image in request.images]
                outcome = run_neb(
                    images,
                    run.calculator,
                    request.options,
                    folder.steps_file,
                    attempt=attempt,
                    extra=run.take,
                    propose=request.surrogate,
                )
            else:
                converged = run_task(
                    AseAtomsAdaptor.get_atoms(request.structure, msonable=False),
                    run.calculator(),
                    request.task,
                    self.relaxation.model_dump(),
                    folder.steps_file,
                    attempt=attempt,
                    extra=run.take,
                    propose=request.surrogate,
                )
                outcome = {"converged": converged}
        except (BudgetSpentError, CalculationError):
            raise
        except Exception as error:
            raise CalculationError(f"{run.what} failed in {folder.path}: {type(error).__name__}: {error}.") from error
        run.watch()
        folder.write(
            folder.outcome, json.dumps(outcome | {"remedies": [name for name, _ in self.recovery_steps[: run.tried]]})
        )
        for path in self.scratch(folder.path):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


class Run:
    """One execution of a request: what its calculators share.

    Attributes
    ----------
    tried
        How many recovery steps were tried; one that was needed once stays.
    """

    def __init__(
        self, backend: ExternalCode, request: Request, folder: CalculationFolder, lock: int, tell: Any
    ) -> None:
        self.backend, self.request, self.folder, self.lock = backend, request, folder, lock
        self.tried = self.cycles = self.calculators = 0
        self.log = backend.log(folder.path)
        self.what = f"{backend.program} on {request.structure.composition.reduced_formula}"
        self.watch = StepWatcher(request, folder, tell, lambda: backend.scf_cycles("\n".join(tail(self.log))))

    def calculator(self) -> ExternalCalculator:
        """Return a new calculator, with files of its own in the folder."""
        self.calculators += 1
        return ExternalCalculator(self.compute, f"{self.backend.code}-{self.calculators}")

    def take(self) -> dict[str, Any]:
        """Return the SCF cycles since the last call, as the record of a step wants them."""
        cycles, self.cycles = self.cycles, 0
        return {"scf_cycles": cycles, "processors": self.backend.parallel.usable()}

    def compute(self, atoms: Atoms, name: str, warm: bool) -> dict[str, Any]:
        """Return the results of one geometry, with as many recovery steps as it takes.

        Raises
        ------
        InterruptedCalculationError
            If the code is killed.
        CalculationError
            If no recovery step makes the SCF converge, or the code stops for another reason; it gives the code's words.
        """
        spent = 0
        while self.tried <= len(self.backend.recovery_steps):
            job = Job(self, atoms, name, self.tried, warm)
            stages = [job]
            if not warm and self.backend.starts_in_two_stages(job.structure):
                job.warm = True
                stages = [Job(self, atoms, name, self.tried, False, first_stage=True), job]
            for stage in stages:
                text = self._run(stage)
                cycles = self.backend.scf_cycles(text) or 0
                spent += cycles
                self.cycles += cycles
                if stage is not stages[0] and (said := self.backend.hopeless(text)):
                    raise CalculationError(f"{self.what}: {said} (log: {self.log}).")
                if self.backend.scf_failed(text):
                    break
            else:
                try:
                    return self.backend.read(text, job)
                except ValueError as error:
                    raise CalculationError(f"{self.what}: {error} (log: {self.log}).") from error
            self.tried += 1
            warm = False  # a density that was no help is left behind
        self.tried = len(self.backend.recovery_steps)
        said = self.backend.reason(text)
        raise CalculationError(
            f"{self.what}: the SCF did not converge in {spent} cycles, after all of {len(self.backend.recovery_steps)} "
            f"recovery steps{said and ', the last time with: '}{said} (log: {self.log})."
        )

    def _run(self, job: "Job") -> str:
        """Run the code once; return what it printed."""
        command = self.backend.prepare(job)
        begin = self.log.stat().st_size if self.log.exists() else 0
        errors = self.folder.path / f"{self.backend.code}.err"
        status = run_program(command, self.folder.path, self.lock, self.log, errors, self.watch)
        with self.log.open("rb") as stream:
            stream.seek(begin)
            text = stream.read().decode(errors="replace")
        if status == 0 or self.backend.scf_failed(text):
            return text
        if name := killed_from_outside(status):
            raise InterruptedCalculationError(
                f"{self.what} was killed by {name}; run again to go on from its last step (log: {self.log})."
            )
        crash = ending_signal(status)
        ended = f"crashed ({crash.name})" if crash else f"ended with status {status}"
        said = self.backend.reason(text) or next((line.strip() for line in reversed(tail(errors)) if line.strip()), "")
        raise CalculationError(f"{self.what} {ended}: {said or 'it gave no reason'} (logs: {self.log}, {errors}).")


class Job:
    """One geometry to be computed.

    Attributes
    ----------
    atoms
        The geometry, without constraints: forces on all atoms are wanted.
    structure
        What was requested: its cell tells the k-points, so that a cell under relaxation keeps its grid.
    name
        Beginning of the names of its files in `folder`.
    changes
        What the recovery steps so far change, all together.
    max_scf_cycles
        How many cycles are allowed: each recovery step has as many more as were asked for at first.
    warm
        Whether a density to begin with lies in the folder: that of the geometry before, or of a first stage.
    first_stage
        Whether it only makes that density (:meth:`ExternalCode.starts_in_two_stages`).
    with_stress
        Whether the stress is asked for.
    """

    def __init__(self, run: Run, atoms: Atoms, name: str, tried: int, warm: bool, *, first_stage: bool = False) -> None:
        self.atoms = atoms.copy()
        self.atoms.set_constraint()
        self.structure: Structure = run.request.structure
        self.folder, self.name, self.warm, self.first_stage = run.folder.path, name, warm, first_stage
        self.changes: dict[str, Any] = {}
        for _, changes in run.backend.recovery_steps[:tried]:
            self.changes |= changes
        self.max_scf_cycles: int = run.backend.settings.max_scf_cycles * (1 + tried)  # type: ignore[attr-defined]
        self.with_stress = run.request.task == "relax_cell"
