"""A relaxation that was cut after any step goes on as if nothing had happened, a cell that moves, too."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import all_changes
from ase.calculators.emt import EMT
from relaxations import RELAXATION, copper_slab

from anodeflow.backends.drivers.driver import run_task
from anodeflow.calculations.folder import read_steps


class Forgetful(EMT):
    """EMT that lists neighbours anew for each geometry: a kept list has them in another order, and rounds otherwise."""

    def calculate(self, atoms: Any = None, _properties: Any = None, _changes: Any = None) -> None:
        super().calculate(atoms, ["energy", "forces", "stress"], all_changes)


def sheared_alloy() -> Atoms:
    """Cu3Au with atoms and cell far from rest."""
    atoms = bulk("Cu", "fcc", a=3.9, cubic=True)
    atoms.symbols[0] = "Au"
    atoms.rattle(0.05, seed=2)
    strain = [[0, 0.03, 0], [0, 0, -0.02], [0.01, 0, 0.03]]
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
    return atoms


def relax(make: Any, task: str, file: Path, *parts: int) -> tuple[bool, list[list[Any]]]:
    """Relax in runs of so many steps, then to the end; return whether it is done, and what each step found."""
    options = RELAXATION | {"stress_threshold": 0.001}
    for steps in parts:
        known = len(read_steps(file))
        assert not run_task(make(), Forgetful(), task, options | {"max_steps": steps}, file, attempt=known)
        assert len(read_steps(file)) > known
    done = run_task(make(), Forgetful(), task, options, file, attempt=len(read_steps(file)))
    return done, [[step[name] for name in ("positions", "cell", "energy", "forces")] for step in read_steps(file)]


@pytest.mark.parametrize(("make", "task"), [(copper_slab, "relax"), (sheared_alloy, "relax_cell")])
@pytest.mark.parametrize("parts", [(0,), (1,), (2, 3), (1, 0, 2)])
def test_goes_on_to_the_last_digit(make, task, parts, tmp_path):
    whole = relax(make, task, tmp_path / "whole.jsonl")
    assert whole[0]
    assert len(whole[1]) > sum(parts) + len(parts)
    assert relax(make, task, tmp_path / "parts.jsonl", *parts) == whole
