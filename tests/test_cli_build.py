"""``anodeflow build`` as a user calls it: what it prints and writes, and how it says no."""

import json
import subprocess
import sys

import pytest
from ase.io import read

import anodeflow.cli
from anodeflow.structures.bulk.catalogue import catalogue


@pytest.fixture
def anodeflow_build(monkeypatch, capsys):
    """Run ``anodeflow build ...`` in this process; return exit status, standard output and error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["anodeflow", "build", *arguments])
        with pytest.raises(SystemExit) as stop:
            anodeflow.cli.main()
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return run


@pytest.mark.parametrize("name", ["Li", "LiH", "Li3Mg", "Li3Mg7"])
def test_systems_of_the_paper(anodeflow_build, tmp_path, name):
    file = tmp_path / "slab.xyz"
    status, out, _ = anodeflow_build(
        *("slab", name, "--miller", "0", "0", "1", "--layers", "6", "--vacuum", "15"),
        *("--min-width", "6.5", "--format", "json", "-o", str(file)),
    )
    (row,) = json.loads(out)
    atoms = read(file)
    assert status == 0
    assert (row["layers"], row["fixed_layers"], row["atoms"]) == (6, 3, len(atoms))
    assert row["min_image_distance"] >= 6.5
    assert atoms.pbc.tolist() == [True, True, False]
    assert 0 < len(atoms.constraints[0].index) < len(atoms)


@pytest.mark.slow
def test_in_a_process_of_its_own(tmp_path):
    file = str(tmp_path / "slab.cif")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from anodeflow.cli import main; main()",
            "build",
            "slab",
            "Li3Mg7",
            "-o",
            file,
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Li2Mg3" in done.stdout
    assert "does not keep which atoms are fixed" in done.stderr
    assert len(read(file)) == 60


def test_list_of_terminations_writes_nothing(anodeflow_build, tmp_path):
    file = tmp_path / "slab.vasp"
    status, out, _ = anodeflow_build("slab", "Li3Mg7", "--list", "-o", str(file))
    assert status == 0
    assert "Li2Mg3" in out
    assert "LiMg4" in out
    assert not file.exists()


def test_all_terminations_go_to_numbered_files(anodeflow_build, tmp_path):
    status, _, _ = anodeflow_build(
        "slab", "LiH", "--miller", "1", "1", "1", "--termination", "all", "-o", str(tmp_path / "slab.vasp")
    )
    assert status == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["slab-0.vasp", "slab-1.vasp"]


def test_negative_indices(anodeflow_build):
    status, out, _ = anodeflow_build("slab", "Mg", "--miller", "1", "-1", "-1", "--format", "json")
    assert status == 0
    assert json.loads(out)[0]["miller"] == [1, -1, -1]


def test_sites(anodeflow_build):
    status, out, _ = anodeflow_build("slab", "Li", "--sites", "Li", "--format", "json")
    assert status == 0
    assert [site["label"] for site in json.loads(out)[0]["sites"]] == [
        "onefold top",
        "bridge",
        "fourfold hollow",
    ]
    status, out, _ = anodeflow_build("slab", "Li", "--sites", "Li")
    assert status == 0
    assert "fourfold hollow" in out


def test_catalogue_is_listed(anodeflow_build):
    status, out, _ = anodeflow_build("list", "--format", "json")
    assert status == 0
    assert [entry["name"] for entry in json.loads(out)] == list(catalogue())
    assert "Amm2" in anodeflow_build("list")[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["Li", "--miller", "0", "0", "0"], "--miller: Miller indices (0, 0, 0) name no plane"),
        (["Li", "--vacuum", "-3"], "--vacuum: expected a number above 0 (given: -3.0)"),
        (["Li", "--layers", "0"], "--layers: expected a number of at least 1 (given: 0)"),
        (["Li", "--layers", "4", "--thickness", "8"], "either layers or thickness"),
        (["Li", "--min-width", "500"], "ask for a smaller min_width"),
        (["Li", "--fixed-layers", "9"], "cannot fix 9 layers of a slab that has 6"),
        (["Li3Mg8"], "did you mean Li3Mg"),
        (["nowhere/slab.cif"], "there is no structure 'nowhere/slab.cif'"),
        (["Li", "--termination", "5"], "there are 1 (0: Li)"),
        (["Li", "--termination", "top"], "a number or all, not 'top'"),
        (["Li", "--sites", "Xx"], "symbol of an element, not 'Xx'"),
        (["Li", "-o", "slab.strange"], "cannot tell from the name slab.strange"),
        (["Li", "-o", "nowhere/slab.cif"], "there is no folder"),
        (["Li", "-o", "/proc/slab.cif"], "cannot write /proc/slab.cif"),
    ],
)
def test_bad_input_gets_one_sentence(anodeflow_build, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    status, out, err = anodeflow_build("slab", *arguments)
    assert status == 2
    assert out == ""
    assert err.startswith("anodeflow: ")
    assert err.count("\n") == 1
    assert message in err
    assert list(tmp_path.iterdir()) == []


def test_overlapping_atoms_are_refused(anodeflow_build, tmp_path):
    file = tmp_path / "bad.vasp"
    file.write_text("bad\n1.0\n4 0 0\n0 4 0\n0 0 4\nLi\n2\nDirect\n0 0 0\n0.1 0 0\n")
    status, _, err = anodeflow_build("slab", str(file))
    assert status == 2
    assert "atoms 1 (Li) and 2 (Li)" in err


def test_no_permission_to_write(anodeflow_build, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir()
    (locked / "slab.cif").mkdir()  # root may write anywhere, but no one over a folder
    locked.chmod(0o500)
    status, _, err = anodeflow_build("slab", "Li", "-o", str(locked / "slab.cif"))
    locked.chmod(0o700)
    assert status == 2
    assert "no permission, or it is a folder" in err


def test_wrong_option_value(anodeflow_build):
    status, _, err = anodeflow_build("slab", "Li", "--setting", "surface")
    assert status == 2
    assert "'surface' is not one of" in err


def test_help_is_quick_and_teaches(anodeflow_build):
    status, out, _ = anodeflow_build("slab", "--help")
    assert status == 0
    assert "anodeflow build slab Li3Mg7" in out


def test_interfaces_are_listed_and_written(anodeflow_build, tmp_path):
    status, out, _ = anodeflow_build("interface", "Li3Mg7", "Li", "--max-atoms", "150", "--list")
    assert status == 0
    assert "Li2Mg3/Li" in out
    assert "more than 150 atoms" in out
    assert "strain over 5 %" in out
    file = tmp_path / "interface.xyz"
    arguments = ("interface", "Li3Mg7", "Li", "--format", "json", "-o", str(file))
    status, out, _ = anodeflow_build(*arguments)
    (row,) = json.loads(out)
    atoms = read(file)
    assert (status, row["number"], row["atoms"], row["file"]) == (0, 0, len(atoms), str(file))
    assert row["von_mises_strain"] < 0.05
    assert atoms.pbc.tolist() == [True, True, False]
    assert len(atoms.constraints[0].index) == 15, "one plane of the alloy"
    status, out, _ = anodeflow_build(*arguments, "--termination", "all", "--fixed-layers", "0")
    assert [row["file"] for row in json.loads(out)] == [str(tmp_path / f"interface-{n}.xyz") for n in (0, 1)]
    assert not read(tmp_path / "interface-1.xyz").constraints


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--max-atoms", "40"), "the smallest that would has 140 atoms and a strain of 3.7 %"),
        (("--max-strain", "2"), "--max-strain: expected a number below 0.5 (given: 2.0)."),
        (("--alloy-miller", "0", "0", "0"), "name no plane"),
        (("--termination", "7"), "there are 2 (0: Li2Mg3/Li, 1: LiMg4/Li)"),
    ],
)
def test_interface_that_cannot_be_built_is_a_sentence(anodeflow_build, arguments, words):
    status, _, err = anodeflow_build("interface", "Li3Mg7", "Li", *arguments)
    assert status == 2
    assert words in err
    assert "Traceback" not in err
