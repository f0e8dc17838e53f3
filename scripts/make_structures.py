"""Make the files of ``structures/``: one CIF per material, and a YAML file that tells where it comes from.

    python scripts/make_structures.py elements
    python scripts/make_structures.py alloy Li3Mg7 --hosts hcp --atoms 10
    python scripts/make_structures.py alloy Li3Mg --hosts bcc fcc hcp --atoms 4 8

Elements and LiH are written from lattice constants. An alloy is found by enumerating the orderings of its
atoms on host lattices (icet), relaxing each with a universal potential (SevenNet 7net-l3i5) and ranking those
that still stand on their host.
"""

import argparse
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.constraints import FixSymmetry
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS
from icet.tools import enumerate_structures
from pymatgen.core import Composition, Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq
from sevenn.calculator import SevenNetCalculator

from anodeflow.errors import InputError
from anodeflow.structures.host import HostLattice, plane_in_cell
from anodeflow.structures.planes import stack_planes

FOLDER = Path(__file__).resolve().parent.parent / "structures"
MODEL = "7net-l3i5"

HAAS = "PBE, P. Haas, F. Tran, P. Blaha, Phys. Rev. B 79, 085104 (2009), doi 10.1103/PhysRevB.79.085104"
ASE = f"experiment, reference states of ASE {version('ase')} (ase.data)"
PBE = "PBE, rounded; it is relaxed anew with the code of each campaign"
# Conventional cells: host, a and c in Å, where the constants come from.
ELEMENTS = {
    "Li": ("bcc", 3.44, None, HAAS + ", rounded"),
    "Na": ("bcc", 4.20, None, HAAS + ", rounded"),
    "Mg": ("hcp", 3.19, 5.19, PBE),
    "K": ("bcc", 5.23, None, ASE),
    "Al": ("fcc", 4.05, None, ASE),
    "Cu": ("fcc", 3.61, None, ASE),
    "Ag": ("fcc", 4.09, None, ASE),
    "Zn": ("hcp", 2.66, 1.856 * 2.66, ASE),
}
IDENTITY = ((1, 0, 0), (0, 1, 0), (0, 0, 1))


def conventional(element: str, host: str, a: float, c: float | None) -> Structure:
    """Return the conventional cell of an element on its host lattice."""
    if host == "hcp":
        return Structure(Lattice.hexagonal(a, c), [element] * 2, [[1 / 3, 2 / 3, 1 / 4], [2 / 3, 1 / 3, 3 / 4]])
    atoms = bulk(element, host, a=a, cubic=True)
    return AseAtomsAdaptor.get_structure(atoms)


def write(name: str, structure: Structure, host: HostLattice, provenance: dict) -> None:
    """Write ``structures/<name>.cif`` and its provenance."""
    structure.to(filename=str(FOLDER / f"{name}.cif"), fmt="cif")
    symbol, _ = structure.get_space_group_info(symprec=0.05)
    axes = CommentedSeq([CommentedSeq(row) for row in host.axes])
    for row in axes:
        row.fa.set_flow_style()
    yaml = YAML()
    yaml.width = 110
    with open(FOLDER / f"{name}.yaml", "w", encoding="utf-8") as file:
        yaml.dump(
            {
                "name": name,
                "formula": structure.reduced_formula,
                "space_group": symbol,
                **provenance,
                "host": {"lattice": host.lattice, "axes": axes},
            },
            file,
        )
    print(f"wrote {name}: {structure.formula}, {symbol}")


