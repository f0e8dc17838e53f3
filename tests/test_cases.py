"""Real files that went wrong somewhere: each is read right or refused in one sentence, and plans nothing then.

The inputs under ``data/cases`` are written after public bug reports of other tools; those below, made of templates,
are of the same kinds.
"""

import bz2
import gzip
import json
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import write
from pymatgen.core import Lattice, Structure

from anodeflow.cli import main
from anodeflow.core.errors import InputError
from anodeflow.structures.bulk.catalogue import load_crystal, load_structure
from anodeflow.structures.bulk.files import read_crystal
from anodeflow.structures.slab.slabs import build_slab
from anodeflow.structures.slab.spec import SlabSpec

CASES = Path(__file__).parent / "data" / "cases"


@pytest.fixture
def anodeflow(monkeypatch, capsys):
    """Run ``anodeflow ...`` in this process; return exit status, standard output and error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["anodeflow", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return run


@pytest.mark.parametrize(
    ("file", "formula", "atoms"),
    [
        ("01-occupancy-over-one/full.cif", "Li", 2),
        ("03-coarse-thirds/mg3.cif", "Mg", 2),
        ("03-coarse-thirds/mg4.cif", "Mg", 2),
        ("05-poscar-with-hashes/CONTCAR", "LiMg", 2),
        ("05-poscar-with-hashes/CONTCAR_many", "LiMg", 26),
        ("13-rhombohedral-axes/hex.cif", "Bi", 6),
        ("13-rhombohedral-axes/rhomb.cif", "Bi", 2),
        ("15-encodings/bom.cif", "LiH", 8),
    ],
)
def test_case_is_read(file, formula, atoms):
    structure = load_structure(str(CASES / file))
    assert (structure.reduced_formula, len(structure)) == (formula, atoms)


@pytest.mark.parametrize("file", ["03-coarse-thirds/mg3.cif", "03-coarse-thirds/mg4.cif"])
def test_coarse_thirds_are_hcp(file):
    assert load_structure(str(CASES / file)).get_space_group_info(symprec=1e-3)[1] == 194


def test_both_axes_of_bismuth_give_the_same_slabs():
    spec = SlabSpec(miller=(0, 0, 1), setting="conventional", layers=4, min_width=0)
    files = [str(CASES / "13-rhombohedral-axes" / name) for name in ("hex.cif", "rhomb.cif")]
    slabs = [build_slab(load_structure(file), spec) for file in files]
    assert slabs[0].thickness == pytest.approx(slabs[1].thickness, abs=0.02)
    assert len(slabs[0].structure) == len(slabs[1].structure)
    # bilayers: neighbours within one are closer than any between two
    assert np.diff(np.unique(slabs[0].structure.cart_coords[:, 2].round(3))) == pytest.approx(
        np.diff(np.unique(slabs[1].structure.cart_coords[:, 2].round(3))), abs=0.02
    )


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("01-occupancy-over-one/solution.cif", "partly occupied sites"),
        ("01-occupancy-over-one/half.cif", "line 17: it has partly occupied sites"),
        ("02-mixed-type-symbol/tight.cif", "several elements on one site"),
        ("02-mixed-type-symbol/spaced.cif", "several elements on one site"),
        ("04-poscar-without-names/POSCAR", "line 6: the file does not say which elements"),
        ("08-vacancy-label/m.cif", "line 18: atom M1: 'M' is no element"),
        ("08-vacancy-label/va.cif", "'Va' is no element"),
        ("08-vacancy-label/vac.cif", "'Vac' is no element"),
        ("08-vacancy-label/x.cif", "'X' is no element"),
        ("10-missing-hydrogen/lih_without_h.cif", "its formula is H Li, .* without H"),
    ],
)
def test_case_is_refused(file, message):
    with pytest.raises(InputError, match=message) as error:
        load_structure(str(CASES / file))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("campaign", "message"),
    [
        ("04-poscar-without-names", "line 4: .*does not say which elements"),
        ("10-missing-hydrogen", "line 4: .*its formula is H Li"),
        ("31-same-stem/collide.yaml", "line 5: the name 'A:0' is also that of a termination of A"),
        ("31-same-stem/list.yaml", "line 4: .*would both be called CONTCAR"),
    ],
)
def test_campaign_is_refused(anodeflow, campaign, message):
    path = CASES / campaign
    status, out, error = anodeflow("check", str(path if path.suffix else path / "campaign.yaml"), "-b", "emt")
    assert status == 2
    assert out == ""
    assert "Traceback" not in error
    assert re.search(message, error)


@pytest.mark.parametrize(
    ("campaign", "note"),
    [
        ("16-slab-given-as-bulk/campaign.yaml", "16.0 Å along c hold no atoms"),
        ("22-high-index-default-layers/campaign.yaml", "6 layers are 2.0 Å thick"),
        ("15-encodings/bom.yaml", "Al: Al, Fm-3m, 4 atoms, 2.70 g/cm³, nearest Al-Al 2.86 Å"),
    ],
)
def test_campaign_is_told(anodeflow, campaign, note):
    status, out, _ = anodeflow("check", str(CASES / campaign))
    assert status == 0
    assert note in out


def test_files_are_those_beside_the_campaign(anodeflow, monkeypatch):
    monkeypatch.chdir(CASES / "30-poscar-beside-campaign" / "b")
    status, out, _ = anodeflow("check", "../a/campaign.yaml", "-f", "json")
    lines = {each["name"]: each["line"] for each in json.loads(out)["crystals"]}
    assert status == 0
    assert lines["POSCAR"].startswith("POSCAR: Al,")
    assert lines["cells/POSCAR_Al"].startswith("cells/POSCAR_Al: Al, Fm-3m, 4 atoms, 2.60")


@pytest.mark.parametrize("name", ["n1e5", "n2024", "ntrue"])
def test_number_like_names_stay_text(name):
    from anodeflow.campaign.model import Campaign

    assert Campaign.from_file(CASES / "34-number-like-names" / f"{name}.yaml").name in ("1e5", "2024", "True")


# ---------------------------------------------------------------------------------- further inputs of the same kinds


def cif(
    rows, cell=(4.0, 4.0, 4.0, 90, 90, 90), group="P m -3 m", number=221, head="", columns=("occupancy",), types=True
):
    names = ("a", "b", "c")
    text = [f"data_test\n{head}".rstrip()]
    text += [f"_cell_length_{name} {value}" for name, value in zip(names, cell[:3], strict=True)]
    text += [f"_cell_angle_{name} {value}" for name, value in zip(("alpha", "beta", "gamma"), cell[3:], strict=True)]
    if group:
        text.append(f"_symmetry_space_group_name_H-M '{group}'")
    if number:
        text.append(f"_symmetry_Int_Tables_number {number}")
    text += ["loop_", "_atom_site_label"] + ["_atom_site_type_symbol"] * types
    text += [f"_atom_site_fract_{axis}" for axis in "xyz"] + [f"_atom_site_{column}" for column in columns]
    return "\n".join([*text, *rows]) + "\n"


BCC = {"cell": (3.46, 3.46, 3.46, 90, 90, 90), "group": "I m -3 m", "number": 229}
SALT = {"cell": (4.08, 4.08, 4.08, 90, 90, 90), "group": "F m -3 m", "number": 225}
DIAMOND = {"cell": (5.43, 5.43, 5.43, 90, 90, 90), "number": 227}
P1 = {"group": "P 1", "number": 1}
HEX = (3.209, 3.209, 5.211, 90, 90, 120)

READ = {
    "uncertain occupancy": (cif(["Li1 Li 0 0 0 0.998(2)"], **BCC), "Li", 2),
    "occupancy in ?": (cif(["Li1 Li 0 0 0 ?"], **BCC), "Li", 2),
    "empty site": (cif(["Li1 Li 0 0 0 1", "Mg1 Mg 0.25 0.25 0.25 0"], **BCC), "Li", 2),
    "charges": (cif(["Li1 Li1+ 0 0 0 1", "H1 H1- 0.5 0.5 0.5 1"], **SALT), "LiH", 8),
    "deuterium": (cif(["Li1 Li 0 0 0 1", "D1 D 0.5 0.5 0.5 1"], **SALT), "LiH", 8),
    "capital symbols": (cif(["LI1 LI 0 0 0 1", "H1 H 0.5 0.5 0.5 1"], **SALT), "LiH", 8),
    "labels alone": (cif(["Li1 0 0 0 1", "H1 0.5 0.5 0.5 1"], types=False, **SALT), "LiH", 8),
    "ambiguous label with formula": (
        cif(
            ["NA1 0 0 0 1", "Cl1 0.5 0.5 0.5 1"],
            types=False,
            head="_chemical_formula_sum 'Na Cl'",
            **(SALT | {"cell": (5.64,) * 3 + (90,) * 3}),
        ),
        "NaCl",
        8,
    ),
    "upper case tags": (cif(["Li1 Li 0 0 0 1"], **BCC).replace("_cell_length_a", "_Cell_Length_A"), "Li", 2),
    "edge with uncertainty": (cif(["Li1 Li 0 0 0 1"], **(BCC | {"cell": ("3.460(2)",) * 3 + (90,) * 3})), "Li", 2),
    "thirds of three digits": (cif(["Mg1 Mg 0.667 0.333 0.75 1"], HEX, "P 63/m m c", 194), "Mg", 2),
    "negative thirds": (cif(["Mg1 Mg -0.333 0.333 0.25 1"], HEX, "P 63/m m c", 194), "Mg", 2),
    "origin 1": (cif(["Si1 Si 0 0 0 1"], group="F d -3 m :1", **DIAMOND), "Si", 8),
    "origin 2": (cif(["Si1 Si 0.125 0.125 0.125 1"], group="F d -3 m :2", **DIAMOND), "Si", 8),
    "origin Z of ICSD": (cif(["Si1 Si 0.125 0.125 0.125 1"], group="F d -3 m Z", **DIAMOND), "Si", 8),
    "old symbol": (cif(["Li1 Li 0 0 0 1"], **(BCC | {"group": "I m 3 m"})), "Li", 2),
    "number alone": (cif(["Li1 Li 0 0 0 1"], **(BCC | {"group": ""})), "Li", 2),
    "rhombohedral axes without :R": (
        cif(["Bi1 Bi 0.2339 0.2339 0.2339 1"], (4.746,) * 3 + (57.23,) * 3, "R -3 m", 166),
        "Bi",
        2,
    ),
    "all atoms and a group beside": (
        cif(["Li1 Li 0 0 0 1", "Li2 Li 0.5 0.5 0.5 1"], **BCC).replace(
            "loop_\n_atom", "loop_\n_symmetry_equiv_pos_as_xyz\nx,y,z\nloop_\n_atom", 1
        ),
        "Li",
        2,
    ),
}

REFUSED = {
    "two metals share a site": (cif(["Li1 Li 0 0 0 1", "Mg1 Mg 0 0 0 1"], **BCC), "partly occupied|two atoms on one"),
    "occupancy 0.9": (cif(["Li1 Li 0 0 0 0.9"], **BCC), "partly occupied"),
    "occupancy 1.2": (cif(["Li1 Li 0 0 0 1.2"], **BCC), "partly occupied"),
    "occupancy nan": (cif(["Li1 Li 0 0 0 nan"], **BCC), "no number"),
    "wide uncertainty": (cif(["Li1 Li 0 0 0 0.8(2)"], **BCC), "partly occupied"),
    "slash of elements": (cif(["M1 Li/Mg 0 0 0 1"], **BCC), "several elements"),
    "disorder groups": (
        cif(["Li1 Li 0 0 0 1", "Mg1 Mg 0.1 0 0 2"], columns=("disorder_group",), **BCC),
        "partly occupied",
    ),
    "dummy flag": (cif(["Li1 Li 0 0 0 dum"], columns=("calc_flag",), **BCC), "dummy"),
    "hydrogen only counted": (cif(["Li1 Li 0 0 0 2"], columns=("attached_hydrogens",), **BCC), "hydrogen"),
    "dummy Du": (cif(["Du1 Du 0 0 0 1"], **BCC), "no element"),
    "question mark": (cif(["Li1 ? 0 0 0 1"], **BCC), "no element"),
    "Wat": (cif(["Li1 Wat 0 0 0 1"], **BCC), "no element"),
    "label of nothing": (cif(["Vac1 0 0 0 1"], types=False, **BCC), "names no element"),
    "label of two": (cif(["CA1 0 0 0 1"], types=False, **BCC), "may be Ca or C"),
    "ratio of the formula": (
        cif(["Li1 Li 0 0 0 1", "H1 H 0.5 0.5 0.5 1"], head="_chemical_formula_sum 'Li H2'", **SALT),
        "its formula is Li H2",
    ),
    "other group than the formula": (
        cif(
            ["Na1 Na 0 0 0.25 1", "Na2 Na 0.3333 0.6667 0.583 1", "Bi1 Bi 0.3333 0.6667 0.25 1"],
            (5.45, 5.45, 9.66, 90, 90, 120),
            "P 1",
            1,
            head="_chemical_formula_sum 'Na3 Bi'",
        ),
        "its formula is Na3 Bi",
    ),
    "identity but a group": (
        cif(["Li1 Li 0 0 0 1"], **BCC).replace(
            "loop_\n_atom", "loop_\n_symmetry_equiv_pos_as_xyz\nx,y,z\nloop_\n_atom", 1
        ),
        "not all of its space group",
    ),
    "group against number": (cif(["Li1 Li 0 0 0 1"], **(BCC | {"number": 225})), "is not number 225"),
    "unknown group": (cif(["Li1 Li 0 0 0 1"], group="Q 1 2 3", number=0), "is not known"),
    "origin not told": (cif(["Si1 Si 0 0 0 1"], group="F d -3 m", **DIAMOND), "which origin"),
    "nan in the cell": (cif(["Li1 Li 0 0 0 1"], **(BCC | {"cell": ("nan",) + (3.46,) * 2 + (90,) * 3})), "no number"),
    "inf in the cell": (cif(["Li1 Li 0 0 0 1"], **(BCC | {"cell": (3.46,) * 3 + ("inf", 90, 90)})), "no number"),
    "huge edge": (cif(["Li1 Li 0 0 0 1"], (1e308, 3, 3, 90, 90, 90), **P1), "edges|no number|finite|cell"),
    "tiny angle": (cif(["Li1 Li 0 0 0 1"], (3, 3, 3, 0.01, 90, 90), **P1), "angle|cell|thickness|lattice"),
    "flat angles": (cif(["Li1 Li 0 0 0 1"], (3, 3, 3, 60, 60, 119.99), **P1), "flat"),
    "coordinate x": (cif(["Li1 Li 0 zero 0 1"], **BCC), "no number"),
    "missing column": (cif(["Li1 Li 0 0"], **BCC), "cannot read a structure"),
    "missing edge": (cif(["Li1 Li 0 0 0 1"], **BCC).replace("_cell_length_b 3.46\n", ""), "_cell_length_b is missing"),
    "no atoms": (cif([], **BCC), "cannot read a structure"),
    "not a CIF": ("<html>not found</html>", "cannot read a structure"),
}


@pytest.mark.parametrize("kind", READ)
def test_cif_is_read(tmp_path, kind):
    text, formula, atoms = READ[kind]
    file = tmp_path / "crystal.cif"
    file.write_text(text)
    structure = load_structure(str(file))
    assert (structure.reduced_formula, len(structure)) == (formula, atoms)


@pytest.mark.parametrize("kind", REFUSED)
def test_cif_is_refused(tmp_path, kind):
    text, message = REFUSED[kind]
    file = tmp_path / "crystal.cif"
    file.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        load_structure(str(file))
    assert str(file) in str(error.value)
    assert "\n" not in str(error.value)


def poscar(
    names="Li Mg", numbers="1 1", scale="1.0", mode="Direct", rows=("0 0 0", "0.5 0.5 0.5"), comment="cell", edge=3.5
):
    cell = [f"{edge} 0 0", f"0 {edge} 0", f"0 0 {edge}"]
    return "\n".join([comment, scale, *cell, *([names] if names else []), numbers, mode, *rows]) + "\n"


@pytest.mark.parametrize(
    ("text", "formula", "volume"),
    [
        (poscar(), "LiMg", 3.5**3),
        (poscar(scale="-40.0"), "LiMg", 40.0),
        (poscar(scale="-40.0", mode="Cartesian", rows=("0 0 0", "1.75 1.75 1.75")), "LiMg", 40.0),
        (poscar(scale="3.5", mode="cart", rows=("0 0 0", "0.5 0.5 0.5"), edge=1.0), "LiMg", 3.5**3),
        (poscar(scale="1.0 1.0 2.0"), "LiMg", 2 * 3.5**3),
        (poscar(names="Li_sv_GW Mg_pv"), "LiMg", 3.5**3),
        (poscar(names="Li_sv/9c0ffee1\nMg/0123456789ab", numbers="1\n1"), "LiMg", 3.5**3),
        (poscar(mode="Selective dynamics\nDirect", rows=("0 0 0 T T F", "0.5 0.5 0.5 F F F")), "LiMg", 3.5**3),
        (poscar(names="", comment="Li Mg"), "LiMg", 3.5**3),
        (poscar(names="", rows=("0 0 0 Li", "0.5 0.5 0.5 Mg")), "LiMg", 3.5**3),
        (poscar().replace("\n", "\r\n"), "LiMg", 3.5**3),
    ],
)
def test_poscar_is_read(tmp_path, text, formula, volume):
    file = tmp_path / "POSCAR"
    file.write_bytes(text.encode())
    structure = load_structure(str(file))
    assert structure.reduced_formula == formula
    assert structure.volume == pytest.approx(volume)
    assert structure.get_distance(0, 1) > 2.5  # Cartesian coordinates were scaled with the cell


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (poscar(names="Li Vac"), "'Vac' is no element"),
        (poscar(names="Li X"), "'X' is no element"),
        (poscar(names="Li"), "1 names, but 2 numbers"),
        (poscar(names="", comment="Li3 Mg, old"), "line 6: the file does not say"),
        (poscar(scale="0"), "scale is not positive"),
        (poscar(scale="nan"), "line 2"),
        (poscar(rows=("0 0 0",)), "the file ends|expected three coordinates"),
        (poscar(rows=("0 0 nan", "0 0 0")), "line 9: expected three coordinates"),
        (poscar(numbers="1 99999999"), "numbers of atoms|atoms"),
        (poscar(mode="Whatever"), "expected Direct or Cartesian"),
        (poscar(edge=0), "span no volume"),
    ],
)
def test_poscar_is_refused(tmp_path, text, message):
    file = tmp_path / "POSCAR"
    file.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        load_structure(str(file))
    assert "\n" not in str(error.value)


def test_poscar_comment_that_says_another_formula(tmp_path):
    (tmp_path / "POSCAR").write_text(poscar(comment="Li3 Mg1"))
    assert any("its comment says Li3 Mg1" in note for note in load_crystal(str(tmp_path / "POSCAR"))[1])


@pytest.mark.parametrize(("encoding", "mark"), [("utf-8-sig", b""), ("utf-16", b""), ("cp1252", b""), ("utf-8", b"")])
def test_encodings_give_the_same_crystal(tmp_path, encoding, mark):
    text = cif(["Li1 Li 0 0 0 1"], head="_publ_author_name 'José Müller, 3 Ås'", **BCC)
    (tmp_path / "a.cif").write_bytes(mark + text.encode(encoding))
    assert load_structure(str(tmp_path / "a.cif")).formula == "Li2"


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress)])
def test_packed_files(tmp_path, suffix, pack):
    file = tmp_path / f"POSCAR.vasp{suffix}"
    file.write_bytes(pack(poscar().encode()))
    assert load_structure(str(file)).formula == "Li1 Mg1"


def test_files_that_would_never_end(tmp_path):
    os.mkfifo(tmp_path / "pipe.cif")
    with gzip.open(tmp_path / "bomb.cif.gz", "wb") as stream:
        for _ in range(60):
            stream.write(bytes(1_000_000))
    (tmp_path / "cut.cif.gz").write_bytes(gzip.compress(poscar().encode())[:20])
    (tmp_path / "million.cif").write_text(cif([f"Li{i} Li 0 0 0.{i} 1" for i in range(3000)], **P1))
    for name, message in [
        ("pipe.cif", "no regular file"),
        ("bomb.cif.gz", "once unpacked, more than 50 MB"),
        ("cut.cif.gz", "cannot read"),
        ("million.cif", "1 to 2000 are read"),
        ("n" * 300 + ".cif", "there is no structure"),
    ]:
        with pytest.raises(InputError, match=message):
            load_structure(str(tmp_path / name))
    with pytest.raises(InputError, match="no regular file"):
        read_crystal(Path("/dev/zero"))


def test_two_structures_say_which(tmp_path):
    first = cif(["Li1 Li 0 0 0 1"], **BCC)
    second = cif(["Mg1 Mg 0 0 0 1"], **BCC).replace("data_test", "data_other")
    (tmp_path / "two.cif").write_text(first + second)
    structure, notes = load_crystal(str(tmp_path / "two.cif"))
    assert structure.formula == "Li2"
    assert "the file holds 2 structures: the first one is taken" in notes
    frames = [Atoms(f"{name}", cell=[3, 3, 3], pbc=True) for name in ("Al", "Cu")]
    write(tmp_path / "run.traj", frames)
    structure, notes = load_crystal(str(tmp_path / "run.traj"))
    assert structure.formula == "Cu1"
    assert notes == ["the file holds 2 structures: the last one is taken"]


def test_ase_formats_with_odd_atoms(tmp_path):
    atoms = Atoms("LiX", positions=[[0, 0, 0], [1.7, 1.7, 1.7]], cell=[3.5, 3.5, 3.5], pbc=True)
    write(tmp_path / "ghost.xyz", atoms, format="extxyz")
    with pytest.raises(InputError, match="no element"):
        load_structure(str(tmp_path / "ghost.xyz"))
    atoms = Atoms("LiMg", positions=[[0, 0, 0], [1.7, 1.7, 1.7]], cell=[3.5, 3.5, 3.5], pbc=True)
    atoms.set_array("occupancy", np.array([1.0, 0.5]))
    write(tmp_path / "part.xyz", atoms, format="extxyz")
    with pytest.raises(InputError, match="partly occupied"):
        load_structure(str(tmp_path / "part.xyz"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["sites"][0]["species"].append({"element": "Mg", "occu": 0.5}), "partly occupied"),
        (lambda d: d["sites"][0]["species"][0].update(element="Vac"), "no element"),
        (lambda d: d["lattice"]["matrix"][0].__setitem__(0, float("nan")), "finite|converge|infs"),
        (lambda d: d.update({"@class": "Molecule"}), "no Structure"),
        (lambda d: d.pop("lattice"), "no structure of pymatgen"),
    ],
)
def test_json_is_refused(tmp_path, change, message):
    content = Structure(Lattice.cubic(3.5), ["Li", "Mg"], [[0, 0, 0], [0.5, 0.5, 0.5]]).as_dict()
    change(content)
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=message):
        load_structure(str(tmp_path / "a.json"))


def test_warnings_of_readers_are_told_not_silenced(tmp_path):
    text = cif(["Li1 Li 0 0 0 1"], **BCC).replace("_cell_length_a", "stray_word\n_cell_length_a")
    (tmp_path / "a.cif").write_text(text)
    _, notes = load_crystal(str(tmp_path / "a.cif"))
    assert any("stray_word" in note for note in notes)


# ------------------------------------------------------------------------------------------------------ campaigns


CAMPAIGN = """name: trial
backend: emt
systems:
  - {name: Al(001), structure: Al, layers: 3, vacuum: 8, min_width: 0}
