"""SCF cycles of a moved slab by GPAW's own criteria and by ours, on slabs of 17 to 97 atoms.

A Li adatom on a hollow, and the four atoms nearest to it, move up and down as in a relaxation. Three ways: *plain*
(GPAW's criteria: 4e-8 eV² for the eigenstates, energies per electron; moved wave functions as they come), *ours*
(1e-6 eV², 0.2 meV for the energy of the cell; moved wave functions orthonormalised), and on the smallest slab *tight*
(1e-9 eV², 1e-6 e, 1e-6 eV). All with the mixer that remembers. Prints one JSON line: SCF cycles of each step, energies
(eV), and how far energies and forces are from those of the tightest way that was run.

    python benchmarks/scf.py [--most 60] [li-17 li3mg7-41 li-55 li-97]

`--most`: cycles after which an SCF is given up.
"""

import json
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bcc100
from gpaw import GPAW, ConvergenceError
from pymatgen.io.ase import AseAtomsAdaptor
from surroundings import surroundings

from anodeflow.backends.gpaw.driver import make_calculator, mixing
from anodeflow.backends.gpaw.scf import ScfWatch
from anodeflow.structures.bulk.catalogue import host_lattice, load_structure
from anodeflow.structures.sites.sites import add_adsorbate, find_sites
from anodeflow.structures.slab.slabs import build_slab
from anodeflow.structures.slab.spec import SlabSpec

_MOVES = (0.0, 0.06, -0.10, 0.02)  # Å, of the adatom; a third of it for its nearest atoms
_OURS = {"energy": 5e-4, "density": 1e-4, "eigenstates": 1e-6, "total_energy": 2e-4}
_TIGHT = {"energy": 1e-7, "density": 1e-6, "eigenstates": 1e-9}


def lithium(width: int, layers: int) -> Atoms:
    """Return Li(001) with a Li adatom on a hollow, which is on the origin of the cell."""
    a = 3.44
    slab = bcc100("Li", (width, width, layers), a=a, vacuum=6.0)
    top = slab.positions[slab.positions[:, 2].argmax()].copy()
    slab.append("Li")
    slab.positions[-1] = top + np.array([a / 2, a / 2, 1.4])
    slab.positions[:, :2] -= top[:2] + a / 2
    slab.wrap(pbc=(True, True, False))
    slab.pbc = (True, True, False)
    return slab


def alloy() -> Atoms:
    """Return Li3Mg7(001), four layers, with a Li adatom on a hollow."""
    spec = SlabSpec(layers=4, vacuum=12, min_width=6.5)
    slab = build_slab(load_structure("Li3Mg7"), spec, host_lattice("Li3Mg7")).structure
    atoms = AseAtomsAdaptor.get_atoms(add_adsorbate(slab, find_sites(slab, "Li")[-1], "Li"), msonable=False)
    atoms.set_constraint()
    atoms.pbc = (True, True, False)
    return atoms


CASES: dict[str, tuple[Any, int]] = {
    "li-17": (lambda: lithium(2, 4), 3),
    "li3mg7-41": (alloy, 2),
    "li-55": (lambda: lithium(3, 6), 2),
    "li-97": (lambda: lithium(4, 6), 1),
}
"""Slab, and k-points along each of its vectors."""


def walk(atoms: Atoms, kpoints: int, way: str, most: int) -> dict[str, Any]:
    """Return SCF cycles, energies (eV), forces (eV/Å) and the processor time (s) of the steps."""
    parameters: dict[str, Any] = {
        "mode": {"name": "pw", "ecut": 300},
        "xc": "PBE",
        "kpts": {"size": (kpoints, kpoints, 1), "gamma": True},
        "occupations": {"name": "fermi-dirac", "width": 0.1},
        "poissonsolver": {"dipolelayer": "xy"},
        "symmetry": {"tolerance": 1e-4},
        "setups": {"Mg": "2"},
        "maxiter": most,
    }
    near = [int(i) for i in atoms.get_distances(-1, range(len(atoms) - 1), mic=True).argsort()[:4]]
    counter, began = ScfWatch({}), time.process_time()
    found: dict[str, Any] = {"scf_cycles": [], "energies": [], "forces": []}
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "gpaw.txt"
        if way == "ours":
            atoms.calc = make_calculator(parameters | {"convergence": _OURS}, atoms, log, counter, shift=False)
        else:
            criteria = _TIGHT if way == "tight" else {}
            atoms.calc = GPAW(**(mixing() | parameters | {"convergence": criteria}), txt=log)
            atoms.calc.hooks["scf_step"] = lambda context: setattr(counter, "cycles", counter.cycles + 1)
        for move in _MOVES:
            atoms.positions[-1, 2] += move
            atoms.positions[near, 2] += move / 3
            try:
                found["energies"].append(float(atoms.get_potential_energy()))
            except ConvergenceError:
                found["scf_cycles"].append(f"over {most}")
                break
            found["forces"].append(atoms.get_forces().tolist())
            found["scf_cycles"].append(counter.take()["scf_cycles"])
    return found | {"processor_time": round(time.process_time() - began, 1)}


def main(arguments: list[str]) -> None:
    """Measure and print."""
    warnings.simplefilter("ignore")
    most = 60
    if "--most" in arguments:
        at = arguments.index("--most")
        most = int(arguments[at + 1])
        arguments = arguments[:at] + arguments[at + 2 :]
    for case in arguments or CASES:
        make, kpoints = CASES[case]
        # "ours" last: it changes how this process's GPAW moves wave functions.
        ways = [*(["tight"] if case == "li-17" else []), "plain", "ours"]
        found = {way: walk(make(), kpoints, way, most) for way in ways}
        best = found[ways[0]]
        for way in ways:
            same = min(len(found[way]["energies"]), len(best["energies"]))
            energies = np.subtract(found[way]["energies"][:same], best["energies"][:same])
            forces = [np.abs(np.subtract(found[way]["forces"][i], best["forces"][i])).max() for i in range(same)]
            found[way]["energy_apart"] = round(float(np.abs(energies).max()), 5) if same else None
            found[way]["force_apart"] = round(float(max(forces)), 5) if same else None
        for way in ways:
            del found[way]["forces"]
            found[way]["energies"] = [round(energy, 5) for energy in found[way]["energies"]]
        print(json.dumps(surroundings("anodeflow", "gpaw") | {"case": case, "atoms": len(make())} | found), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
