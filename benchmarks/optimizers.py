"""Force evaluations that relaxations take with one optimiser or another; what stands behind docs/performance.md.

SevenNet's l3i5 stands in for DFT, so that all of it takes minutes; SevenNet-0, another potential, for the one that goes
before it: `generated` starts from the ideal slab or site, `handed on` from SevenNet-0's minimum. Optimisers are those
of ASE, BFGS whose first Hessian is that of SevenNet-0 (finite differences over the free atoms; stiffened where softer
than a floor), and our driver with the same Hessian that goes where SevenNet-0, set right by each evaluation, has its
minimum (`learn: true`; nothing was learned before). Prints one line a case and optimiser: evaluations (more than 150:
gave up), final energy in eV.

    python benchmarks/optimizers.py [PART OF A CASE'S NAME [PART OF AN OPTIMISER'S NAME]]
"""

import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.optimize import BFGS, FIRE, LBFGS, BFGSLineSearch, GPMin
from ase.optimize.precon import Exp, PreconLBFGS
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.backends.drivers.hessian import finite_difference_hessian, free_coordinates, hessian_file, positive
from anodeflow.backends.mlip.backend import MlipBackend, MlipSettings
from anodeflow.calculations.request import Request
from anodeflow.learning.surrogate import Surrogate
from anodeflow.structures.bulk.catalogue import host_lattice, load_structure
from anodeflow.structures.geometry.symmetrise import symmetrised_hessian
from anodeflow.structures.sites.sites import add_adsorbate, find_sites
from anodeflow.structures.slab.slabs import build_slab
from anodeflow.structures.slab.spec import SlabSpec

_THRESHOLD, _MOST = 0.02, 150  # eV/Å, evaluations


class TooManyError(Exception):
    """An optimiser was given up."""


class Counting(Calculator):
    """Passes on to another calculator and counts its evaluations."""

    implemented_properties = ["energy", "free_energy", "forces"]  # noqa: RUF012 (as ASE has it)

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner, self.evaluations = inner, 0

    def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
        """Evaluate (see ASE)."""
        super().calculate(atoms, properties, system_changes)
        self.evaluations += 1
        if self.evaluations > _MOST:
            raise TooManyError
        work = atoms.copy()
        work.set_constraint()
        work.calc = self.inner
        energy = float(work.get_potential_energy())
        self.results = {"energy": energy, "free_energy": energy, "forces": work.get_forces()}


def potential(model: str) -> Any:
    """Return a calculator of SevenNet."""
    return MlipBackend(name="mlip", settings=MlipSettings(calculator_kwargs={"model": model})).calculator()


def cases() -> Iterator[tuple[str, Atoms]]:
    """Yield name and start geometry of each case."""
    for name, width, layers in (("Li", 6.5, 4), ("LiH", 5.5, 3), ("Li3Mg7", 5.0, 4)):
        spec = SlabSpec(miller=(0, 0, 1), layers=layers, vacuum=10, min_width=width, termination=0)
        slab = build_slab(load_structure(name), spec, host_lattice(name)).structure
        site = find_sites(slab, "Li")[-1]
        for what, structure in (("slab", slab), (f"+ Li, {site.label}", add_adsorbate(slab, site, "Li"))):
            start = AseAtomsAdaptor.get_atoms(structure, msonable=False)
            yield f"{name}(001) {what}, generated", start
            start = start.copy()
            start.calc = potential("7net-0")
            BFGS(start, logfile=None, alpha=2).run(fmax=0.01, steps=300)
            start.calc = None
            yield f"{name}(001) {what}, handed on", start


def with_hessian(floor: float) -> Callable[[Atoms], Any]:
    """Return what makes a BFGS whose first Hessian is that of SevenNet-0."""

    def make(atoms: Atoms) -> Any:
        optimizer = BFGS(atoms, logfile=None)
        optimizer.H0 = positive(finite_difference_hessian(atoms, potential("7net-0")), floor)
        return optimizer

    return make


class Guided:
    """Our driver, with a surrogate on SevenNet-0."""

    def __init__(self, atoms: Atoms) -> None:
        self.atoms = atoms

    def run(self, fmax: float, steps: int) -> None:
        """Relax."""
        from anodeflow.backends.drivers.driver import run_task

        calculator, zero = self.atoms.calc, potential("7net-0")
        settings = {"force_threshold": fmax, "max_steps": steps, "curvature": 5.0, "max_displacement": 0.2}
        self.atoms.info.clear()
        structure = AseAtomsAdaptor.get_structure(self.atoms)
        structure.add_site_property("selective_dynamics", free_coordinates(self.atoms).reshape(-1, 3).tolist())
        surrogate = Surrogate(Request("relax", structure), [zero], fmax)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "steps.jsonl"
            hessian = finite_difference_hessian(self.atoms, zero)
            np.save(hessian_file(file), symmetrised_hessian(structure, hessian))
            run_task(self.atoms, calculator, "relax", settings, file, attempt=0, propose=surrogate)
        self.atoms.calc = calculator


OPTIMIZERS: dict[str, Callable[[Atoms], Any]] = {
    "BFGS, 70 eV/Å² (ASE's default)": lambda atoms: BFGS(atoms, logfile=None),
    "BFGS, 5 eV/Å² (ours for DFT)": lambda atoms: BFGS(atoms, logfile=None, alpha=5),
    "BFGS, 2 eV/Å² (ours for SevenNet)": lambda atoms: BFGS(atoms, logfile=None, alpha=2),
    "BFGSLineSearch": lambda atoms: BFGSLineSearch(atoms, logfile=None),
    "LBFGS": lambda atoms: LBFGS(atoms, logfile=None),
    "FIRE": lambda atoms: FIRE(atoms, logfile=None),
    "PreconLBFGS, Exp": lambda atoms: PreconLBFGS(atoms, logfile=None, precon=Exp(), use_armijo=True),
    "GPMin": lambda atoms: GPMin(atoms, logfile=None, trajectory=None),
    "BFGS, potential's Hessian, floor 1 eV/Å²": with_hessian(1.0),
    "BFGS, potential's Hessian, floor 2 eV/Å²": with_hessian(2.0),
    "surrogate": Guided,
}


def relaxed(make: Callable[[Atoms], Any], atoms: Atoms) -> float:
    """Relax the atoms with an optimiser; return their energy, eV."""
    make(atoms).run(fmax=_THRESHOLD, steps=_MOST)
    return float(atoms.get_potential_energy())


def outcome(counting: Counting, search: Callable[[], float], zero: float = 0.0) -> str:
    """Return evaluations and energy over `zero` (eV) of a search, or why it was given up."""
    try:
        energy = search()
    except (TooManyError, RuntimeError, np.linalg.LinAlgError) as error:
        return f"   -  {type(error).__name__}"
    return f"{counting.evaluations:4d}  {energy - zero:.4f}"


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    part, other = [*sys.argv[1:], "", ""][:2]
    costly = potential("7net-l3i5")
    for case, start in cases():
        if part not in case:
            continue
        for name, make in OPTIMIZERS.items():
            if other not in name:
                continue
            atoms = start.copy()
            counting = Counting(costly)
            atoms.calc = counting
            print(
                f"{case:45s} {len(atoms):3d}  {name:42s} {outcome(counting, partial(relaxed, make, atoms))}", flush=True
            )


if __name__ == "__main__":
    main()
