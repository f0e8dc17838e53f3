"""Force evaluations that the order of a saddle takes, and whether it is right; what stands behind docs/performance.md.

One code stands in for DFT and another one for the potential that goes before it: ASE's EMT and a Morse pair potential
(L. A. Girifalco and V. G. Weizer, Phys. Rev. 114, 687 (1959)), SevenNet's l3i5 and SevenNet-0. At rest on a slab are an
adatom on a site, held there by symmetry, and on alloys the saddle that lies nearest to SevenNet-0's. The whole Hessian
of the first code says how many modes are negative there. Ways: `before`, all lowest modes to a good accuracy by central
differences (Davidson); `signs`, forces until the number of negative modes is certain; each with the potential's Hessian
and, EMT, with springs alone. Prints one line a case: curvatures, and for each way the number of negative
modes (2: or more; ?: not certain) and the forces, that at rest included. With `differences`: the largest errors of
products along the potential's three lowest modes, of the curvature and of the whole vector, eV/Å².

    python benchmarks/modes.py [emt|sevennet] [differences]     # keeps Hessians, ANODEFLOW_BENCHMARK
"""

import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.emt import EMT
from ase.calculators.morse import MorsePotential
from ase.optimize import BFGS
from optimizers import potential
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor
from saddles import hops, saddle

from anodeflow.backends.drivers.eigenmodes import Modes, lowest_modes, newton_step
from anodeflow.backends.drivers.hessian import finite_difference_hessian, free_coordinates, spring_hessian
from anodeflow.calculations.mode_search import SHIFT, motions, signs_of_modes
from anodeflow.calculations.modes import NEGATIVE
from anodeflow.structures.bulk.catalogue import host_lattice, load_structure
from anodeflow.structures.geometry.positions import placed
from anodeflow.structures.geometry.symmetrise import symmetrised_hessian, with_symmetry_of
from anodeflow.structures.sites.sites import add_adsorbate, find_sites
from anodeflow.structures.slab.slabs import build_slab
from anodeflow.structures.slab.spec import SlabSpec

_MORSE = {"Al": (0.2703, 1.1646, 3.253), "Cu": (0.3429, 1.3588, 2.866), "Ag": (0.3323, 1.3690, 3.115)}
"""Depth (eV), steepness (1/Å) and distance (Å)."""
_EMT = [("Al", (1, 1, 0)), ("Al", (0, 0, 1)), ("Al", (1, 1, 1)), ("Cu", (1, 1, 0)), ("Ag", (0, 0, 1))]
_ALLOYS = ["Li3Mg-Cmcm"]
_CURVATURE = 5.0  # eV/Å², of the springs
_BEFORE = {"guided": 16, "alone": 24}  # products


def calculator(name: str) -> Any:
    """Return the calculator of a code."""
    if name == "emt":
        return EMT()
    if name in _MORSE:
        depth, steepness, distance = _MORSE[name]
        return MorsePotential(epsilon=depth, r0=distance, rho0=steepness * distance, rcut1=2.0, rcut2=2.4)
    return potential(name)


class Forces:
    """Forces on displaced copies of a structure, counted; what `anodeflow.calculations.displaced` gives."""

    def __init__(self, structure: Structure, code: Any) -> None:
        self.structure, self.count = structure, 0
        self.atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
        self.atoms.set_constraint()
        self.atoms.calc = code

    def __call__(self, displacement: np.ndarray) -> np.ndarray:
        """Return the forces (3 N,), eV/Å, with the atoms displaced by (3 N,), Å."""
        self.count += 1
        self.atoms.positions = self.structure.cart_coords + displacement.reshape(-1, 3)
        return self.atoms.get_forces().ravel()


def sites(name: str, miller: tuple[int, int, int], adsorbate: str, code: str) -> Iterator[tuple[str, Structure]]:
    """Yield an adatom at rest on each site of a surface."""
    spec = SlabSpec(miller=miller, layers=4, vacuum=10, min_width=5.5 if code == "emt" else 6.0, termination=0)
    slab = build_slab(load_structure(name), spec, host_lattice(name)).structure
    for site in find_sites(slab, adsorbate):
        start = add_adsorbate(slab, site, adsorbate)
        atoms = AseAtomsAdaptor.get_atoms(start, msonable=False)
        atoms.calc = calculator(code)
        BFGS(atoms, logfile=None, alpha=5, maxstep=0.1).run(fmax=0.01, steps=80)
        face = "".join(map(str, miller))
        yield f"{name}({face}) site {site.index}, {site.label}", placed(start, with_symmetry_of(start, atoms.positions))


def climbed(name: str, code: str, most: int = 2) -> Iterator[tuple[str, Structure]]:
    """Yield saddles of hops on an alloy: SevenNet-0's, from where the code walks to its own."""
    spec = SlabSpec(miller=(0, 0, 1), layers=4, vacuum=10, min_width=6.5, termination=0)
    slab = build_slab(load_structure(name), spec, host_lattice(name)).structure
    number = 0
    for first, last in hops(slab):
        found = saddle(first, last)
        if found is None:
            continue
        atoms: Atoms = found[0][1]
        atoms.calc = calculator(code)
        free = free_coordinates(atoms)
        hessian = finite_difference_hessian(atoms, potential("7net-0"))[np.ix_(free, free)]
        for _ in range(8):
            forces = atoms.get_forces()
            if np.linalg.norm(forces, axis=1).max() < 0.01:
                break
            step = np.zeros(len(free))
            step[free] = newton_step(hessian, forces.ravel()[free])
            step *= min(1.0, 0.1 / np.linalg.norm(step.reshape(-1, 3), axis=1).max())
            atoms.positions += step.reshape(-1, 3)
        yield (
            f"{name}(001) hop {number}",
            Structure(
                Lattice(atoms.cell.array, pbc=(True, True, False)),
                atoms.get_chemical_symbols(),
                atoms.positions,
                coords_are_cartesian=True,
                site_properties={"selective_dynamics": free.reshape(-1, 3).tolist()},
            ),
        )
        number += 1
        if number == most:
            return


