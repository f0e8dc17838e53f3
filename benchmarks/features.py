"""How well a potential's error is told in calculations that were not seen: SevenNet's own features against radial ones.

    python benchmarks/learning.py ours        # first: its calculations are what is learned from
    python benchmarks/features.py

In the order in which the calculations were done, a model of all that came before tells the forces that SevenNet-0
lacks in the next one. Prints one line a calculation: how many came before, root mean square of these forces on free
atoms without a model and with either kind of features, eV/Å; then the same over all of them.
"""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
from ase import Atoms
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.backends.features import RadialFeatures
from anodeflow.calculations.folder import read_steps
from anodeflow.learning.data import Lesson, chosen, lessons, pairs
from anodeflow.learning.model import fit


def radial(lesson: Lesson, atoms: Atoms, steps: list[dict]) -> Lesson:
    """Return a lesson with radial features instead of its own; what the potential lacks stays."""
    features, elements = RadialFeatures(None), sorted(set(atoms.symbols))
    found = []
    for step in steps:
        there = atoms.copy()
        there.set_constraint()
        there.positions = np.array(step["positions"])
        found.append(features.evaluate(there, elements))
    values, gradients = (np.array(part) for part in zip(*found, strict=True))
    return replace(lesson, labels=tuple(features.labels(elements)), values=values, gradients=gradients)


def unseen(before: list[Lesson], lesson: Lesson) -> tuple[float, float]:
    """Return the error of forces on free atoms without a model, and with one of the lessons before, eV/Å."""
    model = fit(before)
    assert model is not None
    weights = np.array([model.by_label().get(label, 0.0) for label in lesson.labels])
    told = -np.einsum("kfnx,f->knx", lesson.gradients.astype(float), weights)
    free = lesson.free
    lack = lesson.forces[:, free]
    return float(np.sqrt(np.mean(lack**2))), float(np.sqrt(np.mean((lack - told[:, free]) ** 2)))


def main() -> None:
    """Print the table."""
    work = Path(os.environ.get("ANODEFLOW_BENCHMARK", Path.home() / ".anodeflow-benchmark"))
    home = work / "li3mg7-standin" / "ours" / "home"
    (name,) = pairs(home / "learning")
    own = {lesson.id: lesson for lesson in lessons(home / "learning" / name)}
    done = []
    for identifier in own:
        content = json.loads((home / "calculations" / identifier[:2] / identifier / "calculation.json").read_text())
        if content["task"] == "relax":
            done.append((content["finished_at"], content["label"], identifier, content["initial_structure"]))
    kinds: dict[str, list[Lesson]] = {"SevenNet": [], "radial": []}
    errors = []
    for _, label, identifier, structure in sorted(done):
        atoms = AseAtomsAdaptor.get_atoms(Structure.from_dict(structure), msonable=False)
        steps = chosen(read_steps(home / "calculations" / identifier[:2] / identifier / "steps.jsonl"))
        now = {"SevenNet": own[identifier], "radial": radial(own[identifier], atoms, steps)}
        if kinds["SevenNet"]:
            told = {kind: unseen(kinds[kind], now[kind]) for kind in kinds}
            errors.append((told["SevenNet"][0], told["SevenNet"][1], told["radial"][1]))
            print(f"{len(errors):3d}  {label:60s}" + "".join(f"{error:8.3f}" for error in errors[-1]), flush=True)
        for kind, lesson in now.items():
            kinds[kind].append(lesson)
    print(f"{'all':65s}" + "".join(f"{error:8.3f}" for error in np.sqrt(np.mean(np.square(errors), axis=0))))


if __name__ == "__main__":
    main()
