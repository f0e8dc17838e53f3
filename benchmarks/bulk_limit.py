"""What the exchange of two atoms across an interface costs far from it, from bulks alone.

    python benchmarks/bulk_limit.py Li3Mg7 Li Mg [--backend mlip] [--out FILE]

Interdiffusion studies compute it themselves (`dilute_limit`); this is the plain way, which they are checked against. An
atom of the alloy in the middle of the metal, plus an atom of the metal in its old place in the middle of the alloy:
an independent check of sign and size of `exchange_energy` on its plateau. At an interface the atom leaves the plane
that touches the metal, so that the two agree in sign and order, not in the last digit. Prints one JSON line for each
inequivalent site that the atom may leave.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from pymatgen.core import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer
from surroundings import in_sentences

from anodeflow.backends.registry import load_backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.core.errors import InputError
from anodeflow.structures.bulk.catalogue import load_structure


def supercell(crystal: Structure, width: float) -> Structure:
    """Return a supercell in which no atom is nearer than `width` (Å) to its image."""
    larger = crystal.copy()
    larger.make_supercell([int(np.ceil(width / length)) for length in crystal.lattice.abc])
    return larger


def main() -> None:
    """Read the command line, compute, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("alloy", help="catalogue name or structure file")
    parser.add_argument("metal", help="catalogue name or structure file")
    parser.add_argument("element", help="element that leaves the alloy")
    parser.add_argument("--backend", default="mlip", help="name or file of a backend")
    parser.add_argument("--width", type=float, default=10.0, help="least distance of an atom to its image, Å")
    parser.add_argument("--out", type=Path, help="JSON file that the lines are added to")
    given = parser.parse_args()
    backend = load_backend(given.backend)
    relax_cell, relax, static = Makers(backend).relax(cell=True), Makers(backend).relax(), Makers(backend).static()

    def with_another(crystal: Structure, atom: int, element: str) -> float:
        """Energy that it costs to put an atom of another element into a place, eV."""
        changed = crystal.copy()
        changed.replace(atom, element)
        return relax.calculate(changed).energy - static.calculate(crystal).energy

    crystals = load_structure(given.alloy), load_structure(given.metal)
    if given.element not in {site.specie.symbol for site in crystals[0]}:
        raise InputError(f"{given.alloy} has no {given.element} that could leave it.")
    if len(crystals[1].composition) > 1:
        raise InputError(f"{given.metal} is a compound: name the metal that the atoms go to.")
    alloy = relax_cell.calculate(crystals[0]).structure
    metal = supercell(relax_cell.calculate(crystals[1]).structure, given.width)
    solution = with_another(metal, 0, given.element)
    large = supercell(alloy, given.width)
    copies = len(large) // len(alloy)
    groups = SpacegroupAnalyzer(alloy, symprec=0.01).get_symmetrized_structure().equivalent_indices
    for group in groups:
        if alloy[group[0]].specie.symbol != given.element:
            continue
        antisite = with_another(large, group[0] * copies, metal[0].specie.symbol)
        row = {
            "alloy": given.alloy,
            "metal": given.metal,
            "element": given.element,
            "sites": group,
            "atoms": [len(large), len(metal)],
            "exchange_energy": round(solution + antisite, 4),
            "unit": "eV",
            "backend": backend.name,
        }
        print(json.dumps(row), flush=True)
        if given.out:
            known = json.loads(given.out.read_text()) if given.out.exists() else []
            given.out.write_text(json.dumps([*known, row], indent=1) + "\n")


if __name__ == "__main__":
    with in_sentences():
        main()
