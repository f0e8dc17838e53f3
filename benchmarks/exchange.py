"""Whether an adatom moves over a (001) face by a hop or by changing places with an atom of the surface.

    python benchmarks/exchange.py Li [--backend mlip] [--layers 6] [--width 10] [--out FILE]

Beside what diffusion studies find with `exchange: true`: three climbing bands of ASE lead from a
hollow: over the bridge to the next hollow; through an atom beside the adatom, which the adatom takes the place of, to
the hollow behind it; and through the same atom to the hollow beside it. Prints one JSON line: barriers, eV, largest
forces that are left on the bands, eV/Å.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atom, Atoms
from ase.mep import NEB
from ase.optimize import FIRE
from pymatgen.io.ase import AseAtomsAdaptor
from surroundings import in_sentences

from anodeflow.backends.registry import load_backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.core.errors import InputError
from anodeflow.structures.bulk.catalogue import host_lattice, load_structure
from anodeflow.structures.sites.sites import add_adsorbate, find_sites
from anodeflow.structures.slab.slabs import build_slab
from anodeflow.structures.slab.spec import SlabSpec


def barrier(backend: Any, first: Atoms, last: Atoms, images: int) -> tuple[float, float]:
    """Return the barrier of a climbing band, eV, and the largest force that is left on it, eV/Å."""
    path = [first.copy() for _ in range(images + 1)] + [last.copy()]
    for image in path:
        image.calc = backend.calculator()
    band = NEB(path, k=1.0, method="improvedtangent")
    # Exchanging atoms must not meet on the way.
    band.interpolate("idpp", mic=True)
    FIRE(band, logfile=None).run(fmax=0.1, steps=100)
    band.climb = True
    FIRE(band, logfile=None).run(fmax=0.03, steps=300)
    energies = [image.get_potential_energy() for image in path]
    return max(energies) - energies[0], float(np.linalg.norm(band.get_forces(), axis=-1).max())


def main() -> None:
    """Read the command line, compute, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("metal", help="catalogue name or structure file of a bcc or fcc metal")
    parser.add_argument("--backend", default="mlip", help="name or file of a backend with quick forces")
    parser.add_argument("--layers", type=int, default=6, help="planes, half of them held")
    parser.add_argument("--width", type=float, default=10.0, help="least distance between images of the adatom, Å")
    parser.add_argument("--images", type=int, default=5, help="images between the ends of a band")
    parser.add_argument("--out", type=Path, help="JSON file for the line, too")
    given = parser.parse_args()

    backend = load_backend(given.backend)
    crystal = load_structure(given.metal)
    if len(crystal.composition) > 1:
        raise InputError(f"{given.metal} is a compound: name a metal, whose adatom is one of its own.")
    bulk = Makers(backend).relax(cell=True).calculate(crystal).structure
    spec = SlabSpec(layers=given.layers, vacuum=12, min_width=given.width)
    cell = build_slab(bulk, spec, host_lattice(given.metal))
    relax = Makers(backend).relax()
    slab = relax.calculate(cell.structure).structure
    element = slab[0].specie.symbol
    hollow = max(find_sites(slab, element), key=lambda site: site.coordination)
    start = relax.calculate(add_adsorbate(slab, hollow, element))
    place = start.structure[-1].coords
    a, b = np.linalg.inv(np.array(cell.supercell)) @ slab.lattice.matrix[:2]  # of the surface's own cell
    clean = AseAtomsAdaptor.get_atoms(slab, msonable=False)
    beside = place + (a + b) / 2
    apart = [slab.lattice.get_all_distances(slab.frac_coords[[i]], [slab.lattice.get_fractional_coords(beside)])[0, 0]
             for i in range(len(slab))]  # fmt: skip
    atom = int(np.argmin(apart))

    def moved(shift: np.ndarray, exchanged: bool) -> Atoms:
        """Return the end of a way that leads the adatom, or the atom whose place it takes, to another hollow."""
        end = clean.copy()
        goal = place + shift
        if exchanged:
            end.positions[atom] = goal
        end.append(Atom(element, clean.positions[atom] if exchanged else goal))
        found = relax.calculate(AseAtomsAdaptor.get_structure(end))
        if abs(found.energy - start.energy) > 0.01:
            raise SystemExit(f"the end came to rest {found.energy - start.energy:+.3f} eV from the start: another one.")
        return AseAtomsAdaptor.get_atoms(found.structure, msonable=False)

    first = AseAtomsAdaptor.get_atoms(start.structure, msonable=False)
    ways = {"hop": (a, False), "exchange, behind": (a + b, True), "exchange, beside": (a, True)}
    line: dict[str, Any] = {"metal": given.metal, "backend": given.backend, "layers": given.layers}
    line |= {"width": round(cell.min_image_distance, 2), "barriers": {}, "forces_left": {}}
    for name, (shift, exchanged) in ways.items():
        found, left = barrier(backend, first, moved(shift, exchanged), given.images)
        line["barriers"][name], line["forces_left"][name] = round(found, 3), round(left, 3)
    text = json.dumps(line)
    print(text)
    if given.out:
        given.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    with in_sentences():
        main()