studies:
  - adsorption: {adsorbate: Al}
"""


def laughs(levels: int) -> str:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, levels)]
    return "\n".join(lines) + "\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (laughs(40), "nested more than 20 levels"),
        (laughs(18), r"it has \d[\d,]+ values, aliases \(\*name\) written out, and 100,000 are read"),
        (
            "a:\n" + "  - [" + "x, " * 999 + "x]\n" + ("  - [" + "x, " * 999 + "x]\n") * 100,
            "values, and 100,000 are read: div",
        ),
        ("a: &a [*a]\n", "line 1: a value holds itself"),
        ("a: &a {b: *a}\n", "line 1: a value holds itself"),
        ("a: " + "[" * 40 + "]" * 40 + "\n", "nested more than 20 levels"),
        ("a: " + "[" * 20000 + "\n", "nested more than 20 levels|not valid YAML"),
        ("\0\0\0", "no text file"),
        ("", "expected keys and values"),
        ("- a\n", "expected keys and values"),
        ("a: !!python/object/apply:os.system [ls]\n", "the tag !!python/object/apply:os.system is not read"),
        ("a: 2001-99-99\n", "not valid YAML|unknown key|missing"),
        (CAMPAIGN + "name: other\n", "line 7|not valid YAML"),
        (CAMPAIGN.replace("trial", "n" * 250), "line 1: name: .*at most 100"),
        (CAMPAIGN.replace("Al(001)", "n" * 250), "line 4: .*at most 100"),
        (CAMPAIGN.replace("trial", "2024"), "line 1: name: .*put it in quotes"),
        (CAMPAIGN.replace("trial", "1e5"), "line 1: name: .*put it in quotes"),
        (CAMPAIGN.replace("trial", "true"), "line 1: name: .*put it in quotes"),
        (CAMPAIGN.replace("structure: Al,", "structure: " + "x" * 300 + ","), "line 4: there is no structure"),
        (CAMPAIGN.replace("name: Al(001)", 'name: "a\\nb"'), "line 4"),
    ],
)
def test_hostile_yaml_is_one_sentence(tmp_path, anodeflow, text, message):
    file = tmp_path / "campaign.yaml"
    file.write_text(text)
    status, out, error = anodeflow("check", str(file))
    assert (status, out) == (2, "")
    assert re.search(message, error)
    assert "Traceback" not in error


NUMBERS = [".inf", "-.inf", ".nan", "1e308", "1e999", "9" * 30, "-1", "true"]


@pytest.mark.parametrize("number", [number for number in NUMBERS if number != "true"])
@pytest.mark.parametrize("key", ["layers", "thickness", "vacuum", "min_width", "fixed_layers", "termination"])
def test_numbers_beyond_reason(tmp_path, key, number):
    from anodeflow.campaign.model import Campaign

    given = {"layers": "3"} if key != "thickness" else {}
    pairs = ", ".join(f"{name}: {value}" for name, value in ({**given, key: number}).items())
    file = tmp_path / "campaign.yaml"
    file.write_text(CAMPAIGN.replace("layers: 3, vacuum: 8, min_width: 0", pairs))
    if key == "termination" and number == "-1":
        pytest.skip("checked against the slab")
    with pytest.raises(InputError, match=f"line 4: .*{key}") as error:
        Campaign.from_file(file)
    assert "\n" not in str(error.value)


def test_windows_text_is_read(tmp_path):
    from anodeflow.campaign.model import Campaign

    file = tmp_path / "campaign.yaml"
    file.write_bytes(("description: Ångström\n" + CAMPAIGN).encode("cp1252"))
    assert Campaign.from_file(file).description == "Ångström"


def test_a_pipe_is_no_campaign(tmp_path, anodeflow):
    os.mkfifo(tmp_path / "pipe.yaml")
    for path in (tmp_path / "pipe.yaml", "/dev/zero", tmp_path):
        status, _, error = anodeflow("check", str(path))
        assert status == 2
        assert error.count("\n") == 1


@pytest.mark.mlip
def test_references_of_ones_own(tmp_path, anodeflow):
    structure = Structure(Lattice.cubic(4.2), ["Cs"] * 2, [[0, 0, 0], [0.5, 0.5, 0.5]])
    structure.scale_lattice(2 * 110)
    structure.to(filename=str(tmp_path / "caesium.cif"))
    text = CAMPAIGN.replace("adsorbate: Al", "adsorbate: Cs").replace("backend: emt", "backend: mlip")
    (tmp_path / "campaign.yaml").write_text(text)
    status, _, error = anodeflow("check", str(tmp_path / "campaign.yaml"))
    assert status == 2
    assert "the catalogue has no bulk of Cs" in error
    (tmp_path / "campaign.yaml").write_text(text + "references: {Cs: caesium.cif}\n")
    from anodeflow.campaign.model import Campaign

    campaign = Campaign.from_file(tmp_path / "campaign.yaml")
    assert campaign._surfaces().metal("Cs") == "caesium.cif"
    assert campaign._surfaces().structure("caesium.cif").formula == "Cs2"
    (tmp_path / "campaign.yaml").write_text(text + "references: {Cs: Al}\n")
    status, _, error = anodeflow("check", str(tmp_path / "campaign.yaml"))
    assert status == 2
    assert "line 7: the reference of Cs is a crystal of Al" in error


def test_catalogue_of_ones_own(tmp_path, anodeflow, monkeypatch):
    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path / "home"))
    structure = Structure(Lattice.cubic(6.05), ["Cs"] * 2, [[0, 0, 0], [0.5, 0.5, 0.5]])
    structure.to(filename=str(tmp_path / "Cs.cif"))
    status, out, _ = anodeflow("catalogue", "add", str(tmp_path / "Cs.cif"), "--source", "a paper")
    assert (status, out.startswith("Cs: Cs, Im-3m, 2 atoms")) == (0, True)
    from anodeflow.structures.bulk.catalogue import elemental_bulk, host_lattice

    assert elemental_bulk("Cs") == "Cs"
    assert host_lattice("Cs").lattice == "bcc"
    assert load_structure("Cs").formula == "Cs2"
    status, _, error = anodeflow("catalogue", "add", str(tmp_path / "Cs.cif"))
    assert status == 2
    assert "--force" in error
    structure.to(filename=str(tmp_path / "Li.cif"))
    status, _, error = anodeflow("catalogue", "add", str(tmp_path / "Li.cif"))
    assert status == 2
    assert "ships with anodeflow" in error
    assert "Cs: Cs, Im-3m, a paper" in anodeflow("catalogue", "list")[1]
    assert anodeflow("catalogue", "remove", "Cs")[0] == 0
    assert "No crystal of your own yet: anodeflow catalogue add FILE" in anodeflow("catalogue", "list")[1]
    assert anodeflow("catalogue", "remove", "Cs")[0] == 2
    with pytest.raises(InputError, match="no bulk of Cs"):
        elemental_bulk("Cs")


def test_files_of_the_user_are_not_replaced(tmp_path, anodeflow):
    file = tmp_path / "POSCAR"
    file.write_text(poscar())
    before = file.read_bytes()
    status, _, error = anodeflow("build", "slab", str(file), "-o", str(file))
    assert status == 2
    assert "--force" in error
    assert file.read_bytes() == before
    assert anodeflow("build", "slab", str(file), "--layers", "2", "-o", str(file), "--force")[0] == 0
    assert file.read_bytes() != before


def test_names_are_not_formulas_of_tex():
    from anodeflow.report.figures import new_figure, save

    figure = new_figure(3, 2)
    axes = figure.subplots()
    axes.bar([0, 1], [1, 2])
    axes.set_xticks([0, 1], ["$$", r"\foo$x_"])
    axes.set_title(r"Energy of $\undefined{ on Li(001)")
    assert save(figure, "odd", "a figure").png.startswith(b"\x89PNG")


@pytest.mark.slow
def test_output_on_a_terminal_without_unicode():
    """``LANG=C`` and Latin-1: Å is written all the same, and nothing fails."""
    import subprocess

    done = subprocess.run(
        [sys.executable, "-m", "anodeflow", "build", "slab", "Li", "--layers", "2"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "thickness (Å)" in done.stdout.decode("utf-8")


@pytest.mark.parametrize(
    ("bulk", "miller", "polar"),
    [("LiH", (0, 0, 1), False), ("LiH", (1, 1, 1), True), ("Li3Mg7", (0, 0, 1), False), ("Mg", (0, 0, 1), False)],
)
def test_polar_faces(bulk, miller, polar):
    """Rocksalt (001) is neutral plane by plane, (111) is Tasker's type 3; metals have no formal charges."""
    from anodeflow.structures.notes import polar_note

    crystal = load_structure(bulk)
    slab = build_slab(crystal, SlabSpec(miller=miller, layers=4, min_width=0, setting="conventional"))
    assert (polar_note(crystal, slab.structure) is not None) is polar


