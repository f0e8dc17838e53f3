"""Structure files that say two things, or what their reader passes over: refused, or read with a word."""

import json
import re
from pathlib import Path

import pytest

from anodeflow.core.errors import InputError
from anodeflow.structures.bulk.catalogue import load_crystal

HEAD = "c\n1.0\n3.44 0 0\n0 3.44 0\n0 0 3.44\n"
ROWS = "0 0 0\n.5 .5 .5\n"
COLUMNS = ["label", "type_symbol", "fract_x", "fract_y", "fract_z"]
DUMP = (
    "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS pp pp pp\n0 3.44\n0 3.44\n0 3.44\n"
    "ITEM: ATOMS id {what} x y z\n1 {one} 0 0 0\n2 {two} 1.72 1.72 1.72\n"
)
DATA = (
    "data\n\n2 atoms\n2 atom types\n\n0 3.44 xlo xhi\n0 3.44 ylo yhi\n0 3.44 zlo zhi\n\nAtoms # atomic\n\n"
    "1 1 0 0 0\n2 2 1.72 1.72 1.72\n"
)
SHELX = "TITL x\nCELL 0.71 3.44 3.44 3.44 90 90 90\nLATT {latt}\nSFAC Li Mg\nLi1 1 0 0 0 {sof}\nMg1 2 .5 .5 .5 1\nEND\n"
PDB = (
    "CRYST1    3.440    3.440    3.440  90.00  90.00  90.00 {group:<11}\n"
    "ATOM      1 LI   MOL     1       0.000   0.000   0.000  1.00  0.00          {element:>2}\n"
    "ATOM      2 MG   MOL     1       1.720   1.720   1.720  1.00  0.00          MG\nEND\n"
)
CSSR = " 3.44 3.44 3.44\n 90 90 90 SPGR = {} P 1 OPT = 1\n2 0\n0 Li1 Mg1\n1 Li 0 0 0\n2 Mg .5 .5 .5\n"


def poscar(names: str = "Li Mg", rows: str = ROWS, mode: str = "Direct") -> str:
    return f"{HEAD}{names}\n1 1\n{mode}\n{rows}"


def cif(extra: str = "", atoms: str = "Li1 Li 0 0 0\nMg1 Mg .5 .5 .5", columns: tuple[str, ...] = ()) -> str:
    cell = "".join(f"_cell_length_{edge} 3.44\n" for edge in "abc")
    cell += "".join(f"_cell_angle_{angle} 90\n" for angle in ("alpha", "beta", "gamma"))
    loop = "\n".join(f"_atom_site_{name}" for name in (*COLUMNS, *columns))
    return f"data_x\n{cell}_symmetry_space_group_name_H-M 'P 1'\n{extra}\nloop_\n{loop}\n{atoms}\n"


def operations(*listed: str) -> str:
    """Return a CIF that lists operations and names no group."""
    loop = "loop_\n_space_group_symop_operation_xyz\n" + "".join(f"'{each}'\n" for each in listed)
    return cif(loop).replace("_symmetry_space_group_name_H-M 'P 1'\n", "")


def mson(lattice: dict | None = None, site: dict | None = None, **others: object) -> str:
    matrix = [[3.44, 0, 0], [0, 3.44, 0], [0, 0, 3.44]]
    sites = [{"species": [{"element": "Li", "occu": 1}], "abc": [0, 0, 0]}]
    sites += [{"species": [{"element": "Mg", "occu": 1}], "abc": [0.5, 0.5, 0.5], **(site or {})}]
    return json.dumps({"lattice": {"matrix": matrix, **(lattice or {})}, "sites": sites, **others})


def xyz(extra: str) -> str:
    cell = 'Lattice="3.44 0 0 0 3.44 0 0 0 3.44" Properties=species:S:1:pos:R:3'
    return f"2\n{cell} {extra}\nLi 0 0 0\nMg 1.72 1.72 1.72\n"


