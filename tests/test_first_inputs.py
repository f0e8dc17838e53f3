"""``anodeflow check --inputs``: the files of what can begin at once, as a run would write them, and nothing else."""

import json
import shutil
from pathlib import Path

import pymatgen.core
import pytest
import vasp_factories
from pymatgen.io.vasp import Incar, Kpoints, Poscar

from anodeflow.backends.cp2k.backend import Cp2kBackend
from anodeflow.backends.gpaw.backend import GpawBackend
from anodeflow.backends.registry import load_backend
from anodeflow.campaign.first_inputs import LIST
from anodeflow.structures.bulk.catalogue import load_structure

UPF = Path("/usr/share/espresso/pseudo/Li.pbesol-s-kjpaw_psl.0.2.1.UPF")


def campaign(folder: Path, backend: str, element: str = "Li", prescreen: str = "") -> Path:
    file = folder / "first.yaml"
    file.write_text(
        f"name: first\nbackend: {backend}\n{prescreen}"
        f"systems:\n  - {{name: 'X(001), thin', structure: {element}, layers: 3, vacuum: 10, min_width: 3}}\n"
        f"studies:\n  - adsorption: {{adsorbate: {element}}}\n"
    )
    return file


@pytest.mark.slow
def test_vasp_gets_all_but_its_potcars(anodeflow, tmp_path, monkeypatch):
    vasp_factories.install(tmp_path / "vasp", monkeypatch)
    done = anodeflow("check", campaign(tmp_path, "vasp-standard"), "--inputs", tmp_path / "in", "-f", "json")
    assert done.status == 0, done.err
    bulk, atom = (Path(each) for each in json.loads(done.out)["inputs"])
    assert [bulk.name, atom.name] == ["1-Li-bulk", "2-Li-atom"]
    assert sorted(file.name for file in bulk.iterdir()) == ["INCAR", "KPOINTS", "POSCAR", "POTCAR.spec"]
    assert (bulk / "POTCAR.spec").read_text().split() == ["Li_sv"]
    settings = load_backend("vasp-standard").settings
    tags = Incar.from_file(bulk / "INCAR")
    assert (tags["ISIF"], tags["ENCUT"], tags["NSW"]) == (3, settings.cutoff, 200)
    assert Poscar.from_file(bulk / "POSCAR", check_for_potcar=False).structure.matches(load_structure("Li"))
    assert Kpoints.from_file(atom / "KPOINTS").kpts == [(1, 1, 1)]
    assert Incar.from_file(atom / "INCAR")["ISPIN"] == 2
    listed = json.loads((tmp_path / "in" / LIST).read_text())
    assert [(each["label"], each["task"]) for each in listed] == [("Li bulk", "relax_cell"), ("Li atom", "static")]


def test_vasp_need_not_be_on_the_machine(anodeflow, tmp_path, monkeypatch):
    """Somebody with a laptop looks at inputs for a cluster that has the licence."""
    monkeypatch.setattr("atomate2.SETTINGS.VASP_CMD", "vasp_unheard_of")
    monkeypatch.delitem(pymatgen.core.SETTINGS, "PMG_VASP_PSP_DIR", raising=False)
    file = campaign(tmp_path, "vasp-standard", element="K")
    refused = anodeflow("check", file)
    assert (refused.status, "'vasp_unheard_of' is not found" in refused.err) == (2, True)
    done = anodeflow("check", file, "--inputs", tmp_path / "in")
    assert done.status == 0, done.err
    assert "not on this machine, so which elements it knows is open: backend vasp-standard" in done.out
    assert (tmp_path / "in" / "1-K-bulk" / "POTCAR.spec").read_text().split() == ["K_sv"]


@pytest.mark.skipif(not Cp2kBackend.availability().works, reason="needs CP2K")
def test_cp2k_gets_what_a_run_begins_with(anodeflow, tmp_path):
    assert anodeflow("check", campaign(tmp_path, "cp2k-demo"), "--inputs", tmp_path / "in").status == 0
    text = (tmp_path / "in" / "1-Li-bulk" / "cp2k-1.inp").read_text()
    assert "STRESS_TENSOR ANALYTICAL" in text
    assert "MULTIPLICITY 2" in (tmp_path / "in" / "2-Li-atom" / "cp2k-1.inp").read_text()