def test_names_that_contradict_the_crystal():
    from anodeflow.structures.notes import label_note

    lithium = load_structure("Li")
    assert "its name says LiH" in label_note("LiH(001)", lithium)
    for name in ("Li(001)", "S", "A", "surface", "Li2", "film 3"):
        assert label_note(name, lithium) is None


@pytest.mark.parametrize("suffix", ["db", "json"])
@pytest.mark.parametrize("name", ["4e12", "2024", "True", "1e5", "nan"])
def test_names_stay_text_in_the_database_of_ase(tmp_path, suffix, name):
    from ase.db import connect
    from ase.db.row import AtomsRow

    from anodeflow.database.ase_database import _name_rows, _row

    file = tmp_path / f"out.{suffix}"
    row = _row(Atoms("Al", cell=[3, 3, 3], pbc=True), {"campaign": name, "calculation_id": name}, True)
    assert isinstance(row, AtomsRow)
    with connect(file) as database:
        number = database.write(row, data={"folder": "x"})
    if suffix == "json":
        _name_rows(file, {str(number): row.key_value_pairs})
    (found,) = connect(file).select()
    assert (found.campaign, found.calculation_id, found.converged) == (name, name, True)
    assert found.data["folder"] == "x"


@pytest.mark.slow
def test_interfaces_do_not_start_with_atoms_on_top_of_each_other():
    from anodeflow.structures.interface.interface_spec import InterfaceSpec
    from anodeflow.structures.interface.interfaces import build_interface
    from anodeflow.structures.interface.registry import CLOSEST_START, shift_metal

    crystals = load_structure("Al"), load_structure("Cu")
    spec = InterfaceSpec(max_atoms=40, max_strain=0.12, min_width=0, alloy_layers=3, metal_layers=3)
    cell = build_interface(*crystals, spec)
    nearest = [crystal.get_neighbor_list(3.0)[3].min() for crystal in crystals]
    for shift in ([0, 0], [0.7, 0.1], [1.4, 1.4]):
        moved = shift_metal(cell.structure, cell.side, np.array(shift))
        first, second, _, apart = moved.get_neighbor_list(4.0)
        side = np.array(cell.side)
        across = apart[side[first] != side[second]]
        assert across.min() >= CLOSEST_START * np.mean(nearest) * 0.97 - 1e-6  # strain shortens distances a little