def elements() -> None:
    """Write the elemental metals and LiH."""
    made = "python scripts/make_structures.py elements"
    for name, (host, a, c, source) in ELEMENTS.items():
        constants = f"a = {a:g} Å" + (f", c = {c:.4g} Å" if c else "")
        write(
            name,
            conventional(name, host, a, c),
            HostLattice(lattice=host, axes=IDENTITY),
            {"source": f"{constants} ({source})", "command": made},
        )
    lih = Structure.from_spacegroup("Fm-3m", Lattice.cubic(4.02), ["Li", "H"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    write(
        "LiH",
        lih,
        HostLattice(lattice="rocksalt", axes=IDENTITY),
        {"source": f"a = 4.02 Å ({PBE}; experiment 4.08 Å)", "command": made},
    )


@dataclass
class Ordering:
    """A relaxed ordering of an alloy on a host lattice."""

    atoms: Atoms
    host: HostLattice
    energy: float  # eV/atom
    displacement: float  # largest distance of an atom from its site of the (strained) host, Å
    kept: bool  # whether it still stands on its host


def relax(atoms: Atoms, calculator, force: float, steps: int) -> float:
    """Relax positions and cell in place, symmetry kept; return the energy, eV/atom."""
    atoms.calc = calculator
    atoms.set_constraint(FixSymmetry(atoms, symprec=0.01))
    BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=force, steps=steps)
    return atoms.get_potential_energy() / len(atoms)


def on_host(atoms: Atoms, ideal: Atoms, host: HostLattice) -> tuple[float, bool]:
    """Compare a relaxed ordering with its host.

    The host survives if the relaxed cell still is a cell of it (within 10 % and 6°) and no atom is further than
    0.4 Å from the site where it began, in the strained host; hcp turning into bcc fails both.
    """
    move = atoms.get_scaled_positions(wrap=False) - ideal.get_scaled_positions(wrap=False)
    move -= np.rint(move)
    shift = (move - move.mean(axis=0)) @ atoms.cell.array
    far = float(np.linalg.norm(shift, axis=1).max())
    try:
        host.cell(AseAtomsAdaptor.get_structure(atoms))
    except InputError:
        return far, False
    return far, far < 0.4


def orderings(composition: Composition, lattice: str, sizes: list[int], calculator) -> list[Ordering]:
    """Enumerate, relax and check the orderings of a composition on one host."""
    first = composition.elements[0].symbol
    # Start at 20.5 Å³ an atom, between Li and Mg.
    constants = {"bcc": (41 ** (1 / 3), None), "fcc": (82 ** (1 / 3), None), "hcp": (3.08, 5.0)}[lattice]
    primitive = bulk(first, lattice, a=constants[0], c=constants[1])
    whole = primitive.cell.array if lattice == "hcp" else np.eye(3) * constants[0]
    found = []
    for ideal in enumerate_structures(
        primitive,
        [size // len(primitive) for size in sizes],
        [element.symbol for element in composition.elements],
        concentration_restrictions={first: (composition.get_atomic_fraction(first),) * 2},
        niggli_reduce=False,
    ):
        axes = np.rint(24 * np.linalg.solve(whole.T, ideal.cell.array.T).T) / 24
        host = HostLattice(lattice=lattice, axes=axes.tolist())
        atoms = ideal.copy()
        energy = relax(atoms, calculator, force=0.03, steps=60)
        found.append(Ordering(atoms, host, energy, *on_host(atoms, ideal, host)))
        state = "" if found[-1].kept else ", host lost"
        print(f"{lattice} {len(found)}: {len(atoms)} atoms, {energy:.4f} eV/atom{state}", flush=True)
    return found


def crystal_of(ordering: Ordering) -> Structure:
    """Return the relaxed ordering without the constraint of its relaxation."""
    atoms = ordering.atoms.copy()
    atoms.set_constraint()
    return AseAtomsAdaptor.get_structure(atoms)


def standard_cell(crystal: Structure, host: HostLattice) -> tuple[Structure, HostLattice]:
    """Choose a compact primitive cell, and say where the host's axes are in it.

    A cubic host has three axes that the ordering makes different: that one is called c whose plane has the
    smallest surface cell, with the shortest vectors. The cell is the one with a and b in that plane where its
    angles are decent, else Niggli's.
    """
    turns = range(1 if host.lattice == "hcp" else 3)
    axes = np.array(host.axes)
    choices = [HostLattice(lattice=host.lattice, axes=np.roll(axes, n, axis=1).tolist()) for n in turns]
    stacks = [stack_planes(crystal, plane_in_cell(crystal, (0, 0, 1), "host", choice)) for choice in choices]
    sizes = [(round(s.crystal.volume / s.period, -1), round(sum(s.crystal.lattice.abc[:2]), 1)) for s in stacks]
    best = sizes.index(min(sizes))
    host_cell, stack = choices[best].cell(crystal), stacks[best]
    a, b, c = stack.vectors @ stack.rotation.T
    steps = [c + i * a + j * b for i in range(-9, 10) for j in range(-9, 10)]
    lattice = Lattice([a, b, min(steps, key=np.linalg.norm)])
    if max(abs(angle - 90) for angle in lattice.angles) > 35:
        lattice = crystal.lattice.get_niggli_reduced_lattice()
    shipped = Structure(
        lattice, crystal.species, crystal.cart_coords, to_unit_cell=True, coords_are_cartesian=True
    ).get_sorted_structure()
    if abs(shipped.volume / crystal.volume - 1) > 1e-6:
        raise ValueError(f"{crystal.formula} is not in a primitive cell")
    turned = np.rint(24 * np.linalg.solve(host_cell.T, lattice.matrix.T).T) / 24
    return shipped, HostLattice(lattice=host.lattice, axes=(turned + 0.0).tolist())


def describe(ordering: Ordering, lowest: float, reference: float) -> str:
    """One line on an ordering: host, space group, energies."""
    symbol, _ = crystal_of(ordering).get_space_group_info(symprec=0.05)
    host = ordering.host.cell(crystal_of(ordering)) if ordering.kept else None
    edges = "" if host is None else ", host edges {:.3f} {:.3f} {:.3f} Å".format(*np.linalg.norm(host, axis=1))
    return (
        f"{ordering.host.lattice} {symbol}, {len(ordering.atoms)} atoms: {1000 * (ordering.energy - lowest):.1f} "
        f"meV/atom above the lowest, formation energy {ordering.energy - reference:.4f} eV/atom, largest "
        f"displacement from the host {ordering.displacement:.2f} Å{edges}"
    )


def alloy(formula: str, hosts: list[str], sizes: list[int]) -> None:
    """Find the lowest ordering of an alloy that keeps its host, and write it with its competitors."""
    calculator = SevenNetCalculator(MODEL, device="cpu")
    composition = Composition(formula)
    pure = {}
    for element in composition.elements:
        lattice, a, c, _ = ELEMENTS[element.symbol]
        atoms = AseAtomsAdaptor.get_atoms(conventional(element.symbol, lattice, a, c))
        pure[element] = relax(atoms, calculator, force=0.002, steps=200)
    reference = sum(composition.get_atomic_fraction(e) * energy for e, energy in pure.items())
    found = [o for host in hosts for o in orderings(composition, host, sizes, calculator)]
    lost = [o for o in found if not o.kept]
    kept = sorted((o for o in found if o.kept), key=lambda o: o.energy)
    # Refine what the coarse relaxation leaves close to each other before ranking.
    close = [o for o in kept if o.energy < kept[0].energy + 0.004]
    for ordering in close:
        ordering.energy = relax(ordering.atoms, calculator, force=0.002, steps=200)
    close.sort(key=lambda o: o.energy)
    lowest = close[0].energy
    best = [o for o in close if o.energy < lowest + 0.002]
    command = (
        f"python scripts/make_structures.py alloy {formula} --hosts {' '.join(hosts)} "
        f"--atoms {' '.join(map(str, sizes))}"
    )
    names: list[str] = []
    for number, ordering in enumerate(best):
        structure, host = standard_cell(crystal_of(ordering), ordering.host)
        symbol, _ = structure.get_space_group_info(symprec=0.05)
        name = f"{formula}-{symbol.replace('/', '')}" if names else formula
        names.append(f"{name}-{number}" if name in names else name)
        plane = plane_in_cell(structure, (0, 0, 1), "host", host)
        provenance = {
            "source": f"orderings enumerated with icet {version('icet')}, relaxed and ranked with SevenNet "
            f"{version('sevenn')} ({MODEL}); rank with DFT what lies within 15 meV/atom",
            "command": command,
            "ordering": describe(ordering, lowest, reference),
            "others_within_2_meV": [describe(o, lowest, reference) for o in best if o is not ordering],
            "enumerated": {host: sum(o.host.lattice == host for o in found) for host in hosts},
            "host_lost": [describe(o, lowest, reference) for o in lost if o.energy < lowest + 0.002],
            "plane": f"(001) of the {host.lattice} host is {plane} of this cell",
        }
        write(names[-1], structure, host, provenance)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_subparsers(dest="what", required=True)
    what.add_parser("elements")
    alloy_parser = what.add_parser("alloy")
    alloy_parser.add_argument("formula")
    alloy_parser.add_argument("--hosts", nargs="+", default=["bcc", "fcc", "hcp"])
    alloy_parser.add_argument("--atoms", nargs="+", type=int, default=[4, 8], help="atoms in the cell")
    given = parser.parse_args()
    if given.what == "elements":
        elements()
    else:
        alloy(given.formula, given.hosts, given.atoms)


if __name__ == "__main__":
    main()
