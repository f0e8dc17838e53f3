"""What finished calculations teach: their geometries by DFT and by the potential, with features of the potential.

One file a calculation, in ``ANODEFLOW_HOME/learning/<pair>/<id of the calculation>.npz``. A pair is a DFT code with its
settings and a potential: what one pair learned says nothing of another.
"""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from ase import Atoms

from anodeflow.backends.base import Backend
from anodeflow.backends.features import Features
from anodeflow.calculations.folder import write_atomically
from anodeflow.core.address import content_hash
from anodeflow.core.damaged import DAMAGED

MOST_GEOMETRIES = 4
"""Most geometries of a relaxation that are kept: the first two, the middle and the last.

With the first and the last alone, forces on calculations that were not seen came out as well, 0.012 eV/Å for 24 of the
benchmark li3mg7-campaign; but run so it took 56 evaluations instead of 47.
"""


@dataclass(frozen=True)
class Lesson:
    """Geometries of one calculation, by both.

    Attributes
    ----------
    id
        Id of the calculation.
    labels
        Names of the features (f).
    values, gradients
        Features (k, f) and their derivatives by the positions (k, f, n, 3), 1/Å, of k geometries of n atoms.
    energies, forces
        What the potential lacks, DFT minus potential: free energies (k,) in eV, forces (k, n, 3) in eV/Å.
    free
        (n,) which atoms may move: forces on the others are never used.
    """

    id: str
    labels: tuple[str, ...]
    values: np.ndarray
    gradients: np.ndarray
    energies: np.ndarray
    forces: np.ndarray
    free: np.ndarray


@dataclass(frozen=True)
class Pair:
    """A DFT code with its settings, and a potential that learns from it.

    k-points and the thresholds of relaxations do not count: they change forces by less than what is learned.

    Attributes
    ----------
    code, version, settings
        Of the DFT code.
    potential
        Backend of the potential, as plain data.
    potential_version
        Its version.
    features
        Kind of its features.
    """

    code: str
    version: str
    settings: dict[str, Any]
    potential: dict[str, Any]
    potential_version: str
    features: str

    @classmethod
    def of(cls, backend: Backend, potential: Backend, features: Features) -> Self:
        """Return the pair of two backends."""
        settings = {
            key: value
            for key, value in backend.settings.model_dump(mode="json").items()
            if key not in backend.sampling_settings
        }
        return cls(backend.code, backend.version(), settings, potential.recipe(), potential.version(), features.name)

    @property
    def id(self) -> str:
        """Name of its folder."""
        content = asdict(self)
        content["potential"] = [self.potential["code"], self.potential["settings"]]
        return content_hash(content)[:16]


def pairs(folder: Path) -> dict[str, Pair]:
    """Return the pairs that taught anything, by their ids, from the folder that they have in common."""
    found = {}
    for file in sorted(folder.glob("*/pair.json")):
        try:
            pair = Pair(**json.loads(file.read_text(encoding="utf-8")))
            found[pair.id] = pair
        except (OSError, ValueError, TypeError, LookupError):
            continue
    return found


def chosen(steps: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the geometries of a record that are kept, at most :data:`MOST_GEOMETRIES`."""
    last = len(steps) - 1
    return [steps[index] for index in sorted({0, min(1, last), last // 2, last})] if steps else []


def lesson_of(
    identifier: str, atoms: Atoms, steps: Iterable[dict[str, Any]], potential: Any, features: Features
) -> Lesson:
    """Return what recorded geometries teach.

    Parameters
    ----------
    identifier
        Id of the calculation.
    atoms
        Its atoms with their constraints.
    steps
        Geometries: `positions` (Å), `free_energy` (eV), of which the forces are the slopes, and `forces` (eV/Å).
    potential
        ASE calculator of the potential.
    features
        Its features.
    """
    from anodeflow.backends.drivers.hessian import free_coordinates

    elements = sorted(set(atoms.symbols))
    free = np.asarray(free_coordinates(atoms).reshape(-1, 3).any(axis=1))
    values, gradients, energies, forces = [], [], [], []
    for step in steps:
        there = atoms.copy()
        there.set_constraint()
        there.positions = np.asarray(step["positions"])
        there.calc = potential
        energies.append(step["free_energy"] - there.get_potential_energy())
        forces.append(np.asarray(step["forces"]) - there.get_forces())
        there.calc = None
        value, gradient = features.evaluate(there, elements)
        values.append(value)
        gradients.append(gradient)
    return Lesson(
        identifier,
        tuple(features.labels(elements)),
        np.array(values),
        np.array(gradients),
        np.array(energies),
        np.array(forces),
        free,
    )


def keep(folder: Path, lesson: Lesson, pair: Pair | None = None) -> Path:
    """Write a lesson into the folder of its pair; return the file. A reader sees the old one or the new one, whole."""
    folder.mkdir(parents=True, exist_ok=True)
    if pair is not None and not (folder / "pair.json").exists():
        write_atomically(folder / "pair.json", json.dumps(asdict(pair)))
    file = folder / f"{lesson.id}.npz"
    temporary = folder / f".{lesson.id}.{os.getpid()}"
    try:
        with temporary.open("wb") as stream:
            np.savez_compressed(
                stream,
                labels=json.dumps(lesson.labels),
                values=lesson.values,
                gradients=lesson.gradients.astype(np.float32),
                energies=lesson.energies,
                forces=lesson.forces,
                free=lesson.free,
            )
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
    return file


def lessons(folder: Path) -> list[Lesson]:
    """Return the lessons of a pair, by their ids; files that are damaged teach nothing."""
    found = []
    for file in sorted(folder.glob("*.npz")):
        try:
            with np.load(file, allow_pickle=False) as content:
                lesson = Lesson(
                    file.stem,
                    tuple(json.loads(str(content["labels"]))),
                    *(content[key] for key in ("values", "gradients", "energies", "forces", "free")),
                )
        except DAMAGED:
            continue
        if _whole(lesson):
            found.append(lesson)
    return found


def _whole(lesson: Lesson) -> bool:
    """Return whether the parts of a lesson fit each other, and are numbers."""
    count, size = len(lesson.energies), len(lesson.labels)
    shapes = (
        lesson.values.shape == (count, size),
        lesson.gradients.shape == (count, size, len(lesson.free), 3),
        lesson.forces.shape == (count, len(lesson.free), 3),
    )
    parts = (lesson.values, lesson.gradients, lesson.energies, lesson.forces)
    return count > 0 and all(shapes) and all(np.isfinite(part).all() for part in parts)