def test_several_adatoms_of_a_paper_on_one_surface():
    from anodeflow.report.reference import Reference

    values = [
        {"system": "Li(001)", "property": "binding_energy", "adsorbate": name, "value": value, "unit": "eV"}
        for name, value in (("Li", -1.0), ("Na", -2.0), (None, -3.0))
    ]
    paper = Reference(doi="10.1/x", name="A", citation="B", values=values)
    assert [paper.value("Li (001)", "binding_energy", name).value for name in ("Li", "Na", "K")] == [-1.0, -2.0, -3.0]
    with pytest.raises(ValueError, match="is there twice"):
        Reference(doi="10.1/x", name="A", citation="B", values=[*values, values[0]])
    with pytest.raises(ValueError, match="should be a valid number"):
        Reference(doi="10.1/x", name="A", citation="B", values=[values[0] | {"value": "-1.0"}])


def test_a_published_value_in_another_unit_is_refused():
    """A difference between eV and kJ/mol was printed."""
    from factories import adsorption_document

    from anodeflow.report.comparison import published
    from anodeflow.report.reference import Reference

    document = adsorption_document()
    value = {"system": document.system, "property": "binding_energy", "value": -1, "unit": "eV"}
    for unit in ("eV", "kJ/mol"):
        paper = Reference(doi="10.1/x", name="A 2020", citation="B", values=[value | {"unit": unit}])
        if unit == "eV":
            assert published([paper], document, "binding_energy").entry.value == -1.0
            continue
        with pytest.raises(InputError, match=r"A 2020 has binding_energy of .* in 'kJ/mol', and ours is in eV"):
            published([paper], document, "binding_energy")