REFUSED = {
    "more rows.vasp": (poscar(rows=f"{ROWS}.5 0 0\n"), "line 11: coordinates of more atoms than the 2"),
    "two names.vasp": (poscar(rows="0 0 0 Mg\n.5 .5 .5 Li\n"), "atom 1 is Li by the line of names, and Mg behind"),
    "underscore.vasp": (poscar(rows="0_5 0 0\n.5 .5 .5\n"), "line 9: expected three coordinates"),
    "modulated.cif": (cif("_cell_modulation_dimension 1"), "it describes a modulated crystal"),
    "superspace.cif": (cif("_space_group_ssg_name 'P1(abg)0'"), "it describes a modulated crystal"),
    "cell twice.cif": (cif("_cell_length_a 9.0"), "_cell_length_a stands there twice"),
    "one name.cif": (cif() + cif(atoms="Na1 Na 0 0 0"), "two blocks of it are called data_x"),
    "two lists.cif": (
        cif() + "loop_\n" + "".join(f"_atom_site_{name}\n" for name in COLUMNS) + "Na1 Na 0 0 0\n",
        "it lists atoms twice",
    ),
    "short.xsf": ("CRYSTAL\nPRIMVEC\n3 0 0\n0 3 0\n0 0 3\nPRIMCOORD\n2 1\n3 0 0 0\n", "it says 2 atoms, and 1 follow"),
    "two elements.xyz": (
        xyz("").replace("pos:R:3", "pos:R:3:Z:I:1").replace("Li 0 0 0", "Li 0 0 0 11").replace("1.72\n", "1.72 12\n"),
        "it names each element twice",
    ),
    "typing error.cif": (operations("x,y,z", "-x,q,-z"), "its symmetry operation '-x,q,-z' is none"),
    "two parts.cif": (operations("x,y,z", "-x,-y"), "its symmetry operation '-x,-y' is none"),
    "product.cif": (operations("x,y,z", "-1.x,-1.y,-1.z"), "its symmetry operation '-1.x,-1.y,-1.z' is none"),
    "flat.cif": (operations("x,y,z", "x,x,z"), "its symmetry operation 'x,x,z' is none"),
    "sheared.cif": (operations("x,y,z", "x+y,y,z"), "'x.y,y,z' does not fit its cell"),
    "long.cif": (
        operations("x,y,z", "-y,x,z", "-x,-y,z", "y,-x,z").replace("_b 3.44", "_b 3.6").replace("_c 3.44", "_c 60"),
        "'-y,x,z' does not fit its cell",
    ),
    "open.cif": (operations("x,y,z", "x+1/3,y,z"), "its 2 symmetry operations are not all"),
    "hall.cif": (
        cif().replace("_symmetry_space_group_name_H-M 'P 1'", "_space_group_name_Hall '-F 4 2 3'"),
        "Hall|hall",
    ),
    "square hexagonal.cif": (
        cif().replace("'P 1'", "'P 63/m m c'"),
        "its cell does not have the symmetry of its space group P 63/m m c",
    ),
    "picometres.cif": (cif().replace(" 3.44", " 344"), "no two atoms of .* are within 8 Å: is its cell in Å"),
    "two places.json": (mson(site={"xyz": [0.5, 0.5, 0.5]}), "atom 2 has two places"),
    "two lattices.json": (mson({"a": 9.0}), "its lattice is two: a is 9"),
    "slab.json": (mson({"pbc": [True, True, False]}), "not periodic along c"),
    "key twice.json": (mson()[:-1] + ', "lattice": {}}', "the key 'lattice' stands there twice"),
    "slab.xyz": (xyz('pbc="T T F"'), "not periodic along c"),
    "molecule.xyz": (xyz('pbc="F F F"'), "not periodic along a, b, c"),
    "types.dump": (DUMP.format(what="type", one=1, two=2), "numbers of types, no elements"),
    "types.lammpstrj": (DUMP.format(what="type", one=1, two=2), "numbers of types, no elements"),
    "types.lammps-data": (DATA, "numbers of types, no elements"),
    "half.res": (SHELX.format(latt=-1, sof=0.5), "partly occupied sites .atom Li1: 0.5"),
    "symmetric.res": (SHELX.format(latt=1, sof=1), "it has symmetry"),
    "guessed.pdb": (PDB.format(group="P 1", element=""), "atom LI has no element"),
    "symmetric.pdb": (PDB.format(group="P 21 21 21", element="LI"), "its space group is P 21 21 21"),
    "symmetric.cssr": (CSSR.format(225), "its space group is not P 1"),
    "slab.xsf": ("SLAB\nPRIMVEC\n3 0 0\n0 3 0\n0 0 9\nPRIMCOORD\n1 1\n3 0 0 0\n", "it is no crystal: it says SLAB"),
    "castep.cell": ("%BLOCK LATTICE_CART\n", "a cell file of CASTEP"),
}
TOLD = {
    "upper.vasp": (poscar("CO MG"), "CO, MG stand for Co, Mg"),
    "deuterium.vasp": (poscar("D Li"), "D stands for H"),
    "far.vasp": (poscar(rows="0 0 0\n1.72 1.72 1.72\n"), "are they Cartesian"),
    "volume.cif": (cif("_cell_volume 80.0(2)"), "_cell_volume is 80, but its cell and atoms make 40.71 Å³"),
    "density.cif": (cif("_exptl_crystal_density_diffrn 7.9"), "is 7.9, but its cell and atoms make 1.275 g/cm³"),
    "multiplicity.cif": (
        cif(atoms="Li1 Li 0 0 0 4\nMg1 Mg .5 .5 .5 4", columns=("symmetry_multiplicity",)),
        "by its multiplicities the cell has 8 atoms, by its symmetry 2",
    ),
    "labels.cif": (cif(atoms="Na1 Li 0 0 0\nCl1 Mg .5 .5 .5"), "Na1 is Li, Cl1 is Mg"),
    "formula.cif": (cif("_chemical_formula_structural NaCl"), "its formula is NaCl, its atoms are LiMg"),
    "moments.cif": (
        cif("loop_\n_atom_site_moment_label\n_atom_site_moment_crystalaxis_x\nLi1 2.0"),
        "its magnetic moments are left out",
    ),
    "moments.json": (mson(site={"properties": {"magmom": 2.2}}), "its magnetic moments are left out"),
    "charge.json": (mson(charge=1), "its charge .1. is left out"),
}
READ = {
    "plain.vasp": poscar(),
    "names behind.vasp": poscar(rows="0 0 0 Li1\n.5 .5 .5 Mg1\n"),
    "remarks behind.vasp": poscar(rows="0 0 0 ! bridge\n.5 .5 .5 ! top\n"),
    "velocities.vasp": poscar(rows=f"{ROWS}\n0.1 0.2 0.3\n0.1 0.2 0.3\n"),
    "claims.cif": cif("_cell_volume 40.71\n_exptl_crystal_density_diffrn 1.275\n_cell_modulation_dimension 0"),
    "operations.cif": operations("X, Y, Z", "-x,-y,-z", "+x,y,-z", "-x,-y,z"),
    "hall of P1.cif": cif().replace("'P 1'", "'P 1'\n_space_group_name_Hall 'P 1'"),
    "prose.cif": cif("_publ_section_title\n;\n data_fake\n;"),
    "two blocks.cif": cif().replace("data_x", "data_text\n_publ_section_title none\ndata_x"),
    "whole.xsf": "CRYSTAL\nPRIMVEC\n3.44 0 0\n0 3.44 0\n0 0 3.44\nPRIMCOORD\n2 1\n3 0 0 0\n12 1.72 1.72 1.72\n",
    "claims.json": mson({"a": 3.44, "alpha": 90.0, "pbc": [True] * 3}, {"xyz": [1.72, 1.72, 1.72]}, charge=0),
    "crystal.xyz": xyz(""),
    "elements.dump": DUMP.format(what="element", one="Li", two="Mg"),
    "airss.res": SHELX.format(latt=-1, sof="1.0"),
    "plain.pdb": PDB.format(group="P 1", element="LI"),
    "plain.cssr": CSSR.format(1),
}


def written(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return str(folder / name)


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name, tmp_path):
    text, words = REFUSED[name]
    with pytest.raises(InputError, match=words) as error:
        load_crystal(written(tmp_path, name, text))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", TOLD)
def test_read_with_a_word(name, tmp_path):
    text, words = TOLD[name]
    structure, notes = load_crystal(written(tmp_path, name, text))
    assert len(structure) == 2
    assert len(notes) == 1
    assert pytest.approx(40.7, abs=0.1) == structure.volume
    assert re.search(words, notes[0]), notes


@pytest.mark.parametrize("name", READ)
def test_read_without_a_word(name, tmp_path):
    structure, notes = load_crystal(written(tmp_path, name, READ[name]))
    assert structure.composition.get_el_amt_dict() == {"Li": 1, "Mg": 1}
    assert structure.get_distance(0, 1) == pytest.approx(3.44 * 3**0.5 / 2, abs=1e-3)
    assert notes == []
