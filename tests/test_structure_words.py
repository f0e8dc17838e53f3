"""Structure files that say two things, or nothing that can be read: refused for the true reason, or told."""

import json
import re

import pytest
from ase import Atoms

from anodeflow.core.errors import InputError
from anodeflow.structures.bulk.files import read_crystal

POSCAR = "c\n1.0\n3.44 0 0\n0 3.44 0\n0 0 3.44\n{species}\n1 1\nDirect\n{first} 0 0\n.5 .5 .5\n"
XYZ = '2\nLattice="3.44 0 0 0 3.44 0 0 0 3.44" Properties=species:S:1:pos:R:3{more}\n{first} 0 0\nMg 1.72 1.72 1.72\n'


def cif(group="F m -3 m", number=225, hall="", atom="Li1 Li 0 0 0", cell=(4.08, 4.08, 4.08, 90, 90, 90), after=""):
    keys = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    lines = ["data_t", *(f"_cell_{key} {value}" for key, value in zip(keys, cell, strict=True))]
    lines += [f"_symmetry_space_group_name_H-M '{group}'"] if group else []
    lines += [f"_symmetry_Int_Tables_number {number}"] if number else []
    lines += [f"_space_group_name_Hall {hall}"] if hall else []
    columns = ("label", "type_symbol", "fract_x", "fract_y", "fract_z")
    return "\n".join([*lines, "loop_", *(f"_atom_site_{column}" for column in columns), atom, after]) + "\n"


def structure(site=None, **changes):
    """JSON of pymatgen, LiMg; `site` changes its first atom."""
    first = {"species": [{"element": "Li", "occu": 1}], "abc": [0, 0, 0]} | (site or {})
    sites = [first, {"species": [{"element": "Mg", "occu": 1}], "abc": [0.5, 0.5, 0.5]}]
    lattice = {"matrix": [[3.44, 0, 0], [0, 3.44, 0], [0, 0, 3.44]]}
    return json.dumps({"@class": "Structure", "lattice": lattice, "sites": sites} | changes)


