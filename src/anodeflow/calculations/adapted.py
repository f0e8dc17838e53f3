"""Makers of other packages, atomate2's above all, in the place of ours.

Their jobs return documents of their own. :class:`AdaptedMaker` puts a second job behind the first, which makes a
:class:`~anodeflow.calculations.document.CalculationDoc` of what that returned, or refuses it. What is ours is lost with
them: their calculations are not found again by content, do not go on after a kill, and keep their own thresholds.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from jobflow import Flow, Maker
from monty.json import MontyEncoder
from pymatgen.core import Molecule, Structure

from anodeflow.calculations.document import CalculationDoc, Task
from anodeflow.calculations.foreign_documents import told_by
from anodeflow.calculations.screening_document import PrescreenRecord
from anodeflow.calculations.steps import largest_force
from anodeflow.core.address import content_hash, structure_content
from anodeflow.core.caveats import Caveat
from anodeflow.core.errors import CalculationError, InputError
from anodeflow.core.jobs import job
from anodeflow.structures.geometry.positions import fixed_coordinates, largest_distance, placed

_HELD = 1e-3  # Å, by which a fixed atom or a lattice vector may differ in the last digits of a file
_TASKS = ("relax", "relax_cell", "static")


@dataclass
class AdaptedMaker(Maker):
    """Makes the flow of another package's Maker with our document at its end.

    Attributes
    ----------
    maker
        The Maker; its `make` takes a structure and gives a job or flow whose output is one of ASE's or VASP's task
        documents (ASE and force fields of atomate2, emmet's TaskDoc), or a CalculationDoc.
    task
        What it does to the structure: relax, relax_cell or static. It is held to it: a relaxation of positions whose
        cell changed is refused.
    name
        Name of the flow.
    """

    maker: Maker
    task: Task = "relax"
    name: str = "adapted"

    def make(
        self,
        structure: Structure,
        label: str = "",
        prescreen: PrescreenRecord | None = None,
        guided: bool = False,
    ) -> Flow:
        """Build the flow.

        Parameters
        ----------
        structure
            Start geometry (or a reference to it); `selective_dynamics`, `magmom` and `lattice.pbc` stay.
        label
            What it is, for people.
        prescreen
            Relaxation by a potential that `structure` comes from, for the document.
        guided
            Taken as our Makers take it; another package's begin without the Hessian of a potential.

        Returns
        -------
        Flow
            Output: CalculationDoc.
        """
        label = label or self.name
        rest = (structure, self.maker, self.task, label, prescreen)
        jobs: list[Any] = []
        if isinstance(structure, Structure) and not any(structure.pbc) and _is_of_ase(self.maker):
            told = calculation_without_period(*rest)
        else:
            jobs = [self.maker.make(structure)]
            jobs[0].name = f"{label} ({self.maker.name})"
            told = calculation_of(jobs[0].output, *rest)
        told.name = label
        return Flow([*jobs, told], output=told.output, name=label)


def adapted(maker: Maker, task: Task = "relax") -> AdaptedMaker:
    """Return a Maker of another package as one of ours (:class:`AdaptedMaker`).

    Raises
    ------
    InputError
        If its settings are not those of the task.
    """
    if task not in _TASKS:
        raise InputError(f"{maker.name}: a Maker of another package can be {', '.join(_TASKS)}, not {task}.")
    moves = getattr(maker, "relax_cell", None)
    if moves is not None and task != "static" and moves != (task == "relax_cell"):
        raise InputError(
            f"{maker.name}: relax_cell is {moves}, and the task is {task}: make it with relax_cell={not moves}, or "
            f"adapt it as {'relax_cell' if moves else 'relax'}."
        )
    return AdaptedMaker(maker, task, f"{maker.name} ({task})")


@job(output_schema=CalculationDoc)
def calculation_of(
    output: Any,
    structure: Structure,
    maker: Maker,
    task: Task,
    label: str = "",
    prescreen: PrescreenRecord | None = None,
) -> CalculationDoc:
    """Make our document of another package's (:func:`document_of`)."""
    return document_of(output, structure, maker, task, label, prescreen)


def document_of(
    output: Any,
    structure: Structure,
    maker: Maker,
    task: Task,
    label: str = "",
    prescreen: PrescreenRecord | None = None,
) -> CalculationDoc:
    """Make our document of another package's.

    Parameters
    ----------
    output
        Task document (or its plain data) of one calculation of ASE or VASP.
    structure
        Structure as it was handed to the Maker.
    maker
        The Maker, whose settings the document keeps.
    task, label, prescreen
        As of :class:`AdaptedMaker`.

    Raises
    ------
    CalculationError
        If it is no such document, lacks energy or forces, or did something else than the task.
    """
    if isinstance(output, CalculationDoc):
        document = output.model_copy(update={"label": label})
    else:
        found = told_by(output)
        if found is None:
            raise CalculationError(
                f"{label}: {maker.name} returned {type(output).__name__}, which is no document of one calculation by "
                "ASE or VASP: adapt the Maker of a single relaxation or evaluation."
            )
        document = _document(found, structure, maker, task, label)
    if prescreen is None:
        return document
    away = largest_distance(prescreen.structure, document.structure)
    return document.model_copy(update={"prescreen": prescreen.model_copy(update={"displacement": away})})


@job(output_schema=CalculationDoc)
def calculation_without_period(
    structure: Structure, maker: Any, task: Task, label: str = "", prescreen: PrescreenRecord | None = None
) -> CalculationDoc:
    """Do the job of one of atomate2's Makers of ASE here and now, and make our document of what it returns.

    Such a Maker knows what is not periodic as a Molecule alone, and its force fields' documents of molecules cannot be
    read back from a store (atomate2 0.1.5: they lack the molecule).
    """
    molecule = Molecule(structure.species, structure.cart_coords, site_properties=structure.site_properties)
    output = type(maker).make.original(maker, molecule)
    return document_of(output, structure, maker, task, label, prescreen)


def _is_of_ase(maker: Maker) -> bool:
    from atomate2.ase.jobs import AseMaker

    return isinstance(maker, AseMaker)


def _document(found: dict[str, Any], structure: Structure, maker: Maker, task: Task, label: str) -> CalculationDoc:
    for key in ("structure", "energy", "free_energy", "forces"):
        if found[key] is None:
            raise CalculationError(
                f"{label}: {maker.name} returned no {key.replace('_', ' ')}: take a Maker whose document has it."
            )
    order = _order(structure, found["structure"], label, maker)
    cell, positions = _geometry(structure, found["structure"], order)
    forces = np.array(found["forces"], dtype=float)[order]
    if task != "relax_cell" and np.abs(cell - structure.lattice.matrix).max() > _HELD:
        raise CalculationError(f"{label}: {maker.name} changed the cell, which {task} does not: let it keep the cell.")
    free = ~fixed_coordinates(structure)
    moved = np.abs(positions - structure.cart_coords)
    held = ~free if task != "static" else np.ones_like(free)
    if task != "relax_cell" and moved[held].max(initial=0.0) > _HELD:
        what = "moved atoms" if task == "static" else "moved atoms that are fixed (selective_dynamics)"
        raise CalculationError(f"{label}: {maker.name} {what} by {moved[held].max():.3f} Å: take one that holds them.")
    settings = {"maker": _described(json.loads(json.dumps(maker, cls=MontyEncoder)))}
    hashed = {"code": found["code"], "version": found["code_version"], "settings": settings}
    converged = task == "static" if found["converged"] is None else bool(found["converged"])
    left = largest_force(np.where(free, forces, 0.0))
    warnings = [
        Caveat(
            "own-threshold",
            f"{maker.name}, a Maker of another package, relaxed it to its own threshold: {left:.3f} eV/Å are left",
        )
    ]
    if not converged:
        warnings.append(Caveat("not-converged", f"{maker.name} did not converge: raise its number of steps"))
    return CalculationDoc(
        id=content_hash({"structure": structure_content(structure), "task": task} | hashed),
        task=task,
        label=label,
        backend=maker.name,
        code=found["code"],
        code_version=found["code_version"],
        settings=settings,
        settings_hash=content_hash(hashed),
        formula=structure.composition.formula,
        initial_structure=structure,
        structure=placed(structure, positions, cell),
        energy=found["energy"],
        free_energy=found["free_energy"],
        forces=forces.tolist(),
        stress=found["stress"],
        max_force=left,
        converged=converged,
        ionic_steps=found["steps"],
        force_evaluations=found["steps"],
        scf_cycles=found.get("scf_cycles"),
        wall_time=found["seconds"],
        warnings=warnings if task != "static" or not converged else [],
        directory=str(found["directory"] or ""),
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _order(structure: Structure, found: Structure | Molecule, label: str, maker: Maker) -> list[int]:
    """Return which atom of the result each atom is: VASP's input sets sort them by electronegativity."""
    if not isinstance(found, Structure | Molecule):
        raise CalculationError(f"{label}: {maker.name} returned a structure that cannot be read.")
    if found.species == structure.species:
        return list(range(len(structure)))
    as_sorted = sorted(range(len(structure)), key=structure.__getitem__)
    if [structure[index].specie for index in as_sorted] != found.species:
        raise CalculationError(f"{label}: {maker.name} returned other atoms than it was given.")
    return [as_sorted.index(index) for index in range(len(structure))]


def _geometry(structure: Structure, found: Structure | Molecule, order: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return cell (3, 3) and positions (n, 3), Å, each atom in the image nearest to where it began."""
    if isinstance(found, Molecule):  # what is not periodic: it has no cell, and atoms where they are
        return structure.lattice.matrix, found.cart_coords[order]
    begin, end = structure.frac_coords, found.frac_coords[order]
    end = begin + (end - begin) - np.rint(end - begin)
    return found.lattice.matrix, end @ found.lattice.matrix


def _described(content: Any) -> Any:
    """Return plain data in which classes are named in words: a document names no module that is then imported."""
    if isinstance(content, list):
        return [_described(each) for each in content]
    if not isinstance(content, dict):
        return content
    found = {key: _described(value) for key, value in content.items() if not key.startswith("@")}
    named = {"class": f"{content['@module']}:{content.get('@class', '')}"} if "@module" in content else {}
    return named | found