@pytest.mark.skipif(not UPF.is_file() or shutil.which("pw.x") is None, reason="needs Quantum ESPRESSO")
def test_espresso_gets_what_a_run_begins_with(anodeflow, tmp_path):
    file = campaign(tmp_path, "espresso-li-pbesol")
    assert anodeflow("check", file, "--inputs", tmp_path / "in").status == 0
    assert "tstress          = .true." in (tmp_path / "in" / "1-Li-bulk" / "espresso-1.pwi").read_text()


@pytest.mark.skipif(not GpawBackend.availability().works, reason="needs GPAW")
def test_gpaw_gets_what_its_driver_reads_and_a_potential_before_it_nothing(anodeflow, tmp_path):
    from ase.io.jsonio import decode

    file = campaign(tmp_path, "gpaw-demo", element="Al", prescreen="prescreen: emt\n")
    done = anodeflow("check", file, "--inputs", tmp_path / "in")
    assert done.status == 0, done.err
    assert "input files of 1-Al-bulk, 2-Al-atom" in done.out
    asked = decode((tmp_path / "in" / "1-Al-bulk" / "input.json").read_text())
    backend = load_backend("gpaw-demo")
    assert asked["task"] == "relax_cell"
    assert asked["parameters"]["mode"]["ecut"] == backend.settings.cutoff
    assert asked["atoms"].get_chemical_formula() == load_structure("Al").formula.replace(" ", "")


@pytest.mark.slow
def test_a_code_without_files_and_a_folder_of_the_user_are_refused(anodeflow, tmp_path, monkeypatch):
    target = tmp_path / "in"
    done = anodeflow("check", campaign(tmp_path, "emt", element="Al"), "--inputs", target)
    assert (done.status, target.exists()) == (2, False)
    assert "backend emt: emt computes within anodeflow, and reads no input files." in done.err
    vasp_factories.install(tmp_path / "vasp", monkeypatch)
    file = campaign(tmp_path, "vasp-standard")
    target.mkdir()
    (target / "thesis.tex").write_text("mine")
    for force in ([], ["--force"]):  # not one of ours: not even then
        done = anodeflow("check", file, "--inputs", target, *force)
        assert done.status == 2
        assert "name another folder" in done.err
    assert [each.name for each in target.iterdir()] == ["thesis.tex"]
    (target / "thesis.tex").unlink()
    assert anodeflow("check", file, "--inputs", target).status == 0, "an empty folder is as good as none"
    assert "--force" in anodeflow("check", file, "--inputs", target).err
    (target / "1-Li-bulk" / "INCAR").write_text("spoilt")
    assert anodeflow("check", file, "--inputs", target, "--force").status == 0
    assert "ENCUT" in (target / "1-Li-bulk" / "INCAR").read_text()
    assert anodeflow("check", file, "--force").status == 2, "--force without --inputs means nothing"
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for here in (".", tmp_path / "here"):
        assert "is the folder that the command is given in" in anodeflow("check", file, "--inputs", here).err
    (tmp_path / "file").write_text("mine")
    assert "name another folder" in anodeflow("check", file, "--inputs", tmp_path / "file").err


def test_an_untrusted_backend_file_writes_nothing(anodeflow, tmp_path):
    (tmp_path / "mine.yaml").write_text('code: gpaw\nparallel: {launcher: "./srun -n {ranks}"}\n')
    done = anodeflow("check", campaign(tmp_path, "mine.yaml"), "--inputs", tmp_path / "in")
    assert (done.status, (tmp_path / "in").exists()) == (2, False)
    assert "mine.yaml has to be trusted before input files are written for it" in done.err
    assert anodeflow("check", tmp_path / "first.yaml", "--inputs", tmp_path / "in", "--trust").status == 0