MONOCLINIC = {"cell": (5.0, 6.0, 7.0, 90, 100, 90), "number": 14, "atom": "Li1 Li 0.1 0.2 0.3"}
ORIGIN = {"group": "F d -3 m", "number": 227, "cell": (5.43, 5.43, 5.43, 90, 90, 90)}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.cif", cif(hall="'P 1'"), "its Hall symbol P 1 is that of space group 1, and its space group is F m -3 m"),
        ("b.cif", cif(group="", hall="'-P 4 2 3'"), "its Hall symbol -P 4 2 3 is that of space group 221, and"),
        ("c.cif", cif("P 1 21/c 1", hall="'-P 2yn'", **MONOCLINIC), "means other axes or another origin"),
        ("d.cif", cif(atom="Ν1 Ν 0 0 0"), "line 16: 'Ν' is a greek capital letter nu, no letter of a chemical symbol"),
        ("e.cif", cif(after="save_frame\n_atom_site_label X\nsave_"), "line 17: save_frame begins a frame"),
        ("a.vasp", POSCAR.format(species="3 12", first="0"), "line 6: '3 12' are numbers, and the numbers of atoms"),
        ("b.vasp", POSCAR.format(species="Li Mg", first="0.0D0"), "line 9: .+ found '0.0D0 0 0'; write E for the D"),
        ("a.xyz", XYZ.format(first="Li 0.0D0", more=""), "line 3: '0.0D0' is a number of Fortran: write E for its D"),
        ("b.xyz", XYZ.format(first="D 0.0", more=""), "its reader does not know 'D': write the symbols of elements"),
        ("a.json", structure({"abc": [0, 0]}), "abc of atom 1 is \\[0, 0\\], where three numbers belong"),
        ("b.json", structure({"abc": ["0", "0", "0"]}), 'abc of atom 1 is \\["0", "0", "0"\\], where three num'),
        ("c.json", structure({"abc": [0, 0, True]}), "abc of atom 1 is \\[0, 0, true\\], where three numbers belong"),
        ("d.json", structure({"species": [{"element": "Li", "occu": True}]}), "occu of atom 1 is true, where a number"),
        ("e.json", structure({"species": [{"element": "Li", "occu": "1"}]}), 'occu of atom 1 is "1", where a num'),
        ("f.json", structure({"species": []}), "it has an empty site \\(atom 1\\): leave it out"),
        ("g.json", structure(lattice={"matrix": [[3, 0, 0], [0, 3, 0], ["0", 0, 3]]}), "a lattice vector is .+ three"),
        ("h.json", json.dumps({"ids": [1, 2], "nextid": 3}), "a database of ASE with 2 structures: write the one that"),
        ("i.json", json.dumps({"ids": [], "nextid": 1}), "a database of ASE with 0 structures"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_refused_for_the_true_reason(name, text, words, tmp_path):
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=words) as refused:
        read_crystal(tmp_path / name)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "text", "formula", "told"),
    [
        ("a.cif", cif(hall="'-F 4 2 3'"), "Li4", []),
        ("b.cif", cif(hall='"-F 4 2 3"'), "Li4", []),
        ("c.cif", cif(hall="-F_4_2_3"), "Li4", []),
        ("d.cif", cif(hall="'F 4 2 3 -1 no form that spglib has'"), "Li4", []),
        ("e.cif", cif("P 1 21/c 1", hall="'-P 2ybc'", **MONOCLINIC), "Li4", []),
        ("f.cif", cif(hall="'-F 4vw 2vw 3'", atom="Li1 Li 0.125 0.125 0.125", **ORIGIN), "Li8", []),
        ("g.cif", cif(hall="'F 4d 2 3 -1d'", atom="Li1 Li 0 0 0", **ORIGIN), "Li8", []),
        ("h.cif", cif(atom="Li1 Li⁺ 0 0 0"), "Li4", []),
        ("a.json", structure({"species": [{"element": "D", "occu": 1}]}), "Mg1 H1", ["D stands for H"]),
        ("b.json", structure({"label": "Na"}), "Li1 Mg1", ["labels and elements of atoms differ, .+ Na is Li"]),
        ("c.json", structure({"label": "Li1"}), "Li1 Mg1", []),
        ("d.json", structure({"species": [{"element": "Li"}, {"element": "Na", "occu": 0}]}), "Li1 Mg1", []),
        ("a.xyz", XYZ.format(first="Li 0.0", more=" note=3d10"), "Li1 Mg1", []),
    ],
)  # fmt: skip
def test_what_agrees_is_read_and_what_is_taken_for_another_told(name, text, formula, told, tmp_path):
    (tmp_path / name).write_text(text, encoding="utf-8")
    crystal, notes = read_crystal(tmp_path / name)
    assert crystal.formula == formula
    assert len(notes) == len(told), notes
    for each, words in zip(notes, told, strict=True):
        assert re.search(words, each)


def test_a_database_of_ase_with_one_row_is_read(tmp_path):
    crystal = Atoms("LiMg", scaled_positions=[[0, 0, 0], [0.5, 0.5, 0.5]], cell=[3.4, 3.4, 3.5], pbc=True)
    crystal.write(tmp_path / "x.json")
    found, notes = read_crystal(tmp_path / "x.json")
    assert (found.formula, found.lattice.abc, notes) == ("Li1 Mg1", (3.4, 3.4, 3.5), [])
    assert found.frac_coords.tolist() == [[0, 0, 0], [0.5, 0.5, 0.5]]
    crystal.pbc = (True, True, False)
    crystal.write(tmp_path / "y.json")
    with pytest.raises(InputError, match="it says that it is not periodic along c"):
        read_crystal(tmp_path / "y.json")
