"""Finished calculations of others: taken for ours where they are proved to be, kept or refused where not."""

import gzip
import json
import re
import shutil
from pathlib import Path
from typing import Any

import ase.io
import pytest
import vasp_factories
from factories import codes
from pymatgen.core import Lattice, Structure

from anodeflow.backends.base import RelaxationSettings
from anodeflow.backends.gpaw.backend import GpawBackend, GpawSettings
from anodeflow.backends.gpaw.foreign import read_gpaw_text
from anodeflow.backends.registry import load_backend
from anodeflow.backends.vasp.backend import VaspBackend
from anodeflow.backends.vasp.settings import VaspParallel, VaspSettings
from anodeflow.calculations.backend_makers import Makers
from anodeflow.core.errors import InputError
from anodeflow.database.query import calculation_documents
from anodeflow.database.store import open_store
from anodeflow.interchange.adopt import adopt

RECORDED = Path(ase.io.__file__).parents[1] / "test" / "testdata" / "vasp"
"""Outputs of real runs of VASP that come with ASE."""


def slab() -> Structure:
    """Two layers of Al, the lower one fixed, the upper one too high."""
    return Structure(
        Lattice([[2.864, 0, 0], [0, 2.864, 0], [0, 0, 14.0]], pbc=(True, True, False)),
        ["Al", "Al"],
        [[0, 0, 0.2], [0.5, 0.5, 0.36]],
        site_properties={"selective_dynamics": [[False] * 3, [True] * 3]},
    )


def atom() -> Structure:
    box = Lattice(Lattice.orthorhombic(7, 7.3, 7.6).matrix, pbc=(False,) * 3)
    return Structure(box, ["H"], [[0.5] * 3], site_properties={"magmom": [1.0]})


def crystal() -> Structure:
    return Structure(Lattice.cubic(4.05), ["Al"] * 4, [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])


def backend() -> VaspBackend:
    return VaspBackend(
        name="vasp-test",
        settings=VaspSettings(cutoff=250, max_scf_cycles=10),
        relaxation=RelaxationSettings(force_threshold=0.01),
        parallel=VaspParallel(custodian={"polling_time_step": 0.02}),
    )


@pytest.fixture
def vasp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VaspBackend:
    """A backend that the stand-in answers."""
    vasp_factories.install(tmp_path / "vasp", monkeypatch)
    return backend()


def made_elsewhere(calculate: Any, structure: Structure, home: Path, folder: Path) -> Any:
    """Compute in another home, keep the last run's folder as somebody else's, and forget the rest."""
    document = calculate(structure)
    (*_, run) = sorted(Path(document.directory).glob("attempt-*"))
    shutil.copytree(run, folder)
    for file in folder.glob("*.gz"):
        file.with_suffix("").write_bytes(gzip.decompress(file.read_bytes()))
        file.unlink()
    shutil.rmtree(home / "calculations")
    return document


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that somebody else's relaxation of the slab left, by the stand-in."""
    folder = tmp_path_factory.mktemp("vasp")
    with pytest.MonkeyPatch.context() as patch:
        vasp_factories.install(folder / "vasp", patch)
        patch.setenv("ANODEFLOW_HOME", str(folder / "home"))
        made_elsewhere(Makers(backend()).relax().calculate, slab(), folder / "home", folder / "theirs")
    return folder / "theirs"


