"""The runs of VASP that make up a calculation: each in a folder of its own, harvested when it ends, or after its kill.

    calculations/xx/<id>/attempt-01-1/     INCAR, POSCAR ... OUTCAR of the first run
                         attempt-01-2/     of the second: a cell relaxed again with the basis set of the new cell
                         attempt-02-1/     goes on from the CONTCAR of what was interrupted

VASP itself records every ionic step as it goes; `steps.jsonl` gets them from there.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from pymatgen.core import Structure

from anodeflow.backends.base import NebSettings, RelaxationSettings
from anodeflow.backends.vasp.density import write_densities
from anodeflow.backends.vasp.failure import changed_tags, failure, remedies, unconverged
from anodeflow.backends.vasp.inputs import electronic_tags, in_vasp_order, task_tags, write_inputs
from anodeflow.backends.vasp.outputs import Frame, RunOutput, read_contcar, read_run
from anodeflow.backends.vasp.potcars import potcar_warnings
from anodeflow.backends.vasp.process import run_vasp_in
from anodeflow.backends.vasp.settings import VaspParallel, VaspSettings
from anodeflow.calculations.folder import CalculationFolder, append_step
from anodeflow.calculations.request import Request
from anodeflow.calculations.steps import largest_force
from anodeflow.core.caveats import Caveat
from anodeflow.core.errors import CalculationError
from anodeflow.structures.geometry.positions import placed

# fmt: off
HARMLESS = frozenset({
    "ALGO", "AMIN", "AMIX", "AMIX_MAG", "BMIX", "BMIX_MAG", "IALGO", "IBRION", "ICHARG", "ISEARCH", "ISTART",
    "ISYM", "KPAR", "LSCALAPACK", "MAXMIX", "NBANDS", "NCORE", "NELM", "NELMDL", "NELMIN", "NPAR", "NSIM", "POTIM",
    "SMASS", "TIME",
})
# fmt: on
"""INCAR tags that decide how VASP gets to its numbers, and not which ones."""


class Vasp(Protocol):
    """What runs need of the backend (:class:`~anodeflow.backends.vasp.backend.VaspBackend`)."""

    @property
    def name(self) -> str:
        """Name of the backend file."""

    @property
    def release(self) -> str:
        """Release of VASP that the backend file names."""

    @property
    def settings(self) -> VaspSettings:
        """Settings that decide the numbers."""

    @property
    def parallel(self) -> VaspParallel:
        """How VASP is started."""

    @property
    def relaxation(self) -> RelaxationSettings:
        """When a relaxation ends."""

    @property
    def path(self) -> NebSettings:
        """When a path is relaxed."""


class VaspRuns:
    """What the calculations of a geometry and of a band have in common.

    Parameters
    ----------
    backend, request, folder, tell
        As of :meth:`anodeflow.backends.base.Backend.execute`.
    """

    def __init__(self, backend: Vasp, request: Request, folder: CalculationFolder, tell: Any) -> None:
        self.backend, self.request, self.folder, self.tell = backend, request, folder, tell
        self.what = f"VASP on {request.structure.composition.reduced_formula}"
        self.note = folder.path / "vasp-process.json"
        self.version = ""
        earlier = self.runs()
        self.attempt = 1 + (attempt_of(earlier[-1]) if earlier else 0)

    def runs(self) -> list[Path]:
        """Return the folders of all runs, the first one first."""
        return sorted(self.folder.path.glob("attempt-*-*"), key=lambda run: (attempt_of(run), _number_of(run)))

    def next_run(self) -> Path:
        """Make the folder of the next run of this attempt."""
        mine = [run for run in self.runs() if attempt_of(run) == self.attempt]
        run = self.folder.path / f"attempt-{self.attempt:02}-{len(mine) + 1}"
        run.mkdir()
        return run

    def record(self, run: Path, steps: list[dict[str, Any]]) -> None:
        """Append those steps of a run that are not on record yet."""
        known = sum(step["run"] == run.name for step in self.folder.steps())
        for step in steps[known:]:
            append_step(self.folder.steps_file, step | {"attempt": attempt_of(run), "run": run.name})

    def compute(self, run: Path, harvest: Callable[[Path], Any]) -> Any:
        """Run VASP on the inputs in a folder, and return what `harvest` makes of the folder.

        Raises
        ------
        CalculationError
            If VASP fails; what it has done until then is on record.
        """
        earlier = len(self.folder.steps())

        def watch(lines: list[str]) -> None:
            if self.request.task == "neb":
                self.tell("running", **{**_progress(lines, 0), "message": "image 1", "energy": None})
            else:
                self.tell("running", **_progress(lines, earlier))

        try:
            run_vasp_in(
                run,
                self.note,
                band=self.request.task == "neb",
                custodian=self.backend.parallel.custodian,
                watch=watch,
            )
        except Exception as error:
            harvest(run)
            raise failure(self.what, run, self.note, error) from error
        return harvest(run)

    def outcome(self, **fields: Any) -> dict[str, Any]:
        """Return an outcome, with remedies and warnings."""
        runs = self.runs()
        warnings = list(fields.pop("warnings", []))
        warnings += potcar_warnings(self.request.structure, self.backend.settings)
        if self.version and not self.version.startswith(self.backend.release):
            warnings.append(
                Caveat(
                    "other-release",
                    f"VASP {self.version} ran, and the backend file {self.backend.name} says release "
                    f"{self.backend.release}",
                )
            )
        changed = {tag: value for run in runs for tag, value in changed_tags(run).items() if tag not in HARMLESS}
        if changed:
            listed = ", ".join(f"{tag} = {value}" for tag, value in changed.items())
            warnings.append(Caveat("input-changed", f"custodian changed what decides the numbers: {listed}"))
        return fields | {
            "remedies": [line for run in runs for line in remedies(run)],
            "warnings": [each.model_dump() for each in warnings],
        }


class VaspCalculation(VaspRuns):
    """Relaxes, evaluates, or writes the density of one structure."""

    def execute(self) -> dict[str, Any]:
        """Compute what is left to be computed, and return the outcome.

        A cell is relaxed until a run finds it at rest at its first step: VASP keeps the plane waves of the cell that a
        run began with.

        Raises
        ------
        CalculationError
            If VASP fails, or the last SCF does not converge.
        """
        task, runs = self.request.task, self.runs()
        frame = Frame(self.request.structure, cell_moves=task == "relax_cell")
        for run in runs:
            self.harvest(run, frame)
        steps = self.folder.steps()
        if steps and task != "density":
            self.tell("resumed", ionic_step=len(steps), energy=steps[-1]["energy"])
        if task in ("static", "density"):
            return self._evaluate(frame, runs)
        left = self.backend.relaxation.max_steps
        progress = True
        while not self._at_rest():
            if left <= 0 or not progress:
                return self.outcome(converged=False)
            before = len(self.folder.steps())
            output = self._run(self._next_structure(frame), left, frame)
            done = len(self.folder.steps()) - before
            left -= max(done, 1)
            # A run that stops where it began, and is not at rest, would do so for ever.
            progress = done > 1 or self._calm(output.steps[-1])
        return self.outcome(converged=True)

    def _evaluate(self, frame: Frame, runs: list[Path]) -> dict[str, Any]:
        if self.request.task == "density":
            output = self._run(self.request.structure, 0, frame)
            return self.outcome(converged=True, warnings=write_densities(self.runs()[-1], frame, self.folder.path))
        # An interrupted run of one step may have got to its end.
        if not any(not self._failed(self.harvest(run, frame)) for run in runs):
            output = self._run(self.request.structure, 0, frame)
            self.version = output.version
        return self.outcome(converged=True)

    def _run(self, structure: Structure, steps: int, frame: Frame) -> RunOutput:
        run = self.next_run()
        write_run(run, self.backend, self.request, structure, steps)
        output: RunOutput = self.compute(run, lambda run: self.harvest(run, frame))
        self.version = output.version
        if not output.steps:
            raise CalculationError(f"{self.what} ended without one whole ionic step (logs: vasp.out, OUTCAR in {run}).")
        if self._failed(output):
            raise unconverged(self.what, run, output.steps[-1]["scf_cycles"])
        return output

    def harvest(self, run: Path, frame: Frame) -> RunOutput:
        """Put the steps of a run on record; a last one whose SCF failed is left out."""
        output = read_run(run, frame, self.request.task)
        self.record(run, output.steps[:-1] if self._failed(output) else output.steps)
        return output

    def _failed(self, output: RunOutput) -> bool:
        """Return whether there is no last step, or its SCF took all cycles allowed."""
        return not output.steps or (
            output.scf_cycles_allowed is not None and output.steps[-1]["scf_cycles"] >= output.scf_cycles_allowed
        )

    def _next_structure(self, frame: Frame) -> Structure:
        """Return where the last run got to: its CONTCAR, else its last step, else what was asked for."""
        runs, steps = self.runs(), self.folder.steps()
        if runs and steps and (found := read_contcar(runs[-1] / "CONTCAR", frame)):
            return found
        if not steps:
            return self.request.structure
        return placed(self.request.structure, steps[-1]["positions"], steps[-1]["cell"])

    def _at_rest(self) -> bool:
        steps = self.folder.steps()
        if not steps or not self._calm(steps[-1]):
            return False
        if self.request.task != "relax_cell":
            return True
        return sum(step["run"] == steps[-1]["run"] for step in steps) == 1

    def _calm(self, step: dict[str, Any]) -> bool:
        """Return whether forces (and stress) of a step are below their thresholds."""
        relaxation = self.backend.relaxation
        calm = largest_force(step["free_forces"]) < relaxation.force_threshold
        if self.request.task == "relax_cell":
            calm = calm and float(np.abs(step["stress"]).max()) < relaxation.stress_threshold
        return calm


def write_run(
    folder: Path, backend: Vasp, request: Request, structure: Structure, steps: int, potcar: bool = True
) -> None:
    """Write the inputs of a run of `steps` ionic steps at most, which begins at a structure."""
    ordered = in_vasp_order(structure)
    tags = electronic_tags(ordered, backend.settings, backend.parallel)
    tags |= task_tags(request, backend.settings, backend.relaxation, steps)
    write_inputs(folder, ordered, tags, backend.settings, potcar)


def attempt_of(run: Path) -> int:
    """Return the number of the attempt that a run belongs to."""
    return int(run.name.split("-")[1])


def _number_of(run: Path) -> int:
    return int(run.name.split("-")[2])


def _progress(lines: list[str], earlier: int) -> dict[str, Any]:
    """Return ionic step, SCF iteration and energy (eV) from the last lines of OSZICAR."""
    fields: dict[str, Any] = {"ionic_step": earlier, "scf_iteration": None}
    for line in lines:
        words = line.split()
        if len(words) > 1 and words[0].endswith(":") and words[1].isdigit():
            fields["scf_iteration"] = int(words[1])
        elif "F=" in words and "E0=" in words and words[0].isdigit():
            cycles = fields["scf_iteration"]
            fields |= {"ionic_step": earlier + int(words[0]), "scf_iteration": None, "scf_cycles": cycles}
            try:
                fields["energy"] = float(words[words.index("E0=") + 1])
            except ValueError:
                fields["energy"] = None
    return fields
