"""Force evaluations that searches of a saddle take, one way or another; what stands behind docs/performance.md.

As in optimizers.py SevenNet's l3i5 stands in for DFT and SevenNet-0 for the potential that goes before it: its climbing
band gives the saddle, and the direction of the path there, from which all searches start. Ways: our single climbing
image with one first curvature, or with SevenNet-0's Hessian; Sella (`pip install sella`, left out where it is missing)
by itself and with the same direction or Hessian. Prints one line a case and way: evaluations until the largest force
is below 0.02 eV/Å (more than 150: gave up), energy above the start in eV.

    python benchmarks/saddles.py [PART OF A CASE'S NAME]
"""

import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.geometry import find_mic, get_distances
from ase.mep import NEB
from ase.optimize import BFGS
from optimizers import Counting, TooManyError, outcome, potential
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.backends.drivers.band_driver import run_neb
from anodeflow.backends.drivers.hessian import finite_difference_hessian, free_coordinates, hessian_file
from anodeflow.structures.bulk.catalogue import host_lattice, load_structure
from anodeflow.structures.sites.sites import add_adsorbate, find_sites
from anodeflow.structures.slab.slabs import build_slab
from anodeflow.structures.slab.spec import SlabSpec

_THRESHOLD, _MOST = 0.02, 150  # eV/Å, evaluations
_HOP = (1.5, 4.5)  # Å: shortest and longest way of the adatom
_RISE = 0.03  # eV: what rises less over the higher end is no saddle to start from
_SETTINGS = {
    "force_threshold": _THRESHOLD, "climb_below": 0.5, "spring_constant": 0.1, "max_steps": _MOST, "curvature": 5.0,
    "max_displacement": 0.2,
}  # fmt: skip


def relaxed(atoms: Atoms) -> Atoms:
    """Return the atoms at SevenNet-0's minimum; the adatom is pushed aside first, symmetry would hold it on saddles."""
    atoms = atoms.copy()
    atoms.positions[-1] += [0.15, 0.08, 0.0]
    atoms.calc = potential("7net-0")
    BFGS(atoms, logfile=None, alpha=2).run(fmax=0.01, steps=300)
    return atoms


def hops(slab: Any) -> list[tuple[Atoms, Atoms]]:
    """Return pairs of minima of a Li adatom, shortest way first: the lowest one, and another or a copy of it."""
    minima = [
        relaxed(AseAtomsAdaptor.get_atoms(add_adsorbate(slab, site, "Li"), msonable=False))
        for site in find_sites(slab, "Li")
    ]
    first = min(minima, key=lambda atoms: atoms.get_potential_energy())
    found = []
    for other, shift in product(minima, product((-0.5, 0, 0.5), repeat=2)):
        # Half a lattice vector of the doubled cells is one of the surface: every atom has a partner there.
        moved = other.copy()
        moved.positions += np.array([*shift, 0]) @ np.array(moved.cell)
        apart, lengths = get_distances(moved.positions, first.positions, first.cell, first.pbc)
        order = lengths[:-1, :-1].argmin(axis=0)
        partners = lengths[order, np.arange(len(first) - 1)]
        alike = (moved.symbols[order] == first.symbols[:-1]).all()
        if len(set(order)) < len(order) or partners.max() > 1.0 or not alike:
            continue
        last = first.copy()
        last.positions[:-1] -= apart[order, np.arange(len(order))]
        last.positions[-1] -= apart[-1, -1]
        if _HOP[0] < lengths[-1, -1] < _HOP[1]:
            found.append((lengths[-1, -1], last))
    return [(first, last) for _, last in sorted(found, key=lambda pair: pair[0])]


