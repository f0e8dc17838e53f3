"""Make the files of ``structures/``: one CIF per material, and a YAML file that tells where it comes from.

    python scripts/make_structures.py elements
    python scripts/make_structures.py alloy Li3Mg7 --hosts hcp --atoms 10
    python scripts/make_structures.py alloy Li3Mg --hosts bcc fcc hcp --atoms 8

Elements, LiH and LiAg are written from lattice constants. An alloy is found by the orderings study with the backend
``mlip`` alone: the orderings of its atoms on host lattices are enumerated (icet), relaxed with a universal
potential (SevenNet 7net-l3i5) and ranked where they still stand on their host.
"""

import argparse
from importlib.metadata import version
from pathlib import Path

from ase.build import bulk
from pymatgen.core import Composition, Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.backends.registry import load_backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.structures.bulk.crystal_files import write_crystal
from anodeflow.structures.bulk.host import HostLattice
from anodeflow.studies.orderings.document import OrderingsDoc
from anodeflow.studies.orderings.files import write_orderings
from anodeflow.studies.orderings.flow import OrderingsMaker
from anodeflow.studies.orderings.input import OrderingsInput

FOLDER = Path(__file__).resolve().parent.parent / "structures"

HAAS = "PBE, P. Haas, F. Tran, P. Blaha, Phys. Rev. B 79, 085104 (2009), doi 10.1103/PhysRevB.79.085104"
# ase.data names its source: "from Ashcroft and Mermin", which is a compilation.
ASE = (
    "experiment, N. W. Ashcroft, N. D. Mermin, Solid State Physics (1976), as the reference states of ASE "
    f"{version('ase')} have it (ase.data): a compilation"
)
UNCOMPARED = ASE + ", not compared with a measurement"
CU = ASE + "; within 0.005 Å of M. E. Straumanis, L. S. Yu, Acta Cryst. A 25, 676 (1969), AFLOW prototype A_cF4_225_a"
SN = (
    ASE + "; within 0.012 Å of V. T. Deshpande, D. B. Sirdeshmukh, Acta Cryst. 14, 355 (1961), AFLOW prototype "
    "A_tI4_141_a"
)
IN = ASE + "; within 0.008 Å of V. T. Deshpande, R. R. Pawar, Acta Cryst. A 25, 415 (1969), AFLOW prototype A_tI2_139_a"
PBE = "PBE, rounded; it is relaxed anew with the code of each campaign"
# Conventional cells: host, a and c in Å, where the constants come from.
ELEMENTS = {
    "Li": ("bcc", 3.44, None, HAAS + ", rounded"),
    "Na": ("bcc", 4.20, None, HAAS + ", rounded"),
    "Mg": ("hcp", 3.19, 5.19, PBE),
    "K": ("bcc", 5.23, None, UNCOMPARED),
    "Al": ("fcc", 4.05, None, UNCOMPARED),
    "Cu": ("fcc", 3.61, None, CU),
    "Ag": ("fcc", 4.09, None, UNCOMPARED),
    "Zn": ("hcp", 2.66, 1.856 * 2.66, UNCOMPARED),
    "Ca": ("fcc", 5.58, None, UNCOMPARED),
    "Au": ("fcc", 4.08, None, UNCOMPARED),
    "Pb": ("fcc", 4.95, None, UNCOMPARED),
}
# Elements on no simple host: space group, cell, positions, where the numbers come from.
BARRETT = (
    "experiment at room temperature, as compilations give it, not compared with the refinement of C. S. Barrett, "
    "P. Cucka, K. Haefner, Acta Cryst. 16, 451 (1963); within 0.04 Å of ase.data; type A7, AFLOW prototype A_hR2_166_c"
)
CUCKA = (
    "experiment, ascribed to P. Cucka, C. S. Barrett, Acta Cryst. 15, 865 (1962), rounded, not compared with that "
    "paper; within 0.02 Å of ase.data; type A7"
)
SHARMA = (
    "experiment, B. D. Sharma, J. Donohue, Z. Kristallogr. 117, 293 (1962), rounded; within 0.004 Å and 0.001 of y of "
    "AFLOW prototype A_oC8_64_f"
)
OBERTEUFFER = (
    "experiment, J. A. Oberteuffer, J. A. Ibers, Acta Cryst. B 26, 1499 (1970), rounded; within 0.0005 of each "
    "coordinate of AFLOW prototype A_cI58_217_ac2g; alpha phase, whose moments are antiferromagnetic and not collinear "
    "below 95 K"
)
ALPHA_MN = [[0, 0, 0], [0.318, 0.318, 0.318], [0.357, 0.357, 0.035], [0.090, 0.090, 0.282]]
OTHERS = {
    "Si": ("Fd-3m", Lattice.cubic(5.43), [[0, 0, 0]], f"diamond, {UNCOMPARED}"),
    "Sn": ("I4_1/amd", Lattice.tetragonal(5.82, 0.546 * 5.82), [[0, 0, 0]], f"beta phase, {SN}"),
    "In": ("I4/mmm", Lattice.tetragonal(3.2456, 1.52169 * 3.2456), [[0, 0, 0]], IN),
    "Sb": ("R-3m", Lattice.hexagonal(4.307, 11.273), [[0, 0, 0.2336]], BARRETT),
    "Bi": ("R-3m", Lattice.hexagonal(4.546, 11.862), [[0, 0, 0.2339]], CUCKA),
    "Ga": ("Cmce", Lattice.orthorhombic(4.519, 7.658, 4.526), [[0, 0.154, 0.081]], f"alpha phase, {SHARMA}"),
    "Mn": ("I-43m", Lattice.cubic(8.911), ALPHA_MN, OBERTEUFFER),
}
IDENTITY = ((1, 0, 0), (0, 1, 0), (0, 0, 1))


