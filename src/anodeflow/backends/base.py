"""The backend protocol: a code, its settings, and the Makers that the workflows are given."""

import json
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

from jobflow import Maker, job
from monty.json import MontyDecoder, MontyEncoder
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pymatgen.core import Lattice, Structure

from anodeflow.address import content_hash, structure_content
from anodeflow.backends.driver import largest_force
from anodeflow.backends.folder import CalculationFolder
from anodeflow.backends.progress import Progress, State, report
from anodeflow.errors import BackendUnavailableError, CalculationError
from anodeflow.schemas.calculation import CalculationDoc, Task
from anodeflow.settings import get_settings

Capability = Literal["relax", "stress", "spin", "charge_density"]


@dataclass(frozen=True)
class Availability:
    """Whether a code works on this machine, and what to do if not."""

    works: bool
    version: str = ""
    detail: str = ""
    remedy: str = ""


class RelaxationSettings(BaseModel):
    """When a relaxation ends, and how it steps (BFGS, ASE)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    force_threshold: float = Field(default=0.03, gt=0, description="Largest force on a free atom at the end, eV/Å.")
    stress_threshold: float = Field(default=2e-4, gt=0, description="Largest stress component at the end, eV/Å³.")
    max_steps: int = Field(default=200, ge=1, description="Most ionic steps of one attempt.")
    curvature: float = Field(default=5.0, gt=0, description="Initial curvature of the BFGS Hessian, eV/Å².")
    max_displacement: float = Field(default=0.2, gt=0, description="Longest step of one atom, Å.")


class Backend(BaseModel, ABC):
    """A code with its settings: what a file in configs/backends describes.

    A new code is one subclass, one YAML file and a green conformance suite
    (:mod:`anodeflow.backends.conformance`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    capabilities: ClassVar[frozenset[Capability]] = frozenset({"relax", "stress"})
    atom_reference_reliable: ClassVar[bool] = True
    """False where isolated atoms are out of the code's reach (machine-learned potentials)."""
    revision: ClassVar[int] = 1
    """Raised when the class makes other numbers of the same settings: earlier results are then not found again."""

    name: str = Field(description="Name of the backend file.")
    code: str = Field(description="Name of the code.")
    description: str = Field(default="", description="What the accuracy is good for.")
    settings: BaseModel = Field(description="Settings that decide the numbers.")
    relaxation: RelaxationSettings = Field(default_factory=RelaxationSettings)

    @classmethod
    @abstractmethod
    def availability(cls) -> Availability:
        """Say whether the code works on this machine."""

    @abstractmethod
    def version(self) -> str:
        """Return the version of the code, with that of its data where it has some."""

    @abstractmethod
    def check_elements(self, elements: Iterable[str]) -> None:
        """Raise InputError for an element that the code cannot treat."""

    @abstractmethod
    def execute(self, structure: Structure, task: Task, folder: CalculationFolder, lock: int, tell: Any) -> None:
        """Compute: append to the folder's steps and write its outcome.

        Parameters
        ----------
        structure
            Start geometry; `selective_dynamics` and `magmom` site properties count, and `lattice.pbc`.
        task
            relax, relax_cell or static.
        folder
            Locked folder of the calculation; steps of an interrupted attempt may be in it.
        lock
            File descriptor of the lock, to be inherited by child processes.
        tell
            Function that takes `state` and the optional fields of
            :class:`~anodeflow.backends.progress.Progress`.
        """

    def check_available(self) -> None:
        """Raise BackendUnavailableError, with the remedy, if the code does not work here."""
        found = self.availability()
        if not found.works:
            raise BackendUnavailableError(f"backend {self.name}: {found.detail}; {found.remedy}.")

    def relax(self, cell: bool = False) -> "CalculationMaker":
        """Return the Maker that relaxes positions, or positions and cell."""
        task: Task = "relax_cell" if cell else "relax"
        return CalculationMaker(name=f"{self.code} {task}", task=task, backend=self.recipe())

    def static(self) -> "CalculationMaker":
        """Return the Maker that evaluates a structure as it is."""
        return CalculationMaker(name=f"{self.code} static", task="static", backend=self.recipe())

    def recipe(self) -> dict[str, Any]:
        """Return the backend as plain data, from which :func:`~anodeflow.backends.load.from_recipe` makes it."""
        return self.model_dump(mode="json")

    def all_settings(self) -> dict[str, Any]:
        """Return the settings that decide a result: those of the code and those of relaxations."""
        return self.settings.model_dump(mode="json") | {"relaxation": self.relaxation.model_dump(mode="json")}

    def settings_hash(self) -> str:
        """Return the hash of code, version and all settings."""
        return content_hash({"code": self.code, "version": self.version(), "settings": self.all_settings()})

    def address(self, structure: Structure, task: Task) -> str:
        """Return the content address of a calculation; relaxation settings do not matter to a static one."""
        settings = self.all_settings()
        if task == "static":
            del settings["relaxation"]
        return content_hash(
            {
                "structure": structure_content(structure),
                "task": task,
                "code": self.code,
                "version": self.version(),
                "revision": self.revision,
                "settings": settings,
            }
        )


@dataclass
class CalculationMaker(Maker):
    """Makes the job that runs one calculation of a backend, or finds it finished.

    Attributes
    ----------
    name
        Name of the job.
    task
        relax, relax_cell or static.
    backend
        The backend as plain data (it travels to the cluster with the job).
    """

    name: str = "calculation"
    task: Task = "static"
    backend: dict[str, Any] = field(default_factory=dict)

    @job(output_schema=CalculationDoc)
    def make(self, structure: Structure, label: str = "") -> CalculationDoc:
        """Compute `structure`, or return what was computed before.

        Parameters
        ----------
        structure
            Start geometry; `selective_dynamics`, `magmom` and `lattice.pbc` count.
        label
            What it is, for people: shown in progress, status and report.

        Returns
        -------
        CalculationDoc

        Raises
        ------
        CalculationError
            If the code fails; the message names its log.
        """
        return self.calculate(structure, label)

    def calculate(self, structure: Structure, label: str = "") -> CalculationDoc:
        """Do at once, outside a workflow, what the job of :meth:`make` does."""
        from anodeflow.backends.load import from_recipe

        backend = from_recipe(self.backend)
        address = backend.address(structure, self.task)
        folder = CalculationFolder(get_settings().prepare().calculations / address[:2] / address)
        label = label or f"{self.task} {structure.composition.reduced_formula}"
        began = time.monotonic()

        def tell(state: State, **fields: Any) -> None:
            report(Progress(label, address, state, elapsed=time.monotonic() - began, **fields))

        document = _finished(folder)
        if document is None:
            backend.check_available()
            backend.check_elements({site.specie.symbol for site in structure})
            with folder.locked(on_wait=lambda: tell("waiting")) as lock:
                document = _finished(folder)
                if document is None:
                    document = self._compute(backend, structure, folder, lock.fileno(), address, label, tell)
                    tell(
                        "finished",
                        ionic_step=document.ionic_steps,
                        energy=document.energy,
                        max_force=document.max_force,
                    )
                    return document
        # Somebody else may have computed it, under another name of the same settings.
        document = document.model_copy(update={"label": label, "backend": backend.name})
        tell("reused", energy=document.energy, max_force=document.max_force, ionic_step=document.ionic_steps)
        return document

    def _compute(
        self,
        backend: Backend,
        structure: Structure,
        folder: CalculationFolder,
        lock: int,
        address: str,
        label: str,
        tell: Any,
    ) -> CalculationDoc:
        earlier = len(folder.steps())
        tell("resumed" if earlier else "started", ionic_step=earlier)
        try:
            backend.execute(structure, self.task, folder, lock, tell)
            document = _document(backend, structure, self.task, folder, address, label)
        except CalculationError as error:
            tell("failed", message=str(error))
            raise
        folder.write(folder.document, json.dumps(document, cls=MontyEncoder))
        return document


def _finished(folder: CalculationFolder) -> CalculationDoc | None:
    """Return the stored document; none if there is none, if it is damaged, or if it did not converge.

    A calculation that ran out of steps is not an end: asked for again, it goes on.
    """
    stored = folder.read(folder.document)
    if stored is None:
        return None
    try:
        document = CalculationDoc.model_validate(MontyDecoder().process_decoded(stored))
    except (ValidationError, ValueError, KeyError):
        return None
    return document if document.converged else None


def _document(
    backend: Backend,
    initial: Structure,
    task: Task,
    folder: CalculationFolder,
    address: str,
    label: str,
) -> CalculationDoc:
    """Put the document together from the recorded steps and the outcome."""
    steps = folder.steps()
    outcome = folder.read(folder.outcome)
    if not steps or outcome is None:
        raise CalculationError(f"{label}: {backend.code} left no result in {folder.path}; see the logs there.")
    last = steps[-1]
    final = Structure(
        Lattice(last["cell"], pbc=initial.lattice.pbc),
        initial.species,
        last["positions"],
        coords_are_cartesian=True,
        site_properties=initial.site_properties,
    )
    warnings = list(outcome.get("warnings", []))
    if not outcome["converged"]:
        warnings.append(
            f"not converged after {len(steps)} steps: largest force {largest_force(last['free_forces']):.3f} eV/Å; "
            "run it again to go on"
        )
    cycles = [step["scf_cycles"] for step in steps if step.get("scf_cycles") is not None]
    return CalculationDoc(
        id=address,
        task=task,
        label=label,
        backend=backend.name,
        code=backend.code,
        code_version=backend.version(),
        settings=backend.all_settings(),
        settings_hash=backend.settings_hash(),
        formula=initial.composition.formula,
        initial_structure=initial,
        structure=final,
        energy=last["energy"],
        free_energy=last["free_energy"],
        forces=last["forces"],
        stress=last["stress"],
        magnetic_moment=last.get("magnetic_moment"),
        max_force=largest_force(last["free_forces"]),
        converged=outcome["converged"],
        ionic_steps=len(steps),
        force_evaluations=len(steps),
        scf_cycles=sum(cycles) if cycles else None,
        wall_time=sum(step["seconds"] for step in steps),
        restarts=len({step["attempt"] for step in steps}) - 1,
        remedies=outcome.get("remedies", []),
        warnings=warnings,
        directory=os.fspath(folder.path),
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