def saddle(first: Atoms, last: Atoms) -> tuple[list[Atoms], np.ndarray] | None:
    """Return the ends with SevenNet-0's saddle between them, and the path's direction there; none: no clear saddle."""
    band = [first.copy() for _ in range(6)] + [relaxed(last)]
    for image in band:
        image.calc = potential("7net-0")
    neb = NEB(band, climb=True, method="improvedtangent", k=0.1)
    neb.interpolate("idpp", mic=True, apply_constraint=True)
    calm = BFGS(neb, logfile=None, alpha=2, maxstep=0.1).run(fmax=0.05, steps=300)
    energies = [image.get_potential_energy() for image in band]
    top = int(np.argmax(energies))
    rise = energies[top] - max(energies[0], energies[-1])
    if not calm or rise < _RISE:
        return None
    way = np.linalg.norm(find_mic(last.positions[-1] - first.positions[-1], first.cell, first.pbc)[0])
    print(f"# {len(first)} atoms, way {way:.2f} Å, saddle {rise:.3f} eV over the higher end", flush=True)
    tangent, _ = find_mic(band[top + 1].positions - band[top - 1].positions, first.cell, first.pbc)
    return [band[0], band[top], band[-1]], tangent / np.linalg.norm(tangent)


def cases(part: str) -> Iterator[tuple[str, list[Atoms], np.ndarray]]:
    """Yield name, ends with the saddle, and direction of each case."""
    for name, width, layers in (("Li", 6.5, 4), ("Li3Mg-Cmcm", 6.5, 4), ("Li3Mg7", 6.5, 4)):
        if part not in f"{name}(001)":
            continue
        spec = SlabSpec(miller=(0, 0, 1), layers=layers, vacuum=10, min_width=width, termination=0)
        slab = build_slab(load_structure(name), spec, host_lattice(name)).structure
        for first, last in hops(slab):
            found = saddle(first, last)
            if found is not None:
                yield f"{name}(001)", *found
                break


def ours(guided: bool) -> Callable[[list[Atoms], np.ndarray, Counting], Any]:
    """Return what climbs with one image, beginning with SevenNet-0's Hessian or not."""

    def search(path: list[Atoms], tangent: np.ndarray, counting: Counting) -> float:
        options = {"energies": [0.0, 0.0], "settings": _SETTINGS, "symmetry": None, "tangent": tangent}
        with tempfile.TemporaryDirectory() as folder:
            steps = Path(folder) / "steps.jsonl"
            if guided:
                np.save(hessian_file(steps), finite_difference_hessian(path[1], potential("7net-0")))
            done = run_neb(path, lambda: counting, options, steps, attempt=0)
        if not done["converged"]:
            raise TooManyError
        return done["images"][1]["energy"]

    return search


def sella(**options: Any) -> Callable[[list[Atoms], np.ndarray, Counting], Any]:
    """Return what lets Sella search; `direction`, `hessian`: whether it is given that of the potential."""
    direction, hessian = options.pop("direction", False), options.pop("hessian", False)

    def search(path: list[Atoms], tangent: np.ndarray, counting: Counting) -> float:
        from sella import Sella

        atoms = path[1]
        atoms.calc = counting
        if direction:
            options["v0"] = tangent.ravel()[free_coordinates(atoms)]
        if hessian:
            options["hessian_function"] = lambda atoms: finite_difference_hessian(atoms, potential("7net-0"))
        if not Sella(atoms, order=1, logfile=None, **options).run(fmax=_THRESHOLD, steps=_MOST):
            raise TooManyError
        return float(atoms.get_potential_energy())

    return search


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    part = [*sys.argv[1:], ""][0]
    costly = potential("7net-l3i5")
    ways = {"one climbing image, 5 eV/Å²": ours(False), "one climbing image, potential's Hessian": ours(True)}
    if find_spec("sella"):
        ways |= {
            "Sella": sella(),
            "Sella, direction of the path": sella(direction=True),
            "Sella, potential's Hessian": sella(hessian=True),
        }
    for case, path, tangent in cases(part):
        start = path[1].copy()
        start.calc = costly
        before = start.get_potential_energy()
        for name, search in ways.items():
            counting = Counting(costly)
            found = partial(search, [image.copy() for image in path], tangent, counting)
            print(f"{case:18s} {name:42s} {outcome(counting, found, before)}", flush=True)


if __name__ == "__main__":
    main()