def conventional(element: str, host: str, a: float, c: float | None) -> Structure:
    """Return the conventional cell of an element on its host lattice."""
    if host == "hcp":
        return Structure(Lattice.hexagonal(a, c), [element] * 2, [[1 / 3, 2 / 3, 1 / 4], [2 / 3, 1 / 3, 3 / 4]])
    atoms = bulk(element, host, a=a, cubic=True)
    return AseAtomsAdaptor.get_structure(atoms)


def elements(folder: Path) -> None:
    """Write the elemental metals, LiH and LiAg."""
    made = "python scripts/make_structures.py elements"
    for name, (host, a, c, source) in ELEMENTS.items():
        constants = f"a = {a:g} Å" + (f", c = {c:.4g} Å" if c else "")
        write_crystal(
            folder,
            name,
            conventional(name, host, a, c),
            HostLattice(lattice=host, axes=IDENTITY),
            {"source": f"{constants} ({source})", "command": made},
        )
    for name, (group, lattice, positions, source) in OTHERS.items():
        crystal = Structure.from_spacegroup(group, lattice, [name] * len(positions), positions)
        constants = f"a = {lattice.a:.4g} Å" + (f", b = {lattice.b:.4g} Å" if abs(lattice.a - lattice.b) > 1e-6 else "")
        constants += f", c = {lattice.c:.4g} Å" if abs(lattice.a - lattice.c) > 1e-6 else ""
        write_crystal(folder, name, crystal, None, {"source": f"{constants} ({source})", "command": made})
    lih = Structure.from_spacegroup("Fm-3m", Lattice.cubic(4.02), ["Li", "H"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    write_crystal(
        folder,
        "LiH",
        lih,
        HostLattice(lattice="rocksalt", axes=IDENTITY),
        {"source": f"a = 4.02 Å ({PBE}; experiment 4.08 Å)", "command": made},
    )
    write_crystal(
        folder,
        "LiAg",
        Structure(Lattice.cubic(3.187), ["Li", "Ag"], [[0, 0, 0], [0.5, 0.5, 0.5]]),
        HostLattice(lattice="bcc", axes=IDENTITY),
        {"source": "a = 3.187 Å (CsCl type, relaxed with SevenNet 0.13.0, 7net-l3i5)", "command": made},
    )


def alloy(formula: str, hosts: list[str], sizes: list[int], keep: int, folder: Path) -> None:
    """Find the lowest orderings of an alloy that keep their host, and write them.

    SevenNet relaxes all of them, without any symmetry held; what it computed before is found again (ANODEFLOW_HOME).
    """
    from jobflow import JobStore, run_locally
    from maggma.stores import MemoryStore

    backend = load_backend("mlip")
    relax = Makers(backend).relax(cell=True)
    references = {}
    for element in Composition(formula).elements:
        lattice, a, c, _ = ELEMENTS[element.symbol]
        references[element.symbol] = relax.calculate(conventional(element.symbol, lattice, a, c), f"{element} bulk")
    asked = OrderingsInput(composition=formula, hosts=hosts, max_atoms=max(sizes), keep=keep)
    flow = OrderingsMaker(rank=relax, input=asked).make(references)
    store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    run_locally(flow, store=store, log=True, ensure_success=True)
    document = OrderingsDoc.model_validate(store.get_output(flow.output.uuid, load=True))
    for warning in document.warnings:
        print(warning)
    command = f"python scripts/make_structures.py alloy {formula} --hosts {' '.join(hosts)} --atoms {max(sizes)}"
    for file in write_orderings(folder, document, command):
        print(f"wrote {file.stem}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to write")
    what = parser.add_subparsers(dest="what", required=True)
    what.add_parser("elements")
    alloy_parser = what.add_parser("alloy")
    alloy_parser.add_argument("formula")
    alloy_parser.add_argument("--hosts", nargs="+", default=["bcc", "fcc", "hcp"])
    alloy_parser.add_argument("--atoms", nargs="+", type=int, default=[8], help="most atoms of a cell")
    alloy_parser.add_argument("--keep", type=int, default=3, help="how many of the lowest are written")
    given = parser.parse_args()
    if given.what == "elements":
        elements(given.folder)
    else:
        alloy(given.formula, given.hosts, given.atoms, given.keep, given.folder)


if __name__ == "__main__":
    main()
