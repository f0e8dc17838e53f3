"""VASP: every input file of every task field by field, recorded output, restarts, and what is said of failures.

No VASP is here: where one must run, the stand-in of tests/data/vasp does (a Morse potential in VASP's formats).
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
import vasp_factories
from factories import codes, sentence
from monty.json import MontyDecoder, MontyEncoder, jsanitize
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor
from pymatgen.io.vasp import Incar, Kpoints, Poscar, Potcar

from anodeflow.backends.base import NebSettings, RelaxationSettings
from anodeflow.backends.registry import available, load_backend
from anodeflow.backends.vasp import exec as vasp_exec
from anodeflow.backends.vasp.backend import VaspBackend
from anodeflow.backends.vasp.density import whole_density
from anodeflow.backends.vasp.inputs import density_grid, dipole_centre
from anodeflow.backends.vasp.outputs import Frame, read_image, read_run
from anodeflow.backends.vasp.process import end_process, read_note
from anodeflow.backends.vasp.settings import VaspParallel, VaspSettings
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.progress import Progress, listen
from anodeflow.calculations.request import Request
from anodeflow.core.data import shipped_backends
from anodeflow.core.errors import (
    BackendUnavailableError,
    CalculationError,
    InputError,
    InterruptedCalculationError,
)

RECORDED = Path(ase.io.__file__).parents[1] / "test" / "testdata" / "vasp"
"""Outputs of real runs of VASP that come with ASE."""

COMMON = {
    "PREC": "Accurate",
    "ENCUT": 520.0,
    "GGA": "Pe",
    "EDIFF": 1e-6,
    "NELM": 150,
    "ALGO": "Normal",
    "ISMEAR": 0,
    "SIGMA": 0.05,
    "LREAL": False,
    "LASPH": True,
    "LCHARG": False,
    "LWAVE": False,
    "NCORE": 4,
}


@pytest.fixture
def vasp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VaspBackend:
    """A backend that the stand-in answers."""
    vasp_factories.install(tmp_path / "vasp", monkeypatch)
    return VaspBackend(
        name="vasp-test",
        settings=VaspSettings(cutoff=250, max_scf_cycles=10),
        relaxation=RelaxationSettings(force_threshold=0.01),
        parallel=VaspParallel(custodian={"polling_time_step": 0.02}),
    )


@pytest.fixture
def standard(vasp: VaspBackend, monkeypatch: pytest.MonkeyPatch) -> VaspBackend:
    """vasp-standard, which writes its inputs and then finds that VASP does not start."""

    def stop(*_: Any, **__: Any) -> None:
        raise RuntimeError("no VASP in this test")

    monkeypatch.setattr("anodeflow.backends.vasp.runs.run_vasp_in", stop)
    return load_backend("vasp-standard")


def inputs(home: Path, calculate: Any, *arguments: Any) -> tuple[Path, dict[str, Any]]:
    """Return the folder that a calculation wrote its inputs to, and its INCAR; empty the home before."""
    before = set(home.glob("calculations/*/*/attempt-*"))
    with pytest.raises(CalculationError, match=r"could not be started: no VASP in this test \(logs: "):
        calculate(*arguments)
    (run,) = set(home.glob("calculations/*/*/attempt-*")) - before
    return run, dict(Incar.from_file(run / "INCAR"))


def slab() -> Structure:
    """Slab of Li and Mg with a Li adatom: atoms out of VASP's order, the lowest two fixed, one adrift below z = 0."""
    return Structure(
        Lattice([[3.5, 0, 0], [0, 4.0, 0], [0, 0, 20.0]], pbc=(True, True, False)),
        ["Li", "Mg", "Mg", "Li", "Li"],
        [[0, 0, -0.02], [0.5, 0.5, 0.08], [0, 0, 0.18], [0.5, 0.5, 0.28], [0, 0, 0.36]],
        site_properties={"selective_dynamics": [[False] * 3] * 2 + [[True] * 3] * 2 + [[False, False, True]]},
    )


