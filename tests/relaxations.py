"""Small relaxations with EMT that several modules of tests run, cut off and go on with."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ase import Atoms
from ase.build import fcc111
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from pymatgen.core import Structure

from anodeflow.backends.drivers import driver
from anodeflow.backends.registry import load_backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.folder import read_steps
from anodeflow.calculations.progress import Progress, listen
from anodeflow.structures.bulk.catalogue import load_structure
from anodeflow.structures.sites.sites import add_adsorbate, find_sites
from anodeflow.structures.slab.slabs import build_slab
from anodeflow.structures.slab.spec import SlabSpec

RELAXATION = {
    "force_threshold": 0.01, "stress_threshold": 1e-4, "max_steps": 60, "curvature": 5.0, "max_displacement": 0.2,
}  # fmt: skip


@cache
def bridge() -> Structure:
    """Al beside the bridge of Al(001), with room to relax: the fixture `adatom` gives a copy of it."""
    slab = build_slab(load_structure("Al"), SlabSpec(layers=3, vacuum=10, min_width=5)).structure
    site = next(site for site in find_sites(slab, "Al") if site.label == "bridge")
    structure = add_adsorbate(slab, site, "Al")
    structure.translate_sites([len(structure) - 1], [0.3, 0.2, 0.4], frac_coords=False)
    return structure


def computed(structure: Structure) -> tuple[CalculationDoc, list[Progress]]:
    """Relax with EMT; return the document, and what was told on the way."""
    messages: list[Progress] = []
    with listen(messages.append):
        document = Makers(load_backend("emt")).relax().calculate(structure)
    return document, messages


class LimitedCalls(Exception):
    """The power went off."""


def limited(backend_class: Any, calls: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the calculator answer `calls` times, then fail as if the process had gone."""
    make = backend_class.calculator

    def calculator(self: Any) -> Any:
        inner = make(self)
        calculate: Callable[..., Any] = inner.calculate
        left = [calls]

        def count(*args: Any, **kwargs: Any) -> Any:
            if left[0] == 0:
                raise LimitedCalls
            left[0] -= 1
            return calculate(*args, **kwargs)

        inner.calculate = count
        return inner

    monkeypatch.setattr(backend_class, "calculator", calculator)


# --- the loop of the driver alone ---


def copper_slab() -> Atoms:
    """Three layers of Cu(111), shaken; the lowest is fixed."""
    atoms = fcc111("Cu", (2, 2, 3), a=3.7, vacuum=6)
    atoms.set_constraint(FixAtoms(atoms.positions[:, 2] < 7))
    atoms.rattle(0.1, seed=1)
    return atoms


def relax_copper(file: Path, **changes: Any) -> tuple[bool, list[dict[str, Any]]]:
    """Relax the slab by the driver's loop; return whether it is done, and the steps on record."""
    steps = len(read_steps(file))
    done = driver.run_task(copper_slab(), EMT(), "relax", RELAXATION | changes, file, attempt=steps)
    return done, read_steps(file)
