"""SCF cycles of a series of ionic steps with GPAW's own mixing and with ours, which remembers from step to step.

An adatom on the slab of a case of benchmarks/cases moves up and down, and its nearest atoms with it, as in a
relaxation: large steps first. Prints one JSON line: SCF cycles of each step (the first from atomic densities), and the
energies, eV.

    python benchmarks/mixing.py [CASE ...]
"""

import json
import re
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

from pymatgen.io.ase import AseAtomsAdaptor
from surroundings import in_sentences, surroundings

from anodeflow.backends.gpaw.backend import GpawBackend
from anodeflow.backends.gpaw.driver import make_calculator
from anodeflow.backends.gpaw.scf import ScfWatch
from anodeflow.campaign.model import Campaign
from anodeflow.structures.bulk.catalogue import host_lattice, load_structure
from anodeflow.structures.sites.sites import add_adsorbate, find_sites
from anodeflow.structures.slab.slabs import build_slab

_MOVES = (0.0, 0.06, 0.03, -0.12, 0.02, 0.005)  # Å, of the adatom; a third of it for its nearest atoms
_CASES = Path(__file__).parent / "cases"


def start(campaign: Campaign) -> Any:
    """Return the slab of a campaign's system with the adatom on its site of highest coordination."""
    (system,) = campaign.systems
    name = system.structures[0]
    slab = build_slab(load_structure(name), system.slab_spec(), host_lattice(name)).structure
    site = find_sites(slab, "Li")[-1]
    return add_adsorbate(slab, site, "Li", magmom=1.0 if system.spin_polarized else None)


def walk(structure: Any, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return SCF cycles and energies of the steps, and the processor time, s."""
    atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
    near = [int(i) for i in atoms.get_distances(-1, range(len(atoms) - 1), mic=True).argsort()[:4]]
    atoms.set_constraint()
    counter, cycles, energies, began = ScfWatch({}), [], [], time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "gpaw.txt"
        atoms.calc = make_calculator(parameters, atoms, log, counter)
        for move in _MOVES:
            atoms.positions[-1, 2] += move
            atoms.positions[near, 2] += move / 3
            energies.append(round(float(atoms.get_potential_energy()), 5))
            atoms.get_forces()
            cycles.append(counter.take()["scf_cycles"])
        assert sum(cycles) == len(re.findall(r"^\W*iter:", log.read_text(), re.MULTILINE))
    return {"scf_cycles": cycles, "energies": energies, "processor_time": round(time.process_time() - began, 1)}


def main() -> None:
    """Measure and print."""
    warnings.simplefilter("ignore")
    result: dict[str, Any] = surroundings("anodeflow", "gpaw")
    for case in sys.argv[1:] or ["li-adsorption", "lih-adsorption", "li3mg7-adsorption"]:
        campaign = Campaign.from_file(_CASES / f"{case}.yaml")
        backend = campaign.load_backend()
        assert isinstance(backend, GpawBackend)
        structure = start(campaign)
        # The steps keep no symmetry but what the site has; without any, both do the same work.
        parameters = backend.parameters(structure) | {"symmetry": {"point_group": False}}
        own = walk(structure, {"mixer": {"name": "msr1"}} | parameters)  # GPAW's default
        result[case] = {"gpaw": own, "remembering": walk(structure, parameters)}
        kept = sum(result[case]["remembering"]["scf_cycles"][1:]) / sum(own["scf_cycles"][1:])
        result[case]["cycles_after_the_first_step"] = round(kept, 2)
    print(json.dumps(result))


if __name__ == "__main__":
    with in_sentences():
        main()