def no_vasp(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise AssertionError("VASP was run again")

    monkeypatch.setattr("anodeflow.backends.vasp.runs.run_vasp_in", stop)


# VASP


@pytest.mark.slow
@pytest.mark.parametrize(("task", "make"), [("relax", slab), ("static", atom), ("relax_cell", crystal)])
def test_a_run_of_vasp_is_never_run_again(vasp, home, tmp_path, monkeypatch, task, make):
    makers = Makers(vasp)
    maker = {"relax": makers.relax(), "static": makers.static(), "relax_cell": makers.relax(cell=True)}[task]
    structure, theirs = make(), tmp_path / "theirs"
    if task == "relax_cell":  # what is at rest at its first step
        structure = maker.calculate(structure).structure
    before = made_elsewhere(maker.calculate, structure, home, theirs / "deep")
    with open_store() as store:
        (found,) = adopt([theirs], [vasp], store)
        assert (found.state, found.calculation.id) == ("reused", before.id)
        assert calculation_documents([before.id], store)[before.id].adopted.equal_to == "vasp-test"
        (again,) = adopt([theirs], [vasp], store)
        assert again.state == "known"
    no_vasp(monkeypatch)
    document = maker.calculate(structure, "as a campaign asks")
    assert document.id == before.id
    assert document.energy == before.energy
    assert document.forces == before.forces
    assert document.label == "as a campaign asks"
    assert "adopted" in codes(document)
    assert document.adopted.program == "VASP 6.3.0"
    assert set(document.adopted.files) >= {"INCAR", "vasprun.xml", "POSCAR"}
    assert document.adopted.settings["cutoff"] == 250
    assert document.adopted.settings["potentials"] == [f"PAW_PBE {structure[0].specie} stand-in"]


@pytest.mark.slow
def test_what_differs_is_named(vasp, ran, tmp_path):
    theirs = Path(shutil.copytree(ran, tmp_path / "theirs"))
    incar, kpoints, xml = ((theirs / name) for name in ("INCAR", "KPOINTS", "vasprun.xml"))
    texts = {file: file.read_text() for file in (incar, kpoints, xml)}

    def seen(**tags: Any) -> str:
        kept = [line for line in texts[incar].splitlines() if line.split("=")[0].strip() not in tags]
        given = [f"{tag} = {value}" for tag, value in tags.items() if value is not None]
        incar.write_text("\n".join([*kept, *given]) + "\n")
        (found,) = adopt([theirs], [vasp], dry=True)
        incar.write_text(texts[incar])
        return found.detail if found.state == "kept" else found.state

    assert seen() == "reused"
    for tag, value in {
        "ALGO": "Normal",
        "EDIFF": "1e-8",
        "LWAVE": "T",
        "NCORE": 8,
        "SYSTEM": "x",
        "ADDGRID": "F",
    }.items():
        assert seen(**{tag: value}) == "reused", "decides no number, or is converged further"
    for tag, value, words in [
        ("ENCUT", 300, "ENCUT = 300 (vasp-test: 250)"),
        ("EDIFF", 1e-4, "EDIFF = 0.0001 (vasp-test: 1e-06)"),
        ("SIGMA", 0.2, "SIGMA = 0.2 (vasp-test: 0.05)"),
        ("GGA", "PS", "GGA = Ps (vasp-test: PE)"),
        ("LASPH", None, "LASPH = False (vasp-test: True)"),
        ("LREAL", "Auto", "LREAL = Auto (vasp-test: False)"),
        ("LDIPOL", None, "LDIPOL = False (vasp-test: True)"),
        ("IVDW", 12, "IVDW = 12 (vasp-test: not given)"),
        ("METAGGA", "R2SCAN", "METAGGA = R2scan (vasp-test: not given)"),
        ("LDAU", "T", "LDAU = True (vasp-test: not given)"),
        ("PREC", "Normal", "PREC = Normal (vasp-test: Accurate)"),
    ]:
        assert words in seen(**{tag: value})
    # The functional may be that of the POTCARs.
    assert seen(GGA=None) == "reused"
    for text, words in [
        ("0\nGamma\n10 11 1\n", "k-points Gamma 10 11 1 (vasp-test: Gamma 11 11 1)"),
        ("0\nGamma\n11 11 1\n0.5 0 0\n", "shifted"),
    ]:
        kpoints.write_text(f"theirs\n{text}")
        assert words in seen()
    kpoints.write_text("theirs\n0\nMonkhorst\n11 11 1\n")
    assert seen() == "reused", "odd grids of Monkhorst and Pack have Γ"
    kpoints.write_text(texts[kpoints])
    for old, new, words in [
        ("PAW_PBE Al stand-in", "PAW_PBE Al_GW stand-in", "POTCAR PAW_PBE Al_GW stand-in (vasp-test: PBE_64 Al)"),
        ("PAW_PBE Al stand-in", "PAW_PBE Al 01Jan1999", "is not known to be of this set"),
        ("6.3.0", "5.4.4", "it is of VASP 5.4.4 (vasp-test: release 6)"),
    ]:
        xml.write_text(texts[xml].replace(old, new))
        assert words in seen()
    xml.write_text(texts[xml])
    assert (
        "largest force at its end"
        in adopt(
            [theirs], [vasp.model_copy(update={"relaxation": RelaxationSettings(force_threshold=1e-6)})], dry=True
        )[0].detail
    )
    assert "no backend of vasp was named" in adopt([theirs], [], dry=True)[0].detail


@pytest.mark.slow
def test_damaged_and_unfinished_runs_are_refused(vasp, ran, tmp_path):
    theirs = Path(shutil.copytree(ran, tmp_path / "theirs"))
    incar, xml = theirs / "INCAR", theirs / "vasprun.xml"
    texts = incar.read_text(), xml.read_text()

    def refused(given: str = texts[0], text: str = texts[1]) -> str:
        incar.write_text(given)
        xml.write_text(text)
        (found,) = adopt([theirs], [vasp], dry=True)
        assert found.state == "refused"
        assert found.calculation is None
        return found.detail

    assert "cut short" in refused(text=texts[1][: len(texts[1]) // 2])
    assert "cut short" in refused(text="")
    first = texts[1].rindex("e_fr_energy")
    number = texts[1].index("-", first)
    assert "step in it is damaged" in refused(text=texts[1][:number] + "       nan " + texts[1][number + 11 :])
    assert "SCF did not converge in" in refused(text=texts[1].replace('name="NELM">10', 'name="NELM">4'))
    steps = texts[1].count("<calculation>")
    assert f"did not converge in {steps} steps (NSW)" in refused(
        text=texts[1].replace('name="NSW">200', f'name="NSW">{steps}')
    )
    assert "ICHARG = 11" in refused(f"{texts[0]}ICHARG = 11\n")
    assert "paths are not adopted" in refused(f"{texts[0]}IMAGES = 3\n")
    assert "IBRION = 0, ISIF = 2" in refused(texts[0].replace("IBRION = 2", "IBRION = 0"))
    assert "IBRION = 2, ISIF = 4" in refused(texts[0].replace("ISIF = 2", "ISIF = 4"))
    assert "says ISMEAR = 1, and VASP was run with 0" in refused(texts[0].replace("ISMEAR = 0", "ISMEAR = 1"))
    xml.unlink()
    (found,) = adopt([theirs], [vasp], dry=True)
    assert "has no vasprun.xml" in found.detail
    (theirs / "vasprun.xml.relax1.gz").touch()
    (found,) = adopt([theirs], [vasp], dry=True)
    assert "vasprun.xml.relax1.gz is damaged or cut short" in found.detail


@pytest.mark.slow
def test_folders_are_read_as_others_leave_them(vasp, ran, tmp_path):
    """What 164 runs in the test files of aiida-vasp, atomate and custodian were refused for, or misread."""
    theirs = Path(shutil.copytree(ran, tmp_path / "theirs"))
    incar, xml, outcar = theirs / "INCAR", theirs / "vasprun.xml", theirs / "OUTCAR"
    given, text = incar.read_text(), xml.read_text()

    def seen() -> Any:
        return adopt([theirs], [vasp], dry=True)

    # VASP 5 writes LORBIT = 11 as a logical that is false, a true LMIXTAU as -1, and what nobody gave.
    head = (
        '<incar>\n  <i type="logical" name="LORBIT"> F  </i>\n  <i type="int" name="LMIXTAU">    -1</i>\n'
        '  <v type="int" name="KPOINT_BSE">    -1     0     0     0</v>\n'
    )
    incar.write_text(f"{given}LORBIT = 11\nLMIXTAU = True\n")
    xml.write_text(text.replace("<incar>", head, 1))
    assert [each.state for each in seen()] == ["reused"]
    incar.write_text(given)
    xml.write_text(text)
    # A response has cycles of its own among those of the SCF.
    incar.write_text(f"{given}LEPSILON = True\n")
    assert "computed a response (LEPSILON)" in seen()[0].detail
    xml.write_text(re.sub(r'(name="ALGO">\s*)\w+', r"\1EVGW0", text))
    assert "is no ground state (ALGO = E" in seen()[0].detail
    xml.write_text(text)
    incar.write_text(given)
    # The OUTCAR of a run before.
    energies = outcar.read_text()
    outcar.write_text(re.sub(r"(TOTEN\s+=\s+)-", r"\1-1", energies))
    assert outcar.read_text() != energies
    assert "they are of two runs" in seen()[0].detail
    outcar.write_text(energies)
    # The runs of custodian's double relaxations, each with all its files.
    for file in list(theirs.iterdir()):
        shutil.copy(file, theirs / f"{file.name}.relax1")
        with gzip.open(theirs / f"{file.name}.relax2.gz", "wb") as packed:
            packed.write(file.read_bytes())
        file.unlink()
    (theirs / "INCAR.relax1").write_text(given.replace("ISMEAR = 0", "ISMEAR = 1"))
    first, second = seen()
    assert (first.source, first.state) == (str(theirs / "vasprun.xml.relax1"), "refused")
    assert "INCAR.relax1 says ISMEAR = 1" in first.detail
    assert (second.source, second.state) == (str(theirs / "vasprun.xml.relax2"), "reused")
    assert set(second.calculation.adopted.files) >= {"vasprun.xml.relax2.gz", "INCAR.relax2.gz", "OUTCAR.relax2.gz"}
    # vasprun.xml of a band is that of one of its images, and does not tell; folders of anything else are no band.
    band = Path(shutil.copytree(ran, tmp_path / "band"))
    (band / "01").mkdir()
    (band / "01" / "OUTCAR").touch()
    assert [each.state for each in adopt([band], [vasp], dry=True)] == ["reused"]
    for name in ("INCAR", "OUTCAR"):
        (band / name).unlink()
    (found,) = adopt([band], [vasp], dry=True)
    assert found.state == "refused"
    assert "belongs to a band" in found.detail


@pytest.mark.slow
def test_what_its_files_do_not_prove_is_not_reused(vasp, ran, tmp_path):
    """Files of another run, edited since, or missing."""
    theirs = Path(shutil.copytree(ran, tmp_path / "theirs"))
    incar, xml, oszicar = theirs / "INCAR", theirs / "vasprun.xml", theirs / "OSZICAR"
    texts = {file: file.read_text() for file in (incar, xml, oszicar)}

    def seen() -> Any:
        (found,) = adopt([theirs], [vasp], dry=True)
        for file, text in texts.items():
            file.write_text(text)
        return found

    assert seen().state == "reused"
    parameters = '<parameters>\n  <i type="logical" name="LASPH"> F  </i>\n'
    xml.write_text(texts[xml].replace("<parameters>", parameters, 1))
    assert "says LASPH = True, and VASP took False" in seen().detail
    incar.write_text(texts[incar] + "LASPH = False\n")
    assert "gives LASPH twice" in seen().detail
    incar.unlink()
    found = seen()
    assert found.state == "kept"
    assert "its INCAR is not here" in found.detail
    incar.write_text(texts[incar] + "LSORBIT = True\n")
    assert "is non-collinear (LSORBIT)" in seen().detail
    oszicar.write_text(re.sub(r"F= -", "F= -9", texts[oszicar]))
    assert f"{oszicar} ends with" in seen().detail
    # The last cycle of the last SCF, as after STOPCAR.
    head, _, tail = texts[xml].rpartition("</scstep>")
    energy = re.findall(r'name="e_fr_energy">\s*([-\d.]+)', head)[-1]
    place = head.rindex(energy)
    xml.write_text(f"{head[:place]}{float(energy) - 0.01:.8f}{head[place + len(energy) :]}</scstep>{tail}")
    assert "was stopped before it converged (EDIFF)" in seen().detail


@pytest.mark.slow
def test_what_is_fixed_is_read_as_vasp_read_it(vasp, ran, tmp_path):
    """VASP takes all of Fortran's ways to write a logical; pymatgen takes all but T for fixed."""
    theirs = Path(shutil.copytree(ran, tmp_path / "theirs"))
    poscar, xml = theirs / "POSCAR", theirs / "vasprun.xml"
    fixed = adopt([theirs], [vasp], dry=True)[0].calculation.initial_structure.site_properties["selective_dynamics"]
    assert fixed == [[False] * 3, [True] * 3]
    lines = poscar.read_text().split("\n")
    poscar.write_text("\n".join([*lines[:8], *(line.replace("T T T", ".TRUE. t T") for line in lines[8:])]))
    (found,) = adopt([theirs], [vasp], dry=True)
    assert (found.state, "POSCAR: Selective dynamics values must be either 'T' or 'F'" in found.detail) == (
        "refused",
        True,
    )
    flags = "".join(f'<v type="logical"> {flag} {flag} {flag} </v>' for flag in "FT")
    written = f'<varray name="selective" type="logical">{flags}</varray></structure>'
    head, tail = xml.read_text().split('name="initialpos"')
    xml.write_text(f'{head}name="initialpos"{tail.replace("</structure>", written, 1)}')
    (found,) = adopt([theirs], [vasp], dry=True)
    assert found.calculation.initial_structure.site_properties["selective_dynamics"] == fixed


@pytest.mark.slow
def test_compressed_folders_are_read_and_never_overwrite_what_was_begun(vasp, ran, home, tmp_path):
    theirs = Path(shutil.copytree(ran, tmp_path / "theirs"))
    (before,) = (each.calculation for each in adopt([theirs], [vasp], dry=True))
    for file in list(theirs.iterdir()):
        if file.is_file():
            file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
            file.unlink()
    folder = home / "calculations" / before.id[:2] / before.id
    folder.mkdir(parents=True)
    (folder / "steps.jsonl").write_text('{"energy": 0.0, "positions": [], "forces": []}\n')
    (found,) = adopt([theirs], [vasp])
    assert "was begun in" in found.detail
    (folder / "steps.jsonl").unlink()
    (found,) = adopt([theirs], [vasp])
    assert found.state == "reused"
    assert found.calculation.energy == before.energy
    (theirs / "vasprun.xml.gz").write_bytes((theirs / "vasprun.xml.gz").read_bytes()[:200])
    (found,) = adopt([theirs], [vasp])
    assert "damaged or cut short" in found.detail


def test_recorded_runs_are_kept_and_shown(anodeflow, tmp_path):
    """C and NaCl by VASP 6.3, as ASE's tests have them: one is not ours, one computed a response as well."""
    for name in ("pstress", "dfpt"):
        (tmp_path / "others" / name).mkdir(parents=True)
        shutil.copy(RECORDED / f"vasprun_{name}.xml", tmp_path / "others" / name / "vasprun.xml")
    assert (
        json.loads(anodeflow("adopt", tmp_path / "others", "--dry-run", "--format", "json").out)[1]["state"] == "kept"
    )
    assert anodeflow("adopt", "--list").out == "nothing was adopted.\n"
    ended = anodeflow("adopt", tmp_path / "others", "--format", "json", "-b", "vasp-standard")
    assert ended.status == 1
    assert "1 of 2 calculations were refused" in ended.err
    dfpt, pstress = json.loads(ended.out)
    assert (pstress["formula"], pstress["program"], pstress["task"]) == ("C2", "VASP 6.3.0", "static")
    assert "PSTRESS = 1 (vasp-standard: not given)" in pstress["differs"]
    assert "ENCUT = 400 (vasp-standard: 520)" in pstress["differs"]
    assert "k-points Monkhorst 4 4 4 (vasp-standard: Gamma 16 16 16)" in pstress["differs"]
    assert pstress["settings"]["potentials"] == ["PAW C 22Mar2012"]
    assert dfpt["state"] == "refused"
    assert "computed a response (LEPSILON)" in dfpt["detail"]
    listed = json.loads(anodeflow("adopt", "--list", "--format", "json").out)
    assert {each["id"] for each in listed} == {pstress["id"]}
    assert "1 kept" in anodeflow("adopt", "--list").out


def test_what_cannot_be_adopted_is_told(anodeflow, tmp_path):
    ended = anodeflow("adopt", tmp_path / "nowhere")
    assert ended.status == 2
    assert "there is no folder" in ended.err
    ended = anodeflow("adopt", tmp_path)
    assert ended.status == 2
    assert "no calculation of VASP (vasprun.xml) or GPAW" in ended.err
    assert "give folders" in anodeflow("adopt").err
    (tmp_path / "OUTCAR").write_text("")
    ended = anodeflow("adopt", tmp_path)
    assert ended.status == 1
    assert "1 of 1 calculations were refused" in ended.err


# GPAW


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What GPAW leaves of a relaxed slab of Al and of a static crystal, run as anybody would."""
    pytest.importorskip("_gpaw")
    from ase.constraints import FixAtoms
    from ase.filters import FrechetCellFilter
    from ase.optimize import BFGS
    from gpaw import GPAW
    from pymatgen.io.ase import AseAtomsAdaptor

    folder = tmp_path_factory.mktemp("gpaw")
    usual = {"mode": {"name": "pw", "ecut": 200}, "xc": "PBE"}
    bulk = AseAtomsAdaptor.get_atoms(crystal(), msonable=False)
    bulk.calc = GPAW(**usual, kpts={"size": (2, 2, 2), "gamma": True}, txt=str(folder / "bulk.txt"))
    bulk.get_forces()
    bulk.get_stress()
    flat = slab().copy()
    flat.remove_site_property("selective_dynamics")
    atoms = AseAtomsAdaptor.get_atoms(flat, msonable=False)
    atoms.set_constraint(FixAtoms([0]))
    kpts = {"size": (2, 2, 1), "gamma": True}
    atoms.calc = GPAW(**usual, kpts=kpts, poissonsolver={"dipolelayer": "xy"}, txt=str(folder / "slab.txt"))
    BFGS(atoms, logfile=None, trajectory=str(folder / "slab.traj")).run(fmax=0.04, steps=20)
    swollen = AseAtomsAdaptor.get_atoms(crystal().apply_strain(0.002, inplace=False), msonable=False)
    swollen.calc = GPAW(**usual, kpts={"size": (2, 2, 2), "gamma": True}, txt=str(folder / "swollen.txt"))
    BFGS(FrechetCellFilter(swollen), logfile=None).run(fmax=0.02, steps=20)
    return folder


OCCUPATIONS = "  occupations=Occupations(name='fermi-dirac', width=0.1, fixmagmom="


@pytest.fixture
def gpaw() -> GpawBackend:
    settings = GpawSettings(cutoff=200, kpoint_spacing=1.1)
    relaxation = RelaxationSettings(force_threshold=0.05, stress_threshold=2e-3)
    return GpawBackend(name="gpaw-test", settings=settings, relaxation=relaxation)


@pytest.mark.gpaw
def test_runs_of_gpaw_are_never_run_again(theirs, gpaw, monkeypatch):
    with open_store() as store:
        bulk, flat, cell = adopt([theirs], [gpaw, load_backend("gpaw-standard")], store)
    assert [each.state for each in (bulk, flat, cell)] == ["reused"] * 3, f"{bulk.detail} {flat.detail} {cell.detail}"
    monkeypatch.setattr(GpawBackend, "execute", lambda *_: pytest.fail("GPAW was run again"))
    document = Makers(gpaw).static().calculate(crystal())
    assert document.id == bulk.calculation.id
    assert document.adopted.program.startswith("GPAW ")
    document = Makers(gpaw).relax().calculate(slab())
    assert document.energy == flat.calculation.energy
    assert document.ionic_steps > 1
    assert set(document.adopted.files) == {"slab.txt", "slab.traj"}
    document = Makers(gpaw).relax(cell=True).calculate(crystal().apply_strain(0.002, inplace=False))
    assert document.id == cell.calculation.id
    assert max(map(abs, document.stress)) < gpaw.relaxation.stress_threshold
    assert document.structure.volume != pytest.approx(document.initial_structure.volume, rel=1e-4)


@pytest.mark.gpaw
def test_what_differs_of_gpaw_is_named(theirs, gpaw, tmp_path):
    text = (theirs / "bulk.txt").read_text()

    def seen(old: str = "", new: str = "", **changes: Any) -> str:
        assert old in text
        (tmp_path / "bulk.txt").write_text(text.replace(old, new) if old else text)
        found = read_gpaw_text(tmp_path / "bulk.txt").differences(gpaw.with_settings(changes))
        return "; ".join(found)

    assert seen() == ""
    assert seen("  xc=XC", f"{OCCUPATIONS}False),\n  xc=XC") == "", "as GPAW writes an object FermiDirac(0.1)"
    for changes, words in [
        ({"cutoff": 250}, "cutoff 200 (gpaw-test: 250)"),
        ({"functional": "RPBE"}, "functional PBE (gpaw-test: RPBE)"),
        ({"functional": "RPBE"}, "the PAW dataset of Al is another one (gpaw-test: Al.RPBE)"),
        ({"kpoint_spacing": 0.6}, "k-points 2 x 2 x 2 about Γ (gpaw-test: 3 x 3 x 3 about Γ)"),
        ({"smearing_width": 0.05}, "occupations name fermi-dirac, width 0.1 (gpaw-test: name fermi-dirac, width 0.05)"),
        ({"density_tolerance": 1e-5}, "density converged to 0.0001 (gpaw-test: 1e-05)"),
        ({"total_energy_tolerance": 1e-5}, "total_energy is no criterion"),
        ({"extra": {"interpolation": 5}}, "interpolation not given (gpaw-test: 5)"),
    ]:
        assert words in seen(**changes)
    for old, new, words in [
        ("Monkhorst-Pack shift: [0.25, 0.25, 0.25]", "Monkhorst-Pack shift: [0, 0, 0]", "not about Γ"),
        ("Spin-components: 1", "Spin-components: 2", "polarised by spin True (gpaw-test: False)"),
        ("  xc=XC", "  charge=1.0,\n  xc=XC", "charge 1 (gpaw-test: not given)"),
        ("  xc=XC", f"{OCCUPATIONS}True),\n  xc=XC", "width 0.1, fixmagmom True (gpaw-test: name fermi-dirac"),
        ("  xc=XC", "  charge=__import__('os').abort(),\n  xc=XC", "charge name abort"),
        ("  xc=XC", "  charge=1 if True else 2,\n  xc=XC", "cannot be read"),
        ("|__||  | ||/\\| - ", "|__||  | ||/\\| - 9", "it is of GPAW 9"),
    ]:
        assert words in seen(old, new)


@pytest.mark.gpaw
def test_unfinished_runs_of_gpaw_are_refused(theirs, gpaw, tmp_path):
    text = (theirs / "slab.txt").read_text()
    copy = tmp_path / "slab.txt"
    last = text.rindex("SCF iterations")
    for damaged, words in [
        (text[: last + 100], "did not converge, or the file is cut short"),
        (text[: text.rindex("Free energy:")], "damaged or cut short"),
        (text[: text.index("SCF iterations")], "did not converge"),
        (text[:300], "no text output of GPAW"),
        (text.replace("Free energy: ", "Free energy: nan"), "damaged or cut short"),
    ]:
        copy.write_text(damaged)
        with pytest.raises(InputError, match=words):
            read_gpaw_text(copy)
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "al.gpw").write_bytes(b"")
    (found,) = adopt([tmp_path / "alone"], [gpaw], dry=True)
    assert "has no text output of GPAW beside it" in found.detail