def aluminium(shift: float = 0.15) -> Structure:
    """Cube of fcc Al whose last atom is off its site."""
    structure = Structure(Lattice.cubic(4.05), ["Al"] * 4, [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    structure.translate_sites([3], [shift, 0, 0], frac_coords=False)
    return structure


def path() -> list[Structure]:
    """An Al atom that goes from one hollow of a small Al(001) to the next, all others fixed."""
    images = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        cell = Lattice([[5.727, 0, 0], [0, 5.727, 0], [0, 0, 14.0]], pbc=(True, True, False))
        corners = [(x, y) for x in (0.25, 0.75) for y in (0.25, 0.75)]
        places = [[x - 0.25, y - 0.25, 0.2] for x, y in corners] + [[x, y, 0.3446] for x, y in corners]
        images.append(
            Structure(
                cell,
                ["Al"] * 9,
                [*places, [0.5 * share, 0, 0.47]],
                site_properties={"selective_dynamics": [[False] * 3] * 8 + [[True] * 3]},
            )
        )
    return images


# Inputs


def test_relaxation_of_a_slab_field_by_field(standard, home):
    structure = slab()
    run, incar = inputs(home, Makers(standard).relax().calculate, structure)
    assert incar == COMMON | {
        "ISPIN": 1,
        "LDIPOL": True,
        "IDIPOL": 3,
        "DIPOL": [0.5, 0.5, pytest.approx(dipole_centre(structure)[2])],
        "NSW": 200,
        "IBRION": 2,
        "ISIF": 2,
        "EDIFFG": -0.01,
    }
    kpoints = Kpoints.from_file(run / "KPOINTS")
    assert kpoints.style == Kpoints.supported_modes.Gamma
    assert kpoints.kpts == [(9, 8, 1)], "2π / 3.5 / 0.2 = 8.98, 2π / 4 / 0.2 = 7.85, one along the vacuum"
    assert kpoints.kpts_shift == (0, 0, 0)
    lines = (run / "POSCAR").read_text().splitlines()
    assert lines[5].split() == ["Li", "Mg"]
    assert lines[6].split() == ["3", "2"]
    assert lines[7].startswith("Selective")
    assert [line.split()[3:6] for line in lines[9:14]] == [list(w) for w in ("FFF", "TTT", "FFT", "FFF", "TTT")]
    poscar = Poscar.from_file(run / "POSCAR", check_for_potcar=False).structure
    order = [0, 3, 4, 1, 2]
    assert np.allclose(poscar.lattice.matrix, structure.lattice.matrix, atol=1e-12)
    assert np.allclose(poscar.frac_coords % 1, structure.frac_coords[order] % 1, atol=1e-12)
    potcar = Potcar.from_file(str(run / "POTCAR"))
    assert [single.TITEL for single in potcar] == ["PAW_PBE Li_sv stand-in", "PAW_PBE Mg stand-in"]
    assert [single.nelectrons for single in potcar] == [3, 2]


def test_cell_relaxation_of_a_bulk_field_by_field(standard, home):
    structure = aluminium()
    calm = standard.model_copy(update={"relaxation": standard.relaxation.model_copy(update={"stress_threshold": 1e-4})})
    run, incar = inputs(home, Makers(calm).relax(cell=True).calculate, structure)
    threshold = 0.0001 * 4.05**3  # the stress of the cell as an energy, 0.0066 eV, is less than 0.01 eV/Å
    assert incar == COMMON | {"ISPIN": 1, "NSW": 200, "IBRION": 2, "ISIF": 3, "EDIFFG": pytest.approx(-threshold, 1e-3)}
    assert Kpoints.from_file(run / "KPOINTS").kpts == [(8, 8, 8)]
    assert "Selective" not in (run / "POSCAR").read_text()


def test_static_and_density_field_by_field(standard, home):
    structure = aluminium()
    _, incar = inputs(home, Makers(standard).static().calculate, structure)
    assert incar == COMMON | {"ISPIN": 1, "NSW": 0}
    _, incar = inputs(home, Makers(standard).static(charge_density=True, grid_spacing=0.05).calculate, structure)
    fine = {"NGXF": 84, "NGYF": 84, "NGZF": 84}  # 4.05 / 0.05 = 81; 82 has the factor 41
    assert incar == COMMON | {"ISPIN": 1, "NSW": 0, "LCHARG": True, "LAECHG": True} | fine
    # Never coarser than with PREC = Accurate: 2 NGX >= 8 G a / 2π = 60.2 with G = sqrt(2m ENCUT)/ħ = 11.68 /Å.
    assert density_grid(structure, 520, 0.5) == [64, 64, 64], "62 has the factor 31"


def test_magnetic_atom_in_a_box_field_by_field(standard, home):
    box = Lattice.orthorhombic(12, 12.6, 13.2)
    atom = Structure(Lattice(box.matrix, pbc=(False,) * 3), ["H"], [[0.5, 0.5, 0.5]], site_properties={"magmom": [1.0]})
    run, incar = inputs(home, Makers(standard).static().calculate, atom)
    assert incar == COMMON | {"ISPIN": 2, "MAGMOM": [1.0], "NUPDOWN": 1, "ISYM": 0, "NSW": 0}
    assert Kpoints.from_file(run / "KPOINTS").kpts == [(1, 1, 1)]
    magnetic = slab().add_site_property("magmom", [1.0, 0.0, None, 0.5, -1.0])
    _, incar = inputs(home, Makers(standard).static().calculate, magnetic)
    assert incar["ISPIN"] == 2
    assert incar["MAGMOM"] == [1.0, 0.5, -1.0, 0.0, 0.0], "in VASP's order"
    assert "NUPDOWN" not in incar, "a slab finds its own moment"
    radical = slab().add_site_property("magmom", [1.0, 0.0, None, 0.0, 0.0])
    keeping = standard.with_settings({"fixed_moment": True})
    _, incar = inputs(home, Makers(keeping).static().calculate, radical)
    assert incar["NUPDOWN"] == 1
    assert "ISYM" not in incar
    with pytest.raises(InputError, match=r"fixed_moment keeps the moment of one adatom.*several atoms start"):
        Makers(keeping).static().calculate(magnetic)
    assert "fixed_moment" not in standard.all_settings()


def test_band_field_by_field(standard, home):
    images = path()
    run, incar = inputs(home, Makers(standard).neb().calculate, images, (-10.0, -9.5))
    assert incar == COMMON | {
        "ISPIN": 1,
        "LDIPOL": True,
        "IDIPOL": 3,
        "DIPOL": [0.5, 0.5, pytest.approx(dipole_centre(images[0])[2])],
        "IMAGES": 3,
        "ICHAIN": 0,
        "LCLIMB": False,
        "SPRING": -0.1,
        "IOPT": 1,
        "IBRION": 3,
        "POTIM": 0,
        "MAXMOVE": 0.2,
        "ISIF": 2,
        "ISYM": 0,
        "NSW": 200,
        "EDIFFG": -0.5,
        "EFIRST": -10.0,
        "ELAST": -9.5,
    }
    assert sorted(place.name for place in run.iterdir() if place.is_dir()) == ["00", "01", "02", "03", "04"]
    for number, image in enumerate(images):
        written = Poscar.from_file(run / f"{number:02}" / "POSCAR", check_for_potcar=False)
        assert np.allclose(written.structure.frac_coords, image.frac_coords, atol=1e-12)
        assert np.array(written.selective_dynamics).tolist() == image.site_properties["selective_dynamics"]
        assert (run / f"{number:02}" / "KPOINTS").read_text() == (run / "KPOINTS").read_text()
    assert Kpoints.from_file(run / "KPOINTS").kpts == [(6, 6, 1)]
    assert [single.symbol for single in Potcar.from_file(str(run / "POTCAR"))] == ["Al"]


def test_dipole_stands_at_the_centre_of_mass():
    """Also of a slab that the cell's face cuts: Li (6.94 u) at -0.4, 5.6 and 7.2 Å, Mg (24.305 u) at 1.6 and 3.6 Å."""
    centre = (6.94 * (-0.4 + 5.6 + 7.2) + 24.305 * (1.6 + 3.6)) / (3 * 6.94 + 2 * 24.305)
    assert dipole_centre(slab()) == [0.5, 0.5, pytest.approx(centre / 20, abs=1e-4)]
    moved = slab()
    moved.translate_sites(range(5), [0, 0, -0.2])
    assert dipole_centre(moved)[2] == pytest.approx((centre / 20 - 0.2) % 1, abs=1e-4)


def test_settings_reach_the_inputs(standard, home):
    changes = {
        "functional": "PBEsol",
        "smearing": "methfessel-paxton",
        "smearing_width": 0.1,
        "dipole_correction": False,
        "incar": {"ivdw": 12},
        "cutoff": 400,
        "max_scf_cycles": 60,
        "algorithm": "Fast",
        "energy_tolerance": 1e-5,
    }
    changed = standard.with_settings(changes)
    _, incar = inputs(home, Makers(changed).static().calculate, slab())
    expected = {"GGA": "Ps", "ISMEAR": 1, "SIGMA": 0.1, "IVDW": 12, "ENCUT": 400, "NELM": 60, "ALGO": "Fast"}
    assert incar == COMMON | expected | {"EDIFF": 1e-5, "ISPIN": 1, "NSW": 0}
    request = Request("static", slab())
    assert changed.address(request) != standard.address(request)
    faster = standard.model_copy(update={"parallel": VaspParallel(incar={"KPAR": 4})})
    assert faster.address(request) == standard.address(request), "speed is not part of a result's name"


def test_settings_of_a_group_are_respected_and_hashed(standard, home, monkeypatch):
    from atomate2 import SETTINGS

    request = Request("static", aluminium())
    before, hashed = standard.address(request), standard.settings_hash()
    monkeypatch.setattr(SETTINGS, "VASP_INCAR_UPDATES", {"LMAXMIX": 4})
    assert standard.address(request) != before
    assert standard.settings_hash() != hashed
    _, incar = inputs(home, Makers(standard).static().calculate, aluminium())
    assert incar["LMAXMIX"] == 4
    other = standard.with_settings({"potcars": {"Al": "H"}})
    assert other.address(request) != standard.address(request)
    with pytest.raises(InputError, match="POTCAR H, chosen for Al, is of H"):
        other.check_elements({"Al"})


@pytest.mark.parametrize(
    ("section", "tags", "words"),
    [
        ("settings", {"encut": 400}, "ENCUT is decided by another setting or by the task"),
        ("settings", {"KPAR": 4}, "KPAR belongs to parallel: incar"),
        ("parallel", {"SIGMA": 0.2}, "SIGMA may change numbers"),
    ],
)
def test_tags_stand_where_they_belong(section, tags, words, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(f"code: vasp\n{section}:\n  incar: {json.dumps(tags)}\n")
    with pytest.raises(InputError, match=words):
        load_backend(file)


# What is missing


def test_what_is_missing_is_one_sentence(vasp, monkeypatch, tmp_path):
    from atomate2 import SETTINGS
    from pymatgen.core import SETTINGS as PYMATGEN

    found = vasp.availability()
    assert found.works
    assert found.detail.startswith("vasp_std, POTCARs in ")
    with pytest.raises(InputError, match="there is no PBE_64 POTCAR Na_pv for Na: choose another one"):
        vasp.check_elements({"Na"})
    (Path(PYMATGEN["PMG_VASP_PSP_DIR"]) / "POT_PAW_PBE_64" / "POTCAR.Mg").write_text("")
    with pytest.raises(InputError, match="POTCAR Mg for Mg cannot be read"):
        vasp.check_elements({"Mg"})
    monkeypatch.setattr(SETTINGS, "VASP_CMD", "mpirun -n 16 vasp_unheard_of")
    with pytest.raises(
        BackendUnavailableError, match=r"'mpirun -n 16 vasp_unheard_of' and .* is not found; set VASP_CMD"
    ):
        vasp.check_available()
    monkeypatch.setattr(SETTINGS, "VASP_CMD", "vasp_std")
    monkeypatch.setitem(PYMATGEN, "PMG_VASP_PSP_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(BackendUnavailableError, match=r"leads to .*nowhere, which is no folder; run `pmg"):
        vasp.check_available()
    monkeypatch.delitem(PYMATGEN, "PMG_VASP_PSP_DIR")
    with pytest.raises(BackendUnavailableError, match="POTCARs are not found: PMG_VASP_PSP_DIR is not set; run `pmg"):
        vasp.check_available()
    with pytest.raises(InputError, match="POTCARs are not found"):
        vasp.check_elements({"Al"})


@pytest.mark.slow
def test_potcars_are_vouched_for_by_their_checksum_or_told(vasp, home, recwarn):
    from pymatgen.core import SETTINGS as PYMATGEN

    file = Path(PYMATGEN["PMG_VASP_PSP_DIR"]) / "POT_PAW_PBE_64" / "POTCAR.Al"
    whole = file.read_text()
    assert Makers(vasp).static().calculate(aluminium()).warnings == []
    assert not [each for each in recwarn if "may be" in str(each.message)], "nothing is told of whole ones"
    file.write_text(whole.replace("1.0 0.5 0.25", "1.0 0.5 0.26"))  # one digit of its numbers
    with pytest.raises(InputError, match=r"PAW_PBE Al stand-in is not what its own checksum .* unpack it anew"):
        Makers(vasp).static().calculate(aluminium(0.1))
    file.write_text("\n".join(line for line in whole.split("\n") if "SHA256" not in line))
    with pytest.warns(UserWarning, match="none that pymatgen knows and has no checksum: it may be damaged"):
        document = Makers(vasp).static().calculate(aluminium(0.1))
    assert codes(document) == ["potcar-unknown"]


# Flows


@pytest.mark.slow
def test_whole_campaign_is_built_and_serialised(vasp, tmp_path):
    """As jobflow-remote does it: to plain data, to JSON, and back to jobs that can run."""
    from jobflow import Flow

    from anodeflow.campaign.model import Campaign

    file = tmp_path / "metals.yaml"
    file.write_text(
        "name: metals\nbackend: vasp-standard\n"
        "systems:\n  - {name: Al(001), structure: Al, layers: 4, vacuum: 12, min_width: 5.5}\n"
        "interfaces:\n  - {name: Al/Ag, alloy: Al, metal: Ag, alloy_layers: 3, metal_layers: 3, vacuum: 8, "
        "min_width: 5, max_atoms: 60}\n"
        "studies:\n  - adsorption: {adsorbate: Al}\n  - charge: {adsorbate: Al}\n  - diffusion: {adsorbate: Al}\n"
        "  - interdiffusion: {element: Al, depth: 2}\n  - vacancy: {element: Al, helper: Al, paths: [I]}\n"
    )
    flow = Campaign.from_file(file).flow()
    plain = jsanitize(flow.as_dict(), strict=True, enum_values=True)
    again = Flow.from_dict(json.loads(json.dumps(plain)))
    jobs, before = [job for job, _ in again.iterflow()], [job for job, _ in flow.iterflow()]
    assert [job.uuid for job in jobs] == [job.uuid for job in before]
    assert {job.name for job in jobs} >= {"Al bulk", "Al atom"}
    recipe = load_backend("vasp-standard").recipe()
    text = json.dumps(plain, cls=MontyEncoder)
    assert text.count('"code": "vasp"') >= len([job for job in jobs if "CalculationMaker" in str(job.maker)])
    bulk = next(job for job in jobs if job.name == "Al bulk")
    assert bulk.maker.backend == recipe
    assert bulk.maker.task == "relax_cell"
    makers = Makers(load_backend("vasp-standard"))
    for maker in (makers.neb(), makers.static(charge_density=True)):
        assert json.loads(json.dumps(maker, cls=MontyEncoder), cls=MontyDecoder) == maker


# Recorded output


@pytest.mark.slow
def test_recorded_run_is_read(vasp, tmp_path, monkeypatch):
    """A run of VASP 6.3.0 on diamond that comes with ASE, put into place by the stand-in, through custodian and all."""
    recorded = tmp_path / "recorded"
    recorded.mkdir()
    (recorded / "vasprun.xml").write_bytes((RECORDED / "vasprun_pstress.xml").read_bytes())
    for name in ("OUTCAR", "OSZICAR", "CONTCAR"):
        (recorded / name).write_text("")
    atoms = ase.io.read(recorded / "vasprun.xml")
    structure = AseAtomsAdaptor.get_structure(atoms)
    monkeypatch.setenv("FAKE_VASP", f"replay {recorded}")
    monkeypatch.setattr(VaspBackend, "check_elements", lambda *_: None)
    for module in ("inputs", "potcars"):
        monkeypatch.setattr(
            f"anodeflow.backends.vasp.{module}.potcar_symbols", lambda elements, _: dict.fromkeys(elements, "Al")
        )
    document = Makers(vasp).static().calculate(structure)
    # Of the file: e_0_energy of its last SCF cycle; that of its ionic step is an enthalpy, 7 meV higher (PSTRESS = 1).
    assert document.energy == pytest.approx(-20.24720095, abs=1e-7)
    assert document.free_energy == pytest.approx(-20.24695937, abs=1e-7)
    assert document.scf_cycles == 9
    assert np.allclose(document.forces, atoms.get_forces(), atol=1e-8)
    assert document.converged
    assert document.warnings == []
    old = Makers(vasp.model_copy(update={"release": "5.4"})).static().calculate(structure)
    assert old.id != document.id
    assert codes(old) == ["other-release"]
    run = read_run(recorded, Frame(structure, cell_moves=True), "relax_cell")
    assert run.version == "6.3.0"
    assert run.whole
    assert run.steps[0]["stress"] == pytest.approx(atoms.get_stress()), "as ASE reads it, sign and order too"


def test_recorded_run_cut_short_is_read_up_to_there(tmp_path):
    structure = AseAtomsAdaptor.get_structure(ase.io.read(RECORDED / "vasprun_pstress.xml"))
    whole = (RECORDED / "vasprun_pstress.xml").read_bytes()
    end = whole.index(b"</calculation>") + len(b"</calculation>")
    for length, steps in ((len(whole), 1), (end, 1), (end - 20, 0), (len(whole) // 4, 0), (0, 0)):
        (tmp_path / "vasprun.xml").write_bytes(whole[:length])
        found = read_run(tmp_path, Frame(structure), "static")
        assert (len(found.steps), found.whole) == (steps, length == len(whole))


def test_recorded_image_is_read():
    """An OUTCAR of VASP 5.3.3 on 18 atoms of two kinds of Ni that comes with ASE."""
    atoms = ase.io.read(RECORDED / "OUTCAR_example_1", format="vasp-out")
    (step,) = read_image(RECORDED / "OUTCAR_example_1", Frame(AseAtomsAdaptor.get_structure(atoms)))
    assert step["energy"] == -68.23102426
    assert step["free_energy"] == -68.22868532
    assert (step["scf_cycles"], step["seconds"]) == (63, 110.13)
    assert np.allclose(step["forces"], atoms.get_forces(), atol=1e-12)
    assert np.allclose(step["positions"], atoms.get_positions(), atol=1e-9)


# Failures


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "kind", "words"),
    [
        (
            "exit 3",
            CalculationError,
            r"ended with status 3: forrtl: severe \(174\): stand-in was told to fail \(",
        ),
        ("box", CalculationError, r"failed: ERROR FEXCP: supplied Exchange-correlation table .* index : 5000 \(logs: "),
        ("kill 9", InterruptedCalculationError, "was killed by SIGKILL; run again to go on from its last step"),
        ("kill 11", CalculationError, "crashed with SIGSEGV, perhaps out of memory or of stack"),
        ("cut", CalculationError, "ended without error and its vasprun.xml, .* missing or cut short: is the disk full"),
        (
            "scf",
            CalculationError,
            "custodian found 'Unconverged' and knows no more remedy, after Unconverged: ALGO =",
        ),
    ],
)
def test_failure_is_one_sentence(mode, kind, words, vasp, monkeypatch, home):
    monkeypatch.setenv("FAKE_VASP", mode)
    messages: list[Progress] = []
    with listen(messages.append), pytest.raises(kind, match=words) as failed:
        Makers(vasp).relax().calculate(aluminium())
    assert type(failed.value) is kind
    text = str(failed.value)
    assert text.startswith("VASP on Al ")
    assert text.endswith(".")
    assert "\n" not in text
    assert messages[-1].state == "failed"
    assert not list(home.glob("calculations/*/*/outcome.json"))


@pytest.mark.slow
def test_command_that_is_not_there_is_one_sentence(vasp, monkeypatch):
    from atomate2 import SETTINGS

    monkeypatch.setattr(VaspBackend, "check_available", lambda _: None)
    monkeypatch.setattr(SETTINGS, "VASP_CMD", "vasp_unheard_of")
    with pytest.raises(CalculationError, match="could not be started: vasp_unheard_of: No such file or directory; set"):
        Makers(vasp).static().calculate(aluminium())


@pytest.mark.slow
def test_remedies_of_custodian_are_recorded(vasp, monkeypatch):
    monkeypatch.setenv("FAKE_VASP", "fast")
    document = Makers(vasp).static().calculate(aluminium())
    assert document.converged
    assert document.remedies == ["Unconverged: ALGO = All, ISEARCH = 1"]
    assert document.warnings == [], "ALGO changes the way to the numbers, and not the numbers"
    monkeypatch.setattr("anodeflow.backends.vasp.runs.HARMLESS", frozenset({"ALGO"}))
    again = Makers(vasp.with_settings({"cutoff": 260})).static().calculate(aluminium())
    assert codes(again) == ["input-changed"]
    assert sentence(again, "input-changed").endswith(": ISEARCH = 1")


def test_scf_is_judged_here_too(vasp, monkeypatch):
    """A group's custodian may let an unconverged SCF pass."""
    monkeypatch.setenv("FAKE_VASP", "scf")
    monkeypatch.setattr("atomate2.vasp.run.DEFAULT_HANDLERS", ())
    with pytest.raises(CalculationError, match="VASP on Al: the SCF did not converge in 10 cycles: raise"):
        Makers(vasp).static().calculate(aluminium())


# Interruptions


@pytest.mark.slow
def test_killed_relaxation_goes_on_from_contcar(vasp, monkeypatch):
    whole = Makers(vasp).relax().calculate(aluminium())
    other = vasp.with_settings({"cutoff": 260})
    monkeypatch.setenv("FAKE_VASP", "kill 15")
    with pytest.raises(InterruptedCalculationError, match="was killed by SIGTERM"):
        Makers(other).relax().calculate(aluminium())
    monkeypatch.delenv("FAKE_VASP")
    messages: list[Progress] = []
    with listen(messages.append):
        document = Makers(other).relax().calculate(aluminium())
    assert [message for message in messages if message.state == "resumed"][-1].ionic_step == 2
    folder = Path(document.directory)
    steps = [json.loads(line) for line in (folder / "steps.jsonl").read_text().splitlines()]
    assert [step["run"] for step in steps[:3]] == ["attempt-01-1", "attempt-01-1", "attempt-02-1"]
    first = Poscar.from_file(folder / "attempt-02-1" / "POSCAR.gz", check_for_potcar=False).structure
    assert np.allclose(first.cart_coords, steps[1]["positions"], atol=1e-7), "where the killed run stood"
    assert document.restarts == 1
    assert document.ionic_steps == len(steps)
    assert document.energy == pytest.approx(whole.energy, abs=1e-4)
    assert document.converged


@pytest.mark.slow
def test_relaxation_out_of_steps_goes_on_when_asked_again(vasp):
    short = vasp.model_copy(update={"relaxation": RelaxationSettings(force_threshold=0.01, max_steps=4)})
    first = Makers(short).relax().calculate(aluminium(0.5))
    assert not first.converged
    assert codes(first)[0] == "not-converged"
    documents = [first]
    while not documents[-1].converged and len(documents) < 8:
        documents.append(Makers(short).relax().calculate(aluminium(0.5)))
    assert documents[-1].converged
    assert documents[-1].restarts == len(documents) - 1


@pytest.mark.slow
def test_band_relaxes_climbs_and_goes_on_after_a_kill(vasp, monkeypatch):
    band = vasp.model_copy(update={"path": NebSettings(force_threshold=0.02, climb_below=0.1)})
    images = path()
    ends = [Makers(band).relax().calculate(image) for image in (images[0], images[-1])]
    images = [ends[0].structure, *images[1:-1], ends[1].structure]
    energies = (ends[0].energy, ends[1].energy)
    whole = Makers(band).neb().calculate(images, energies)
    assert whole.converged
    assert whole.climbing_image == 2
    assert whole.computed_images == 3
    assert whole.energy - ends[0].energy > 0.05
    assert whole.image_energies[1] == pytest.approx(whole.image_energies[3], abs=2e-3)
    folder = Path(whole.directory)
    runs = sorted(run.name for run in folder.glob("attempt-*"))
    tags = [Incar.from_file(folder / run / "INCAR.gz") for run in runs]
    assert [tag["LCLIMB"] for tag in tags] == [False] * (len(runs) - 1) + [True]
    assert tags[-1]["EDIFFG"] == -0.02
    lack = 0.002 * len(images[0])  # of the stand-in's free energies
    assert tags[-1]["EFIRST"] == pytest.approx(energies[0] - lack, abs=1e-6)
    saddle = Makers(band).static().calculate(whole.structure)
    assert saddle.energy == pytest.approx(whole.energy, abs=1e-4)
    assert np.abs(saddle.forces[-1]).max() < 0.02, "no force is left on the atom that hops"

    other = band.with_settings({"cutoff": 260})
    monkeypatch.setenv("FAKE_VASP", "kill 9")
    with pytest.raises(InterruptedCalculationError):
        Makers(other).neb().calculate(images, energies)
    monkeypatch.delenv("FAKE_VASP")
    document = Makers(other).neb().calculate(images, energies)
    assert document.converged
    assert document.restarts == 1
    assert document.energy == pytest.approx(whole.energy, abs=2e-3)


def test_vasp_without_vtst_is_refused(vasp, monkeypatch):
    monkeypatch.setenv("FAKE_VASP", "no-vtst")
    with pytest.raises(CalculationError, match="this VASP has no VTST code, which a nudged elastic band needs"):
        Makers(vasp).neb().calculate(path(), (-20.0, -20.0))


def test_vasp_ends_with_the_job(tmp_path):
    """The guard of VASP's command ends it when the job is killed, and when it is asked to."""
    note, guard = tmp_path / "note", [sys.executable, vasp_exec.__file__]
    shell = f"import subprocess; subprocess.Popen({[*guard, str(note), 'sleep', '300']!r}).wait()"
    job = subprocess.Popen([sys.executable, "-c", shell])
    _wait(lambda: read_note(note).get("pid"))
    pid = read_note(note)["pid"]
    children = Path(f"/proc/{pid}/task/{pid}/children")
    _wait(lambda: children.read_text().split())
    sleeper = int(children.read_text().split()[0])
    job.send_signal(signal.SIGKILL)
    job.wait()
    _wait(lambda: not _alive(pid) and not _alive(sleeper))
    note.unlink()
    guarded = subprocess.Popen([*guard, str(note), "sleep", "300"], start_new_session=True)
    _wait(lambda: read_note(note).get("pid"))
    end_process(note)
    _wait(lambda: not _alive(guarded.pid))
    assert read_note(note)["status"] in (None, -signal.SIGTERM)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _wait(happened: Any) -> None:
    until = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.02)


# Density


def test_density_is_made_whole_and_in_order():
    """Cores that fall between the points of the grid, in a structure out of VASP's order."""
    structure = Structure(Lattice.cubic(4.0), ["Li", "Mg", "Li"], [[0.1, 0.1, 0.1], [0.52, 0.5, 0.5], [0.9, 0.55, 0.2]])
    shape = (40, 40, 40)
    grid = np.stack(np.meshgrid(*[np.arange(40) / 40] * 3, indexing="ij"), axis=-1)
    core, valence = np.zeros(shape), np.full(shape, 7.9 / 64)
    for site, electrons, slope in zip(structure, (0, 10, 0), (20, 40, 20), strict=True):
        r = np.linalg.norm(((grid - site.frac_coords + 0.5) % 1 - 0.5) * 4.0, axis=-1)
        core += electrons * slope**3 / (8 * np.pi) * np.exp(-slope * r)
    charges = np.array([3.0, 2.0, 3.0])
    assert abs(core.sum() * 0.001 - 10) > 1, "the points miss, or hold, electrons too many"
    density, missed = whole_density(core, valence, Frame(structure), charges)
    assert density.electrons == pytest.approx(18, abs=1e-9)
    assert missed == pytest.approx(0.1, abs=1e-9)
    assert density.numbers.tolist() == [3, 12, 3]
    assert np.allclose(density.positions, structure.cart_coords)
    changed = np.argwhere(~np.isclose(density.values, core + valence, rtol=0, atol=1e-9)).tolist()
    assert changed == [[4, 4, 4], [21, 20, 20], [36, 22, 8]], "only the points next to the nuclei"


@pytest.mark.slow
def test_density_file_cut_short_is_one_sentence(vasp, monkeypatch):
    from anodeflow.backends.vasp import density as vasp_density

    whole = vasp_density._read

    def cut(file: Path, frame: Frame) -> np.ndarray:
        if file.name == "AECCAR2":
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        return whole(file, frame)

    monkeypatch.setattr(vasp_density, "_read", cut)
    with pytest.raises(CalculationError, match="AECCAR2 is damaged or cut short"):
        Makers(vasp).static(charge_density=True, grid_spacing=0.12).calculate(aluminium())


@pytest.mark.slow
def test_doctor_lists_vasp(vasp, monkeypatch):
    assert available()["vasp"].works
    assert "vasp-standard" in shipped_backends()
    monkeypatch.setenv("PATH", os.defpath)
    assert "VASP_CMD is 'vasp_std'" in available()["vasp"].detail
