"""Surface energies of all terminations of an alloy's plane, at the chemical potential of the bulk metal.

    python benchmarks/surface_energy.py Li3Mg-Cmcm Li [--backend mlip] [--planes 9] [--out FILE]

Slabs with the same termination on both sides, nothing held: an odd number of planes where two kinds of them alternate.
``gamma = (E - sum n_i mu_i) / 2 A``; mu of the metal is the energy of its bulk per atom, mu of the alloy's other
element follows from the bulk alloy: both surfaces are then in equilibrium with both crystals. Prints one JSON line a
termination.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from surroundings import in_sentences

from anodeflow.backends.registry import load_backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.core.errors import InputError
from anodeflow.core.units import JOULE_PER_SQUARE_METRE
from anodeflow.structures.bulk.catalogue import host_lattice, load_structure
from anodeflow.structures.slab.slabs import build_slabs
from anodeflow.structures.slab.spec import SlabSpec


def main() -> None:
    """Read the command line, compute, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("alloy", help="catalogue name or structure file")
    parser.add_argument("metal", help="catalogue name or structure file")
    parser.add_argument("--backend", default="mlip", help="name or file of a backend")
    parser.add_argument("--planes", type=int, nargs="+", default=[9, 13], help="planes of the slabs; odd")
    parser.add_argument("--out", type=Path, help="JSON file for the lines, too")
    given = parser.parse_args()
    backend = load_backend(given.backend)
    relax_cell, relax = Makers(backend).relax(cell=True), Makers(backend).relax()
    crystals = load_structure(given.alloy), load_structure(given.metal)
    both, one = ({site.specie.symbol for site in crystal} for crystal in crystals)
    if len(one) != 1 or len(both) != 2 or not one < both:
        raise InputError(
            f"{given.alloy} has {', '.join(sorted(both))} and {given.metal} {', '.join(sorted(one))}: name a compound "
            "of two elements, and the metal of one of them."
        )
    (element,), (other,) = one, both - one
    alloy, metal = map(relax_cell.calculate, crystals)
    amounts = alloy.structure.composition.get_el_amt_dict()
    potential = {element: metal.energy_per_atom}
    potential[other] = (alloy.energy - amounts[element] * potential[element]) / amounts[other]

    rows = []
    for planes in given.planes:
        spec = SlabSpec(layers=planes, fixed_layers=0, vacuum=15, min_width=0)
        for cell in build_slabs(alloy.structure, spec, host_lattice(given.alloy)):
            heights = cell.structure.cart_coords[:, 2]
            ends = [
                sorted(
                    site.specie.symbol for site, z in zip(cell.structure, heights, strict=True) if abs(z - end) < 0.5
                )
                for end in (heights.min(), heights.max())
            ]
            if ends[0] != ends[1]:
                raise SystemExit(f"{planes} planes of {given.alloy} have two different faces: give another number.")
            relaxed = relax.calculate(cell.structure)
            bulk = sum(n * potential[symbol] for symbol, n in cell.structure.composition.get_el_amt_dict().items())
            rows.append(
                {
                    "alloy": given.alloy,
                    "termination": cell.termination,
                    "planes": planes,
                    "atoms": len(cell.structure),
                    "area": round(cell.area, 4),
                    "surface_energy": round((relaxed.energy - bulk) / (2 * cell.area) / JOULE_PER_SQUARE_METRE, 4),
                    "unit": "J/m²",
                    "at": f"chemical potential of bulk {element}",
                    "moved": round(float(np.linalg.norm(relaxed.structure.cart_coords - cell.structure.cart_coords,
                                                        axis=1).max()), 3),
                    "converged": relaxed.converged,
                    "backend": backend.name,
                    "code": f"{relaxed.code} {relaxed.code_version}",
                }
            )  # fmt: skip
            print(json.dumps(rows[-1], ensure_ascii=False), flush=True)
    if given.out:
        given.out.write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    with in_sentences():
        main()