def before(forces: Forces, approximate: np.ndarray, free: np.ndarray, guided: bool) -> Modes:
    """Find the lowest modes as it was done before."""

    def product(vector: np.ndarray) -> np.ndarray:
        direction = np.zeros(len(free))
        direction[free] = vector
        step = SHIFT / np.linalg.norm(direction.reshape(-1, 3), axis=1).max()
        return (forces(-step * direction) - forces(step * direction))[free] / (2 * step)

    starts = motions(approximate, free)
    if guided:
        starts = [*np.linalg.eigh(approximate)[1].T[:2], starts[-1]]
    most = _BEFORE["guided" if guided else "alone"]
    return lowest_modes(product, starts, approximate, most, thorough=False)


def row(name: str, structure: Structure, code: str, known: dict[str, np.ndarray]) -> str:
    """Return the line of a case."""
    atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
    free = free_coordinates(atoms)
    inner = np.ix_(free, free)
    exact = np.linalg.eigvalsh(known["dft"][inner])
    parts = [f"{min(int(np.sum(exact < NEGATIVE)), 2)}"]
    for guided in (True, False) if code == "emt" else (True,):
        whole = symmetrised_hessian(structure, known["guide"]) if guided else spring_hessian(atoms, _CURVATURE)
        approximate = whole[inner]
        for way in ("before", "signs"):
            forces = Forces(structure, calculator(code))
            rest = forces(np.zeros(len(free)))
            if way == "before":
                found = before(forces, approximate, free, guided)
            else:
                found = signs_of_modes(forces, rest, approximate, free, guided)  # type: ignore[arg-type]
            negative = min(int(np.sum(found.curvatures < NEGATIVE)), 2)
            parts.append(f"{negative}{' ' if found.converged else '?'}{forces.count:4d}")
    lowest = " ".join(f"{value:6.2f}" for value in exact[:3])
    return f"{name:38s} {lowest}   {'   '.join(parts)}"


def differences(name: str, structure: Structure, code: str, known: dict[str, np.ndarray]) -> str:
    """Return how far products with the Hessian are off by differences to one side and to both."""
    atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
    free = free_coordinates(atoms)
    inner = np.ix_(free, free)
    forces = Forces(structure, calculator(code))
    rest = forces(np.zeros(len(free)))[free]
    errors: dict[str, list[tuple[float, float]]] = {"one side": [], "both sides": []}
    for vector in np.linalg.eigh(known["guide"][inner])[1].T[:3]:
        direction = np.zeros(len(free))
        direction[free] = vector
        step = SHIFT / np.linalg.norm(direction.reshape(-1, 3), axis=1).max()
        there, back = forces(step * direction)[free], forces(-step * direction)[free]
        exact = known["dft"][inner] @ vector
        for which, product in (("one side", (rest - there) / step), ("both sides", (back - there) / (2 * step))):
            wrong = product - exact
            errors[which].append((abs(float(vector @ wrong)), float(np.linalg.norm(wrong))))
    parts = [
        f"{which} {max(a for a, _ in found):.3f} {max(b for _, b in found):.3f}" for which, found in errors.items()
    ]
    return f"{name:38s} {'   '.join(parts)}"


def kept_cases(folder: Path, name: str, make: Callable[[], Iterator[tuple[str, Structure]]]) -> dict[str, Structure]:
    """Return the cases of a surface, made once."""
    file = folder / f"{name}.json"
    if not file.is_file():
        file.write_text(json.dumps({case: structure.as_dict() for case, structure in make()}))
    return {case: Structure.from_dict(found) for case, found in json.loads(file.read_text()).items()}


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    asked = sys.argv[1:]
    codes = [code for code in ("emt", "sevennet") if code in asked] or ["emt", "sevennet"]
    kept = Path(os.environ.get("ANODEFLOW_BENCHMARK", Path.home() / ".anodeflow-benchmark")) / "modes"
    kept.mkdir(parents=True, exist_ok=True)
    makers: list[tuple[str, Callable[[], Iterator[tuple[str, Structure]]], str, str]] = []
    if "emt" in codes:
        for name, miller in _EMT:
            face = "".join(map(str, miller))
            makers.append((f"{name}({face})", partial(sites, name, miller, name, "emt"), "emt", name))
    if "sevennet" in codes:
        makers.append(("Li(001)", partial(sites, "Li", (0, 0, 1), "Li", "7net-l3i5"), "7net-l3i5", "7net-0"))
        makers += [(name, partial(climbed, name, "7net-l3i5"), "7net-l3i5", "7net-0") for name in _ALLOYS]
    if "differences" not in asked:
        print(f"{'':38s} lowest, eV/Å²        true   guided: before, signs   alone: before, signs")
    for surface, make, code, guide in makers:
        for name, structure in kept_cases(kept, surface, make).items():
            file = kept / f"{name.replace(' ', '-').replace(',', '')}.npz"
            if not file.is_file():
                atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
                dft, other = (finite_difference_hessian(atoms, calculator(each)) for each in (code, guide))
                np.savez(file, dft=dft, guide=other)
            line = differences if "differences" in asked else row
            print(line(name, structure, code, dict(np.load(file))), flush=True)


if __name__ == "__main__":
    main()
