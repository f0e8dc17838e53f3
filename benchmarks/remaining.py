"""Force evaluations until the forces vanish, and until little energy is left to gain; how well that energy is told.

As in optimizers.py SevenNet's l3i5 stands in for DFT, and relaxations begin at the minima of SevenNet-0 with its
Hessian, softened as in a calculation (backends/drivers/hessian.py). Prints one line a case: atoms, evaluations until
the largest force is below 0.01 eV/Å; evaluations until less than 5 meV is left (backends/drivers/remaining.py), and how
far the energy less what is left then lies from that at the end, meV. Last line: sums, and the root mean square of that.

    python benchmarks/remaining.py [PART OF A CASE'S NAME]
"""

import sys
import warnings
from collections.abc import Iterator

import numpy as np
from ase import Atoms
from ase.optimize import BFGS
from optimizers import potential
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.backends.drivers.hessian import _SOFTEST, finite_difference_hessian, free_coordinates, positive
from anodeflow.backends.drivers.remaining import RemainingEnergy
from anodeflow.structures.bulk.catalogue import host_lattice, load_structure
from anodeflow.structures.sites.sites import add_adsorbate, find_sites
from anodeflow.structures.slab.slabs import build_slab
from anodeflow.structures.slab.spec import SlabSpec

_CALM, _LITTLE, _MOST = 0.01, 0.005, 60  # eV/Å, eV, evaluations
_CURVATURE = 5.0  # eV/Å², the default of backends
_ALIKE = 2e-3  # eV: minima so near in energy are one


def cases(part: str) -> Iterator[tuple[str, Atoms]]:
    """Yield name and minimum of SevenNet-0 of each case: clean slabs, and Li on all their sites."""
    zero = potential("7net-0")
    for name, width, layers in (("Li3Mg7", 6.5, 4), ("Li3Mg-Cmcm", 6.5, 4), ("Li", 6.5, 4), ("LiH", 5.5, 3)):
        spec = SlabSpec(miller=(0, 0, 1), layers=layers, vacuum=10, min_width=width, termination=0)
        slab = build_slab(load_structure(name), spec, host_lattice(name)).structure
        starts = [("clean", slab)] + [(site.label, add_adsorbate(slab, site, "Li")) for site in find_sites(slab, "Li")]
        seen: list[float] = []
        for label, structure in starts:
            if part not in f"{name}(001) {label}":
                continue
            atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
            if label != "clean":
                atoms.positions[-1] += [0.1, 0.05, 0.0]  # symmetry would hold it on saddles
            atoms.calc = zero
            BFGS(atoms, logfile=None, alpha=2).run(fmax=_CALM, steps=200)
            energy = float(atoms.get_potential_energy())
            if all(abs(energy - other) > _ALIKE for other in seen):
                seen.append(energy)
                yield f"{name}(001) {label}", atoms


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    part = [*sys.argv[1:], ""][0]
    costly, rows = potential("7net-l3i5"), []
    for name, atoms in cases(part):
        hessian = finite_difference_hessian(atoms, atoms.calc)
        remaining = RemainingEnergy(hessian, free_coordinates(atoms))
        atoms = atoms.copy()
        atoms.calc = costly
        optimizer = BFGS(atoms, logfile=None, maxstep=0.2)
        optimizer.H0 = positive(hessian, _CURVATURE / _SOFTEST)
        count, little = 0, None
        for _ in optimizer.irun(fmax=0.0, steps=_MOST):
            count += 1
            energy, forces = float(atoms.get_potential_energy()), atoms.get_forces()
            left = remaining.after(atoms.positions, forces)
            if little is None and left is not None and left < _LITTLE:
                little = (count, energy - left)
            if np.linalg.norm(forces, axis=1).max() < _CALM:
                break
        by_energy, wrong = (count, 0.0) if little is None else (little[0], 1e3 * (little[1] - energy))
        rows.append((count, by_energy, wrong))
        print(f"{name:40s} {len(atoms):3d} {count:5d} {by_energy:5d} {wrong:8.1f}", flush=True)
    counts = np.array(rows)
    print(f"{'together':40s}     {counts[:, 0].sum():5.0f} {counts[:, 1].sum():5.0f}", end=" ")
    print(f"{np.sqrt(np.mean(counts[:, 2] ** 2)):8.1f}")


if __name__ == "__main__":
    main()
