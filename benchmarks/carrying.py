"""SCF cycles of a site or image that begins from the density of another one, and from atomic densities.

GPAW moves wave functions and density along with the atoms. Within a relaxation that is what happens at each step. Here
an adatom is carried farther: over `image`, from one image of a hop to the next (a quarter of the way to another site),
and over `site`, the whole way. Prints one JSON line: SCF cycles of the place where it ends, carried and fresh.

    python benchmarks/carrying.py [CASE ...]
"""

import json
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from pymatgen.io.ase import AseAtomsAdaptor
from surroundings import in_sentences, surroundings

from anodeflow.backends.gpaw.backend import GpawBackend
from anodeflow.backends.gpaw.driver import make_calculator
from anodeflow.backends.gpaw.scf import ScfWatch
from anodeflow.campaign.model import Campaign
from anodeflow.structures.bulk.catalogue import host_lattice, load_structure
from anodeflow.structures.sites.sites import add_adsorbate, find_sites
from anodeflow.structures.slab.slabs import build_slab

_CASES = Path(__file__).parent / "cases"
_CARRIED = {"image": 0.25, "site": 1.0}  # of the way from the site of highest coordination to another one


def cycles(structure: Any, parameters: dict[str, Any], places: list[np.ndarray]) -> tuple[list[int], float]:
    """Return the SCF cycles at each place of the adatom, one after the other, and the last energy, eV."""
    atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
    atoms.set_constraint()
    counter, found = ScfWatch({}), []
    with tempfile.TemporaryDirectory() as folder:
        atoms.calc = make_calculator(parameters, atoms, Path(folder) / "gpaw.txt", counter)
        for place in places:
            atoms.positions[-1] = place
            energy = float(atoms.get_potential_energy())
            found.append(counter.take()["scf_cycles"])
    return found, energy


def main() -> None:
    """Measure and print."""
    warnings.simplefilter("ignore")
    result: dict[str, Any] = surroundings("anodeflow", "gpaw")
    for case in sys.argv[1:] or ["li-adsorption", "lih-adsorption"]:
        campaign = Campaign.from_file(_CASES / f"{case}.yaml")
        backend = campaign.load_backend()
        assert isinstance(backend, GpawBackend)
        (system,) = campaign.systems
        name = system.structures[0]
        slab = build_slab(load_structure(name), system.slab_spec(), host_lattice(name)).structure
        sites = find_sites(slab, "Li")
        structure = add_adsorbate(slab, sites[-1], "Li", magmom=1.0 if system.spin_polarized else None)
        parameters = backend.parameters(structure) | {"symmetry": {"point_group": False}}
        first = structure[-1].coords
        other = min((site.position for site in sites[:-1]), key=lambda place: float(np.linalg.norm(place - first)))
        result[case] = {}
        for what, part in _CARRIED.items():
            last = first + part * (other - first)
            carried, energy = cycles(structure, parameters, [first, last])
            fresh, same = cycles(structure, parameters, [last])
            result[case][what] = {
                "length": round(float(np.linalg.norm(last - first)), 2),
                "carried": carried[1],
                "fresh": fresh[0],
                "energy_difference": round(energy - same, 5),
            }
    print(json.dumps(result))


if __name__ == "__main__":
    with in_sentences():
        main()
